"""NodeResourcesFit: what pods ask for must fit what the node can give; of the fitting ones, the least used rates best (by default)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sagong.api.types.core import Node
from sagong.scheduler.events import ADD, DELETE, NODE_ALLOCATABLE, POD_SCALE_DOWN, Change, on
from sagong.scheduler.framework import MAX_SCORE, State, Unfit
from sagong.scheduler.pod_info import Amounts, PodInfo, amounts
from sagong.scheduler.snapshot import NodeInfo, Snapshot, rate_by_sums

_NAME = "NodeResourcesFit"


class ResourcesFit:
    """Filter and Score. `weights`: how much each resource counts in the rating; `most_allocated` fills nodes up instead."""

    name = _NAME
    events = on(Node=ADD | NODE_ALLOCATABLE, Pod=DELETE | POD_SCALE_DOWN)

    def __init__(self, weights: Mapping[str, int] | None = None, *, most_allocated: bool = False) -> None:
        self._weights = dict(weights or {"cpu": 1, "memory": 1})
        self._most = most_allocated

    def filter(self, state: State, pod: PodInfo, node: NodeInfo) -> Unfit | None:
        """Name every resource that is short; preemption cannot help where the node as a whole is too small."""
        del state
        allocatable, used = node.allocatable, node.asked
        if len(node.pods) < allocatable.get("pods", 0):
            for name, wanted in pod.asked.items():
                if wanted > 0 and wanted > allocatable.get(name, 0) - used.get(name, 0):
                    break
            else:
                return None
        return _short(pod.asked, node)

    def score(self, state: State, pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot) -> Sequence[int]:
        """Average the free (or used) shares after placement, by weight."""
        del state, snapshot
        return rate_by_sums(nodes, (self, pod.needs), lambda node: self._rate(pod, node))

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

    def _rate(self, pod: PodInfo, node: NodeInfo) -> int:
        total = weights = 0
        for name, weight in self._weights.items():
            capacity = node.allocatable.get(name, 0)
            if not capacity:
                continue
            if name == "cpu":
                used = node.rated_cpu + pod.rated[0]
            elif name == "memory":
                used = node.rated_memory + pod.rated[1]
            else:
                wanted = pod.asked.get(name, 0)
                if not wanted and name != "ephemeral-storage":
                    continue
                used = node.asked.get(name, 0) + wanted
            share = min(used, capacity) if self._most else capacity - used
            total += weight * (share * MAX_SCORE // capacity if share > 0 else 0)
            weights += weight
        return total // weights if weights else 0


def _short(asked: Amounts, node: NodeInfo) -> Unfit:
    reasons: list[str] = []
    resolvable = True
    if len(node.pods) >= node.allocatable.get("pods", 0):
        reasons.append("Too many pods")
    for name, wanted in asked.items():
        capacity = node.allocatable.get(name, 0)
        if wanted > 0 and wanted > capacity - node.asked.get(name, 0):
            reasons.append(f"Insufficient {name}")
            resolvable &= wanted <= capacity
    return Unfit(_NAME, tuple(reasons), resolvable)


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
