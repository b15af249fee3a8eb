"""Validation of names with a domain: fully qualified ones, and `example.com/path`."""

from __future__ import annotations

import re

from sagong.api import names
from sagong.api.field_errors import Errors

_TWO_SEGMENTS = "should be a domain with at least two segments separated by dots"
_THREE_SEGMENTS = "should be a domain with at least three segments separated by dots"
_THREE = 3
_HTTP_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"


def qualified_domain(errors: Errors, path: str, name: str) -> None:
    """Demand a domain name of two labels or more; a final dot is accepted."""
    if not name:
        errors.required(path)
        return
    name = name.removesuffix(".")
    labels = name.split(".")
    if complaints := names.dns1123_subdomain(name):
        errors.invalid(path, name, ",".join(complaints))
    elif len(labels) == 1:
        errors.invalid(path, name, _TWO_SEGMENTS)
    else:
        wrong = next((label for label in labels if names.dns1123_label(label)), None)
        if wrong is not None:
            errors.invalid(path, wrong, ",".join(names.dns1123_label(wrong)))


def three_part_domain(errors: Errors, path: str, name: str) -> None:
    """Demand a domain name of three labels or more, as webhooks' names must be."""
    if not name:
        errors.required(path)
    elif complaints := names.dns1123_subdomain(name):
        errors.invalid(path, name, ",".join(complaints))
    elif name.count(".") + 1 < _THREE:
        errors.invalid(path, name, _THREE_SEGMENTS)


def domain_path(errors: Errors, path: str, text: str) -> None:
    """Demand `example.com/some/path`."""
    if not text:
        errors.required(path)
        return
    host, _, rest = text.partition("/")
    if not host or not rest:
        errors.invalid(path, text, 'must be a domain-prefixed path (such as "acme.io/foo")')
        return
    errors.each(path, host, names.dns1123_subdomain(host))
    if not re.fullmatch(_HTTP_PATH, rest):
        errors.invalid(path, rest, names.regex_complaint("Invalid path", _HTTP_PATH))


def domain_key(errors: Errors, path: str, text: str) -> None:
    """Demand a label key with a domain."""
    if not text:
        errors.required(path)
    elif complaints := names.qualified_name(text):
        errors.each(path, text, complaints)
    elif "/" not in text:
        errors.invalid(path, text, 'must be a domain-prefixed key (such as "acme.io/foo")')
