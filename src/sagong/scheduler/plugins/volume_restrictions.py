"""VolumeRestrictions: disks that only one may write, and claims that only one pod at a time may use (ReadWriteOncePod, KEP-2485)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sagong.api.types.core import PersistentVolumeClaim, Pod, Volume
from sagong.scheduler.events import ADD, DELETE, Change, on
from sagong.scheduler.framework import SKIP, Listers, State, Unfit, Verdict
from sagong.scheduler.node_info import NodeInfo
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.population import claims_of
from sagong.scheduler.snapshot import Snapshot

_NAME = "VolumeRestrictions"
_DISK = Unfit(_NAME, ("node(s) had no available disk",))
_IN_USE = Unfit(
    _NAME, ("node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod",)
)


@dataclass(slots=True)
class _Exclusive:
    """The pod's claims that no other pod may use, and how many uses of them there are."""

    names: frozenset[str]
    uses: int

    def fork(self) -> _Exclusive:
        return _Exclusive(self.names, self.uses)

    def count(self, other: PodInfo, by: int) -> None:
        self.uses += by * sum(name in self.names for name in claims_of(other.pod))


class VolumeRestrictions:
    """PreFilter with extensions, and Filter."""

    name = _NAME
    events = on(Pod=DELETE, Node=ADD, PersistentVolumeClaim=ADD)

    def __init__(self, listers: Listers) -> None:
        self._listers = listers

    def reads(self, pod: PodInfo) -> Iterable[type]:
        """Name the claims."""
        return (PersistentVolumeClaim,) if any(True for _ in claims_of(pod.pod)) else ()

    def pre_filter(self, state: State, pod: PodInfo, snapshot: Snapshot) -> Verdict:
        """Count the uses of the pod's exclusive claims."""
        names = set()
        for name in claims_of(pod.pod):
            claim = self._listers.get(PersistentVolumeClaim, pod.namespace, name)
            if claim is None:
                return Unfit(_NAME, (f'persistentvolumeclaim "{name}" not found',), resolvable=False)
            if "ReadWriteOncePod" in claim.spec.accessModes:
                names.add(name)
        uses = sum(snapshot.population.uses_claim(pod.namespace, name) for name in names)
        if not uses and not any(map(_is_exclusive_disk, pod.pod.spec.volumes)):
            return SKIP
        state.notes[_NAME] = _Exclusive(frozenset(names), uses)
        return None

    def add_pod(self, state: State, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        """Another pod is now on the node."""
        del pod, node
        state.notes[_NAME].count(other, 1)

    def remove_pod(self, state: State, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        """Another pod is no longer on the node."""
        del pod, node
        state.notes[_NAME].count(other, -1)

    def filter_node(self, state: State, pod: PodInfo, node: NodeInfo) -> Unfit | None:
        """Refuse nodes where a disk is taken, and all nodes while a claim is."""
        if any(_share_a_disk(pod.pod, other.pod) for other in node.pods.values()):
            return _DISK
        exclusive: _Exclusive = state.notes[_NAME]
        return _IN_USE if exclusive.uses > 0 else None

    def may_help(self, pod: PodInfo, change: Change) -> bool:
        """Wait for the pod that has the disk or claim to go, and for missing claims to come."""
        if change.kind == "Node":
            return True
        other = change.old or change.new
        if other.metadata.namespace != pod.namespace:
            return False
        claims = set(claims_of(pod.pod))
        if change.kind == "PersistentVolumeClaim":
            return other.metadata.name in claims
        return _share_a_disk(pod.pod, other) or not claims.isdisjoint(claims_of(other))


def _is_exclusive_disk(volume: Volume) -> bool:
    return any((volume.gcePersistentDisk, volume.awsElasticBlockStore, volume.rbd, volume.iscsi))


def _share_a_disk(pod: Pod, other: Pod) -> bool:
    return any(
        _is_same_disk(volume, theirs)
        for volume in pod.spec.volumes
        if _is_exclusive_disk(volume)
        for theirs in other.spec.volumes
        if _is_exclusive_disk(theirs)
    )


def _is_same_disk(volume: Volume, theirs: Volume) -> bool:
    """Say whether both are one disk that not both only read; an AWS disk cannot even be read by two."""
    if volume.gcePersistentDisk and theirs.gcePersistentDisk:
        gce, other_gce = volume.gcePersistentDisk, theirs.gcePersistentDisk
        return gce.pdName == other_gce.pdName and not (gce.readOnly and other_gce.readOnly)
    if volume.awsElasticBlockStore and theirs.awsElasticBlockStore:
        return volume.awsElasticBlockStore.volumeID == theirs.awsElasticBlockStore.volumeID
    if volume.iscsi and theirs.iscsi:
        return volume.iscsi.iqn == theirs.iscsi.iqn and not (volume.iscsi.readOnly and theirs.iscsi.readOnly)
    if volume.rbd and theirs.rbd:
        rbd, other = volume.rbd, theirs.rbd
        same = (rbd.pool, rbd.image) == (other.pool, other.image) and not set(rbd.monitors).isdisjoint(other.monitors)
        return same and not (rbd.readOnly and other.readOnly)
    return False
