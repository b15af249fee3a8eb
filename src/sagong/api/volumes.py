"""Facts about claims and volumes that follow from the objects alone, and which volume suits a claim."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from sagong.api.nodes import matches_selector
from sagong.api.quantity import parse
from sagong.api.selectors import from_label_selector
from sagong.api.types.core import Node, PersistentVolume, PersistentVolumeClaim, Pod, Volume
from sagong.api.types.storage import StorageClass

BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
NO_PROVISIONER = "kubernetes.io/no-provisioner"


class ClaimName(NamedTuple):
    """The name of a claim that a pod's volume stands for; `ephemeral` claims are made for the pod (KEP-1698)."""

    name: str
    ephemeral: bool


def claim_of(pod: Pod, volume: Volume) -> ClaimName | None:
    """Return the claim that a pod's volume stands for, None for a volume that is no claim."""
    if volume.persistentVolumeClaim is not None:
        return ClaimName(volume.persistentVolumeClaim.claimName, ephemeral=False)
    return ClaimName(f"{pod.metadata.name}-{volume.name}", ephemeral=True) if volume.ephemeral is not None else None


def claim_names(pod: Pod) -> Iterator[ClaimName]:
    """Yield the claims of a pod's volumes."""
    return filter(None, (claim_of(pod, volume) for volume in pod.spec.volumes))


def claim_class(claim: PersistentVolumeClaim) -> str:
    """Return the name of the claim's storage class, empty for none."""
    return claim.metadata.annotations.get(BETA_CLASS, claim.spec.storageClassName or "")


def volume_class(volume: PersistentVolume) -> str:
    """Return the name of the volume's storage class, empty for none."""
    return volume.metadata.annotations.get(BETA_CLASS, volume.spec.storageClassName)


def waits_for_consumer(storage_class: StorageClass | None) -> bool:
    """Say whether claims of the class are bound only when a pod needs them."""
    return storage_class is not None and storage_class.volumeBindingMode == "WaitForFirstConsumer"


def is_bound(claim: PersistentVolumeClaim) -> bool:
    """Say whether claim and volume have found each other, as the binder has confirmed."""
    return bool(claim.spec.volumeName) and BIND_COMPLETED in claim.metadata.annotations


def is_for(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    """Say whether the volume's reference means this claim; one without a uid was written by a user, for a name."""
    reference = volume.spec.claimRef
    if reference is None or (reference.name, reference.namespace) != (claim.metadata.name, claim.metadata.namespace):
        return False
    return reference.uid in ("", claim.metadata.uid)


def reaches(volume: PersistentVolume, node: Node) -> bool:
    """Say whether the volume's node affinity lets the node have it."""
    required = volume.spec.nodeAffinity.required if volume.spec.nodeAffinity is not None else None
    return required is None or matches_selector(required, node)


def mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim) -> str:
    """Return why a volume does not do for a claim that names it; empty if it does."""
    if volume.metadata.deletionTimestamp is not None:
        return f'the volume is marked for deletion "{volume.metadata.name}"'
    if _size(volume) < request(claim):
        return "requested PV is too small"
    if volume_class(volume) != claim_class(claim):
        return "storageClassName does not match"
    if (claim.spec.volumeAttributesClassName or "") != (volume.spec.volumeAttributesClassName or ""):
        return "volumeAttributesClassName does not match"
    if not same_mode(volume, claim):
        return "incompatible volumeMode"
    return "" if set(claim.spec.accessModes) <= set(volume.spec.accessModes) else "incompatible accessMode"


def best_match(
    claim: PersistentVolumeClaim,
    volumes: Iterable[PersistentVolume],
    *,
    delayed: bool,
    node: Node | None = None,
    taken: Collection[str] = (),
) -> PersistentVolume | None:
    """Return the volume that is meant for the claim, else the smallest that suits it; with `delayed` only the former.

    With a node only volumes that it can reach count, and none at all if the one that is meant is out of its reach. `taken` are names of
    volumes that others have chosen.
    """
    selector = from_label_selector(claim.spec.selector) if claim.spec.selector is not None else None
    suiting: list[PersistentVolume] = []
    for volume in volumes:
        if volume.metadata.deletionTimestamp is not None or not same_mode(volume, claim) or _size(volume) < request(claim):
            continue
        if (claim.spec.volumeAttributesClassName or "") != (volume.spec.volumeAttributesClassName or "") or volume.metadata.name in taken:
            continue
        if is_for(volume, claim):
            return volume if node is None or reaches(volume, node) else None
        if volume.spec.claimRef is not None or delayed or volume.status.phase != "Available":
            continue
        if selector is not None and not selector.matches(volume.metadata.labels):
            continue
        if not mismatch(volume, claim) and (node is None or reaches(volume, node)):
            suiting.append(volume)
    return min(suiting, key=_size, default=None)


def same_mode(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    """Say whether both are file systems, or both block devices."""
    return (claim.spec.volumeMode or "Filesystem") == (volume.spec.volumeMode or "Filesystem")


def request(claim: PersistentVolumeClaim) -> int:
    """Return how much storage a claim asks for, in units of 10^-9 bytes."""
    return parse(claim.spec.resources.requests.get("storage", "0")).nanos


def _size(volume: PersistentVolume) -> int:
    return parse(volume.spec.capacity.get("storage", "0")).nanos
