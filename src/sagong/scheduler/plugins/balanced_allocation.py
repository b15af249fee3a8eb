"""NodeResourcesBalancedAllocation: prefer nodes whose cpu and memory would be used in equal shares."""

from __future__ import annotations

from collections.abc import Sequence

from sagong.api.types.core import Pod
from sagong.scheduler.framework import MAX_SCORE, State
from sagong.scheduler.plugins.resources_fit import ResourcesFit
from sagong.scheduler.snapshot import NodeInfo, PodInfo


class BalancedAllocation:
    """Score."""

    name = "NodeResourcesBalancedAllocation"
    events: frozenset[str] = frozenset()

    def pre_score(self, state: State, pod: Pod, nodes: Sequence[NodeInfo]) -> bool:
        """Leave out best-effort pods, which change no balance."""
        del pod, nodes
        info: PodInfo = state[ResourcesFit.name]
        return bool(info.asked.get("cpu") or info.asked.get("memory"))

    def score(self, state: State, pod: Pod, node: NodeInfo) -> int:
        """Rate by the spread of the used shares of what the pods ask for."""
        del pod
        info: PodInfo = state[ResourcesFit.name]
        shares = []
        for name in ("cpu", "memory"):
            capacity = node.allocatable.get(name, 0)
            if capacity:
                shares.append(min(1.0, (node.asked.get(name, 0) + info.asked.get(name, 0)) / capacity))
        spread = abs(shares[0] - shares[1]) / 2 if len(shares) == 2 else 0.0  # noqa: PLR2004 - cpu and memory
        return int((1 - spread) * MAX_SCORE)
