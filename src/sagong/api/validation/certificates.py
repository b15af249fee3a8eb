"""Validation of certificate signing requests."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sagong.api.field_errors import Errors, diff, quote
from sagong.api.types import certificates
from sagong.api.validation.rules import Rules
from sagong.api.validation.signers import signer_name

_USAGES = (
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
)
_DECISIONS = ("Approved", "Denied")
_FINAL = (*_DECISIONS, "Failed")
_LEGACY_SIGNER = "kubernetes.io/legacy-unknown"
_MIN_EXPIRATION = 600
_EXCLUSIVE = "Approved and Denied conditions are mutually exclusive"
_PEM = re.compile(rb"-----BEGIN ([^\n-]+)-----\r?\n(.*?)-----END \1-----", re.DOTALL)
_HEADERS = re.compile(rb"^[^:\n]+:[^\n]*\n", re.MULTILINE)
Request = certificates.CertificateSigningRequest
Conditions = Sequence[certificates.CertificateSigningRequestCondition]


@dataclass(frozen=True)
class _Block:
    """One block of PEM."""

    kind: str
    headers: bool
    body: bytes


def _blocks(data: bytes) -> Iterator[_Block]:
    for match in _PEM.finditer(data):
        text = match[2]
        headers = _HEADERS.search(text) is not None
        try:
            yield _Block(
                match[1].decode("ascii", "replace"), headers, base64.b64decode(_HEADERS.sub(b"", text).translate(None, b"\r\n \t"))
            )
        except binascii.Error:
            continue


def _request_complaint(data: bytes) -> str:
    from cryptography import x509  # noqa: PLC0415 - few requests get here
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - the same

    block = next(_blocks(data), None)
    if block is None or block.kind != "CERTIFICATE REQUEST":
        return "PEM block type must be CERTIFICATE REQUEST"
    try:
        valid = x509.load_der_x509_csr(block.body).is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        return f"asn1: {error}"
    return "" if valid else "x509: invalid signature"


def _certificate_complaint(data: bytes) -> str:
    if not data:
        return ""
    from cryptography import x509  # noqa: PLC0415 - few requests get here

    found = list(_blocks(data))
    for block in found:
        if block.kind != "CERTIFICATE":
            return f"only CERTIFICATE PEM blocks are allowed, found {quote(block.kind)}"
        if block.headers:
            return "no PEM block headers are permitted"
        try:
            x509.load_der_x509_certificate(block.body)
        except ValueError as error:
            return f"x509: malformed certificate: {error}"
    return "" if found else "must contain at least one CERTIFICATE PEM block"


def _request(errors: Errors, new: Request, old: Request | None) -> None:
    spec = new.spec
    if complaint := _request_complaint(spec.request):
        errors.invalid("spec.request", spec.request, complaint)
    if not spec.usages:
        errors.required("spec.usages")
    _usages(errors, "spec.usages", spec.usages, old.spec.usages if old is not None else ())
    if spec.signerName == _LEGACY_SIGNER and (old is None or old.spec.signerName != _LEGACY_SIGNER):
        errors.invalid("spec.signerName", spec.signerName, "the legacy signerName is not allowed via this API version")
    else:
        signer_name(errors, "spec.signerName", spec.signerName)
    if spec.expirationSeconds is not None and spec.expirationSeconds < _MIN_EXPIRATION:
        text = "may not specify a duration less than 600 seconds (10 minutes)"
        errors.invalid("spec.expirationSeconds", spec.expirationSeconds, text)
    _conditions(errors, "status.conditions", new.status.conditions, old.status.conditions if old is not None else ())
    known = old is not None and (old.status.certificate == new.status.certificate or _certificate_complaint(old.status.certificate))
    if not known and (complaint := _certificate_complaint(new.status.certificate)):
        errors.invalid("status.certificate", "<certificate data>", complaint)


def _usages(errors: Errors, path: str, found: Sequence[str], before: Sequence[str]) -> None:
    """Check usages; each weakness that the stored object has is tolerated."""
    if all(usage in _USAGES for usage in before):
        for i, usage in enumerate(found):
            if usage not in _USAGES:
                errors.not_supported(f"{path}[{i}]", usage, _USAGES)
    if len(set(before)) == len(before):
        for i, usage in enumerate(found):
            if usage in found[:i]:
                errors.duplicate(f"{path}[{i}]", usage)


def _conditions(errors: Errors, path: str, found: Conditions, before: Conditions) -> None:
    known = [condition.type for condition in before]
    strict_types, strict_once = "" not in known, len(set(known)) == len(known)
    both = {"Approved", "Denied"} <= set(known)
    seen: set[str] = set()
    for i, condition in enumerate(found):
        if strict_types and not condition.type:
            errors.required(f"{path}[{i}].type")
        allowed = ("True",) if condition.type in _FINAL else ("False", "True", "Unknown")
        if not condition.status:
            errors.required(f"{path}[{i}].status")
        elif condition.status not in allowed:
            errors.not_supported(f"{path}[{i}].status", condition.status, allowed)
        if not both and condition.type in _DECISIONS and not seen.isdisjoint({*_DECISIONS} - {condition.type}):
            errors.invalid(path, condition.type, _EXCLUSIVE)
        if strict_once and condition.type in seen:
            errors.duplicate(f"{path}[{i}].type", condition.type)
        seen.add(condition.type)


def _of_type(request: Request, kind: str) -> Conditions:
    return [condition for condition in request.status.conditions if condition.type == kind]


def _change(*, decides: bool = False, issues: bool = False) -> Callable[[Errors, Request, Request], None]:
    """Return the check of an update: through `approval`, `decides`; through `status`, `issues`."""

    def check(errors: Errors, new: Request, old: Request) -> None:
        for kind in _FINAL:
            if len(_of_type(new, kind)) < len(_of_type(old, kind)):
                errors.forbidden("status.conditions", f'updates may not remove a condition of type "{kind}"')
        if not decides:
            _same_decisions(errors, new, old)
        if new.status.certificate != old.status.certificate:
            if not issues:
                errors.forbidden("status.certificate", "updates may not set certificate content")
            elif old.status.certificate:
                errors.forbidden("status.certificate", "updates may not modify existing certificate content")

    return check


def _same_decisions(errors: Errors, new: Request, old: Request) -> None:
    for kind in _DECISIONS:
        before, after = _of_type(old, kind), _of_type(new, kind)
        if len(after) > len(before):
            errors.forbidden("status.conditions", f'updates may not add a condition of type "{kind}"')
        elif len(after) == len(before) and after != before:
            text = f'updates may not modify a condition of type "{kind}"\n{diff(before, after)}'
            errors.forbidden("status.conditions", text)


def _whole(change: Callable[[Errors, Request, Request], None]) -> Callable[[Errors, Request, Request], None]:
    def check(errors: Errors, new: Request, old: Request) -> None:
        _request(errors, new, old)
        change(errors, new, old)

    return check


TABLE: dict[type, Rules] = {
    Request: Rules(
        name=lambda _: (),
        spec=_request,
        change=_change(),
        subresources={"status": _whole(_change(issues=True)), "approval": _whole(_change(decides=True))},
    )
}
