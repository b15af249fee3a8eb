"""InterPodAffinity: near pods that a pod wants by it, away from those it, or they, will not stand.

matchLabelKeys and mismatchLabelKeys (KEP-3633) are part of the term's labelSelector since the API server merged them there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sagong.api.types.core import Node, Pod
from sagong.scheduler.domains import DomainCounts
from sagong.scheduler.events import ADD, ANY, DELETE, NODE_LABEL, POD_LABEL, Change, on
from sagong.scheduler.framework import MAX_SCORE, SKIP, State, Unfit, Verdict
from sagong.scheduler.pod_info import NO_LABELS, Labels, PodInfo, Term
from sagong.scheduler.population import Nodes, namespaces_of
from sagong.scheduler.snapshot import NodeInfo, Snapshot

_NAME = "InterPodAffinity"
_AFFINITY = Unfit(_NAME, ("node(s) didn't match pod affinity rules",), resolvable=False)
_ANTI_AFFINITY = Unfit(_NAME, ("node(s) didn't match pod anti-affinity rules",))
_EXISTING = Unfit(_NAME, ("node(s) didn't satisfy existing pods anti-affinity rules",))


@dataclass(slots=True)
class _Counts:
    """By domain: pods that match all affinity terms, that match an anti-affinity term, whose anti-affinity means this pod."""

    namespaces: Mapping[str, Labels]
    wanted: DomainCounts = field(default_factory=DomainCounts)
    unwanted: DomainCounts = field(default_factory=DomainCounts)
    unwilling: DomainCounts = field(default_factory=DomainCounts)

    def fork(self) -> _Counts:
        return _Counts(self.namespaces, self.wanted.fork(), self.unwanted.fork(), self.unwilling.fork())


class InterPodAffinity:
    """PreFilter with extensions, Filter, Score. `hard_weight`: what another pod's required affinity to this pod counts in the rating."""

    name = _NAME
    events = on(Pod=ADD | POD_LABEL | DELETE, Node=ADD | NODE_LABEL, Namespace=ANY)

    def __init__(self, *, hard_weight: int = 1, ignore_preferred_of_others: bool = False) -> None:
        self._hard_weight, self._ignore_others = hard_weight, ignore_preferred_of_others

    def pre_filter(self, state: State, pod: PodInfo, snapshot: Snapshot) -> Verdict:
        """Count by domain."""
        counts = _Counts(snapshot.namespaces)
        own = snapshot.namespaces.get(pod.namespace, NO_LABELS)
        for term, nodes in snapshot.population.anti_affinity.items():
            if term.matches(pod.namespace, pod.labels, own):
                _spread(counts.unwilling, term.topology_key, nodes, snapshot)
        if not (counts.unwilling or pod.affinity or pod.anti_affinity):
            return SKIP
        for nodes in _matching(pod.affinity, snapshot):
            for term in pod.affinity:
                _spread(counts.wanted, term.topology_key, nodes, snapshot)
        for term in pod.anti_affinity:
            for nodes in _matching((term,), snapshot):
                _spread(counts.unwanted, term.topology_key, nodes, snapshot)
        state.notes[_NAME] = counts
        return None

    def add_pod(self, state: State, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        """Another pod is now on the node."""
        _count(state.notes[_NAME], pod, other, node.labels, 1)

    def remove_pod(self, state: State, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        """Another pod is no longer on the node."""
        _count(state.notes[_NAME], pod, other, node.labels, -1)

    def filter(self, state: State, pod: PodInfo, node: NodeInfo) -> Unfit | None:
        """Refuse nodes in the wrong domains."""
        counts: _Counts = state.notes[_NAME]
        labels = node.labels
        if pod.affinity and not _has_company(counts, pod, labels):
            return _AFFINITY
        if counts.unwanted and any(counts.unwanted.get(term.topology_key, labels) > 0 for term in pod.anti_affinity):
            return _ANTI_AFFINITY
        return _EXISTING if counts.unwilling and counts.unwilling.any(labels) else None

    def score(self, state: State, pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot) -> Sequence[int] | None:
        """Rate by the weights of this pod's preferred terms that others match, and of others' terms that this pod matches."""
        del state
        weights = DomainCounts()
        for weight, term in pod.preferred:
            for counts in _matching((term,), snapshot):
                _spread(weights, term.topology_key, counts, snapshot, weight)
        if pod.preferred or not self._ignore_others:
            self._add_wishes_of_others(weights, pod, snapshot)
        if not weights:
            return None
        totals = [weights.total(node.labels) for node in nodes]
        least, most = min(totals), max(totals)
        return [int(MAX_SCORE * ((total - least) / (most - least))) if most > least else 0 for total in totals]

    def _add_wishes_of_others(self, weights: DomainCounts, pod: PodInfo, snapshot: Snapshot) -> None:
        own = snapshot.namespaces.get(pod.namespace, NO_LABELS)
        wishes = [(weight, term, counts) for (weight, term), counts in snapshot.population.preferred.items()]
        if self._hard_weight:
            wishes += [(self._hard_weight, term, counts) for term, counts in snapshot.population.affinity.items()]
        for weight, term, counts in wishes:
            if term.matches(pod.namespace, pod.labels, own):
                _spread(weights, term.topology_key, counts, snapshot, weight)

    def may_help(self, pod: PodInfo, change: Change) -> bool:
        """Look whether the change brings wanted pods or domains, or removes unwanted ones."""
        if change.kind == "Namespace":
            return any(not term.namespace_selector.nothing for term in (*pod.affinity, *pod.anti_affinity))
        if change.kind == "Node":
            return _node_may_help(pod, change.old, change.new)
        return _pod_may_help(pod, change.old, change.new)


def _matching(terms: Sequence[Term], snapshot: Snapshot) -> Iterable[Nodes]:
    """Yield the nodes of each group of pods that all the terms mean."""
    if not terms:
        return
    namespaces = snapshot.namespaces
    for namespace, group in snapshot.population.groups(namespaces_of(terms[0], namespaces)):
        labels = namespaces.get(namespace, NO_LABELS)
        if all(term.matches(namespace, group.labels, labels) for term in terms):
            yield group.nodes


def _spread(counts: DomainCounts, key: str, nodes: Nodes, snapshot: Snapshot, weight: int = 1) -> None:
    for name, count in nodes.items():
        node = snapshot.by_name.get(name)
        if node is not None:
            counts.add(key, node.labels, count * weight)


def _count(counts: _Counts, pod: PodInfo, other: PodInfo, labels: Labels, by: int) -> None:
    theirs = counts.namespaces.get(other.namespace, NO_LABELS)
    if pod.affinity and all(term.matches(other.namespace, other.labels, theirs) for term in pod.affinity):
        for term in pod.affinity:
            counts.wanted.add(term.topology_key, labels, by)
    for term in pod.anti_affinity:
        if term.matches(other.namespace, other.labels, theirs):
            counts.unwanted.add(term.topology_key, labels, by)
    own = counts.namespaces.get(pod.namespace, NO_LABELS)
    for term in other.anti_affinity:
        if term.matches(pod.namespace, pod.labels, own):
            counts.unwilling.add(term.topology_key, labels, by)


def _has_company(counts: _Counts, pod: PodInfo, labels: Labels) -> bool:
    """Say whether all terms are met. The first of pods that want each other's company needs none, but all the domains."""
    company = True
    for term in pod.affinity:
        if term.topology_key not in labels:
            return False
        company = company and counts.wanted.get(term.topology_key, labels) > 0
    if company:
        return True
    own = counts.namespaces.get(pod.namespace, NO_LABELS)
    return not counts.wanted and all(term.matches(pod.namespace, pod.labels, own) for term in pod.affinity)


def _pod_may_help(pod: PodInfo, old: Pod | None, new: Pod | None) -> bool:
    if old is not None and new is not None and new.metadata.uid == pod.uid:
        return True
    if not all(other is None or other.spec.nodeName or other.status.nominatedNodeName for other in (old, new)):
        return False
    if old is None or new is None:
        if new is not None:
            return _all_match(pod.affinity, new)
        return old is not None and (_all_match(pod.anti_affinity, old) or _all_match(PodInfo.of(old).anti_affinity, pod.pod))
    comes = not _all_match(pod.affinity, old) and _all_match(pod.affinity, new)
    return comes or (_all_match(pod.anti_affinity, old) and not _all_match(pod.anti_affinity, new))


def _all_match(terms: Sequence[Term], other: Pod) -> bool:
    """Say whether all the terms may mean a pod; the labels of its namespace are not at hand, so a selector of namespaces may."""
    meta = other.metadata
    return bool(terms) and all(
        (meta.namespace in term.namespaces or not term.namespace_selector.nothing) and term.selector.matches(meta.labels) for term in terms
    )


def _node_may_help(pod: PodInfo, old: Node | None, new: Node) -> bool:
    labels = new.metadata.labels
    if old is None:
        return bool(pod.anti_affinity) or any(term.topology_key in labels for term in pod.affinity)
    before = old.metadata.labels
    return any(term.topology_key in labels and before.get(term.topology_key) != labels[term.topology_key] for term in pod.affinity) or any(
        term.topology_key in before and before[term.topology_key] != labels.get(term.topology_key) for term in pod.anti_affinity
    )
