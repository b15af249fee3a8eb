"""PodTopologySpread: pods that belong together are spread over topology domains (KEP-895 and the KEPs that refined it).

A pod without constraints of its own gets the profile's: by default a wish to spread over nodes and zones what a service or an owner
selects.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from sagong.api.types.core import Node, Pod, TopologySpreadConstraint
from sagong.scheduler.events import ADD, DELETE, NODE_LABEL, NODE_TAINT, POD_LABEL, POD_TOLERATION, Change, on
from sagong.scheduler.framework import MAX_SCORE, SKIP, Listers, State, Unfit, Verdict
from sagong.scheduler.plugins.default_selector import default_selector, kinds_read
from sagong.scheduler.plugins.spread_constraints import HARD, HOSTNAME, SOFT, SYSTEM_DEFAULTS, Constraint, has_keys, parse
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.snapshot import NodeInfo, Snapshot

_NAME = "PodTopologySpread"
_REASON = "node(s) didn't match pod topology spread constraints"
_SKEWED = Unfit(_NAME, (_REASON,))
_NO_LABEL = Unfit(_NAME, (f"{_REASON} (missing required label)",), resolvable=False)


class _Spread:
    """One constraint's matching pods by domain."""

    __slots__ = ("_least", "constraint", "domains")

    def __init__(self, constraint: Constraint, domains: dict[str, int]) -> None:
        self.constraint, self.domains = constraint, domains
        self._least = -1

    def add(self, domain: str, by: int) -> None:
        """Count in a domain."""
        self.domains[domain] = self.domains.get(domain, 0) + by
        self._least = -1

    def least(self) -> int:
        """Return the count of the emptiest domain: nothing while there are too few domains."""
        if self._least < 0:
            enough = len(self.domains) >= self.constraint.min_domains
            self._least = min(self.domains.values()) if enough and self.domains else 0
        return self._least


class _Spreads:
    """The hard constraints' counts of one attempt."""

    __slots__ = ("spreads",)

    def __init__(self, spreads: Sequence[_Spread]) -> None:
        self.spreads = spreads

    def fork(self) -> _Spreads:
        return _Spreads([_Spread(spread.constraint, dict(spread.domains)) for spread in self.spreads])


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

    def filter(self, state: State, pod: PodInfo, node: NodeInfo) -> Unfit | None:
        """Refuse nodes in whose domain the pod would make the skew too great."""
        spreads: _Spreads = state.notes[_NAME]
        for spread in spreads.spreads:
            constraint = spread.constraint
            value = node.labels.get(constraint.key)
            if value is None:
                return _NO_LABEL
            itself = constraint.selector.matches(pod.labels)
            if spread.domains.get(value, 0) + itself - spread.least() > constraint.max_skew:
                return _SKEWED
        return None

    def score(self, state: State, pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot) -> Sequence[int] | None:
        """Rate the domains with the fewest matching pods best."""
        del state
        constraints = self._constraints(pod, SOFT)
        if not constraints:
            return None
        # the system's wish for zones must not keep nodes without a zone from being spread over by name
        strict = bool(pod.pod.spec.topologySpreadConstraints) or not self._system_defaults
        rated = nodes if not strict else [node for node in nodes if has_keys(node.labels, constraints)]
        if not rated:
            return None
        parts = [
            _crowding(constraint, rated, self._matching(pod, constraint, constraints if strict else (), snapshot), snapshot)
            for constraint in constraints
        ]
        crowding = [math.floor(sum(of_node) + 0.5) for of_node in zip(*parts, strict=True)]
        ratings = _fewest_best(crowding)
        if rated is nodes:
            return ratings
        by_name = {node.name: rating for node, rating in zip(rated, ratings, strict=True)}
        return [by_name.get(node.name, 0) for node in nodes]

    def _matching(self, pod: PodInfo, constraint: Constraint, needed: Sequence[Constraint], snapshot: Snapshot) -> Mapping[str, int]:
        """Count matching pods by node, on nodes that the pod could spread over; by name every node counts, whatever the policies say."""
        matching = snapshot.population.staying(pod.namespace, constraint.selector)
        if constraint.key == HOSTNAME or (constraint.counts_all and not needed):
            return matching
        return {
            name: count
            for name, count in matching.items()
            if (found := snapshot.by_name.get(name)) is not None and has_keys(found.labels, needed) and constraint.counts(pod, found.node)
        }

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
    nodes = [node for node in snapshot.nodes if has_keys(node.labels, constraints)]
    spreads = []
    for constraint in constraints:
        counting = nodes if constraint.counts_all else [node for node in nodes if constraint.counts(pod, node.node)]
        matching = snapshot.population.staying(pod.namespace, constraint.selector)
        domains: dict[str, int] = {}
        for node in counting:
            value = node.labels[constraint.key]
            domains[value] = domains.get(value, 0) + matching.get(node.name, 0)
        spreads.append(_Spread(constraint, domains))
    return spreads


def _move(spreads: _Spreads, pod: PodInfo, other: PodInfo, node: NodeInfo, by: int) -> None:
    if other.namespace != pod.namespace or not has_keys(node.labels, (spread.constraint for spread in spreads.spreads)):
        return
    for spread in spreads.spreads:
        constraint = spread.constraint
        if constraint.selector.matches(other.labels) and constraint.counts(pod, node.node):
            spread.add(node.labels[constraint.key], by)


def _crowding(constraint: Constraint, nodes: Sequence[NodeInfo], matching: Mapping[str, int], snapshot: Snapshot) -> list[float]:
    """Return, for each node, how many matching pods its domain has; a domain of a small topology weighs less than one of a large."""
    key, slack = constraint.key, constraint.max_skew - 1
    if key == HOSTNAME:
        weight = math.log(len(nodes) + 2)
        return [matching.get(node.name, 0) * weight + slack if key in node.labels else 0.0 for node in nodes]
    values = [node.labels.get(key) for node in nodes]
    domains: dict[str | None, int] = dict.fromkeys(values, 0)
    weight = math.log(len(domains) + 2)
    for name, count in matching.items():
        found = snapshot.by_name.get(name)
        if found is not None and (value := found.labels.get(key)) in domains:
            domains[value] += count
    return [domains[value] * weight + slack if value is not None else 0.0 for value in values]


def _fewest_best(crowding: Sequence[int]) -> list[int]:
    least, most = min(crowding), max(crowding)
    return [MAX_SCORE * (most + least - count) // most if most else MAX_SCORE for count in crowding]


def _node_may_help(constraints: Sequence[Constraint], old: Node | None, new: Node | None) -> bool:
    was = old is not None and has_keys(old.metadata.labels, constraints)
    now = new is not None and has_keys(new.metadata.labels, constraints)
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
