"""Certificates and keys, the only module of the controllers that loads `cryptography` (ten megabytes): import it when it is needed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BACKDATE, SHORT = timedelta(minutes=5), timedelta(hours=8)
_KEY_USAGES = {
    "signing": "digital_signature",
    "digital signature": "digital_signature",
    "content commitment": "content_commitment",
    "key encipherment": "key_encipherment",
    "data encipherment": "data_encipherment",
    "key agreement": "key_agreement",
    "cert sign": "key_cert_sign",
    "crl sign": "crl_sign",
    "encipher only": "encipher_only",
    "decipher only": "decipher_only",
}
_EXTENDED = {
    "any": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "server auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "s/mime": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp signing": ExtendedKeyUsageOID.OCSP_SIGNING,
}


class CertificateError(Exception):
    """A request cannot be read or signed."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who a request is for: common name, organizations, and the kinds of subjectAltName with their texts."""

    common_name: str
    organizations: Sequence[str]
    dns: Sequence[str] = ()
    ips: Sequence[str] = ()
    emails: Sequence[str] = ()
    uris: Sequence[str] = ()


def parse_request(pem: bytes) -> Wanted:
    """Read a PEM request. Raises CertificateError."""
    request = _load(pem)

    def names(oid: x509.ObjectIdentifier) -> list[str]:
        return [str(attribute.value) for attribute in request.subject.get_attributes_for_oid(oid)]

    try:
        alternatives = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        alternatives = x509.SubjectAlternativeName([])
    return Wanted(
        next(iter(names(NameOID.COMMON_NAME)), ""),
        names(NameOID.ORGANIZATION_NAME),
        alternatives.get_values_for_type(x509.DNSName),
        [str(address) for address in alternatives.get_values_for_type(x509.IPAddress)],
        alternatives.get_values_for_type(x509.RFC822Name),
        alternatives.get_values_for_type(x509.UniformResourceIdentifier),
    )


def sign(pem: bytes, usages: Sequence[str], life: timedelta, now: datetime, *, ca: tuple[bytes, bytes], serial: bytes) -> bytes:
    """Return a PEM certificate for a request; `ca` is certificate and key. Raises CertificateError."""
    request = _load(pem)
    if not request.is_signature_valid:
        raise CertificateError("unable to verify certificate request signature")
    authority, key = x509.load_pem_x509_certificate(ca[0]), serialization.load_pem_private_key(ca[1], None)
    if now >= authority.not_valid_after_utc:
        raise CertificateError(f"the signer has expired: NotAfter={authority.not_valid_after_utc}")
    end = now + (life if life < SHORT else life - BACKDATE)
    builder = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(authority.subject)
        .public_key(request.public_key())
        .serial_number(int.from_bytes(serial, "big") >> 1 or 1)
        .not_valid_before(now - BACKDATE)
        .not_valid_after(min(end, authority.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(usages), critical=True)
    )
    if extended := [_EXTENDED[usage] for usage in usages if usage in _EXTENDED]:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    try:
        san = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        builder = builder.add_extension(san.value, critical=san.critical)
    except x509.ExtensionNotFound:
        pass
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def expires(pem: bytes) -> datetime | None:
    """Return when a certificate ends, None for what is none."""
    try:
        return x509.load_pem_x509_certificate(pem).not_valid_after_utc
    except ValueError:
        return None


class TokenSigner:
    """Signs JWTs (RFC 7519) with the cluster's service account key."""

    def __init__(self, pem: bytes) -> None:
        self._key = serialization.load_pem_private_key(pem, None)
        public = self._key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self._key_id = _base64(hashlib.sha256(public).digest())

    def sign(self, claims: dict[str, object]) -> str:
        """Return the token."""
        key = self._key
        algorithm = (
            "RS256"
            if isinstance(key, rsa.RSAPrivateKey)
            else f"ES{key.key_size}"
            if isinstance(key, ec.EllipticCurvePrivateKey)
            else "EdDSA"
        )
        head = msgspec.json.encode({"alg": algorithm, "kid": self._key_id})
        text = f"{_base64(head)}.{_base64(msgspec.json.encode(claims))}".encode()
        return f"{text.decode()}.{_base64(self._signature(text))}"

    def _signature(self, text: bytes) -> bytes:
        key = self._key
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        if isinstance(key, ec.EllipticCurvePrivateKey):
            size = (key.key_size + 7) // 8
            r, s = decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        assert isinstance(key, ed25519.Ed25519PrivateKey)
        return key.sign(text)


def _load(pem: bytes) -> x509.CertificateSigningRequest:
    try:
        return x509.load_pem_x509_csr(pem)
    except (ValueError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise CertificateError(f"unable to parse csr: {error}") from error


def _key_usage(usages: Sequence[str]) -> x509.KeyUsage:
    names = set(_KEY_USAGES.values())
    wanted = {_KEY_USAGES[usage] for usage in usages if usage in _KEY_USAGES}
    if "key_agreement" not in wanted:
        wanted -= {"encipher_only", "decipher_only"}
    return x509.KeyUsage(**{name: name in wanted for name in names})


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
