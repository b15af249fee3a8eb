"""PodTopologySpread: pods that belong together are spread over topology domains (KEP-895 and the KEPs that refined it).

A pod without constraints of its own gets the profile's: by default a wish to spread over nodes and zones what a service or an owner
selects.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sagong.api.nodes import matches_required_affinity, untolerated
from sagong.api.selectors import Requirement, Selector, from_label_selector
from sagong.api.types.core import Node, Pod, TopologySpreadConstraint
from sagong.scheduler.events import ADD, DELETE, NODE_LABEL, NODE_TAINT, POD_LABEL, POD_TOLERATION, Change, on
from sagong.scheduler.framework import MAX_SCORE, SKIP, Listers, State, Unfit, Verdict
from sagong.scheduler.plugins.default_selector import default_selector, kinds_read
from sagong.scheduler.pod_info import Labels, PodInfo
from sagong.scheduler.population import Nodes
from sagong.scheduler.snapshot import NodeInfo, Snapshot

_NAME = "PodTopologySpread"
_REASON = "node(s) didn't match pod topology spread constraints"
_SKEWED = Unfit(_NAME, (_REASON,))
_NO_LABEL = Unfit(_NAME, (f"{_REASON} (missing required label)",), resolvable=False)
HOSTNAME, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
HARD, SOFT = "DoNotSchedule", "ScheduleAnyway"
SYSTEM_DEFAULTS = (
    TopologySpreadConstraint(topologyKey=HOSTNAME, whenUnsatisfiable=SOFT, maxSkew=3),
    TopologySpreadConstraint(topologyKey=ZONE, whenUnsatisfiable=SOFT, maxSkew=5),
)


@dataclass(frozen=True, slots=True)
class _Constraint:
    key: str
    max_skew: int
    min_domains: int
    selector: Selector
    honours_affinity: bool
    honours_taints: bool

    def counts(self, pod: PodInfo, node: Node) -> bool:
        """Say whether the node is one that the pod could spread over."""
        if self.honours_affinity and not matches_required_affinity(pod.pod, node):
            return False
        return not (self.honours_taints and node.spec.taints and untolerated(node.spec.taints, pod.pod.spec.tolerations))


class _Spread:
    """One constraint's matching pods by domain."""

    __slots__ = ("_least", "constraint", "domains")

    def __init__(self, constraint: _Constraint, domains: dict[str, int]) -> None:
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
        rated = [node for node in nodes if not strict or _has_keys(node.labels, constraints)]
        raw: dict[str, float] = dict.fromkeys((node.name for node in rated), 0.0)
        for constraint in constraints:
            matching = snapshot.population.staying(pod.namespace, constraint.selector)
            if constraint.key == HOSTNAME:
                _add_own_crowding(raw, constraint, rated, matching)
                continue
            spreadable = {
                name: count
                for name, count in matching.items()
                if (found := snapshot.by_name.get(name)) is not None
                and (not strict or _has_keys(found.labels, constraints))
                and constraint.counts(pod, found.node)
            }
            _add_crowding(raw, constraint, rated, spreadable, snapshot)
        scores = {name: math.floor(crowding + 0.5) for name, crowding in raw.items()}
        least, most = min(scores.values(), default=0), max(scores.values(), default=0)
        if most == 0:
            return [MAX_SCORE if node.name in scores else 0 for node in nodes]
        return [MAX_SCORE * (most + least - scores[node.name]) // most if node.name in scores else 0 for node in nodes]

    def may_help(self, pod: PodInfo, change: Change) -> bool:
        """Look whether the change moves a count or a domain of one of the pod's hard constraints."""
        constraints = self._constraints(pod, HARD)
        if change.kind == "Node":
            return _node_may_help(constraints, change.old, change.new)
        return _pod_may_help(pod, constraints, change.old, change.new)

    def _constraints(self, pod: PodInfo, action: str) -> list[_Constraint]:
        if pod.pod.spec.topologySpreadConstraints:
            return [_parsed(c, pod.labels, None) for c in pod.pod.spec.topologySpreadConstraints if c.whenUnsatisfiable == action]
        wanted = [c for c in self._defaults if c.whenUnsatisfiable == action]
        if not wanted:
            return []
        selector = default_selector(pod, self._listers)
        return [] if selector.empty else [_parsed(c, pod.labels, selector) for c in wanted]


def _parsed(constraint: TopologySpreadConstraint, labels: Labels, selector: Selector | None) -> _Constraint:
    if selector is None:
        selector = from_label_selector(constraint.labelSelector)
        same = [Requirement(key, "=", (labels[key],)) for key in constraint.matchLabelKeys if key in labels]
        if same and not selector.nothing:
            selector = Selector(dict.fromkeys((*same, *selector.requirements)))
    return _Constraint(
        key=constraint.topologyKey,
        max_skew=constraint.maxSkew,
        min_domains=1 if constraint.minDomains is None else constraint.minDomains,
        selector=selector,
        honours_affinity=(constraint.nodeAffinityPolicy or "Honor") == "Honor",
        honours_taints=constraint.nodeTaintsPolicy == "Honor",
    )


def _has_keys(labels: Labels, constraints: Iterable[_Constraint]) -> bool:
    return all(constraint.key in labels for constraint in constraints)


def _counted(pod: PodInfo, constraints: Sequence[_Constraint], snapshot: Snapshot) -> list[_Spread]:
    spreads = []
    for constraint in constraints:
        matching = snapshot.population.staying(pod.namespace, constraint.selector)
        domains: dict[str, int] = {}
        for node in snapshot.nodes:
            if _has_keys(node.labels, constraints) and constraint.counts(pod, node.node):
                value = node.labels[constraint.key]
                domains[value] = domains.get(value, 0) + matching.get(node.name, 0)
        spreads.append(_Spread(constraint, domains))
    return spreads


def _move(spreads: _Spreads, pod: PodInfo, other: PodInfo, node: NodeInfo, by: int) -> None:
    if other.namespace != pod.namespace or not _has_keys(node.labels, (spread.constraint for spread in spreads.spreads)):
        return
    for spread in spreads.spreads:
        constraint = spread.constraint
        if constraint.selector.matches(other.labels) and constraint.counts(pod, node.node):
            spread.add(node.labels[constraint.key], by)


def _add_own_crowding(raw: dict[str, float], constraint: _Constraint, rated: Sequence[NodeInfo], matching: Nodes) -> None:
    """Add what each node has: where every node is a domain, the policies do not matter."""
    weight = math.log(len(rated) + 2)
    for node in rated:
        if HOSTNAME in node.labels:
            raw[node.name] += matching.get(node.name, 0) * weight + constraint.max_skew - 1


def _add_crowding(raw: dict[str, float], constraint: _Constraint, rated: Sequence[NodeInfo], matching: Nodes, snapshot: Snapshot) -> None:
    """Add what each node's domain has; a domain of a small topology weighs less than one of a large."""
    domains: dict[str, int] = dict.fromkeys((node.labels.get(constraint.key, "") for node in rated), 0)
    weight = math.log(len(domains) + 2)
    for name, count in matching.items():
        value = snapshot.by_name[name].labels.get(constraint.key, "")
        if value in domains:
            domains[value] += count
    for node in rated:
        if constraint.key in node.labels:
            raw[node.name] += domains[node.labels[constraint.key]] * weight + constraint.max_skew - 1


def _node_may_help(constraints: Sequence[_Constraint], old: Node | None, new: Node | None) -> bool:
    was = old is not None and _has_keys(old.metadata.labels, constraints)
    now = new is not None and _has_keys(new.metadata.labels, constraints)
    if old is None or new is None:
        return was or now
    if was != now:
        return True
    moved = any(old.metadata.labels.get(c.key) != new.metadata.labels.get(c.key) for c in constraints)
    return now and (moved or old.spec.taints != new.spec.taints)


def _pod_may_help(pod: PodInfo, constraints: Sequence[_Constraint], old: Pod | None, new: Pod | None) -> bool:
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
