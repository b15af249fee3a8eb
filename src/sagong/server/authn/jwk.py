"""Keys of others: JSON Web Keys (RFC 7517) as identity providers publish them, and every signature that upstream accepts (RFC 7518)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from sagong.server.authn.jwt import PublicKey, Token

_HASHES: dict[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_CURVES: dict[str, tuple[str, ec.EllipticCurve]] = {
    "P-256": ("ES256", ec.SECP256R1()),
    "P-384": ("ES384", ec.SECP384R1()),
    "P-521": ("ES512", ec.SECP521R1()),
}
ALGORITHMS = tuple(sorted(f"{family}{size}" for family in ("RS", "ES", "PS") for size in _HASHES))
"""What may sign a token; `none` and shared secrets never may."""


@dataclass(frozen=True, slots=True)
class Key:
    """A published key. `algorithm` "": any that fits it."""

    public: PublicKey
    key_id: str
    algorithm: str

    def verifies(self, token: Token) -> bool:
        """Say whether the token carries this key's signature."""
        algorithm = token.algorithm
        if algorithm not in ALGORITHMS or self.algorithm not in ("", algorithm):
            return False
        digest = _HASHES[algorithm[2:]]
        try:
            if isinstance(self.public, rsa.RSAPublicKey):
                if algorithm.startswith("ES"):
                    return False
                scheme = padding.PKCS1v15() if algorithm.startswith("RS") else padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH)
                self.public.verify(token.signature, token.signed, scheme, digest)
            else:
                return self._verifies_curve(self.public, token)
        except InvalidSignature:
            return False
        return True

    def _verifies_curve(self, public: ec.EllipticCurvePublicKey, token: Token) -> bool:
        wanted = next((name for name, curve in _CURVES.values() if curve.name == public.curve.name), "")
        size = (public.key_size + 7) // 8
        if token.algorithm != wanted or len(token.signature) != 2 * size:
            return False
        r, s = int.from_bytes(token.signature[:size], "big"), int.from_bytes(token.signature[size:], "big")
        public.verify(encode_dss_signature(r, s), token.signed, ec.ECDSA(_HASHES[wanted[2:]]))
        return True


def read_keys(document: Any) -> list[Key]:
    """Return the signing keys of a key set; what is of another use or kind is passed over, as upstream does."""
    found = document.get("keys") if isinstance(document, dict) else None
    keys = (_read(jwk) for jwk in found or () if isinstance(jwk, dict) and jwk.get("use") in (None, "", "sig"))
    return [key for key in keys if key is not None]


def _read(jwk: dict[str, Any]) -> Key | None:
    try:
        public = _rsa(jwk) if jwk.get("kty") == "RSA" else _curve(jwk) if jwk.get("kty") == "EC" else None
    except (KeyError, ValueError, TypeError, binascii.Error):
        return None
    return None if public is None else Key(public, str(jwk.get("kid") or ""), str(jwk.get("alg") or ""))


def _rsa(jwk: dict[str, Any]) -> PublicKey:
    return rsa.RSAPublicNumbers(_integer(jwk["e"]), _integer(jwk["n"])).public_key()


def _curve(jwk: dict[str, Any]) -> PublicKey:
    curve = _CURVES[jwk["crv"]][1]
    return ec.EllipticCurvePublicNumbers(_integer(jwk["x"]), _integer(jwk["y"]), curve).public_key()


def _integer(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
