"""NodeVolumeLimits: a CSI driver can attach only so many volumes to a node. In-tree volumes of clouds are not translated to CSI."""

from __future__ import annotations

from collections.abc import Iterable

from sagong.api.types.core import PersistentVolume, PersistentVolumeClaim, Pod
from sagong.api.types.storage import CSINode, StorageClass, VolumeAttachment
from sagong.api.volumes import claim_class, claim_names
from sagong.scheduler.events import ADD, DELETE, UPDATE, Change, on
from sagong.scheduler.framework import SKIP, Listers, State, Unfit, Verdict
from sagong.scheduler.node_info import NodeInfo
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.snapshot import Snapshot

_NAME = "NodeVolumeLimits"
_EXCEEDED = Unfit(_NAME, ("node(s) exceed max volume count",))

_Attachable = tuple[str, str]
"""A driver and its handle of a volume."""


class NodeVolumeLimits:
    """PreFilter and Filter."""

    name = _NAME
    events = on(CSINode=ADD | UPDATE, Pod=DELETE, PersistentVolumeClaim=ADD, VolumeAttachment=DELETE)

    def __init__(self, listers: Listers) -> None:
        self._listers = listers

    def reads(self, pod: PodInfo) -> Iterable[type]:
        """Name what claims lead to, and the limits."""
        if any(True for _ in claim_names(pod.pod)):
            return (PersistentVolumeClaim, PersistentVolume, StorageClass, CSINode, VolumeAttachment)
        return ()

    def pre_filter(self, state: State, pod: PodInfo, snapshot: Snapshot) -> Verdict:
        """Skip pods without claims."""
        del state, snapshot
        return None if any(True for _ in claim_names(pod.pod)) else SKIP

    def filter_node(self, state: State, pod: PodInfo, node: NodeInfo) -> Unfit | None:
        """Refuse nodes on which a driver would have too many volumes; one that is there already counts once."""
        del state
        limits = _limits(self._listers.get(CSINode, "", node.name))
        if not limits:
            return None
        attached = {found for other in node.pods.values() for found in self._attachable(other.pod)}
        fresh = self._attachable(pod.pod) - attached
        attached |= self._attached(node.name)
        for driver in {driver for driver, _ in fresh} & limits.keys():
            if sum(found[0] == driver for found in (*attached, *fresh)) > limits[driver]:
                return _EXCEEDED
        return None

    def may_help(self, pod: PodInfo, change: Change) -> bool:
        """Wait for volumes to be detached, limits to grow, or claims to come."""
        if change.kind == "CSINode":
            before = _limits(change.old)
            return change.old is None or any(count > before.get(driver, 0) for driver, count in _limits(change.new).items())
        if change.kind == "Pod":
            placed = change.old.spec.nodeName or change.old.status.nominatedNodeName
            return bool(placed) and any(True for _ in claim_names(change.old))
        if change.kind == "PersistentVolumeClaim":
            meta = change.new.metadata
            return meta.namespace == pod.namespace and any(name == meta.name for name, _ in claim_names(pod.pod))
        return any(volume.persistentVolumeClaim is not None for volume in pod.pod.spec.volumes)

    def _attachable(self, pod: Pod) -> set[_Attachable]:
        found = set()
        for name, _ in claim_names(pod):
            claim = self._listers.get(PersistentVolumeClaim, pod.metadata.namespace, name)
            volume = self._volume(claim) if claim is not None else None
            if volume is not None:
                found.add(volume)
        return found

    def _volume(self, claim: PersistentVolumeClaim) -> _Attachable | None:
        """Return a claim's volume; one that is not there yet counts for the driver that will make it."""
        volume = self._listers.get(PersistentVolume, "", claim.spec.volumeName) if claim.spec.volumeName else None
        if volume is not None:
            csi = volume.spec.csi
            return (csi.driver, csi.volumeHandle) if csi is not None and csi.driver and csi.volumeHandle else None
        name = claim_class(claim)
        storage_class = self._listers.get(StorageClass, "", name) if name else None
        if storage_class is None or not storage_class.provisioner:
            return None
        return storage_class.provisioner, f"to be made for {claim.metadata.namespace}/{claim.metadata.name}"

    def _attached(self, node: str) -> set[_Attachable]:
        found = set()
        for attachment in self._listers.list(VolumeAttachment):
            spec = attachment.spec
            if spec.nodeName != node or not spec.attacher or spec.source.persistentVolumeName is None:
                continue
            volume = self._listers.get(PersistentVolume, "", spec.source.persistentVolumeName)
            if volume is not None and volume.spec.csi is not None:
                found.add((spec.attacher, volume.spec.csi.volumeHandle))
        return found


def _limits(node: CSINode | None) -> dict[str, int]:
    drivers = (node.spec.drivers if node is not None else None) or ()
    return {d.name: d.allocatable.count for d in drivers if d.allocatable is not None and d.allocatable.count is not None}
