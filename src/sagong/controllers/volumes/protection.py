"""persistentvolumeclaim-, persistentvolume-, volumeattributesclass-protection: what is in use is not deleted, only marked.

Admission adds the finalizers; these loops add missing ones and remove them when nothing uses the object any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sagong.api.types.core import PersistentVolume, PersistentVolumeClaim, Pod
from sagong.api.types.storage import VolumeAttributesClass
from sagong.api.volumes import claim_names
from sagong.client.plan import NOTHING, Plan, Update
from sagong.controllers.declaration import Controller, Key, Watch, own_key, writes
from sagong.controllers.view import Live, View, using
from sagong.controllers.volumes.binder import uses

CLAIM_FINALIZER, VOLUME_FINALIZER = "kubernetes.io/pvc-protection", "kubernetes.io/pv-protection"
CLASS_FINALIZER = "kubernetes.io/vac-protection"


def plan(obj: Any, finalizer: str, *, used: bool) -> Plan:
    """Plan a claim or volume: the finalizer stays as long as it is used or not being deleted."""
    has = finalizer in obj.metadata.finalizers
    if obj.metadata.deletionTimestamp is None:
        return NOTHING if has else _with(obj, [*obj.metadata.finalizers, finalizer])
    if not has or used:
        return NOTHING
    return _with(obj, [name for name in obj.metadata.finalizers if name != finalizer])


async def reconcile_claim(live: Live, key: Key) -> Plan:
    """Look at a claim; before it is let go, the server is asked for pods that no informer shows yet."""
    claim = live.get(PersistentVolumeClaim, *key)
    if claim is None:
        return NOTHING
    used = any(pod.spec.nodeName for pod in using(live, *key))
    if claim.metadata.deletionTimestamp is not None and CLAIM_FINALIZER in claim.metadata.finalizers and not used:
        used = any(pod.spec.nodeName and uses(pod, key.name) for pod in (await live.client.list(Pod, key.namespace)).items)
    return plan(claim, CLAIM_FINALIZER, used=used)


def reconcile_volume(view: View, key: Key) -> Plan:
    """Look at a volume."""
    volume = view.get(PersistentVolume, "", key.name)
    return plan(volume, VOLUME_FINALIZER, used=volume.status.phase == "Bound") if volume is not None else NOTHING


def reconcile_class(view: View, key: Key) -> Plan:
    """Look at a class of volume attributes: volumes have it, claims ask for it, have it, or are on their way to it."""
    found = view.get(VolumeAttributesClass, "", key.name)
    if found is None:
        return NOTHING
    users: list[PersistentVolume | PersistentVolumeClaim] = [*view.list(PersistentVolume), *view.list(PersistentVolumeClaim)]
    return plan(found, CLASS_FINALIZER, used=any(key.name in _classes(user) for user in users))


def _classes(user: PersistentVolume | PersistentVolumeClaim) -> set[str]:
    names = {user.spec.volumeAttributesClassName}
    if isinstance(user, PersistentVolumeClaim):
        names.add(user.status.currentVolumeAttributesClassName)
        if user.status.modifyVolumeStatus is not None:
            names.add(user.status.modifyVolumeStatus.targetVolumeAttributesClassName)
    return {name for name in names if name}


def _classes_of(_view: View, user: PersistentVolume | PersistentVolumeClaim) -> Iterable[Key]:
    return [Key("", name) for name in sorted(_classes(user))]


def _let_go(old: Any, new: Any) -> bool:
    """Care for a class that is used no more."""
    return old is not None and bool(_classes(old) - (_classes(new) if new is not None else set()))


def _with(obj: Any, finalizers: list[str]) -> Plan:
    changed = obj.copy()
    changed.metadata.finalizers = finalizers
    return Plan((Update(changed),))


def _claims_of(_view: View, pod: Pod) -> Iterable[Key]:
    return [Key(pod.metadata.namespace, claim.name) for claim in claim_names(pod)]


def _bound_or_gone(old: Pod | None, new: Pod | None) -> bool:
    return old is None or new is None or old.spec.nodeName != new.spec.nodeName


CLAIMS = Controller(
    name="persistentvolumeclaim-protection",
    account="pvc-protection-controller",
    watches=(Watch(PersistentVolumeClaim, own_key), Watch(Pod, _claims_of, _bound_or_gone)),
    writes=writes(("update", PersistentVolumeClaim)),
    reconcile_live=reconcile_claim,
    workers=2,
)
VOLUMES = Controller(
    name="persistentvolume-protection",
    account="pv-protection-controller",
    watches=(Watch(PersistentVolume),),
    writes=writes(("update", PersistentVolume)),
    reconcile=reconcile_volume,
    workers=1,
)
CLASSES = Controller(
    name="volumeattributesclass-protection",
    account="volumeattributesclass-protection-controller",
    watches=(
        Watch(VolumeAttributesClass),
        Watch(PersistentVolumeClaim, _classes_of, _let_go),
        Watch(PersistentVolume, _classes_of, _let_go),
    ),
    writes=writes(("update", VolumeAttributesClass)),
    reconcile=reconcile_class,
    workers=1,
)
