"""Claims and volumes as the scheduler sees them: what the informers show, and over it what it has decided and not yet seen written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from sagong.api.types.core import PersistentVolume, PersistentVolumeClaim
from sagong.api.volumes import volume_class
from sagong.scheduler.framework import Listers

V = TypeVar("V", PersistentVolume, PersistentVolumeClaim)


class Volumes:
    """A decision counts until the object is seen in a newer version than the one it was made on, or it is taken back."""

    def __init__(self, listers: Listers) -> None:
        self._listers = listers
        self._claims: dict[str, PersistentVolumeClaim] = {}
        self._volumes: dict[str, PersistentVolume] = {}

    def claim(self, namespace: str, name: str) -> PersistentVolumeClaim | None:
        """Return a claim, as decided."""
        return _newest(self.seen_claim(namespace, name), self._claims, f"{namespace}/{name}")

    def volume(self, name: str) -> PersistentVolume | None:
        """Return a volume, as decided."""
        return _newest(self.seen_volume(name), self._volumes, name)

    def of_class(self, name: str) -> Iterator[PersistentVolume]:
        """Yield the volumes of a storage class, as decided."""
        for seen in self._listers.list(PersistentVolume):
            volume = _newest(seen, self._volumes, seen.metadata.name)
            if volume is not None and volume_class(volume) == name:
                yield volume

    def seen_claim(self, namespace: str, name: str) -> PersistentVolumeClaim | None:
        """Return a claim as the API server has it."""
        return self._listers.get(PersistentVolumeClaim, namespace, name)

    def seen_volume(self, name: str) -> PersistentVolume | None:
        """Return a volume as the API server has it."""
        return self._listers.get(PersistentVolume, "", name)

    def assume(self, decided: PersistentVolume | PersistentVolumeClaim) -> None:
        """Let a changed copy count."""
        if isinstance(decided, PersistentVolume):
            self._volumes[decided.metadata.name] = decided
        else:
            self._claims[_key(decided)] = decided

    def take_back(self, decided: PersistentVolume | PersistentVolumeClaim) -> None:
        """Let what is seen count again."""
        if isinstance(decided, PersistentVolume):
            self._volumes.pop(decided.metadata.name, None)
        else:
            self._claims.pop(_key(decided), None)


def _key(claim: PersistentVolumeClaim) -> str:
    return f"{claim.metadata.namespace}/{claim.metadata.name}"


def _newest(seen: V | None, decided: dict[str, V], key: str) -> V | None:
    assumed = decided.get(key)
    if assumed is None:
        return seen
    if seen is None or revision(seen) > revision(assumed):
        del decided[key]
        return seen
    return assumed


def revision(obj: PersistentVolume | PersistentVolumeClaim) -> int:
    """Return the revision of a version as a number (KEP-5504: resourceVersions can be compared)."""
    text = obj.metadata.resourceVersion
    return int(text) if text.isdigit() else 0
