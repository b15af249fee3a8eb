"""A self-signed serving certificate for a kubelet that was given none."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_LIFE = timedelta(days=365)


def self_signed(folder: Path, node: str, addresses: Sequence[str], now: datetime) -> tuple[str, str]:
    """Return the paths of kubelet.crt and kubelet.key below `folder`, made when they are missing or about to expire. Raises OSError."""
    certificate, key = folder / "kubelet.crt", folder / "kubelet.key"
    if not (certificate.exists() and key.exists() and _lasts(certificate.read_bytes(), now)):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        pem, secret = _make(node, addresses, now)
        key.touch(mode=0o600)
        key.write_bytes(secret)
        certificate.write_bytes(pem)
    return str(certificate), str(key)


def _lasts(pem: bytes, now: datetime) -> bool:
    return x509.load_pem_x509_certificate(pem).not_valid_after_utc > now + _LIFE / 10


def _make(node: str, addresses: Sequence[str], now: datetime) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{node}@{int(now.timestamp())}")])
    names = [x509.DNSName(node), *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    secret = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(encoding), secret
