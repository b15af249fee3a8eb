"""One scheduling cycle: a pod and a snapshot in, a node or the reasons why not out. No I/O.

PreFilter, Filter, Score, in upstream's order, each over all nodes at once. The node that a pod is nominated to is tried first. On large
clusters not every node counts: the search goes on round-robin from where the last one stopped, until enough nodes fit
(percentageOfNodesToScore).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sagong.api.clock import Random
from sagong.scheduler.columns import Ints
from sagong.scheduler.filtering import Filtering, OnOneNode
from sagong.scheduler.framework import (
    SKIP,
    NoFit,
    Nomination,
    PluginError,
    PostFilter,
    PreFilter,
    Refusal,
    Score,
    State,
    Unfit,
)
from sagong.scheduler.node_info import NodeInfo
from sagong.scheduler.nodes import Nodes
from sagong.scheduler.nominator import Nominator
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.profile import Profile
from sagong.scheduler.snapshot import Snapshot
from sagong.scheduler.table import Table

MIN_FEASIBLE = 100
MIN_PERCENTAGE = 5


@dataclass(slots=True)
class Placement:
    """Where a pod goes: the node, the attempt's notes for Reserve and PreBind, and, for the log, who was rated and how."""

    node: str
    state: State
    evaluated: int
    rated: Nodes
    totals: Ints

    @property
    def scores(self) -> Mapping[str, int]:
        """The ratings by node."""
        return dict(zip((node.name for node in self.rated), self.totals.tolist(), strict=True))


class Cycle:
    """Schedules pods of one profile, one after the other. It is the Trial of its PostFilter plugins."""

    def __init__(self, profile: Profile, random: Random, nominator: Nominator) -> None:
        self._profile, self._random, self._nominator = profile, random, nominator
        self._filtering = Filtering(profile, nominator)
        self._next = 0

    def schedule(self, pod: PodInfo, snapshot: Snapshot) -> Placement | NoFit:
        """Choose a node. Raises PluginError."""
        state = State()
        if not len(snapshot):
            return NoFit(0, state)
        nofit, rows = self._pre_filter(state, pod, snapshot)
        if nofit.at_once is not None:
            return nofit
        feasible = self._nominated(state, pod, snapshot)
        if feasible is None:
            feasible = self._search(state, pod, snapshot, rows, nofit)
        if not len(feasible):
            return nofit
        nodes = Nodes(snapshot.table, feasible)
        totals = self._rate(state, pod, nodes, snapshot) if len(feasible) > 1 else np.zeros(1, np.int64)
        tied = np.flatnonzero(totals == totals.max())
        chosen = snapshot.table.infos[feasible[tied[int(self._random.uniform() * len(tied))]]]
        assert chosen is not None
        return Placement(chosen.name, state, nofit.seen or 1, nodes, totals)

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

    def on(self, state: State, pod: PodInfo, table: Table, node: NodeInfo) -> OnOneNode:
        """Return an attempt on one node."""
        return OnOneNode(self._filtering, state, pod, table, node)

    def without_lower(self, state: State, pod: PodInfo, table: Table, rows: Ints) -> Sequence[Refusal] | None:
        """Return which nodes could not take the pod even without any pod of lower priority; None when it takes a look at each."""
        if not self._filtering.is_local(state):
            return None
        sums = (self._nominator.with_first(pod) or table.sums).plus(table.lower(pod.priority), -1)
        verdicts = self._filtering.verdicts(state, pod, Nodes(table, rows, sums))
        return verdicts.refusals(np.arange(len(rows)), rows)

    def stamps(self, state: State, pod: PodInfo, table: Table, rows: Ints) -> Sequence[int] | None:
        """Return, for each row, a number that is another when the fit there may be; None when it depends on other nodes too."""
        if not self._filtering.is_local(state) or self._nominator.has(pod.uid):
            return None
        found: list[int] = table.stamps[rows].tolist()
        return found

    # Steps

    def _pre_filter(self, state: State, pod: PodInfo, snapshot: Snapshot) -> tuple[NoFit, Ints | None]:
        """Return what is known against the pod, and the rows of the only nodes to try, None for all.

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
                    return nofit, None
            elif isinstance(verdict, frozenset):
                narrowed.add(name)
                names = verdict if names is None else names & verdict
                if not names:
                    nofit.at_once, nofit.narrowed_by = _nowhere(narrowed), frozenset(narrowed)
                    return nofit, None
        if names is None:
            return nofit, None
        nofit.narrowed_by = frozenset(narrowed)
        nofit.others = Unfit("", (f"node(s) didn't satisfy plugin(s) [{' '.join(sorted(narrowed))}]",), resolvable=False)
        return nofit, np.array([node.row for name in sorted(names) if (node := snapshot.get(name)) is not None], np.int64)

    def _nominated(self, state: State, pod: PodInfo, snapshot: Snapshot) -> Ints | None:
        node = snapshot.get(pod.pod.status.nominatedNodeName)
        if node is None or self.on(state, pod, snapshot.table, node).unfit() is not None:
            return None
        return np.array([node.row], np.int64)

    def _search(self, state: State, pod: PodInfo, snapshot: Snapshot, rows: Ints | None, nofit: NoFit) -> Ints:
        """Return the rows of nodes that fit, in the order of the search; note in `nofit` why the others that were seen do not."""
        if rows is None:
            nodes, order = Nodes(snapshot.table), snapshot.order  # a row is its own place among all
        else:
            nodes, order = Nodes(snapshot.table, rows), np.arange(len(rows))
        wanted = enough(len(order), self._profile.percentage_of_nodes_to_score)
        start = self._next % max(len(order), 1)
        turned = np.concatenate((order[start:], order[:start]))
        found, verdicts = self._filtering.search(state, pod, nodes, turned, wanted=wanted)
        if not len(found):
            nofit.refusals = verdicts.refusals(order, order if rows is None else rows)
        nofit.seen = len(order)
        if len(found) and len(found) >= wanted:
            nofit.seen = int(np.flatnonzero(turned == found[-1])[0]) + 1
        self._next = (self._next + nofit.seen) % nofit.nodes
        return found if rows is None else rows[found]

    def _rate(self, state: State, pod: PodInfo, nodes: Nodes, snapshot: Snapshot) -> Ints:
        totals: Ints = np.zeros(len(nodes), np.int64)
        for plugin in self._profile.at(Score):
            scores = plugin.score(state, pod, nodes, snapshot)
            if scores is not None:
                totals += self._profile.weight_of(plugin.name) * scores
        return totals


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
