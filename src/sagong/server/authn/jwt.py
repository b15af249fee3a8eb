"""JSON Web Tokens (RFC 7519) signed with RS256 or ES256/384/512 (RFC 7518), compact form, and the keys for them.

Python's JWT libraries would do too; these 100 lines are what the API server needs, and it verifies a token on most requests.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from msgspec import Struct

_CURVES: dict[str, tuple[str, hashes.HashAlgorithm]] = {
    "secp256r1": ("ES256", hashes.SHA256()),
    "secp384r1": ("ES384", hashes.SHA384()),
    "secp521r1": ("ES512", hashes.SHA512()),
}
_CURVE_NAMES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_PEM_END = b"-----END "

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class KeyFileError(ValueError):
    """A key file holds no key that can sign or verify tokens; the message says why."""


class Token(Struct, frozen=True):
    """A token taken apart, not verified. `claims` is what it says."""

    key_id: str
    algorithm: str
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


class VerificationKey(Struct, frozen=True):
    """A public key; `key_id` is the hash of its DER, from which nobody finds the key."""

    public: PublicKey
    key_id: str
    algorithm: str

    def verifies(self, token: Token) -> bool:
        """Say whether the token carries this key's signature."""
        if token.algorithm != self.algorithm:
            return False
        try:
            if isinstance(self.public, rsa.RSAPublicKey):
                self.public.verify(token.signature, token.signed, padding.PKCS1v15(), hashes.SHA256())
            else:
                size = (self.public.key_size + 7) // 8
                if len(token.signature) != 2 * size:
                    return False
                r, s = int.from_bytes(token.signature[:size], "big"), int.from_bytes(token.signature[size:], "big")
                self.public.verify(encode_dss_signature(r, s), token.signed, ec.ECDSA(_CURVES[self.public.curve.name][1]))
        except InvalidSignature:
            return False
        return True

    def jwk(self) -> dict[str, str]:
        """Return the JSON Web Key (RFC 7517)."""
        if isinstance(self.public, rsa.RSAPublicKey):
            rsa_numbers = self.public.public_numbers()
            own = {"kty": "RSA", "n": _integer(rsa_numbers.n), "e": _integer(rsa_numbers.e)}
        else:
            size = (self.public.key_size + 7) // 8
            point = self.public.public_numbers()
            own = {"kty": "EC", "crv": _CURVE_NAMES[self.algorithm], "x": _integer(point.x, size), "y": _integer(point.y, size)}
        return {"use": "sig", "kid": self.key_id, "alg": self.algorithm, **own}


class SigningKey(Struct, frozen=True):
    """A private key."""

    private: PrivateKey
    verification: VerificationKey

    def sign(self, claims: dict[str, Any]) -> str:
        """Return the token of some claims."""
        header = msgspec.json.encode({"alg": self.verification.algorithm, "kid": self.verification.key_id})
        signed = f"{_encode(header)}.{_encode(msgspec.json.encode(claims, order='sorted'))}".encode()
        if isinstance(self.private, rsa.RSAPrivateKey):
            signature = self.private.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        else:
            size = (self.private.key_size + 7) // 8
            r, s = decode_dss_signature(self.private.sign(signed, ec.ECDSA(_CURVES[self.private.curve.name][1])))
            signature = r.to_bytes(size, "big") + s.to_bytes(size, "big")
        return f"{signed.decode()}.{_encode(signature)}"


def signing_key(pem: bytes) -> SigningKey:
    """Read a private key. Raises KeyFileError."""
    try:
        private = serialization.load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)  # our own key; saves 30 ms
    except (ValueError, TypeError) as error:
        raise KeyFileError(f"no private key: {error}") from error
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise KeyFileError("unknown private key type, must be RSA or ECDSA")
    return SigningKey(private, _verification_key(private.public_key()))


def verification_keys(pem: bytes) -> list[VerificationKey]:
    """Read public keys, or the public halves of private ones, from a PEM bundle. Raises KeyFileError."""
    keys = []
    for block in _blocks(pem):
        try:
            if b"PRIVATE KEY" in block:
                keys.append(signing_key(block).verification)
            else:
                keys.append(_verification_key(serialization.load_pem_public_key(block)))
        except ValueError as error:
            raise KeyFileError(f"no public key: {error}") from error
    if not keys:
        raise KeyFileError("no key found")
    return keys


def parse(token: str) -> Token | None:
    """Take a compact token apart; None when it is not one."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, payload, signature
        return None
    try:
        header = msgspec.json.decode(_decode(parts[0]), type=dict[str, Any])
        claims = msgspec.json.decode(_decode(parts[1]), type=dict[str, Any])
        signature = _decode(parts[2])
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return None
    return Token(str(header.get("kid", "")), str(header.get("alg", "")), claims, token.rpartition(".")[0].encode(), signature)


def _verification_key(public: object) -> VerificationKey:
    if isinstance(public, rsa.RSAPublicKey):
        algorithm = "RS256"
    elif isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in _CURVES:
        algorithm = _CURVES[public.curve.name][0]
    else:
        raise KeyFileError("unknown public key type, must be RSA or ECDSA with curve P-256, P-384 or P-521")
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return VerificationKey(public, _encode(hashlib.sha256(der).digest()), algorithm)


def _blocks(pem: bytes) -> list[bytes]:
    blocks = []
    lines: list[bytes] = []
    for line in pem.splitlines(keepends=True):
        if line.startswith(b"-----BEGIN "):
            lines = []
        lines.append(line)
        if line.startswith(_PEM_END):
            blocks.append(b"".join(lines))
    return [block for block in blocks if b"KEY-----" in block]


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _integer(value: int, size: int = 0) -> str:
    return _encode(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))
