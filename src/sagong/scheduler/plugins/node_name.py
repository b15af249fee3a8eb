"""NodeName: a pod that names its node goes nowhere else."""

from __future__ import annotations

from sagong.scheduler.events import ADD, on
from sagong.scheduler.framework import SKIP, State, Unfit, Verdict
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.snapshot import NodeInfo, Snapshot

_UNFIT = Unfit("NodeName", ("node(s) didn't match the requested node name",), resolvable=False)


class NodeName:
    """PreFilter and Filter."""

    name = "NodeName"
    events = on(Node=ADD)

    def pre_filter(self, state: State, pod: PodInfo, snapshot: Snapshot) -> Verdict:
        """Skip pods that name no node: all that the queue hands out."""
        del state, snapshot
        return None if pod.pod.spec.nodeName else SKIP

    def filter(self, state: State, pod: PodInfo, node: NodeInfo) -> Unfit | None:
        """Refuse other nodes."""
        del state
        return _UNFIT if pod.pod.spec.nodeName != node.name else None
