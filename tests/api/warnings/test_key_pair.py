"""TLS secrets whose parts do not go together: warned about, with Go's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sagong.api.types.core import Secret
from sagong.api.warnings import warnings_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
FORMS = (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL)


def certificate(key: Key) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
    return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()).public_bytes(Encoding.PEM)


def pem(key: Key, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return key.private_bytes(Encoding.PEM, form, NoEncryption())


CURVE, OTHER, RSA, EDWARDS = (
    ec.generate_private_key(ec.SECP256R1()),
    ec.generate_private_key(ec.SECP256R1()),
    rsa.generate_private_key(65537, 2048),
    ed25519.Ed25519PrivateKey.generate(),
)
GARBAGE = b"-----BEGIN %s-----\nAAAA\n-----END %s-----\n"


def told(crt: bytes, key: bytes) -> list[str]:
    return warnings_of(Secret(type="kubernetes.io/tls", data={"tls.crt": crt, "tls.key": key}))


def test_what_goes_together() -> None:
    for key in (CURVE, RSA):
        for form in FORMS:
            assert told(certificate(key), pem(key, form)) == []
    assert told(certificate(EDWARDS), pem(EDWARDS)) == []
    parameters = GARBAGE % (b"EC PARAMETERS", b"EC PARAMETERS")
    assert told(b"# a comment\n" + certificate(CURVE) + certificate(OTHER), parameters + pem(CURVE)) == []


def test_what_does_not() -> None:
    crt, key = certificate(CURVE), pem(CURVE)
    public = GARBAGE % (b"PUBLIC KEY", b"PUBLIC KEY")
    skipping = "after skipping PEM blocks of the following types: [PUBLIC KEY]"
    switched = (
        "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched"
    )
    for first, second, said in (
        (b"", key, "tls: failed to find any PEM data in certificate input"),
        (crt, b"x", "tls: failed to find any PEM data in key input"),
        (key, crt, switched),
        (crt, crt, "tls: found a certificate rather than a key in the PEM for the private key"),
        (public, key, f'tls: failed to find "CERTIFICATE" PEM block in certificate input {skipping}'),
        (crt, public, f'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input {skipping}'),
        (GARBAGE % (b"CERTIFICATE", b"CERTIFICATE"), key, "x509: malformed certificate"),
        (crt, GARBAGE % (b"PRIVATE KEY", b"PRIVATE KEY"), "tls: failed to parse private key"),
        (crt, pem(OTHER), "tls: private key does not match public key"),
        (crt, pem(RSA), "tls: private key type does not match public key type"),
    ):
        assert told(first, second) == [said]
    assert warnings_of(Secret(type="Opaque", data={"tls.crt": b"x"})) == []
