"""Validation of how webhooks are called: by URL, or as a service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from sagong.api import names
from sagong.api.field_errors import Errors, quote

REVIEW_VERSIONS = ("v1", "v1beta1")
_SPOKEN_VERSIONS = ", ".join(REVIEW_VERSIONS)
_FORM = "; desired format: https://host[/path]"
_ONE_OF = "exactly one of url or service is required"


def client_config(errors: Errors, path: str, config: Any) -> None:
    """Check a client config: exactly one way to call."""
    if (config.url is None) == (config.service is None):
        errors.required(path, _ONE_OF)
    elif config.url is not None:
        url(errors, f"{path}.url", config.url)
    else:
        service(errors, f"{path}.service", config.service)


def url(errors: Errors, path: str, text: str) -> None:
    """Check a webhook's URL."""
    try:
        parts = urlsplit(text)
    except ValueError:
        errors.required(path, f"url must be a valid URL: parse {quote(text)}: missing ']' in host{_FORM}")
        return
    user, at, host = parts.netloc.rpartition("@")
    rules = (
        (parts.scheme != "https", parts.scheme, f"'https' is the only allowed URL scheme{_FORM}"),
        (not host, host, f"host must be specified{_FORM}"),
        (bool(at), user, "user information is not permitted in the URL"),
        (bool(parts.fragment), parts.fragment, "fragments are not permitted in the URL"),
        (bool(parts.query), parts.query, "query parameters are not permitted in the URL"),
    )
    for broken, value, complaint in rules:
        if broken:
            errors.invalid(path, value, complaint)


def service(errors: Errors, path: str, target: Any) -> None:
    """Check a reference to a service. Upstream takes its name and namespace for one another when it misses one; so do we."""
    if not target.namespace:
        errors.required(f"{path}.name")
    if not target.name:
        errors.required(f"{path}.namespace")
    port = target.port or 0
    if complaints := names.port_number(port):
        errors.invalid(f"{path}.port", port, f"port is not valid: {', '.join(complaints)}")
    if target.path is not None:
        errors.each(f"{path}.path", target.path, _path_complaints(target.path))


def _path_complaints(text: str) -> Iterator[str]:
    if text in ("", "/"):
        return
    if text == "//":
        yield "segment[0] may not be empty"
        return
    if not text.startswith("/"):
        yield "must start with a '/'"
    for i, step in enumerate(text[1:].removesuffix("/").split("/")):
        if step:
            yield from (f"segment[{i}]: {complaint}" for complaint in names.dns1123_subdomain(step))
        else:
            yield f"segment[{i}] may not be empty"


def review_versions(
    errors: Errors, path: str, versions: Sequence[str], missing: str = f"must specify one of {_SPOKEN_VERSIONS}", *, known: bool = True
) -> None:
    """Check the versions of reviews that a webhook takes; `known`: one must be a version that the server can send."""
    if not versions:
        errors.required(path, missing)
        return
    for i, version in enumerate(versions):
        if version in versions[:i]:
            errors.invalid(f"{path}[{i}]", version, "duplicate version")
        else:
            errors.each(f"{path}[{i}]", version, names.dns1035_label(version))
    if known and not set(versions) & {*REVIEW_VERSIONS}:
        errors.invalid(path, list(versions), f"must include at least one of {_SPOKEN_VERSIONS}")
