"""One scheduling cycle: a pod and a snapshot in, a node or the reasons why not out. No I/O.

PreFilter, Filter, Score, in upstream's order. The node that a pod is nominated to is tried first. On large clusters not every node is
tried: the search goes on round-robin from where the last one stopped, until enough nodes fit (percentageOfNodesToScore).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sagong.api.clock import Random
from sagong.scheduler.framework import (
    SKIP,
    Filter,
    NoFit,
    Nomination,
    PluginError,
    PodExtensions,
    PostFilter,
    PreFilter,
    Score,
    State,
    Unfit,
)
from sagong.scheduler.nominator import Nominator
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.profile import Profile
from sagong.scheduler.snapshot import NodeInfo, Snapshot

MIN_FEASIBLE = 100
MIN_PERCENTAGE = 5


@dataclass(slots=True)
class Placement:
    """Where a pod goes: the node, the attempt's notes for Reserve and PreBind, and the ratings for the log."""

    node: str
    state: State
    evaluated: int
    feasible: int
    scores: Mapping[str, int] = field(default_factory=dict)


class Cycle:
    """Schedules pods of one profile, one after the other. It is the Trial of its PostFilter plugins."""

    def __init__(self, profile: Profile, random: Random, nominator: Nominator | None = None) -> None:
        self._profile, self._random = profile, random
        self._nominator = nominator if nominator is not None else Nominator()
        self._next = 0

    def schedule(self, pod: PodInfo, snapshot: Snapshot) -> Placement | NoFit:
        """Choose a node. Raises PluginError."""
        state = State()
        if not len(snapshot):
            return NoFit(0, state)
        nofit, nodes = self._pre_filter(state, pod, snapshot)
        if nofit.at_once is not None:
            return nofit
        feasible = self._nominated(state, pod, snapshot) or self._search(state, pod, nodes, nofit)
        if not feasible:
            return nofit
        evaluated = len(feasible) + len(nofit.by_node)
        if len(feasible) == 1:
            return Placement(feasible[0].name, state, evaluated, 1)
        totals = self._rate(state, pod, feasible, snapshot)
        best = max(totals)
        tied = [place for place, total in enumerate(totals) if total == best]
        chosen = feasible[tied[int(self._random.uniform() * len(tied))]]
        scores = dict(zip((node.name for node in feasible), totals, strict=True))
        return Placement(chosen.name, state, evaluated, len(feasible), scores)

    def post_filter(self, pod: PodInfo, snapshot: Snapshot, nofit: NoFit) -> Nomination:
        """Try to make room; the message is added to `nofit`. Raises PluginError."""
        found = Nomination("")
        for plugin in self._profile.at(PostFilter):
            found = plugin.post_filter(pod, snapshot, nofit, self)
            if found.node:
                break
        nofit.preemption = found.message
        return found

    # Trial

    def fits(self, state: State, pod: PodInfo, node: NodeInfo) -> Unfit | None:
        """Run the filters for one node: with the nominated pods that come first, and, since affinity may want them absent, without."""
        if self._nominator:
            first = [other for other in self._nominator.on(node.name) if other.priority >= pod.priority and other.uid != pod.uid]
            if first:
                trial, crowded = state.fork(), node.copy()
                for other in first:
                    self.add(trial, pod, other, crowded)
                unfit = self._filter(trial, pod, crowded)
                if unfit is not None:
                    return unfit
        return self._filter(state, pod, node)

    def add(self, state: State, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        """Put another pod on the node."""
        node.add(other)
        for plugin in self._profile.at(PodExtensions):
            if plugin.name not in state.skipped:
                plugin.add_pod(state, pod, other, node)

    def remove(self, state: State, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        """Take another pod off the node."""
        node.remove(other.uid)
        for plugin in self._profile.at(PodExtensions):
            if plugin.name not in state.skipped:
                plugin.remove_pod(state, pod, other, node)

    # Steps

    def _pre_filter(self, state: State, pod: PodInfo, snapshot: Snapshot) -> tuple[NoFit, Sequence[NodeInfo]]:
        """Return what is known against the pod, and the nodes to try.

        A refusal that preemption may resolve does not end the round: preemption will need every plugin's notes.
        """
        nofit = NoFit(len(snapshot), state)
        names: frozenset[str] | None = None
        narrowed: set[str] = set()
        for plugin in self._profile.at(PreFilter):
            name = plugin.name
            try:
                verdict = plugin.pre_filter(state, pod, snapshot)
            except PluginError as error:
                raise PluginError(f'running PreFilter plugin "{name}": {error}') from error
            if verdict is SKIP:
                state.skipped.add(name)
            elif isinstance(verdict, Unfit):
                nofit.at_once = verdict
                if not verdict.resolvable:
                    return nofit, ()
            elif isinstance(verdict, frozenset):
                narrowed.add(name)
                names = verdict if names is None else names & verdict
                if not names:
                    nofit.at_once, nofit.narrowed_by = _nowhere(narrowed), frozenset(narrowed)
                    return nofit, ()
        if names is None:
            return nofit, snapshot.nodes
        nofit.narrowed_by = frozenset(narrowed)
        nofit.others = Unfit("", (f"node(s) didn't satisfy plugin(s) [{' '.join(sorted(narrowed))}]",), resolvable=False)
        return nofit, [snapshot.by_name[name] for name in names if name in snapshot.by_name]

    def _nominated(self, state: State, pod: PodInfo, snapshot: Snapshot) -> list[NodeInfo]:
        node = snapshot.by_name.get(pod.pod.status.nominatedNodeName)
        return [node] if node is not None and self.fits(state, pod, node) is None else []

    def _search(self, state: State, pod: PodInfo, nodes: Sequence[NodeInfo], nofit: NoFit) -> list[NodeInfo]:
        wanted = enough(len(nodes), self._profile.percentage_of_nodes_to_score)
        feasible: list[NodeInfo] = []
        start = self._next % len(nodes) if nodes else 0
        filters, crowded = self._filters(state), bool(self._nominator)
        for node in (*nodes[start:], *nodes[:start]):
            unfit = self.fits(state, pod, node) if crowded else _first_unfit(filters, state, pod, node)
            if unfit is not None:
                nofit.by_node[node.name] = unfit
                continue
            feasible.append(node)
            if len(feasible) >= wanted:
                break
        self._next = (self._next + len(feasible) + len(nofit.by_node)) % nofit.nodes
        return feasible

    def _filter(self, state: State, pod: PodInfo, node: NodeInfo) -> Unfit | None:
        return _first_unfit(self._filters(state), state, pod, node)

    def _filters(self, state: State) -> list[Filter]:
        return [plugin for plugin in self._profile.at(Filter) if plugin.name not in state.skipped]

    def _rate(self, state: State, pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot) -> list[int]:
        totals = [0] * len(nodes)
        for plugin in self._profile.at(Score):
            scores = plugin.score(state, pod, nodes, snapshot)
            if scores is not None:
                weight = self._profile.weight_of(plugin.name)
                totals = [total + weight * score for total, score in zip(totals, scores, strict=True)]
        return totals


def _first_unfit(filters: Sequence[Filter], state: State, pod: PodInfo, node: NodeInfo) -> Unfit | None:
    for plugin in filters:
        try:
            unfit = plugin.filter(state, pod, node)
        except PluginError as error:
            raise PluginError(f'running "{plugin.name}" filter plugin: {error}') from error
        if unfit is not None:
            return unfit
    return None


def _nowhere(plugins: set[str]) -> Unfit:
    names = sorted(plugins)
    if len(names) == 1:
        return Unfit(names[0], (f"node(s) didn't satisfy plugin {names[0]}",), resolvable=False)
    return Unfit("", (f"node(s) didn't satisfy plugin(s) [{' '.join(names)}] simultaneously",), resolvable=False)


def enough(nodes: int, percentage: int = 0) -> int:
    """Return how many feasible nodes end the search: all of up to 100, then 50 % falling to 5 % with size unless a share is set."""
    if nodes < MIN_FEASIBLE:
        return nodes
    percentage = percentage or max(50 - nodes // 125, MIN_PERCENTAGE)
    return max(nodes * percentage // 100, MIN_FEASIBLE)
