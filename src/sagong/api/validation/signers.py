"""Validation of the names of certificate signers: `example.com/signer`."""

from __future__ import annotations

from sagong.api import names
from sagong.api.field_errors import Errors, quote

_DOMAIN_LENGTH = names.SUBDOMAIN_LENGTH
_NAME_LENGTH = 2 * names.SUBDOMAIN_LENGTH + names.LABEL_LENGTH + 2
_PARTS = 2


def signer_name(errors: Errors, path: str, name: str) -> None:
    """Check a signer's name."""
    if not name:
        errors.required(path)
        return
    segments = name.split("/")
    if len(segments) != _PARTS:
        errors.invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")
        return
    domain, signer = segments
    if len(domain) > _DOMAIN_LENGTH:
        errors.too_long(path, _DOMAIN_LENGTH)
    _parts(errors, path, domain, names.dns1123_label)
    if "." not in domain:
        errors.invalid(path, domain, "should be a domain with at least two segments separated by dots")
    _parts(errors, path, signer, names.dns1123_subdomain)
    if len(name) > _NAME_LENGTH:
        errors.too_long(path, _NAME_LENGTH)


def is_kubernetes_signer(name: str) -> bool:
    """Say whether a signer is Kubernetes' own."""
    host = name.partition("/")[0]
    return host == "kubernetes.io" or host.endswith(".kubernetes.io")


def _parts(errors: Errors, path: str, segment: str, check: names.Check) -> None:
    for label in segment.split("."):
        if complaints := check(label):
            errors.each(path, segment, [f"validating label {quote(label)}: {complaint}" for complaint in complaints])
            return
