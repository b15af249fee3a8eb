"""Certificates and keys that do not go together, with the words of Go's tls.X509KeyPair."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key
from cryptography.x509 import load_der_x509_certificate

_BLOCK = re.compile(rb"-----BEGIN ([^\n]*?)-----\s*\n(.*?)-----END \1-----", re.DOTALL)
_CERTIFICATE, _KEY = "CERTIFICATE", "PRIVATE KEY"
_KINDS = (rsa.RSAPublicKey, ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey)


def complaint(certificates: bytes, key: bytes) -> str:
    """Return what keeps a certificate and a key (PEM both) from being used together; "": nothing."""
    leaf, skipped = _first(certificates, lambda kind: kind == _CERTIFICATE)
    if leaf is None:
        return _no_certificate(skipped)
    secret, skipped = _first(key, lambda kind: kind == _KEY or kind.endswith(f" {_KEY}"))
    if secret is None:
        return _no_key(skipped)
    return _mismatch(leaf, secret)


def _blocks(text: bytes) -> Iterator[tuple[str, bytes]]:
    for match in _BLOCK.finditer(text):
        lines = [line for line in match.group(2).split(b"\n") if b":" not in line]
        try:
            yield match.group(1).decode("ascii", "replace"), base64.b64decode(b"".join(b"".join(lines).split()), validate=True)
        except binascii.Error:
            continue


def _first(text: bytes, wanted: Callable[[str], bool]) -> tuple[bytes | None, list[str]]:
    """Return the first block of a kind, and the kinds of those before it."""
    skipped: list[str] = []
    for kind, data in _blocks(text):
        if wanted(kind):
            return data, skipped
        skipped.append(kind)
    return None, skipped


def _no_certificate(skipped: list[str]) -> str:
    if not skipped:
        return "tls: failed to find any PEM data in certificate input"
    if len(skipped) == 1 and skipped[0].endswith(_KEY):
        return (
            "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched"
        )
    kinds = f"[{' '.join(skipped)}]"
    return f'tls: failed to find "{_CERTIFICATE}" PEM block in certificate input after skipping PEM blocks of the following types: {kinds}'


def _no_key(skipped: list[str]) -> str:
    if not skipped:
        return "tls: failed to find any PEM data in key input"
    if skipped == [_CERTIFICATE]:
        return "tls: found a certificate rather than a key in the PEM for the private key"
    kinds = f"[{' '.join(skipped)}]"
    return (
        f'tls: failed to find PEM block with type ending in "{_KEY}" in key input after skipping PEM blocks of the following types: {kinds}'
    )


def _mismatch(leaf: bytes, secret: bytes) -> str:
    try:
        of_certificate = load_der_x509_certificate(leaf).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "x509: malformed certificate"
    if not isinstance(of_certificate, _KINDS):
        return "tls: unknown public key algorithm"
    try:
        own = load_der_private_key(secret, None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "tls: failed to parse private key"
    if next(kind for kind in _KINDS if isinstance(of_certificate, kind)) is not next(
        (kind for kind in _KINDS if isinstance(own, kind)), None
    ):
        return "tls: private key type does not match public key type"
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    return "" if own.public_bytes(*form) == of_certificate.public_bytes(*form) else "tls: private key does not match public key"
