"""What to do about one object, given how its owners and dependents are. Pure.

an owner left that stays       -> drop the references to the others
only owners that wait for it   -> delete it, in the foreground if it has dependents itself
no owner left                  -> delete it, by the policy that its finalizers say
it waits for its dependents    -> when none blocks it any more, drop the finalizer
it orphans its dependents      -> drop their references to it, then the finalizer
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sagong.api.errors import NotFoundError
from sagong.api.types.meta import OwnerReference
from sagong.client.endpoint import metadata_only
from sagong.client.plan import NOTHING, Delete, Patch, Plan, Together
from sagong.controllers.garbage_collector.graph import FOREGROUND, ORPHAN, Item


def plan_owned(item: Item, solid: Sequence[OwnerReference], waiting: Sequence[OwnerReference], dependents: Sequence[Item]) -> Plan:
    """Plan an object with references, all owners known: those that stay, those that wait for it; the others are gone."""
    if item.deleting or not item.meta.ownerReferences:
        return NOTHING
    if solid:
        kept = {owner.uid for owner in solid}
        if all(owner.uid in kept for owner in item.meta.ownerReferences):
            return NOTHING
        return Plan((_patch(item, ownerReferences=[owner for owner in item.meta.ownerReferences if owner.uid in kept]),))
    if waiting and dependents:
        actions = []
        if any(dependent.waits_for_dependents for dependent in dependents):  # a circle: somebody must not block
            actions.append(_patch(item, ownerReferences=[_unblocking(owner) for owner in item.meta.ownerReferences]))
        return Plan((*actions, _delete(item, "Foreground", checked=not actions)))
    policy = "Orphan" if ORPHAN in item.meta.finalizers else "Foreground" if FOREGROUND in item.meta.finalizers else "Background"
    return Plan((_delete(item, policy),))


def plan_foreground(item: Item, dependents: Iterable[Item]) -> Plan:
    """Plan an object that waits for its dependents: they are looked at on their own, so only the end is to be done."""
    if any(_blocks(dependent, item) for dependent in dependents):
        return NOTHING
    return Plan((_without_finalizer(item, FOREGROUND),))


def plan_orphaning(item: Item, dependents: Iterable[Item]) -> Plan:
    """Plan an object that is deleted and leaves its dependents."""
    patches = tuple(
        _patch(dependent, ownerReferences=[owner for owner in dependent.meta.ownerReferences if owner.uid != item.meta.uid])
        for dependent in dependents
    )
    released = (Together(patches),) if patches else ()
    return Plan((*released, _without_finalizer(item, ORPHAN)))


def _blocks(dependent: Item, owner: Item) -> bool:
    return any(reference.uid == owner.meta.uid and reference.blockOwnerDeletion for reference in dependent.meta.ownerReferences)


def _unblocking(owner: OwnerReference) -> OwnerReference:
    changed = owner.copy()
    changed.blockOwnerDeletion = False
    return changed


def _delete(item: Item, policy: str, *, checked: bool = True) -> Delete:
    """Delete if it is still what we saw: its references could have changed."""
    place = item.place
    version = item.meta.resourceVersion if checked else ""
    return Delete(metadata_only(place.resource), place.name, place.namespace, item.meta.uid, version, propagation_policy=policy)


def _without_finalizer(item: Item, finalizer: str) -> Patch:
    return _patch(item, finalizers=[name for name in item.meta.finalizers if name != finalizer])


def _patch(item: Item, **metadata: Any) -> Patch:
    """Set lists of metadata as a whole, if the object is still what we saw."""
    body = {"metadata": {"uid": item.meta.uid, "resourceVersion": item.meta.resourceVersion, **metadata}}
    return Patch(metadata_only(item.place.resource), item.place.name, item.place.namespace, body, ignore=(NotFoundError,))
