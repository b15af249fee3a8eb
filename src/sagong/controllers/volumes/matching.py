"""Which volume suits a claim. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from sagong.api.quantity import parse
from sagong.api.selectors import from_label_selector
from sagong.api.types.core import PersistentVolume, PersistentVolumeClaim
from sagong.api.types.storage import StorageClass

BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
SELECTED_NODE = "volume.kubernetes.io/selected-node"


def claim_class(claim: PersistentVolumeClaim) -> str:
    """Return the name of the claim's storage class, empty for none."""
    return claim.metadata.annotations.get(BETA_CLASS, claim.spec.storageClassName or "")


def volume_class(volume: PersistentVolume) -> str:
    """Return the name of the volume's storage class, empty for none."""
    return volume.metadata.annotations.get(BETA_CLASS, volume.spec.storageClassName)


def waits_for_consumer(storage_class: StorageClass | None) -> bool:
    """Say whether claims of the class are bound only when a pod needs them."""
    return storage_class is not None and storage_class.volumeBindingMode == "WaitForFirstConsumer"


def is_for(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    """Say whether the volume's reference means this claim; one without a uid was written by a user, for a name."""
    reference = volume.spec.claimRef
    if reference is None or (reference.name, reference.namespace) != (claim.metadata.name, claim.metadata.namespace):
        return False
    return reference.uid in ("", claim.metadata.uid)


def mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim) -> str:
    """Return why a volume does not do for a claim that names it; empty if it does."""
    if volume.metadata.deletionTimestamp is not None:
        return f'the volume is marked for deletion "{volume.metadata.name}"'
    if _size(volume) < _request(claim):
        return "requested PV is too small"
    if volume_class(volume) != claim_class(claim):
        return "storageClassName does not match"
    if (claim.spec.volumeAttributesClassName or "") != (volume.spec.volumeAttributesClassName or ""):
        return "volumeAttributesClassName does not match"
    if not same_mode(volume, claim):
        return "incompatible volumeMode"
    return "" if set(claim.spec.accessModes) <= set(volume.spec.accessModes) else "incompatible accessMode"


def best_match(claim: PersistentVolumeClaim, volumes: Iterable[PersistentVolume], *, delayed: bool) -> PersistentVolume | None:
    """Return the volume that is meant for the claim, else the smallest that suits it; with `delayed` only the former."""
    selector = from_label_selector(claim.spec.selector) if claim.spec.selector is not None else None
    suiting: list[PersistentVolume] = []
    for volume in volumes:
        if volume.metadata.deletionTimestamp is not None or not same_mode(volume, claim) or _size(volume) < _request(claim):
            continue
        if (claim.spec.volumeAttributesClassName or "") != (volume.spec.volumeAttributesClassName or ""):
            continue
        if is_for(volume, claim):
            return volume
        if volume.spec.claimRef is not None or delayed or volume.status.phase != "Available":
            continue
        if selector is not None and not selector.matches(volume.metadata.labels):
            continue
        if not mismatch(volume, claim):
            suiting.append(volume)
    return min(suiting, key=_size, default=None)


def same_mode(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    """Say whether both are file systems, or both block devices."""
    return (claim.spec.volumeMode or "Filesystem") == (volume.spec.volumeMode or "Filesystem")


def _size(volume: PersistentVolume) -> int:
    return parse(volume.spec.capacity.get("storage", "0")).nanos


def _request(claim: PersistentVolumeClaim) -> int:
    return parse(claim.spec.resources.requests.get("storage", "0")).nanos
