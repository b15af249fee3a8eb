"""NodeUnschedulable: cordoned nodes take only pods that tolerate it."""

from __future__ import annotations

from collections.abc import Sequence

from sagong.api.nodes import tolerates
from sagong.api.types.core import Pod, Taint
from sagong.scheduler.events import ADD, NODE_TAINT, POD_TOLERATION, Change, on
from sagong.scheduler.framework import SKIP, Refusals, State, Unfit, Verdict, refuse
from sagong.scheduler.nodes import Nodes, OneNode
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.remedy import Remedy
from sagong.scheduler.snapshot import Snapshot

_TAINT = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
_UNFIT = Unfit("NodeUnschedulable", ("node(s) were unschedulable",), resolvable=False)


class NodeUnschedulable:
    """PreFilter and Filter."""

    name = "NodeUnschedulable"
    events = on(Node=ADD | NODE_TAINT, Pod=POD_TOLERATION)

    def pre_filter(self, state: State, pod: PodInfo, snapshot: Snapshot) -> Verdict:
        """Skip while no node is cordoned."""
        del state, pod
        return None if snapshot.around.cordoned else SKIP

    def filter(self, state: State, pod: PodInfo, nodes: Nodes) -> Refusals | None:
        """Refuse nodes with spec.unschedulable."""
        del state
        return None if _tolerates(pod.pod) else refuse(nodes.cordoned, _UNFIT)

    def remedies(self, state: State, pod: PodInfo, node: OneNode) -> Sequence[Remedy]:
        """Uncordon."""
        del state, pod
        return (Remedy(f"uncordon {node.info.name}"),)

    def may_help(self, pod: PodInfo, change: Change) -> bool:
        """Wait for a node that is not, or no longer, cordoned, or for a toleration."""
        if change.kind == "Pod":
            return change.new.metadata.uid == pod.uid and _tolerates(change.new)
        return not change.new.spec.unschedulable and (change.old is None or change.old.spec.unschedulable)


def _tolerates(pod: Pod) -> bool:
    return any(tolerates(toleration, _TAINT) for toleration in pod.spec.tolerations)
