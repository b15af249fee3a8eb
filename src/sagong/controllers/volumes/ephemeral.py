"""ephemeral-volume: makes the claims of pods' generic ephemeral volumes (KEP-1698); they go with the pod."""

from __future__ import annotations

from sagong.api.types.core import PersistentVolumeClaim, Pod, Volume
from sagong.api.types.meta import ObjectMeta
from sagong.api.volumes import claim_names, claim_of
from sagong.client.plan import NOTHING, Create, Emit, Plan, Told
from sagong.controllers.declaration import Controller, Key, Watch, writes
from sagong.controllers.ownership import controller_reference
from sagong.controllers.view import View, controller_of
from sagong.controllers.volumes.meter import EphemeralMeter


def plan(pod: Pod, claims: dict[str, PersistentVolumeClaim]) -> Plan:
    """Plan one pod. `claims` are those that there are, by name."""
    if pod.metadata.deletionTimestamp is not None:
        return NOTHING
    actions: list[Create | Emit] = []
    for volume in pod.spec.volumes:
        named = claim_of(pod, volume)
        if named is None or not named.ephemeral:
            continue
        name = named.name
        found = claims.get(name)
        if found is None:
            failed = ("EphemeralVolumeCreateFailed", f"ephemeral volume {volume.name}: create PVC {name}: {{error}}")
            actions.append(Create(_claim(pod, volume, name), told=Told(pod, failure=failed)))
        elif (owner := controller_of(found)) is None or owner.uid != pod.metadata.uid:
            namespace = pod.metadata.namespace
            said = f"PVC {namespace}/{name} was not created for pod {namespace}/{pod.metadata.name} (pod is not owner)"
            actions.append(Emit(pod, "Warning", "EphemeralVolumeConflict", said))
    return Plan(tuple(actions))


def reconcile(view: View, key: Key) -> Plan:
    """Look at one pod."""
    pod = view.get(Pod, *key)
    if pod is None or all(volume.ephemeral is None for volume in pod.spec.volumes):
        return NOTHING
    names = [name for name, ephemeral in claim_names(pod) if ephemeral]
    found = [view.get(PersistentVolumeClaim, key.namespace, name) for name in names]
    return plan(pod, {claim.metadata.name: claim for claim in found if claim is not None})


def _claim(pod: Pod, volume: Volume, name: str) -> PersistentVolumeClaim:
    assert volume.ephemeral is not None
    template = volume.ephemeral.volumeClaimTemplate
    assert template is not None
    copy = template.copy()
    meta = ObjectMeta(
        name=name,
        namespace=pod.metadata.namespace,
        labels=copy.metadata.labels,
        annotations=copy.metadata.annotations,
        ownerReferences=[controller_reference(pod)],
    )
    return PersistentVolumeClaim(metadata=meta, spec=copy.spec)


CONTROLLER = Controller(
    name="ephemeral-volume",
    account="ephemeral-volume-controller",
    component="ephemeral_volume",
    watches=(Watch(Pod, changed=lambda old, _new: old is None),),
    owns=(PersistentVolumeClaim,),
    writes=writes(("create", PersistentVolumeClaim)),
    reconcile=reconcile,
    meter=EphemeralMeter,
)
