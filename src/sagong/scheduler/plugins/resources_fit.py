"""NodeResourcesFit: what pods ask for must fit what the node can give; of the fitting ones, the least used rates best (by default)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
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
    """Filter and Score.

    `weights`: how much each resource counts in the rating. `strategy`: LeastAllocated; MostAllocated, which fills nodes up instead; or
    RequestedToCapacityRatio, which rates by `shape`, points of utilization (0 to 100) and rating (0 to 10). Extended resources that are
    ignored, by name or by the part before the slash, are for others to check.
    """

    name = _NAME
    events = on(Node=ADD | NODE_ALLOCATABLE, Pod=DELETE | POD_SCALE_DOWN)

    def __init__(
        self,
        weights: Mapping[str, int] | None = None,
        *,
        strategy: str = "LeastAllocated",
        shape: Sequence[tuple[int, int]] = (),
        ignored: Iterable[str] = (),
        ignored_groups: Iterable[str] = (),
    ) -> None:
        self._weights = dict(weights or {"cpu": 1, "memory": 1})
        self._strategy, self._shape = strategy, tuple(shape)
        self._ignored, self._ignored_groups = frozenset(ignored), frozenset(ignored_groups)

    def filter(self, state: State, pod: PodInfo, nodes: Nodes) -> Refusals | None:
        """Name every resource that is short; preemption cannot help where the node as a whole is too small."""
        del state
        asked = self._checked(pod)
        if len(asked) > MAX_BITS:  # too many to remember as numbers
            codes = _shortages(asked, nodes)
        else:
            codes = nodes.by_pods((self, "fit", pod.needs), lambda found: _shortages(asked, found))
        return Refusals(codes, lambda code: _short(code, [name for name, _ in asked])) if codes.any() else None

    def score(self, state: State, pod: PodInfo, nodes: Nodes, snapshot: Snapshot) -> Ints:
        """Average the free (or used) shares after placement, by weight."""
        del state, snapshot
        return nodes.by_pods((self, pod.needs), lambda found: self._rate(pod, found))

    def _checked(self, pod: PodInfo) -> list[tuple[str, int]]:
        wanted = [(name, amount) for name, amount in pod.asked.items() if amount > 0]
        if not (self._ignored or self._ignored_groups):
            return wanted
        return [(name, n) for name, n in wanted if "/" not in name or not self._is_ignored(name)]

    def _is_ignored(self, resource: str) -> bool:
        return resource in self._ignored or resource.partition("/")[0] in self._ignored_groups

    def _rate(self, pod: PodInfo, nodes: Nodes) -> Ints:
        total: Ints = np.zeros(len(nodes), np.int64)
        weights: Ints = np.zeros(len(nodes), np.int64)
        for name, weight in self._weights.items():
            used = _used(name, pod, nodes)
            if used is None:
                continue
            capacity = nodes.capacity(name)
            counts = np.greater(capacity, 0)
            rating = self._rate_one(used, np.maximum(capacity, 1))
            if self._shape:
                counts &= rating > 0
            total = total + weight * rating * counts
            weights = weights + weight * counts
        if self._shape:
            rounded: Ints = np.floor(total / np.maximum(weights, 1) + 0.5).astype(np.int64)
            return rounded
        return total // np.maximum(weights, 1)

    def _rate_one(self, used: Ints, capacity: Ints) -> Ints:
        """Rate by one resource."""
        if self._strategy == "MostAllocated":
            return np.minimum(used, capacity) * MAX_SCORE // capacity
        if self._strategy == "RequestedToCapacityRatio":
            return _along(self._shape, np.where(used > capacity, MAX_SCORE, used * MAX_SCORE // capacity))
        free: Ints = np.maximum(capacity - used, 0) * MAX_SCORE // capacity
        return free

    def remedies(self, state: State, pod: PodInfo, node: OneNode) -> Sequence[Remedy]:
        """Tell how much too much is asked for."""
        del state
        found = []
        excess = int(node.pods[0]) + 1 - int(node.capacity("pods")[0])
        if excess > 0:
            found.append(Remedy(f"remove {excess} {'pod' if excess == 1 else 'pods'} from the node"))
        for name, wanted in self._checked(pod):
            capacity = int(node.capacity(name)[0])
            excess = wanted + int(node.asked(name)[0]) - capacity
            if excess > 0:
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


def _along(shape: Sequence[tuple[int, int]], utilization: Ints) -> Ints:
    """Return the rating at each utilization, on straight lines between the points; division rounds towards zero, as upstream's."""
    found = np.full(len(utilization), shape[-1][1] * 10, np.int64)
    for (left, low), (right, high) in reversed([*itertools.pairwise(shape)]):
        rise = (high - low) * 10 * (utilization - left)
        between = low * 10 + np.sign(rise) * (abs(rise) // (right - left))
        found = np.where(utilization <= right, between, found)
    return np.where(utilization <= shape[0][0], shape[0][1] * 10, found)


def _used(resource: str, pod: PodInfo, nodes: Nodes) -> Ints | None:
    """Return what will be used of a resource; None if the pod is indifferent to it."""
    if resource == "cpu":
        return nodes.rated_cpu + pod.rated[0]
    if resource == "memory":
        return nodes.rated_memory + pod.rated[1]
    wanted = pod.asked.get(resource, 0)
    return nodes.asked(resource) + wanted if wanted or resource == "ephemeral-storage" else None


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
