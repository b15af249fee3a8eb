"""NodeName: a pod that names its node goes nowhere else."""

from __future__ import annotations

from sagong.api.types.core import Pod
from sagong.scheduler.framework import State, Unfit
from sagong.scheduler.snapshot import NodeInfo

_UNFIT = Unfit(("node(s) didn't match the requested node name",), resolvable=False)


class NodeName:
    """Filter."""

    name = "NodeName"
    events = frozenset({"Node"})

    def filter(self, state: State, pod: Pod, node: NodeInfo) -> Unfit | None:
        """Refuse other nodes."""
        del state
        return _UNFIT if pod.spec.nodeName and pod.spec.nodeName != node.name else None
