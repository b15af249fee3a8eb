"""NodeResourcesBalancedAllocation: prefer nodes whose resources the pod makes more evenly used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sagong.scheduler.columns import Bools, Floats, Ints
from sagong.scheduler.events import on
from sagong.scheduler.framework import MAX_SCORE, State
from sagong.scheduler.nodes import Nodes
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.snapshot import Snapshot

_HALF = MAX_SCORE // 2
_PLAIN = ("cpu", "memory", "ephemeral-storage")


class BalancedAllocation:
    """Score."""

    name = "NodeResourcesBalancedAllocation"
    events = on()

    def __init__(self, resources: Sequence[str] = ("cpu", "memory")) -> None:
        self._resources = tuple(resources)

    def score(self, state: State, pod: PodInfo, nodes: Nodes, snapshot: Snapshot) -> Ints | None:
        """Rate by how much more even the used shares become: 75 for no change. Best-effort pods change no balance."""
        del state, snapshot
        asked = {name: pod.asked.get(name, 0) for name in self._resources}
        if not any(asked.values()):
            return None
        counted = [(name, wanted) for name, wanted in asked.items() if wanted or name in _PLAIN]

        def rate(found: Nodes) -> Ints:
            before, after = _evenness(found, counted)
            rated: Ints = _HALF + (_HALF + after - before) // 2
            return rated

        return nodes.by_pods((self, pod.needs), rate)


def _evenness(nodes: Nodes, added: Sequence[tuple[str, int]]) -> Ints:
    """Return, before and after, 100 for equal used shares, less the more they deviate. What a node has none of does not count."""
    shares, exist = [], []
    for name, amount in added:
        capacity = nodes.capacity(name)
        exist.append(capacity > 0)
        used = nodes.asked(name) + np.array([[0], [amount]])
        shares.append(np.minimum(used / np.maximum(capacity, 1), 1.0))
    if len(shares) == 2:  # noqa: PLR2004 - cpu and memory, the common case
        deviation = abs(shares[0] - shares[1]) / 2 * (exist[0] & exist[1])
    else:
        deviation = _deviation(np.array(shares), np.array(exist)[:, np.newaxis])
    even: Ints = ((1 - deviation) * MAX_SCORE).astype(np.int64)
    return even


def _deviation(shares: Floats, exist: Bools) -> Floats:
    """Return the standard deviation of the shares that exist, along the first axis."""
    exist = np.broadcast_to(exist, shares.shape)
    number = exist.sum(axis=0)
    mean = np.sum(shares, axis=0, where=exist) / np.maximum(number, 1)
    squares = np.sum((shares - mean) ** 2, axis=0, where=exist)
    apart = np.max(shares, axis=0, where=exist, initial=0.0) - np.min(shares, axis=0, where=exist, initial=1.0)
    found: Floats = np.where(number == 2, apart / 2, np.sqrt(squares / np.maximum(number, 1)))  # noqa: PLR2004 - as upstream rounds
    return found
