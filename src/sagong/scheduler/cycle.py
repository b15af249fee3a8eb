"""One scheduling cycle: a pod and a snapshot in, a node or the reasons why not out. No I/O.

PreFilter, Filter, PreScore, Score, in upstream's order. On large clusters not every node is tried: the search goes on round-robin
from where the last one stopped, until enough nodes fit (percentageOfNodesToScore).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sagong.api.clock import Random
from sagong.api.types.core import Pod
from sagong.scheduler.framework import Filter, Normalize, PreFilter, PreScore, Score, State, Unfit
from sagong.scheduler.plugins import Profile
from sagong.scheduler.snapshot import NodeInfo, Snapshot

MIN_FEASIBLE = 100
MIN_PERCENTAGE = 5


@dataclass(slots=True)
class Placement:
    """Where a pod goes: the node, the attempt's notes for Reserve and Bind, and the ratings for the log."""

    node: str
    state: State
    evaluated: int
    feasible: int
    scores: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class NoFit:
    """Why no node can take a pod: by node name, or before any node was looked at."""

    nodes: int
    state: State
    by_node: dict[str, Unfit] = field(default_factory=dict)
    at_once: Unfit | None = None
    preemption: str = ""

    @property
    def rejected_by(self) -> frozenset[str]:
        """The plugins that said no."""
        found = {unfit.plugin for unfit in self.by_node.values()}
        return frozenset(found | ({self.at_once.plugin} if self.at_once else set()))

    def message(self) -> str:
        """Return the text of the FailedScheduling event and of the PodScheduled condition."""
        text = f"0/{self.nodes} nodes are available:"
        if self.at_once is not None:
            return f"{text} {', '.join(self.at_once.reasons)}.{self._preempted()}"
        counts = Counter(reason for unfit in self.by_node.values() for reason in unfit.reasons)
        if not counts:
            return "no nodes available to schedule pods" if self.nodes == 0 else text[:-1] + "."
        return f"{text} {', '.join(sorted(f'{count} {reason}' for reason, count in counts.items()))}.{self._preempted()}"

    def _preempted(self) -> str:
        return f" {self.preemption}" if self.preemption else ""


class Cycle:
    """Schedules pods of one profile, one after the other."""

    def __init__(self, profile: Profile, random: Random) -> None:
        self._profile, self._random = profile, random
        self._next = 0

    def schedule(self, pod: Pod, snapshot: Snapshot) -> Placement | NoFit:
        """Choose a node."""
        state: State = {}
        if not snapshot.nodes:
            return NoFit(0, state)
        nodes = self._pre_filter(state, pod, snapshot)
        if isinstance(nodes, NoFit):
            return nodes
        feasible, failed = self._filter(state, pod, nodes)
        if not feasible:
            return NoFit(len(snapshot), state, {**{n: _OUTSIDE for n in snapshot.nodes if n not in {i.name for i in nodes}}, **failed})
        if len(feasible) == 1:
            return Placement(feasible[0].name, state, len(feasible) + len(failed), 1)
        scores = self._score(state, pod, feasible)
        best = max(scores.values())
        tied = [name for name, score in scores.items() if score == best]
        chosen = tied[int(self._random.uniform() * len(tied))]
        return Placement(chosen, state, len(feasible) + len(failed), len(feasible), scores)

    def fits(self, state: State, pod: Pod, node: NodeInfo) -> Unfit | None:
        """Run the filters for one node."""
        for plugin in self._profile.at(Filter):
            unfit = plugin.filter(state, pod, node)
            if unfit is not None:
                return Unfit(unfit.reasons, unfit.resolvable, self._profile.name_of(plugin))
        return None

    def _pre_filter(self, state: State, pod: Pod, snapshot: Snapshot) -> Sequence[NodeInfo] | NoFit:
        names: frozenset[str] | None = None
        for plugin in self._profile.at(PreFilter):
            found = plugin.pre_filter(state, pod, snapshot)
            if isinstance(found, Unfit):
                unfit = Unfit(found.reasons, found.resolvable, self._profile.name_of(plugin))
                return NoFit(len(snapshot), state, dict.fromkeys(snapshot.nodes, unfit) if unfit.resolvable else {}, at_once=unfit)
            if found is not None:
                names = found if names is None else names & found
        if names is None:
            return list(snapshot.nodes.values())
        return [snapshot.nodes[name] for name in snapshot.nodes if name in names]

    def _filter(self, state: State, pod: Pod, nodes: Sequence[NodeInfo]) -> tuple[list[NodeInfo], dict[str, Unfit]]:
        wanted = enough(len(nodes))
        feasible: list[NodeInfo] = []
        failed: dict[str, Unfit] = {}
        start = self._next % len(nodes) if nodes else 0
        for count in range(len(nodes)):
            node = nodes[(start + count) % len(nodes)]
            unfit = self.fits(state, pod, node)
            if unfit is not None:
                failed[node.name] = unfit
                continue
            feasible.append(node)
            if len(feasible) >= wanted:
                self._next = start + count + 1
                break
        return feasible, failed

    def _score(self, state: State, pod: Pod, nodes: Sequence[NodeInfo]) -> dict[str, int]:
        totals = {node.name: 0 for node in nodes}
        for plugin in self._profile.at(Score):
            if isinstance(plugin, PreScore) and not plugin.pre_score(state, pod, nodes):
                continue
            scores: Mapping[str, int] = {node.name: plugin.score(state, pod, node) for node in nodes}
            if isinstance(plugin, Normalize):
                scores = plugin.normalize(state, pod, scores)
            weight = self._profile.weight_of(plugin)
            for name, score in scores.items():
                totals[name] += weight * score
        return totals


_OUTSIDE = Unfit(("node(s) didn't satisfy plugin(s) [NodeAffinity]",), resolvable=False, plugin="NodeAffinity")


def enough(nodes: int) -> int:
    """Return how many feasible nodes end the search: all of up to 100, then 50 % falling to 5 % with size."""
    if nodes <= MIN_FEASIBLE:
        return nodes
    percentage = max(50 - nodes // 125, MIN_PERCENTAGE)
    return max(nodes * percentage // 100, MIN_FEASIBLE)
