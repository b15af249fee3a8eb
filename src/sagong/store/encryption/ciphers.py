"""The ciphers of an EncryptionConfiguration. A sealed value is `k8s:enc:<cipher>:v1:<key name>:` and what the cipher makes of it.

Each is bound to its key in the store (`where`) as far as the cipher can be, so that a value cannot be moved to another object.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from sagong.store.base import SealError

SEALED = b"k8s:enc:"

Nonce = Callable[[int], bytes]


class Cipher(Protocol):
    """One key of one provider. `prefix` is in front of what it seals, b"" for the one that seals nothing."""

    @property
    def prefix(self) -> bytes:
        """Return the prefix."""
        ...

    def seal(self, value: bytes, where: bytes) -> bytes:
        """Return the value sealed, without the prefix."""
        ...

    def open(self, data: bytes, where: bytes) -> bytes:
        """Return the value of what stands behind the prefix. Raises SealError."""
        ...


class Identity:
    """Leaves values as they are, and refuses sealed ones."""

    prefix = b""

    def seal(self, value: bytes, where: bytes) -> bytes:
        """Return the value."""
        del where
        return value

    def open(self, data: bytes, where: bytes) -> bytes:
        """Return the value. Raises SealError when it is sealed."""
        if data.startswith(SEALED):
            raise SealError(f"{where.decode()}: identity transformer tried to read encrypted data")
        return data


class AesGcm:
    """AES-GCM: a nonce of 12 bytes, then the ciphertext with its tag; authenticates `where`."""

    def __init__(self, name: str, key: bytes, nonce: Nonce) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - for servers that encrypt only

        self.prefix = b"k8s:enc:aesgcm:v1:%b:" % name.encode()
        self._aes, self._nonce = AESGCM(key), nonce

    def seal(self, value: bytes, where: bytes) -> bytes:
        """Seal."""
        nonce = self._nonce(12)
        return nonce + self._aes.encrypt(nonce, value, where)

    def open(self, data: bytes, where: bytes) -> bytes:
        """Open. Raises SealError."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - the same

        try:
            return self._aes.decrypt(data[:12], data[12:], where)
        except (InvalidTag, ValueError) as error:
            raise SealError(f"{where.decode()}: cipher: message authentication failed") from error


class AesCbc:
    """AES-CBC with PKCS #7 padding behind an initialization vector of 16 bytes; authenticates nothing."""

    def __init__(self, name: str, key: bytes, nonce: Nonce) -> None:
        from cryptography.hazmat.primitives import padding  # noqa: PLC0415 - the same
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415 - the same

        self.prefix = b"k8s:enc:aescbc:v1:%b:" % name.encode()

        def cipher(vector: bytes) -> Cipher[modes.CBC]:
            return Cipher(algorithms.AES(key), modes.CBC(vector))

        self._nonce, self._padding, self._cipher = nonce, padding.PKCS7(128), cipher

    def seal(self, value: bytes, where: bytes) -> bytes:
        """Seal."""
        del where
        vector, padder = self._nonce(16), self._padding.padder()
        encryptor = self._cipher(vector).encryptor()
        return vector + encryptor.update(padder.update(value) + padder.finalize()) + encryptor.finalize()

    def open(self, data: bytes, where: bytes) -> bytes:
        """Open. Raises SealError."""
        try:
            decryptor, unpadder = self._cipher(data[:16]).decryptor(), self._padding.unpadder()
            return unpadder.update(decryptor.update(data[16:]) + decryptor.finalize()) + unpadder.finalize()
        except ValueError as error:
            raise SealError(f"{where.decode()}: the stored data is no value of this key") from error


class SecretBox:
    """XSalsa20 and Poly1305 (NaCl's secretbox): a nonce of 24 bytes, then the box."""

    def __init__(self, name: str, key: bytes, nonce: Nonce) -> None:
        from nacl.secret import SecretBox as Box  # noqa: PLC0415 - the same

        self.prefix = b"k8s:enc:secretbox:v1:%b:" % name.encode()
        self._box, self._nonce = Box(key), nonce

    def seal(self, value: bytes, where: bytes) -> bytes:
        """Seal."""
        del where
        return bytes(self._box.encrypt(value, self._nonce(24)))

    def open(self, data: bytes, where: bytes) -> bytes:
        """Open. Raises SealError."""
        from nacl.exceptions import CryptoError  # noqa: PLC0415 - the same

        try:
            return bytes(self._box.decrypt(data))
        except (CryptoError, ValueError) as error:
            raise SealError(f"{where.decode()}: the stored data is no value of this key") from error


def seal(ciphers: Sequence[Cipher], value: bytes, where: bytes) -> bytes:
    """Seal with the first."""
    return ciphers[0].prefix + ciphers[0].seal(value, where)


def unseal(ciphers: Sequence[Cipher], data: bytes, where: bytes) -> tuple[bytes, Cipher]:
    """Open with whichever can; say which did. Raises SealError."""
    failure: SealError | None = None
    for cipher in ciphers:
        if not data.startswith(cipher.prefix):
            continue
        try:
            return cipher.open(data[len(cipher.prefix) :], where), cipher
        except SealError as error:
            failure = error if failure is None or cipher.prefix else failure
    raise failure or SealError(f"{where.decode()}: no matching prefix found")
