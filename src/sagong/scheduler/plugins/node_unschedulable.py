"""NodeUnschedulable: cordoned nodes take only pods that tolerate it."""

from __future__ import annotations

from sagong.api.nodes import tolerates
from sagong.api.types.core import Pod, Taint
from sagong.scheduler.framework import State, Unfit
from sagong.scheduler.snapshot import NodeInfo

_TAINT = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
_UNFIT = Unfit(("node(s) were unschedulable",), resolvable=False)


class NodeUnschedulable:
    """Filter."""

    name = "NodeUnschedulable"
    events = frozenset({"Node"})

    def filter(self, state: State, pod: Pod, node: NodeInfo) -> Unfit | None:
        """Refuse nodes with spec.unschedulable."""
        del state
        if node.node is None or not node.node.spec.unschedulable:
            return None
        return None if any(tolerates(toleration, _TAINT) for toleration in pod.spec.tolerations) else _UNFIT
