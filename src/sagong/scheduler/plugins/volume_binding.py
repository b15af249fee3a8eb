"""VolumeBinding: bound volumes must be within the node's reach; claims that wait for a consumer get their volume where the pod goes.

Filter finds a volume that the node can reach, or sees that one could be made there; Reserve holds the choice; PreBind writes it and
waits. In-tree volumes of clouds are not translated to CSI.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sagong.api.types.core import PersistentVolume, PersistentVolumeClaim
from sagong.api.types.storage import CSIDriver, CSINode, CSIStorageCapacity, StorageClass
from sagong.api.volumes import claim_names
from sagong.scheduler.events import ADD, NODE_LABEL, UPDATE, Change, on
from sagong.scheduler.framework import SKIP, State, Unfit, Verdict
from sagong.scheduler.node_info import NodeInfo
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.snapshot import Snapshot
from sagong.scheduler.volume_choice import Choice, Chooser, Claims, limit
from sagong.scheduler.volume_writer import VolumeWriter, assumed
from sagong.scheduler.volumes import Volumes

_NAME = "VolumeBinding"
_UNBOUND = Unfit(_NAME, ("pod has unbound immediate PersistentVolumeClaims",), resolvable=False)
_MIGRATED = "storage.alpha.kubernetes.io/migrated-plugins"


@dataclass(slots=True)
class _Found:
    """An attempt's claims, the choice for each node that fits, and what was held for the node that was chosen."""

    claims: Claims
    by_node: dict[str, Choice] = field(default_factory=dict)
    held: Choice | None = None


class VolumeBinding:
    """PreFilter, Filter, Reserve and PreBind."""

    name = _NAME
    events = on(
        StorageClass=ADD | UPDATE,
        PersistentVolumeClaim=ADD | UPDATE,
        PersistentVolume=ADD | UPDATE,
        Node=ADD | NODE_LABEL,
        CSINode=ADD | UPDATE,
        CSIDriver=UPDATE,
        CSIStorageCapacity=ADD | UPDATE,
    )

    def __init__(self, chooser: Chooser, volumes: Volumes, writer: VolumeWriter) -> None:
        self._chooser, self._volumes, self._writer = chooser, volumes, writer

    def reads(self, pod: PodInfo) -> Iterable[type]:
        """Name what claims lead to."""
        if any(True for _ in claim_names(pod.pod)):
            return (PersistentVolumeClaim, PersistentVolume, StorageClass, CSINode, CSIDriver, CSIStorageCapacity)
        return ()

    def pre_filter(self, state: State, pod: PodInfo, snapshot: Snapshot) -> Verdict:
        """Refuse while claims are missing, or unbound although they need not wait for the pod."""
        del snapshot
        if not any(True for _ in claim_names(pod.pod)):
            return SKIP
        refusal = self._chooser.refusal(pod.pod)
        if refusal:
            return Unfit(_NAME, (refusal,), resolvable=False)
        claims = self._chooser.claims(pod.pod)
        if claims.immediate:
            return _UNBOUND
        state.notes[_NAME] = _Found(claims)
        return None

    def filter_node(self, state: State, pod: PodInfo, node: NodeInfo) -> Unfit | None:
        """Choose volumes for the node."""
        del pod
        found: _Found = state.notes[_NAME]
        choice = self._chooser.choose(found.claims, node.node)
        if not isinstance(choice, Choice):
            return Unfit(_NAME, choice, resolvable=False)
        found.by_node[node.name] = choice
        return None

    def reserve(self, state: State, pod: PodInfo, node: str) -> Unfit | None:
        """Let the choice count for the pods that come next."""
        del pod
        found: _Found | None = state.notes.get(_NAME)
        choice = found.by_node.get(node) if found is not None else None
        if found is not None and choice is not None and (choice.existing or choice.made):
            found.held = assumed(choice, node)
            for decided in _decided(found.held):
                self._volumes.assume(decided)
        return None

    def unreserve(self, state: State, pod: PodInfo, node: str) -> None:
        """Take the choice back."""
        del pod, node
        found: _Found | None = state.notes.get(_NAME)
        if found is not None and found.held is not None:
            for decided in _decided(found.held):
                self._volumes.take_back(decided)
            found.held = None

    def has_work(self, state: State, pod: PodInfo, node: str) -> bool:
        """Say whether anything was held."""
        del pod, node
        found: _Found | None = state.notes.get(_NAME)
        return found is not None and found.held is not None

    async def pre_bind(self, state: State, pod: PodInfo, node: str) -> None:
        """Write the choice and wait until the volumes are bound."""
        found: _Found = state.notes[_NAME]
        if found.held is not None:
            await self._writer.write(pod, node, found.held)

    def may_help(self, pod: PodInfo, change: Change) -> bool:
        """Look at the claims that are the pod's, and at what of the others can make room or reach."""
        old, new = change.old, change.new
        if change.kind == "PersistentVolumeClaim":
            return new.metadata.namespace == pod.namespace and any(name == new.metadata.name for name, _ in claim_names(pod.pod))
        if change.kind == "CSIDriver":
            inline = any(volume.csi is not None and volume.csi.driver == new.metadata.name for volume in pod.pod.spec.volumes)
            return inline and bool(old.spec.storageCapacity) and not new.spec.storageCapacity
        if old is None or change.kind in ("Node", "PersistentVolume"):
            return True
        if change.kind == "StorageClass":
            return bool(old.allowedTopologies != new.allowedTopologies)
        if change.kind == "CSINode":
            return bool(old.metadata.annotations.get(_MIGRATED) != new.metadata.annotations.get(_MIGRATED))
        return limit(new) > limit(old)


def _decided(choice: Choice) -> Iterable[PersistentVolume | PersistentVolumeClaim]:
    yield from (volume for volume, _ in choice.existing)
    yield from choice.made
