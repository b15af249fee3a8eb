"""NodeResourcesFit: what pods ask for must fit what the node can give; of the fitting ones, the least used rates best (by default)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sagong.api.types.core import Node
from sagong.scheduler.columns import Ints
from sagong.scheduler.events import ADD, DELETE, NODE_ALLOCATABLE, POD_SCALE_DOWN, Change, on
from sagong.scheduler.framework import MAX_SCORE, Refusals, State, Unfit
from sagong.scheduler.nodes import Nodes, OneNode
from sagong.scheduler.pod_info import Amounts, PodInfo, amounts
from sagong.scheduler.remedy import Remedy, amount_text
from sagong.scheduler.snapshot import Snapshot

_NAME = "NodeResourcesFit"
MAX_BITS = 30
"""For so many resources the combinations of what is short are numbered within an int64."""


class ResourcesFit:
    """Filter and Score. `weights`: how much each resource counts in the rating; `most_allocated` fills nodes up instead."""

    name = _NAME
    events = on(Node=ADD | NODE_ALLOCATABLE, Pod=DELETE | POD_SCALE_DOWN)

    def __init__(self, weights: Mapping[str, int] | None = None, *, most_allocated: bool = False) -> None:
        self._weights = dict(weights or {"cpu": 1, "memory": 1})
        self._most = most_allocated

    def filter(self, state: State, pod: PodInfo, nodes: Nodes) -> Refusals | None:
        """Name every resource that is short; preemption cannot help where the node as a whole is too small."""
        del state
        asked = [(name, wanted) for name, wanted in pod.asked.items() if wanted > 0]
        if len(asked) > MAX_BITS:  # too many to remember as numbers
            codes = _shortages(asked, nodes)
        else:
            codes = nodes.by_pods((_NAME, pod.needs), lambda found: _shortages(asked, found))
        return Refusals(codes, lambda code: _short(code, [name for name, _ in asked])) if codes.any() else None

    def score(self, state: State, pod: PodInfo, nodes: Nodes, snapshot: Snapshot) -> Ints:
        """Average the free (or used) shares after placement, by weight."""
        del state, snapshot
        return nodes.by_pods((self, pod.needs), lambda found: self._rate(pod, found))

    def _rate(self, pod: PodInfo, nodes: Nodes) -> Ints:
        total = weights = np.zeros(len(nodes), np.int64)
        for name, weight in self._weights.items():
            used = _used(name, pod, nodes)
            if used is None:
                continue
            capacity = nodes.capacity(name)
            share = np.minimum(used, capacity) if self._most else np.maximum(capacity - used, 0)
            exists = np.greater(capacity, 0)
            total = total + weight * (share * MAX_SCORE // np.maximum(capacity, 1)) * exists
            weights = weights + weight * exists
        return total // np.maximum(weights, 1)

    def remedies(self, state: State, pod: PodInfo, node: OneNode) -> Sequence[Remedy]:
        """Tell how much too much is asked for."""
        del state
        found = []
        excess = int(node.pods[0]) + 1 - _only(node.capacity("pods"))
        if excess > 0:
            found.append(Remedy(f"remove {excess} {'pod' if excess == 1 else 'pods'} from the node"))
        for name, wanted in pod.asked.items():
            capacity = _only(node.capacity(name))
            excess = wanted + _only(node.asked(name)) - capacity
            if wanted > 0 and excess > 0:
                text = amount_text(name, excess)
                if excess >= wanted:
                    found.append(Remedy(f"free {text} of {name} on the node"))
                else:
                    or_free = ", or free as much on the node" if wanted <= capacity else ""
                    found.append(Remedy(f"ask for {text} less {name}{or_free}", excess / wanted))
        return found

    def may_help(self, pod: PodInfo, change: Change) -> bool:
        """Wait for a pod that leaves or shrinks, or for a node that could take the pod and has more to give than before."""
        if change.kind == "Node":
            return _may_take(pod.asked, change.old, change.new)
        if change.new is None:
            return bool(change.old.spec.nodeName or change.old.status.nominatedNodeName)
        if change.new.metadata.uid == pod.uid:
            return True
        if not change.new.spec.nodeName:
            return False
        before, now = PodInfo.of(change.old).asked, PodInfo.of(change.new).asked
        return any(wanted and before.get(name, 0) > now.get(name, 0) for name, wanted in pod.asked.items())


def _only(values: Ints | int) -> int:
    return values if isinstance(values, int) else int(values[0])


def _used(resource: str, pod: PodInfo, nodes: Nodes) -> Ints | None:
    """Return what will be used of a resource; None if the pod is indifferent to it."""
    if resource == "cpu":
        return nodes.rated_cpu + pod.rated[0]
    if resource == "memory":
        return nodes.rated_memory + pod.rated[1]
    wanted = pod.asked.get(resource, 0)
    return np.zeros(len(nodes), np.int64) + nodes.asked(resource) + wanted if wanted or resource == "ephemeral-storage" else None


def _shortages(asked: Sequence[tuple[str, int]], nodes: Nodes) -> npt.NDArray[Any]:
    """Return 0 for nodes that have room, else what is short as `_short` reads it."""
    exist = nodes.exist
    codes: npt.NDArray[Any] = (exist & (nodes.pods >= nodes.capacity("pods"))).astype(np.int64)
    for place, (name, wanted) in enumerate(asked):
        short = exist & (nodes.asked(name) + wanted > nodes.capacity(name))
        if short.any():
            too_small = short & np.less(nodes.capacity(name), wanted)
            bits = np.int64 if len(asked) <= MAX_BITS else np.object_
            codes = codes.astype(bits)
            for marked, bit in ((short, 2 << 2 * place), (too_small, 4 << 2 * place)):
                codes = codes | marked.astype(bits) * bit
    return codes


def _short(code: int, resources: Sequence[str]) -> Unfit:
    """Name what is short. A code's first bit: too many pods; then two for each resource: short, too small."""
    reasons = ["Too many pods"] if code & 1 else []
    reasons += [f"Insufficient {name}" for place, name in enumerate(resources) if code & 2 << 2 * place]
    return Unfit(_NAME, tuple(reasons), not any(code & 4 << 2 * place for place in range(len(resources))))


def _may_take(asked: Amounts, old: Node | None, new: Node) -> bool:
    capacity = amounts(new.status.allocatable)
    if capacity.get("pods", 0) < 1 or any(wanted > capacity.get(name, 0) for name, wanted in asked.items() if wanted):
        return False
    if old is None:
        return True
    before = amounts(old.status.allocatable)
    return capacity.get("pods", 0) > before.get("pods", 0) or any(
        capacity.get(name, 0) > before.get(name, 0) for name, wanted in asked.items() if wanted
    )
