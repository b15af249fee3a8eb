"""NodeResourcesBalancedAllocation: prefer nodes whose resources the pod makes more evenly used."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sagong.scheduler.events import on
from sagong.scheduler.framework import MAX_SCORE, State
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.snapshot import NodeInfo, Snapshot, rate_by_sums

_HALF = MAX_SCORE // 2


class BalancedAllocation:
    """Score."""

    name = "NodeResourcesBalancedAllocation"
    events = on()

    def __init__(self, resources: Sequence[str] = ("cpu", "memory")) -> None:
        self._resources = tuple(resources)

    def score(self, state: State, pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot) -> Sequence[int] | None:
        """Rate by how much more even the used shares become: 75 for no change. Best-effort pods change no balance."""
        del state, snapshot
        asked = {name: pod.asked.get(name, 0) for name in self._resources}
        if not any(asked.values()):
            return None
        plain = ("cpu", "memory", "ephemeral-storage")
        counted = [(name, wanted) for name, wanted in asked.items() if wanted or name in plain]
        unchanged = [(name, 0) for name, _ in counted]

        def rate(node: NodeInfo) -> int:
            return _HALF + (_HALF + _evenness(node, counted) - _evenness(node, unchanged)) // 2

        return rate_by_sums(nodes, (self, pod.needs), rate)


def _evenness(node: NodeInfo, added: Sequence[tuple[str, int]]) -> int:
    """Return 100 for equal shares of what is used and added, less the more they deviate."""
    shares = []
    allocatable, used = node.allocatable, node.asked
    for name, amount in added:
        if capacity := allocatable.get(name, 0):
            share = (used.get(name, 0) + amount) / capacity
            shares.append(min(1.0, share))
    if len(shares) == 2:  # noqa: PLR2004 - cpu and memory, the common case
        deviation = abs(shares[0] - shares[1]) / 2
    elif len(shares) > 2:  # noqa: PLR2004
        mean = sum(shares) / len(shares)
        deviation = math.sqrt(sum((share - mean) ** 2 for share in shares) / len(shares))
    else:
        deviation = 0.0
    return int((1 - deviation) * MAX_SCORE)
