"""Who owns a pod's claims, so that they go when the set's retention policy says so (KEP-1847).

Deleted with the set: the set owns the claim. Deleted when scaled down: the pod owns it, once its number is out of range.
"""

from __future__ import annotations

from sagong.api.types.apps import StatefulSet
from sagong.api.types.core import PersistentVolumeClaim, Pod
from sagong.api.types.meta import OwnerReference
from sagong.controllers.ownership import controller_reference
from sagong.controllers.statefulset.identity import ordinal, ordinals

RETAIN, DELETE = "Retain", "Delete"


def policy(set_: StatefulSet) -> tuple[str, str]:
    """Return what happens to claims when the set is deleted, and when it is scaled down."""
    found = set_.spec.persistentVolumeClaimRetentionPolicy
    return (found.whenDeleted or RETAIN, found.whenScaled or RETAIN) if found is not None else (RETAIN, RETAIN)


def is_stale(claim: PersistentVolumeClaim, owner: StatefulSet | Pod) -> bool:
    """Say whether the claim belongs to an earlier object of the owner's name, and will go with it."""
    mine = next((found for found in claim.metadata.ownerReferences if _names(found, owner)), None)
    return mine is not None and mine.uid != owner.metadata.uid


def wanted_owners(claim: PersistentVolumeClaim, set_: StatefulSet, pod: Pod) -> list[OwnerReference] | None:
    """Return the owners that the claim is to have, None when they are right."""
    if is_stale(claim, set_) or is_stale(claim, pod):
        return None
    others = [found for found in claim.metadata.ownerReferences if not _names(found, set_) and not _names(found, pod)]
    wanted = others if has_other_controller(claim, set_, pod) else others + [controller_reference(owner) for owner in _owners(set_, pod)]
    return None if _summary(wanted) == _summary(claim.metadata.ownerReferences) else wanted


def has_other_controller(claim: PersistentVolumeClaim, set_: StatefulSet, pod: Pod) -> bool:
    """Say whether somebody else manages the claim, so that the policy is ignored for it."""
    if policy(set_) == (RETAIN, RETAIN):
        return False
    for found in claim.metadata.ownerReferences:
        if _names(found, set_) or _names(found, pod):
            if found.uid not in (set_.metadata.uid, pod.metadata.uid):
                return True
        elif found.controller:
            return True
    return False


def _owners(set_: StatefulSet, pod: Pod) -> list[StatefulSet | Pod]:
    deleted, scaled = policy(set_)
    if scaled == DELETE and ordinal(pod) not in ordinals(set_):
        return [pod]
    return [set_] if deleted == DELETE else []


def _names(reference: OwnerReference, owner: StatefulSet | Pod) -> bool:
    wanted = controller_reference(owner)
    return (reference.apiVersion, reference.kind, reference.name) == (wanted.apiVersion, wanted.kind, wanted.name)


def _summary(references: list[OwnerReference]) -> set[tuple[str, bool]]:
    return {(found.uid, bool(found.controller)) for found in references}
