"""VolumeZone: a volume that is labelled with a zone or region goes only to nodes of it."""

from __future__ import annotations

from collections.abc import Iterable

from sagong.api.types.core import PersistentVolume, PersistentVolumeClaim
from sagong.api.types.storage import StorageClass
from sagong.api.volumes import claim_class, waits_for_consumer
from sagong.scheduler.events import ADD, NODE_LABEL, UPDATE, Change, on
from sagong.scheduler.framework import SKIP, Listers, State, Unfit, Verdict
from sagong.scheduler.node_info import NodeInfo
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.population import claims_of
from sagong.scheduler.snapshot import Snapshot

_NAME = "VolumeZone"
_CONFLICT = Unfit(_NAME, ("node(s) had no available volume zone",), resolvable=False)
_ZONE, _REGION = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"
_NEW_NAMES = {
    "failure-domain.beta.kubernetes.io/zone": _ZONE,
    "failure-domain.beta.kubernetes.io/region": _REGION,
    _ZONE: _ZONE,
    _REGION: _REGION,
}
"""The labels that count, old and new, each with its new name."""

_Demand = tuple[str, frozenset[str]]
"""A label, and the values of which a node must have one."""


class VolumeZone:
    """PreFilter and Filter."""

    name = _NAME
    events = on(StorageClass=ADD, Node=ADD | NODE_LABEL, PersistentVolumeClaim=ADD | UPDATE, PersistentVolume=ADD | UPDATE)

    def __init__(self, listers: Listers) -> None:
        self._listers = listers

    def reads(self, pod: PodInfo) -> Iterable[type]:
        """Name what claims lead to."""
        return (PersistentVolumeClaim, PersistentVolume, StorageClass) if any(True for _ in claims_of(pod.pod)) else ()

    def pre_filter(self, state: State, pod: PodInfo, snapshot: Snapshot) -> Verdict:
        """Collect the demands of the volumes that are bound."""
        del snapshot
        demands: list[_Demand] = []
        for name in claims_of(pod.pod):
            claim = self._listers.get(PersistentVolumeClaim, pod.namespace, name)
            if claim is None:
                return _refuse(f'persistentvolumeclaim "{name}" not found')
            if not claim.spec.volumeName:
                refusal = self._unbound(claim)
                if refusal:
                    return _refuse(refusal)
                continue
            volume = self._listers.get(PersistentVolume, "", claim.spec.volumeName)
            if volume is None:
                return _refuse(f'persistentvolume "{claim.spec.volumeName}" not found')
            demands += _demands(volume)
        if not demands:
            return SKIP
        state.notes[_NAME] = demands
        return None

    def filter_node(self, state: State, pod: PodInfo, node: NodeInfo) -> Unfit | None:
        """Refuse nodes of other zones; a node without any zone is in all of them."""
        del pod
        labels = node.labels
        if not any(label in labels for label in _NEW_NAMES):
            return None
        demands: list[_Demand] = state.notes[_NAME]
        met = all(labels.get(label, labels.get(_NEW_NAMES[label])) in values for label, values in demands)
        return None if met else _CONFLICT

    def may_help(self, pod: PodInfo, change: Change) -> bool:
        """Wait for the pod's claims, for volumes with other demands, for classes that let claims wait, and for nodes."""
        old, new = change.old, change.new
        if change.kind == "PersistentVolumeClaim":
            return new.metadata.namespace == pod.namespace and new.metadata.name in claims_of(pod.pod)
        if change.kind == "StorageClass":
            return waits_for_consumer(new)
        return change.kind == "Node" or old is None or _demands(old) != _demands(new)

    def _unbound(self, claim: PersistentVolumeClaim) -> str:
        """Return what is wrong with an unbound claim, "" if it may wait for the pod."""
        name = claim_class(claim)
        if not name:
            return "PersistentVolumeClaim had no pv name and storageClass name"
        storage_class = self._listers.get(StorageClass, "", name)
        if storage_class is None:
            return f'storageclass.storage.k8s.io "{name}" not found'
        if storage_class.volumeBindingMode is None:
            return f'VolumeBindingMode not set for StorageClass "{name}"'
        return "" if waits_for_consumer(storage_class) else "PersistentVolume had no name"


def _refuse(reason: str) -> Unfit:
    return Unfit(_NAME, (reason,), resolvable=False)


def _demands(volume: PersistentVolume) -> list[_Demand]:
    """Return what the labels demand; several zones are joined with `__`, and a label with an empty one does not count."""
    found = [(label, volume.metadata.labels[label].split("__")) for label in _NEW_NAMES if label in volume.metadata.labels]
    return [(label, frozenset(map(str.strip, values))) for label, values in found if all(map(str.strip, values))]
