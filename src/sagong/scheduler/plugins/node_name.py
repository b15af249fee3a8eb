"""NodeName: a pod that names its node goes nowhere else."""

from __future__ import annotations

from sagong.scheduler.events import ADD, on
from sagong.scheduler.framework import SKIP, Refusals, State, Unfit, Verdict, refuse
from sagong.scheduler.nodes import Nodes
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.snapshot import Snapshot

_UNFIT = Unfit("NodeName", ("node(s) didn't match the requested node name",), resolvable=False)


class NodeName:
    """PreFilter and Filter."""

    name = "NodeName"
    events = on(Node=ADD)

    def pre_filter(self, state: State, pod: PodInfo, snapshot: Snapshot) -> Verdict:
        """Skip pods that name no node: all that the queue hands out."""
        del state, snapshot
        return None if pod.pod.spec.nodeName else SKIP

    def filter(self, state: State, pod: PodInfo, nodes: Nodes) -> Refusals | None:
        """Refuse other nodes."""
        del state
        named = nodes.table.by_name.get(pod.pod.spec.nodeName)
        return refuse(nodes.numbers != (named.row if named is not None else -1), _UNFIT)
