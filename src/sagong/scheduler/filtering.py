"""Filters at work: over all nodes at once, one by one where a filter has to, and on one node that is supposed to be other than it is.

Nodes to which pods of the same priority or more are nominated must have room for those too. Since affinity may want them absent, a pod
has to fit with them and without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sagong.scheduler.columns import Ints
from sagong.scheduler.framework import Filter, NodeFilter, PluginError, PodExtensions, State, Unfit
from sagong.scheduler.metrics import SUCCESS, UNSCHEDULABLE, PluginTimes
from sagong.scheduler.node_info import NodeInfo
from sagong.scheduler.nodes import Nodes, OneNode
from sagong.scheduler.nominator import Nominator
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.profile import Profile
from sagong.scheduler.table import Table
from sagong.scheduler.verdicts import Verdicts

_Ask = Callable[[State, PodInfo, OneNode], Unfit | None]


class Filtering:
    """A profile's filters."""

    def __init__(self, profile: Profile, nominator: Nominator) -> None:
        self.nominator = nominator
        self.timed: PluginTimes | None = None
        """what times the filters of the attempt that is going on, if it is one of those"""
        self.extensions = profile.at(PodExtensions)
        ranks = {plugin.name: rank for rank, plugin in enumerate(profile.plugins)}
        self._filters = [(ranks[plugin.name], plugin) for plugin in profile.at(Filter)]
        self._node_filters = [(ranks[plugin.name], plugin) for plugin in profile.at(NodeFilter)]
        asks = [(rank, plugin.name, _ask_one(plugin)) for rank, plugin in self._filters]
        asks += [(rank, plugin.name, _ask_node(plugin)) for rank, plugin in self._node_filters]
        self._asks = sorted(asks, key=lambda ask: ask[0])
        self._distant = [plugin.name for plugin in (*profile.at(PodExtensions), *profile.at(NodeFilter))] + ["NodePorts"]

    def is_local(self, state: State) -> bool:
        """Say whether the fit on a node follows from the node object and the sums of its pods alone."""
        return state.skipped.issuperset(self._distant)

    def search(self, state: State, pod: PodInfo, nodes: Nodes, order: Ints, *, wanted: int) -> tuple[Ints, Verdicts]:
        """Return the places among the nodes where the pod fits, in this order, as many as are wanted; and why not elsewhere."""
        verdicts = self.verdicts(state, pod, nodes)
        found = order[verdicts.open[order]]
        filters = [(rank, plugin) for rank, plugin in self._node_filters if plugin.name not in state.skipped]
        if not filters:
            return found[:wanted], verdicts
        one_by_one = _OneByOne(state, pod, nodes, verdicts, self.timed)
        fitting: list[int] = []
        for place in found.tolist():
            if not one_by_one.refuse(filters, place):
                fitting.append(place)
                if len(fitting) >= wanted:
                    break
        if not fitting:  # then it matters who refused first
            for place, refused in verdicts.later_than(filters[0][0]):
                one_by_one.refuse([(rank, plugin) for rank, plugin in filters if rank < refused], place)
        return np.array(fitting, np.int64), verdicts

    def verdicts(self, state: State, pod: PodInfo, nodes: Nodes) -> Verdicts:
        """Ask the filters that look at all nodes at once."""
        first = self.nominator.with_first(pod) if self.nominator and self.is_local(state) and not nodes.supposed else None
        if first is not None:
            nodes = Nodes(nodes.table, nodes.rows, first)
        verdicts, timed = Verdicts(len(nodes)), self.timed
        for rank, plugin in self._filters:
            if plugin.name not in state.skipped:
                began = timed.now() if timed is not None else 0.0
                try:
                    refusals = plugin.filter(state, pod, nodes)
                except PluginError as error:
                    raise _failed(plugin.name, error) from error
                if timed is not None:
                    everywhere = refusals is not None and bool(np.all(refusals.codes))
                    timed.ran(plugin.name, "Filter", began, UNSCHEDULABLE if everywhere else SUCCESS)
                verdicts.take(rank, refusals)
        if self.nominator and not self.is_local(state):
            self._look_at_nominated(state, pod, nodes, verdicts)
        return verdicts

    def on_one(self, state: State, pod: PodInfo, node: OneNode) -> tuple[int, Unfit] | None:
        """Ask the filters about one node; return the first refusal with its rank."""
        return next(self._refusals_of_one(state, pod, node), None)

    def all_on_one(self, state: State, pod: PodInfo, node: OneNode) -> list[Unfit]:
        """Ask all filters about one node; return all refusals."""
        return [unfit for _, unfit in self._refusals_of_one(state, pod, node)]

    def _refusals_of_one(self, state: State, pod: PodInfo, node: OneNode) -> Iterator[tuple[int, Unfit]]:
        for rank, name, ask in self._asks:
            if name in state.skipped:
                continue
            try:
                unfit = ask(state, pod, node)
            except PluginError as error:
                raise _failed(name, error) from error
            if unfit is not None:
                yield rank, unfit

    def _look_at_nominated(self, state: State, pod: PodInfo, nodes: Nodes, verdicts: Verdicts) -> None:
        """Refuse nodes that the pod does not fit beside the pods nominated there."""
        places = {row: place for place, row in enumerate(nodes.numbers.tolist())}
        for name in tuple(self.nominator.nodes()):
            node = nodes.table.by_name[name]
            if node.row in places and (first := self.nominator.first(pod, name)):
                crowded = OnOneNode(self, state, pod, nodes.table, node)
                for other in first:
                    crowded.add(other)
                refused = self.on_one(crowded.state, pod, crowded.nodes)
                if refused is not None:
                    verdicts.set(places[node.row], *refused)


@dataclass(frozen=True, slots=True)
class _OneByOne:
    """An attempt, for the filters that look at one node at a time."""

    state: State
    pod: PodInfo
    nodes: Nodes
    verdicts: Verdicts
    timed: PluginTimes | None

    def refuse(self, filters: Sequence[tuple[int, NodeFilter]], place: int) -> bool:
        """Ask about the node at a place; say whether a filter refused it."""
        node = self.nodes.table.infos[self.nodes.row(place)]
        assert node is not None
        for rank, plugin in filters:
            began = self.timed.now() if self.timed is not None else 0.0
            try:
                unfit = plugin.filter_node(self.state, self.pod, node)
            except PluginError as error:
                raise _failed(plugin.name, error) from error
            if self.timed is not None:
                self.timed.ran(plugin.name, "Filter", began, SUCCESS if unfit is None else UNSCHEDULABLE)
            if unfit is not None:
                self.verdicts.set(place, rank, unfit)
                return True
        return False


class OnOneNode:
    """A pod's attempt on one node, with other pods moved on and off it."""

    def __init__(self, filtering: Filtering, state: State, pod: PodInfo, table: Table, node: NodeInfo | OneNode) -> None:
        self._filtering, self.state, self._pod, self._table = filtering, state.fork(), pod, table
        self.nodes = node.copy() if isinstance(node, OneNode) else OneNode(table, node)

    @property
    def node(self) -> NodeInfo:
        """The node, as it would be."""
        return self.nodes.info

    def unfit(self) -> Unfit | None:
        """Return why the pod does not fit, counting pods of its priority or more that are nominated to the node."""
        first = self._filtering.nominator.first(self._pod, self.node.name)
        if first:
            crowded = OnOneNode(self._filtering, self.state, self._pod, self._table, self.nodes)
            for other in first:
                crowded.add(other)
            refused = self._filtering.on_one(crowded.state, self._pod, crowded.nodes)
            if refused is not None:
                return refused[1]
        refused = self._filtering.on_one(self.state, self._pod, self.nodes)
        return refused[1] if refused is not None else None

    def add(self, other: PodInfo) -> None:
        """Put another pod on the node."""
        self.nodes.count(other, 1)
        for plugin in self._filtering.extensions:
            if plugin.name not in self.state.skipped:
                plugin.add_pod(self.state, self._pod, other, self.node)

    def remove(self, other: PodInfo) -> None:
        """Take another pod off the node."""
        self.nodes.count(other, -1)
        for plugin in self._filtering.extensions:
            if plugin.name not in self.state.skipped:
                plugin.remove_pod(self.state, self._pod, other, self.node)


def _ask_one(plugin: Filter) -> _Ask:
    def ask(state: State, pod: PodInfo, node: OneNode) -> Unfit | None:
        refusals = plugin.filter(state, pod, node)
        return refusals.why(int(refusals.codes[0])) if refusals is not None and refusals.codes[0] else None

    return ask


def _ask_node(plugin: NodeFilter) -> _Ask:
    return lambda state, pod, node: plugin.filter_node(state, pod, node.info)


def _failed(plugin: str, error: PluginError) -> PluginError:
    return PluginError(f'running "{plugin}" filter plugin: {error}')
