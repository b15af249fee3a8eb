"""What a persistentVolumeClaim or ephemeral volume stands for: the bound PersistentVolume's source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from sagong.api.errors import NotFoundError
from sagong.api.types.core import PersistentVolume, PersistentVolumeClaim, Pod, Volume
from sagong.api.volumes import claim_of
from sagong.node.volumes.errors import VolumeError

T = TypeVar("T")


class Reader(Protocol):
    """The part of the API client that reads."""

    async def get(self, kind: type[T], name: str, namespace: str = "") -> T:
        """Read one object. Raises NotFoundError and other ApiErrors."""
        ...


@dataclass(frozen=True, slots=True)
class Bound:
    """A claim's volume, and whether the pod asked to read only."""

    volume: PersistentVolume
    read_only: bool


async def bound_volume(reader: Reader, pod: Pod, volume: Volume) -> Bound | None:
    """Return what the volume's claim is bound to; None when the volume is no claim. Raises VolumeError with upstream's text."""
    asked = claim_of(pod, volume)
    if asked is None:
        return None
    name, ephemeral = asked
    claim = await _claim(reader, pod, name)
    if ephemeral and not any(o.uid == pod.metadata.uid and o.controller for o in claim.metadata.ownerReferences):
        raise VolumeError(f"PVC {pod.metadata.namespace}/{name} was not created for pod {pod.metadata.namespace}/{pod.metadata.name}")
    if claim.status.phase != "Bound" or not claim.spec.volumeName:
        raise VolumeError(f"error processing PVC {pod.metadata.namespace}/{name}: PVC is not bound")
    found = await reader.get(PersistentVolume, claim.spec.volumeName)
    if found.spec.claimRef is None or found.spec.claimRef.uid != claim.metadata.uid:
        raise VolumeError(f"PV {found.metadata.name} is bound to another claim than PVC {pod.metadata.namespace}/{name}")
    read_only = volume.persistentVolumeClaim is not None and volume.persistentVolumeClaim.readOnly
    return Bound(found, read_only)


async def _claim(reader: Reader, pod: Pod, name: str) -> PersistentVolumeClaim:
    try:
        claim = await reader.get(PersistentVolumeClaim, name, pod.metadata.namespace)
    except NotFoundError as error:
        raise VolumeError(f"error processing PVC {pod.metadata.namespace}/{name}: failed to fetch PVC from API server: {error}") from error
    if claim.metadata.deletionTimestamp is not None:
        raise VolumeError(f"error processing PVC {pod.metadata.namespace}/{name}: PVC is being deleted")
    return claim
