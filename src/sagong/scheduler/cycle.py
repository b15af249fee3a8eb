"""One scheduling cycle: a pod and a snapshot in, a node or the reasons why not out. No I/O.

`schedule` is the whole of it; its steps are there for `extended`, which asks extenders in between.

PreFilter, Filter, Score, in upstream's order, each over all nodes at once. The node that a pod is nominated to is tried first. On large
clusters not every node counts: the search goes on round-robin from where the last one stopped, until enough nodes fit
(percentageOfNodesToScore).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sagong.api.clock import Random
from sagong.scheduler.columns import Ints
from sagong.scheduler.filtering import Filtering, OnOneNode
from sagong.scheduler.framework import (
    SKIP,
    Filter,
    NodeFilter,
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
from sagong.scheduler.metrics import ERROR, SAMPLED, SKIPPED, SUCCESS, UNRESOLVABLE, UNSCHEDULABLE, Metrics, PluginTimes
from sagong.scheduler.node_info import NodeInfo
from sagong.scheduler.nodes import Nodes
from sagong.scheduler.nominator import Nominator
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.profile import Profile
from sagong.scheduler.snapshot import Snapshot
from sagong.scheduler.table import Table
from sagong.scheduler.verdicts import Verdicts

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


@dataclass(slots=True)
class Attempt:
    """A pod on its way through the steps. `rows`: those of the only nodes to try, None for all; `nofit`: what is known against the pod."""

    pod: PodInfo
    snapshot: Snapshot
    state: State
    nofit: NoFit
    rows: Ints | None = None

    @property
    def over(self) -> bool:
        """Whether no node need be looked at."""
        return not self.nofit.nodes or self.nofit.at_once is not None

    @property
    def nodes(self) -> Nodes:
        """The nodes to try; of all nodes a row is its own place among them."""
        return Nodes(self.snapshot.table) if self.rows is None else Nodes(self.snapshot.table, self.rows)

    @property
    def order(self) -> Ints:
        """Their places, in the order in which they are tried."""
        return self.snapshot.order if self.rows is None else np.arange(len(self.rows))

    def refusals(self, verdicts: Verdicts) -> Sequence[Refusal]:
        """Return why nodes were refused."""
        return verdicts.refusals(self.order, self.snapshot.order if self.rows is None else self.rows)


class Cycle:
    """Schedules pods of one profile, one after the other. It is the Trial of its PostFilter plugins."""

    def __init__(
        self,
        profile: Profile,
        random: Random,
        nominator: Nominator,
        metrics: Metrics | None = None,
        now: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`metrics` counts the extension points, timed by `now` in seconds."""
        self._profile, self._random, self._nominator = profile, random, nominator
        self._metrics, self._now = metrics or Metrics(), now
        self._filtering = Filtering(profile, nominator)
        self._times, self._timed = PluginTimes(self._metrics.plugin_seconds, now), False
        self._next = self._attempts = 0
        self._filters = tuple(plugin.name for plugin in profile.plugins if isinstance(plugin, Filter | NodeFilter))
        self._asked: dict[frozenset[str], tuple[str, ...]] = {}

    def schedule(self, pod: PodInfo, snapshot: Snapshot) -> Placement | NoFit:
        """Choose a node. Raises PluginError."""
        attempt = self.begin(pod, snapshot)
        if attempt.over:
            return attempt.nofit
        feasible = self.nominated(attempt)
        if feasible is None:
            feasible, verdicts = self.search(attempt)
            if not len(feasible):
                attempt.nofit.refusals = attempt.refusals(verdicts)
                return attempt.nofit
        return self.choose(attempt, feasible)

    def begin(self, pod: PodInfo, snapshot: Snapshot) -> Attempt:
        """Ask the PreFilter plugins. Raises PluginError."""
        attempt = Attempt(pod, snapshot, state := State(), NoFit(len(snapshot), state))
        self._timed = self._attempts % SAMPLED == 0
        self._filtering.timed = self._times if self._timed else None
        self._attempts += 1
        if len(snapshot):
            began, status = self._now(), ERROR
            try:
                self._pre_filter(attempt)
                found = attempt.nofit.at_once
                status = SUCCESS if found is None else UNSCHEDULABLE if found.resolvable else UNRESOLVABLE
            finally:
                self._metrics.ran("PreFilter", self._profile.name, self._now() - began, status)
        return attempt

    def nominated(self, attempt: Attempt) -> Ints | None:
        """Return the row of the node that the pod is nominated to, None if it does not fit there."""
        snapshot = attempt.snapshot
        node = snapshot.get(attempt.pod.pod.status.nominatedNodeName)
        if node is None or self.on(attempt.state, attempt.pod, snapshot.table, node).unfit() is not None:
            return None
        return np.array([node.row], np.int64)

    def search(self, attempt: Attempt) -> tuple[Ints, Verdicts]:
        """Return the rows of nodes that fit, in the order of the search; and why the others do not. Raises PluginError."""
        nofit, rows = attempt.nofit, attempt.rows
        nodes, order = attempt.nodes, attempt.order
        wanted = enough(len(order), self._profile.percentage_of_nodes_to_score)
        start = self._next % max(len(order), 1)
        turned = np.concatenate((order[start:], order[:start]))
        began, name = self._now(), self._profile.name
        found, verdicts = self._filtering.search(attempt.state, attempt.pod, nodes, turned, wanted=wanted)
        self._metrics.ran("Filter", name, self._now() - began, SUCCESS if len(found) else UNSCHEDULABLE)
        self._metrics.asked("Filter", name, self._filters_without(attempt.state.skipped))
        nofit.seen = len(order)
        if len(found) and len(found) >= wanted:
            nofit.seen = int(np.flatnonzero(turned == found[-1])[0]) + 1
        self._next = (self._next + nofit.seen) % nofit.nodes
        return found if rows is None else rows[found], verdicts

    def choose(self, attempt: Attempt, feasible: Ints, extra: Ints | int = 0) -> Placement:
        """Return the best of the nodes that fit; `extra` is added to what plugins rate them. Raises PluginError."""
        nodes = Nodes(attempt.snapshot.table, feasible)
        totals: Ints = np.zeros(len(feasible), np.int64) + extra
        if len(feasible) > 1:
            self._rate(attempt, nodes, totals)
        tied = np.flatnonzero(totals == totals.max())
        chosen = attempt.snapshot.table.infos[feasible[tied[int(self._random.uniform() * len(tied))]]]
        assert chosen is not None
        return Placement(chosen.name, attempt.state, attempt.nofit.seen or 1, nodes, totals)

    def post_filter(self, pod: PodInfo, snapshot: Snapshot, nofit: NoFit) -> Nomination:
        """Try to make room; the message is added to `nofit`. Raises PluginError."""
        found, began = Nomination(""), self._now()
        for plugin in self._profile.at(PostFilter):
            started = self._now()
            found = plugin.post_filter(pod, snapshot, nofit, self)
            if self._timed:
                self._times.ran(plugin.name, "PostFilter", started, SUCCESS if found.node else UNSCHEDULABLE)
            if found.node:
                break
        self._metrics.ran("PostFilter", self._profile.name, self._now() - began, SUCCESS if found.node else UNSCHEDULABLE)
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

    def _pre_filter(self, attempt: Attempt) -> None:
        """Note what is known against the pod, and the rows of the only nodes to try.

        A refusal that preemption may resolve does not end the round: preemption will need every plugin's notes.
        """
        state, nofit, snapshot = attempt.state, attempt.nofit, attempt.snapshot
        names: frozenset[str] | None = None
        narrowed: set[str] = set()
        plugins = self._profile.at(PreFilter)
        self._metrics.asked("PreFilter", self._profile.name, tuple([plugin.name for plugin in plugins]))
        for plugin in plugins:
            name, began = plugin.name, self._now() if self._timed else 0.0
            try:
                verdict = plugin.pre_filter(state, attempt.pod, snapshot)
            except PluginError as error:
                raise PluginError(f'running PreFilter plugin "{name}": {error}') from error
            if self._timed:
                self._times.ran(name, "PreFilter", began, _status(verdict))
            if verdict is SKIP:
                state.skipped.add(name)
            elif isinstance(verdict, Unfit):
                nofit.at_once = verdict
                if not verdict.resolvable:
                    return
            elif isinstance(verdict, frozenset):
                narrowed.add(name)
                names = verdict if names is None else names & verdict
                if not names:
                    nofit.at_once, nofit.narrowed_by = _nowhere(narrowed), frozenset(narrowed)
                    return
        if names is not None:
            nofit.narrowed_by = frozenset(narrowed)
            nofit.others = Unfit("", (f"node(s) didn't satisfy plugin(s) [{' '.join(sorted(narrowed))}]",), resolvable=False)
            found = [node.row for name in sorted(names) if (node := snapshot.get(name)) is not None]
            attempt.rows = np.array(found, np.int64)

    def _rate(self, attempt: Attempt, nodes: Nodes, totals: Ints) -> None:
        began, asked = self._now(), []
        for plugin in self._profile.at(Score):
            started = self._now() if self._timed else 0.0
            scores = plugin.score(attempt.state, attempt.pod, nodes, attempt.snapshot)
            if self._timed and scores is not None:
                self._times.ran(plugin.name, "Score", started, SUCCESS)
            if scores is not None:
                totals += self._profile.weight_of(plugin.name) * scores
                asked.append(plugin.name)
        self._metrics.ran("Score", self._profile.name, self._now() - began)
        self._metrics.asked("Score", self._profile.name, tuple(asked))

    def _filters_without(self, skipped: set[str]) -> tuple[str, ...]:
        key = frozenset(skipped)
        if key not in self._asked:
            self._asked[key] = tuple(name for name in self._filters if name not in key)
        return self._asked[key]


def _status(verdict: object) -> str:
    """Return what a PreFilter plugin's verdict is called."""
    if isinstance(verdict, Unfit):
        return UNSCHEDULABLE if verdict.resolvable else UNRESOLVABLE
    return SKIPPED if verdict is SKIP else SUCCESS


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
