"""PodTopologySpread: pods that belong together are spread over topology domains (KEP-895 and the KEPs that refined it).

A pod without constraints of its own gets the profile's: by default a wish to spread over nodes and zones what a service or an owner
selects.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from sagong.api.types.core import Node, Pod, TopologySpreadConstraint
from sagong.scheduler.columns import Bools, Floats, Ints
from sagong.scheduler.events import ADD, DELETE, NODE_LABEL, NODE_TAINT, POD_LABEL, POD_TOLERATION, Change, on
from sagong.scheduler.framework import MAX_SCORE, SKIP, Listers, Refusals, State, Unfit, Verdict, refuse
from sagong.scheduler.node_info import NodeInfo
from sagong.scheduler.nodes import Nodes, OneNode
from sagong.scheduler.plugins.default_selector import default_selector, kinds_read
from sagong.scheduler.plugins.spread_constraints import HARD, HOSTNAME, SOFT, SYSTEM_DEFAULTS, Constraint, has_keys, parse
from sagong.scheduler.pod_info import Labels, PodInfo
from sagong.scheduler.remedy import Remedy
from sagong.scheduler.snapshot import Snapshot
from sagong.scheduler.table import Table

_NAME = "PodTopologySpread"
_REASON = "node(s) didn't match pod topology spread constraints"
_SKEWED = Unfit(_NAME, (_REASON,))
_NO_LABEL = Unfit(_NAME, (f"{_REASON} (missing required label)",), resolvable=False)


class _Spread:
    """One constraint's matching pods by the number of the domain, and which domains there are."""

    __slots__ = ("_least", "_table", "constraint", "counts", "domains")

    def __init__(self, constraint: Constraint, table: Table, counts: Floats, domains: Bools) -> None:
        self.constraint, self._table, self.counts, self.domains = constraint, table, counts, domains
        self._least = -1.0

    def add(self, labels: Labels, by: int) -> None:
        """Count in the domain of a node of these labels."""
        self.counts[self._table.column(self.constraint.key).number(labels)] += by
        self._least = -1.0

    def least(self) -> float:
        """Return the count of the emptiest domain: nothing while there are too few domains."""
        if self._least < 0:
            number = np.count_nonzero(self.domains)
            enough = number and number >= self.constraint.min_domains
            self._least = float(np.min(self.counts, where=self.domains, initial=np.inf)) if enough else 0.0
        return self._least

    def fork(self) -> _Spread:
        """Return a copy that changes by itself."""
        return _Spread(self.constraint, self._table, self.counts.copy(), self.domains)


class _Spreads:
    """The hard constraints' counts of one attempt."""

    __slots__ = ("spreads",)

    def __init__(self, spreads: Sequence[_Spread]) -> None:
        self.spreads = spreads

    def fork(self) -> _Spreads:
        return _Spreads([spread.fork() for spread in self.spreads])


class TopologySpread:
    """PreFilter with extensions, Filter, Score."""

    name = _NAME
    events = on(Pod=ADD | POD_LABEL | POD_TOLERATION | DELETE, Node=ADD | DELETE | NODE_LABEL | NODE_TAINT)

    def __init__(self, listers: Listers, defaults: Sequence[TopologySpreadConstraint] | None = None) -> None:
        self._listers = listers
        self._defaults = SYSTEM_DEFAULTS if defaults is None else tuple(defaults)
        self._system_defaults = defaults is None

    def reads(self, pod: PodInfo) -> Iterable[type]:
        """Name what default constraints look up."""
        return () if pod.pod.spec.topologySpreadConstraints or not self._defaults else kinds_read(pod)

    def pre_filter(self, state: State, pod: PodInfo, snapshot: Snapshot) -> Verdict:
        """Count matching pods by domain."""
        constraints = self._constraints(pod, HARD)
        if not constraints:
            return SKIP
        state.notes[_NAME] = _Spreads(_counted(pod, constraints, snapshot))
        return None

    def add_pod(self, state: State, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        """Another pod is now on the node."""
        _move(state.notes[_NAME], pod, other, node, 1)

    def remove_pod(self, state: State, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        """Another pod is no longer on the node."""
        _move(state.notes[_NAME], pod, other, node, -1)

    def filter(self, state: State, pod: PodInfo, nodes: Nodes) -> Refusals | None:
        """Refuse nodes in whose domain the pod would make the skew too great."""
        spreads: _Spreads = state.notes[_NAME]
        codes = np.zeros(len(nodes), np.int64)
        for spread in spreads.spreads:
            constraint = spread.constraint
            domains = nodes.domains(constraint.key)
            itself = constraint.selector.matches(pod.labels)
            skewed = spread.counts[domains] + itself - spread.least() > constraint.max_skew
            codes = np.where(codes != 0, codes, np.where(domains == 0, 1, skewed * 2))
        return refuse(codes, _NO_LABEL, _SKEWED)

    def score(self, state: State, pod: PodInfo, nodes: Nodes, snapshot: Snapshot) -> Ints | None:
        """Rate the domains with the fewest matching pods best."""
        del state
        constraints = self._constraints(pod, SOFT)
        if not constraints:
            return None
        # the system's wish for zones must not keep nodes without a zone from being spread over by name
        strict = bool(pod.pod.spec.topologySpreadConstraints) or not self._system_defaults
        rated = has_keys(nodes, constraints) if strict else np.ones(len(nodes), np.bool_)
        if not rated.any():
            return None
        of_rated = Nodes(nodes.table, nodes.numbers[rated])
        crowding = np.zeros(len(of_rated))
        for constraint in constraints:
            crowding += _crowding(constraint, of_rated, pod, constraints if strict else (), snapshot)
        found = np.zeros(len(nodes), np.int64)
        found[rated] = _fewest_best(np.floor(crowding + 0.5).astype(np.int64))
        return found

    def remedies(self, state: State, pod: PodInfo, node: OneNode) -> Sequence[Remedy]:
        """Tell the skew that there would be."""
        spreads: _Spreads = state.notes[_NAME]
        found = []
        for spread in spreads.spreads:
            constraint = spread.constraint
            domain = int(node.domains(constraint.key)[0])
            if not domain:
                found.append(Remedy(f"label the node {constraint.key}"))
                continue
            skew = int(spread.counts[domain] + constraint.selector.matches(pod.labels) - spread.least())
            if skew > constraint.max_skew:
                found.append(Remedy(f"raise maxSkew of {constraint.key} from {constraint.max_skew} to {skew}"))
        return found

    def may_help(self, pod: PodInfo, change: Change) -> bool:
        """Look whether the change moves a count or a domain of one of the pod's hard constraints."""
        constraints = self._constraints(pod, HARD)
        if change.kind == "Node":
            return _node_may_help(constraints, change.old, change.new)
        return _pod_may_help(pod, constraints, change.old, change.new)

    def _constraints(self, pod: PodInfo, action: str) -> list[Constraint]:
        if pod.pod.spec.topologySpreadConstraints:
            return [parse(c, pod, None) for c in pod.pod.spec.topologySpreadConstraints if c.whenUnsatisfiable == action]
        wanted = [c for c in self._defaults if c.whenUnsatisfiable == action]
        if not wanted:
            return []
        selector = default_selector(pod, self._listers)
        return [] if selector.empty else [parse(c, pod, selector) for c in wanted]


def _counted(pod: PodInfo, constraints: Sequence[Constraint], snapshot: Snapshot) -> list[_Spread]:
    nodes = Nodes(snapshot.table)
    spreads = []
    for constraint in constraints:
        column = snapshot.table.column(constraint.key)
        tally = snapshot.population.staying(pod.namespace, constraint.selector)
        if constraint.counts_all and len(constraints) == 1:
            counts, domains = tally.by_domain(column), column.present
        else:
            counting = has_keys(nodes, constraints) & constraint.counts(pod, nodes)
            counts = column.sum(tally.counts, counting)
            domains = np.bincount(column.codes[counting], minlength=column.size) > 0
        spreads.append(_Spread(constraint, snapshot.table, counts, domains))
    return spreads


def _move(spreads: _Spreads, pod: PodInfo, other: PodInfo, node: NodeInfo, by: int) -> None:
    if other.namespace != pod.namespace or any(spread.constraint.key not in node.labels for spread in spreads.spreads):
        return
    for spread in spreads.spreads:
        constraint = spread.constraint
        if constraint.selector.matches(other.labels) and constraint.counts_on(pod, node.node):
            spread.add(node.labels, by)


def _crowding(constraint: Constraint, rated: Nodes, pod: PodInfo, needed: Sequence[Constraint], snapshot: Snapshot) -> Floats:
    """Return, for each node, how many matching pods its domain has; a domain of a small topology weighs less than one of a large.

    Pods count on nodes that the pod could spread over and that have the needed keys; by name every node counts, whatever the policies say.
    """
    tally = snapshot.population.staying(pod.namespace, constraint.selector)
    column, domains = snapshot.table.column(constraint.key), rated.domains(constraint.key)
    counts: Floats
    if constraint.key == HOSTNAME:
        counts, number = tally.counts[rated.rows].astype(np.float64), len(rated)
    else:
        if constraint.counts_all and not needed:
            by_domain = tally.by_domain(column)
        else:
            nodes = Nodes(snapshot.table)
            by_domain = column.sum(tally.counts, has_keys(nodes, needed) & constraint.counts(pod, nodes))
        counts, number = by_domain[domains], int(np.count_nonzero(np.bincount(domains)))
    return np.where(domains != 0, counts * math.log(number + 2) + (constraint.max_skew - 1), 0.0)


def _fewest_best(crowding: Ints) -> Ints | int:
    least, most = int(crowding.min()), int(crowding.max())
    return MAX_SCORE * (most + least - crowding) // most if most else MAX_SCORE


def _node_has_keys(node: Node, constraints: Sequence[Constraint]) -> bool:
    return all(constraint.key in node.metadata.labels for constraint in constraints)


def _node_may_help(constraints: Sequence[Constraint], old: Node | None, new: Node | None) -> bool:
    was = old is not None and _node_has_keys(old, constraints)
    now = new is not None and _node_has_keys(new, constraints)
    if old is None or new is None:
        return was or now
    if was != now:
        return True
    moved = any(old.metadata.labels.get(c.key) != new.metadata.labels.get(c.key) for c in constraints)
    return now and (moved or old.spec.taints != new.spec.taints)


def _pod_may_help(pod: PodInfo, constraints: Sequence[Constraint], old: Pod | None, new: Pod | None) -> bool:
    if not all(other is None or _is_involved(pod, other) for other in (old, new)):
        return False
    if old is None or new is None:
        labels: Mapping[str, str] = (new or old or pod.pod).metadata.labels
        return any(constraint.selector.matches(labels) for constraint in constraints)
    own = new.metadata.uid == pod.uid and new.spec.tolerations != old.spec.tolerations
    if own and any(constraint.honours_taints for constraint in constraints):
        return True
    before, now = old.metadata.labels, new.metadata.labels
    return before != now and any(c.selector.matches(before) != c.selector.matches(now) for c in constraints)


def _is_involved(pod: PodInfo, other: Pod) -> bool:
    if other.metadata.uid == pod.uid:
        return True
    return bool(other.spec.nodeName or other.status.nominatedNodeName) and other.metadata.namespace == pod.namespace
