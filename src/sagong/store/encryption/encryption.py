"""Encryption at work: seals what goes to the medium and opens what comes from it, key by key of the store.

A key rotates in upstream's steps: add the new key behind the old one and let every server read it, put it first, update all
objects (an update of an object that an older key sealed is written even when it changes nothing), take the old key out.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from sagong.api.clock import Clock
from sagong.api.resources import ResourceTable
from sagong.store.encryption import configuration
from sagong.store.encryption.ciphers import Cipher, Identity, Nonce, seal, unseal
from sagong.store.encryption.configuration import ANY, ConfigurationError

log = logging.getLogger(__name__)

RELOAD_SECONDS = 10.0
_PLAIN: Sequence[Cipher] = (Identity(),)
_PREFIX = "/registry/"


class Encryption:
    """Made from a file, which it goes on reading. Raises OSError, ConfigurationError."""

    def __init__(self, path: Path, nonce: Nonce) -> None:
        self._path, self._nonce = path, nonce
        self._text = path.read_bytes()
        self._ciphers = configuration.ciphers(configuration.parse(self._text), nonce)
        self._sealed_with: dict[str, bytes] = {}

    def seal(self, key: str, value: bytes | None) -> bytes | None:
        """Return what the medium keeps; a deletion is forgotten."""
        if value is None:
            self._sealed_with.pop(key, None)
            return None
        chosen = self._of(key)
        if chosen is _PLAIN:
            return value
        self._sealed_with[key] = chosen[0].prefix
        return seal(chosen, value, key.encode())

    def open(self, key: str, data: bytes) -> bytes:
        """Return the value of what the medium kept. Raises SealError."""
        chosen = self._of(key)
        value, cipher = unseal(chosen, data, key.encode())
        if chosen is not _PLAIN:
            self._sealed_with[key] = cipher.prefix
        return value

    def stale(self, key: str) -> bool:
        """Tell whether the live value of a key should be written anew, with the key that is the first now."""
        return self._sealed_with.get(key, b"") != self._of(key)[0].prefix

    async def follow(self, clock: Clock) -> None:
        """Take the file again when it changes, until cancelled; one that cannot be used changes nothing."""
        while True:
            await clock.sleep(RELOAD_SECONDS)
            self.reload()

    def reload(self) -> None:
        """Take the file again if it has changed."""
        try:
            text = self._path.read_bytes()
            if text == self._text:
                return
            self._text = text
            self._ciphers = configuration.ciphers(configuration.parse(text), self._nonce)
        except (OSError, ConfigurationError) as error:
            log.error("the encryption configuration stays as it was: %s", error)  # noqa: TRY400 - the message says it all
            return
        log.info("the encryption configuration has changed")

    def _of(self, key: str) -> Sequence[Cipher]:
        resource = resource_of_key(key)
        ciphers: Mapping[str, Sequence[Cipher]] = self._ciphers
        return ciphers.get(resource) or ciphers.get(f"*.{resource.partition('.')[2]}") or ciphers.get(ANY) or _PLAIN


def resource_of_key(key: str) -> str:
    """Return `secrets` or `deployments.apps` of a key; custom resources are below their group."""
    parts = key.removeprefix(_PREFIX).split("/", 2)
    first, second = parts[0], parts[1] if len(parts) > 1 else ""
    by_prefix = _resources()
    known = by_prefix.get(f"{_PREFIX}{first}/") or by_prefix.get(f"{_PREFIX}{first}/{second}/")
    return known or (f"{second}.{first}" if "." in first else first)


@functools.cache
def _resources() -> Mapping[str, str]:
    return {row.storage_prefix: row.group_resource for row in ResourceTable() if row.group != "events.k8s.io"}
