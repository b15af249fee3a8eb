"""persistentvolume-binder: marries claims and volumes, and releases volumes whose claims are gone.

A binding is four writes: the volume names the claim, the claim names the volume, and both statuses say Bound. Each plan does
what is still missing, whoever did the rest; a user or the scheduler may have begun it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sagong.api.errors import NotFoundError
from sagong.api.types.core import ObjectReference, PersistentVolume, PersistentVolumeClaim, Pod
from sagong.api.types.storage import StorageClass
from sagong.api.volumes import (
    SELECTED_NODE,
    best_match,
    claim_class,
    claim_names,
    is_for,
    mismatch,
    same_mode,
    waits_for_consumer,
)
from sagong.client.plan import NOTHING, Action, Delete, Emit, Plan, Update
from sagong.controllers.declaration import Controller, Key, Watch, own_key, writes
from sagong.controllers.view import Live, View, claimed, seeking, using
from sagong.controllers.volumes.meter import BinderMeter

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
PROVISIONERS = ("volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-provisioner")
NO_PROVISIONER = "kubernetes.io/no-provisioner"
_VOLUME = "volume:"


class Classes(NamedTuple):
    """The claim's storage class, and the class that claims without one get."""

    own: StorageClass | None = None
    default: str = ""


def plan_claim(claim: PersistentVolumeClaim, volumes: Sequence[PersistentVolume], classes: Classes, waiting: Sequence[str] = ()) -> Plan:
    """Plan a claim. `waiting` are the pods that use it and have no node yet."""
    named = next((volume for volume in volumes if volume.metadata.name == claim.spec.volumeName), None)
    if BIND_COMPLETED in claim.metadata.annotations:
        return _plan_bound(claim, named)
    if not claim.spec.volumeName:
        return _plan_unbound(claim, volumes, classes, waiting)
    if named is None:
        return Plan(_phase(claim, "Pending"))
    if named.spec.claimRef is None and (why := mismatch(named, claim)):
        said = f'Cannot bind to requested volume "{named.metadata.name}": {why}'
        return Plan((Emit(claim, "Warning", "VolumeMismatch", said), *_phase(claim, "Pending")))
    if named.spec.claimRef is None or is_for(named, claim):
        return _bind(claim, named)
    said = f'volume "{named.metadata.name}" already bound to a different claim.'
    return Plan((Emit(claim, "Warning", "FailedBinding", said), *_phase(claim, "Pending")))


def plan_volume(volume: PersistentVolume, claim: PersistentVolumeClaim | None) -> Plan:
    """Plan a volume. `claim` is the one that its reference names, if it is still that one."""
    reference = volume.spec.claimRef
    if reference is None or not reference.uid:
        return Plan(_volume_phase(volume, "Available"))
    if claim is None:  # what becomes of the data is its provisioner's affair
        return Plan(_volume_phase(volume, "Released") if volume.status.phase != "Failed" else ())
    return _plan_claimed(volume, claim)


def _plan_claimed(volume: PersistentVolume, claim: PersistentVolumeClaim) -> Plan:
    if not claim.spec.volumeName:
        if not same_mode(volume, claim):
            said = (
                f'Cannot bind PersistentVolume to requested PersistentVolumeClaim "{claim.metadata.name}" due to incompatible volumeMode.'
            )
            return Plan((Emit(volume, "Warning", "VolumeMismatch", said),))
        return NOTHING  # the claim's own plan goes on
    if claim.spec.volumeName == volume.metadata.name:
        return Plan(_volume_phase(volume, "Bound"))
    if PROVISIONED_BY not in volume.metadata.annotations or volume.spec.persistentVolumeReclaimPolicy != "Delete":
        return _unbind(volume)
    doomed = () if volume.metadata.deletionTimestamp else (Delete(PersistentVolume, volume.metadata.name, "", volume.metadata.uid),)
    return Plan((*_volume_phase(volume, "Released"), *doomed))


def _plan_unbound(claim: PersistentVolumeClaim, volumes: Sequence[PersistentVolume], classes: Classes, waiting: Sequence[str]) -> Plan:
    delayed = waits_for_consumer(classes.own)
    found = best_match(claim, volumes, delayed=delayed)
    if found is not None:
        return _bind(claim, found)
    if claim.spec.storageClassName is None and not claim_class(claim) and classes.default:
        changed = claim.copy()
        changed.spec.storageClassName = classes.default
        return Plan((Update(changed),))
    if delayed and SELECTED_NODE not in claim.metadata.annotations:
        said = _waiting_event(claim, waiting)
    elif claim_class(claim):
        return _provision(claim, classes.own)
    else:
        text = "no persistent volumes available for this claim and no storage class is set"
        said = Emit(claim, "Normal", "FailedBinding", text)
    return Plan((said, *_phase(claim, "Pending")))


def _plan_bound(claim: PersistentVolumeClaim, named: PersistentVolume | None) -> Plan:
    if not claim.spec.volumeName:
        return _lose(claim, "ClaimLost", "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!")
    if named is None:
        return _lose(claim, "ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!")
    if named.spec.claimRef is None or named.spec.claimRef.uid == claim.metadata.uid:
        return _bind(claim, named)
    return _lose(claim, "ClaimMisbound", "Two claims are bound to the same volume, this one is bound incorrectly")


def _bind(claim: PersistentVolumeClaim, volume: PersistentVolume) -> Plan:
    """Write what is missing: the specs first; the statuses when the specs are seen."""
    actions: list[Action] = []
    reference = volume.spec.claimRef
    if reference is None or reference.uid != claim.metadata.uid:
        changed = volume.copy()
        if reference is None:
            changed.metadata.annotations[BOUND_BY_CONTROLLER] = "yes"
        changed.spec.claimRef = ObjectReference(
            apiVersion="v1",
            kind="PersistentVolumeClaim",
            namespace=claim.metadata.namespace,
            name=claim.metadata.name,
            uid=claim.metadata.uid,
            resourceVersion=claim.metadata.resourceVersion,
        )
        actions.append(Update(changed))
    else:
        actions += _volume_phase(volume, "Bound") if claim.spec.volumeName == volume.metadata.name else ()
    if claim.spec.volumeName != volume.metadata.name or BIND_COMPLETED not in claim.metadata.annotations:
        bound = claim.copy()
        if not bound.spec.volumeName:
            bound.metadata.annotations[BOUND_BY_CONTROLLER] = "yes"
        bound.spec.volumeName = volume.metadata.name
        bound.metadata.annotations[BIND_COMPLETED] = "yes"
        return Plan((*actions, Update(bound)))
    return Plan((*actions, *_bound_status(claim, volume)))


def _bound_status(claim: PersistentVolumeClaim, volume: PersistentVolume) -> tuple[Action, ...]:
    changed = claim.copy()
    status = changed.status
    if status.phase != "Bound":
        status.capacity = {**status.capacity, "storage": volume.spec.capacity.get("storage", "0")}
        status.currentVolumeAttributesClassName = volume.spec.volumeAttributesClassName or None
    status.phase, status.accessModes = "Bound", list(volume.spec.accessModes)
    return (Update(changed, "status"),) if changed.status != claim.status else ()


def _unbind(volume: PersistentVolume) -> Plan:
    """Free a volume that we bound to a claim that has another; one that a user bound only loses the claim's uid."""
    changed = volume.copy()
    if BOUND_BY_CONTROLLER in changed.metadata.annotations:
        changed.spec.claimRef = None
        del changed.metadata.annotations[BOUND_BY_CONTROLLER]
    elif changed.spec.claimRef is not None:
        changed.spec.claimRef.uid = changed.spec.claimRef.resourceVersion = ""
    return Plan((Update(changed),))


def _provision(claim: PersistentVolumeClaim, storage_class: StorageClass | None) -> Plan:
    """Ask the class's provisioner for a volume, by annotations."""
    pending = _phase(claim, "Pending")
    if storage_class is None:
        said = f'storageclass.storage.k8s.io "{claim_class(claim)}" not found'
        return Plan((Emit(claim, "Warning", "ProvisioningFailed", said), *pending))
    if storage_class.provisioner == NO_PROVISIONER:
        said = "no volume plugin matched name: " + NO_PROVISIONER
        return Plan((Emit(claim, "Warning", "ProvisioningFailed", said), *pending))
    name = storage_class.provisioner
    said = (
        f"Waiting for a volume to be created either by the external provisioner '{name}' or manually by the system administrator."
        " If volume creation is delayed, please verify that the provisioner is running and correctly registered."
    )
    told = Emit(claim, "Normal", "ExternalProvisioning", said)
    if all(claim.metadata.annotations.get(key) == name for key in PROVISIONERS):
        return Plan((told, *pending))
    changed = claim.copy()
    changed.metadata.annotations |= dict.fromkeys(PROVISIONERS, name)
    return Plan((Update(changed), told))


def _waiting_event(claim: PersistentVolumeClaim, waiting: Sequence[str]) -> Emit:
    if not waiting:
        return Emit(claim, "Normal", "WaitForFirstConsumer", "waiting for first consumer to be created before binding")
    pods = f"pod {waiting[0]}" if len(waiting) == 1 else f"pods {','.join(waiting)}"
    return Emit(claim, "Normal", "WaitForPodScheduled", f"waiting for {pods} to be scheduled")


def _lose(claim: PersistentVolumeClaim, reason: str, message: str) -> Plan:
    if claim.status.phase == "Lost":
        return NOTHING
    return Plan((*_phase(claim, "Lost"), Emit(claim, "Warning", reason, message)))


def _phase(claim: PersistentVolumeClaim, phase: str) -> tuple[Action, ...]:
    if claim.status.phase == phase:
        return ()
    changed = claim.copy()
    changed.status.phase = phase
    if phase != "Bound":
        changed.status.accessModes, changed.status.capacity = [], {}
    return (Update(changed, "status"),)


def _volume_phase(volume: PersistentVolume, phase: str) -> tuple[Action, ...]:
    if volume.status.phase == phase:
        return ()
    changed = volume.copy()
    changed.status.phase, changed.status.message = phase, ""
    return (Update(changed, "status"),)


async def reconcile(live: Live, key: Key) -> Plan:
    """Gather a claim or a volume, and what it may be bound to."""
    if key.name.startswith(_VOLUME):
        volume = live.get(PersistentVolume, "", key.name.removeprefix(_VOLUME))
        return plan_volume(volume, await _claim_of(live, volume)) if volume is not None else NOTHING
    claim = live.get(PersistentVolumeClaim, *key)
    if claim is None:
        return NOTHING
    classes = Classes(live.get(StorageClass, "", claim_class(claim)) if claim_class(claim) else None, _default_class(live))
    waiting = [pod.metadata.name for pod in using(live, *key) if not pod.spec.nodeName]
    named = live.get(PersistentVolume, "", claim.spec.volumeName) if claim.spec.volumeName else None
    volumes = ((named,) if named is not None else ()) if claim.spec.volumeName else live.list(PersistentVolume)
    return plan_claim(claim, volumes, classes, waiting)


async def _claim_of(live: Live, volume: PersistentVolume) -> PersistentVolumeClaim | None:
    """Return the claim that a volume's reference means; before it counts as gone, the server is asked."""
    reference = volume.spec.claimRef
    if reference is None or not reference.uid:
        return None
    found = live.get(PersistentVolumeClaim, reference.namespace, reference.name)
    if found is None or found.metadata.uid != reference.uid:
        try:
            found = await live.client.get(PersistentVolumeClaim, reference.name, reference.namespace)
        except NotFoundError:
            return None
    return found if found.metadata.uid == reference.uid else None


def uses(pod: Pod, claim: str) -> bool:
    """Say whether a pod mounts a claim, its own ephemeral ones included."""
    return any(mounted.name == claim for mounted in claim_names(pod))


def _default_class(view: View) -> str:
    marks = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
    found = [row for row in view.list(StorageClass) if any(row.metadata.annotations.get(mark) == "true" for mark in marks)]
    newest = sorted(found, key=lambda row: row.metadata.name)
    newest.sort(key=lambda row: row.metadata.creationTimestamp, reverse=True)
    return newest[0].metadata.name if newest else ""


def _keys_of_volume(view: View, volume: PersistentVolume) -> Iterable[Key]:
    """Wake the volume, its claim, or every claim that still looks for one."""
    yield Key("", _VOLUME + volume.metadata.name)
    if volume.spec.claimRef is not None:
        yield Key(volume.spec.claimRef.namespace, volume.spec.claimRef.name)
    for claim in (*seeking(view, ""), *seeking(view, volume.metadata.name)):
        yield from own_key(view, claim)


def _keys_of_claim(view: View, claim: PersistentVolumeClaim) -> Iterable[Key]:
    yield from own_key(view, claim)
    for volume in claimed(view, claim.metadata.namespace, claim.metadata.name):
        yield Key("", _VOLUME + volume.metadata.name)


def _unbound_claims(view: View, _class: StorageClass) -> Iterable[Key]:
    return [key for claim in view.list(PersistentVolumeClaim) if not claim.spec.volumeName for key in own_key(view, claim)]


CONTROLLER = Controller(
    name="persistentvolume-binder",
    account="persistent-volume-binder",
    component="persistentvolume-controller",
    watches=(
        Watch(PersistentVolumeClaim, _keys_of_claim),
        Watch(PersistentVolume, _keys_of_volume),
        Watch(StorageClass, _unbound_claims),
    ),
    reads=(Pod,),
    writes=writes(
        ("update delete", PersistentVolume),
        ("update", PersistentVolume, "status"),
        ("update", PersistentVolumeClaim),
        ("update", PersistentVolumeClaim, "status"),
    ),
    reconcile_live=reconcile,
    workers=1,  # one at a time: two claims must not take one volume
    meter=BinderMeter,
)
