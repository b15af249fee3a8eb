"""InterPodAffinity: near pods that a pod wants by it, away from those it, or they, will not stand.

matchLabelKeys and mismatchLabelKeys (KEP-3633) are part of the term's labelSelector since the API server merged them there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sagong.api.types.core import Node, Pod
from sagong.scheduler.columns import Bools, Ints
from sagong.scheduler.domains import DomainCounts
from sagong.scheduler.events import ADD, ANY, DELETE, NODE_LABEL, POD_LABEL, Change, on
from sagong.scheduler.framework import MAX_SCORE, SKIP, Refusals, State, Unfit, Verdict, refuse
from sagong.scheduler.node_info import NodeInfo
from sagong.scheduler.nodes import Nodes, OneNode
from sagong.scheduler.pod_info import NO_LABELS, Labels, PodInfo, Term
from sagong.scheduler.population import Population
from sagong.scheduler.remedy import Remedy
from sagong.scheduler.snapshot import Snapshot

_NAME = "InterPodAffinity"
_AFFINITY = Unfit(_NAME, ("node(s) didn't match pod affinity rules",), resolvable=False)
_ANTI_AFFINITY = Unfit(_NAME, ("node(s) didn't match pod anti-affinity rules",))
_EXISTING = Unfit(_NAME, ("node(s) didn't satisfy existing pods anti-affinity rules",))


@dataclass(slots=True)
class _Counts:
    """By domain: pods that match all affinity terms, that match an anti-affinity term, whose anti-affinity means this pod."""

    namespaces: Mapping[str, Labels]
    wanted: DomainCounts
    unwanted: DomainCounts
    unwilling: DomainCounts

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
        population, table = snapshot.population, snapshot.table
        unwilling = DomainCounts(table)
        for term in population.about(pod):
            unwilling.spread(term.topology_key, population.bearers("anti_affinity", term))
        if not (pod.affinity or pod.anti_affinity or unwilling):
            return SKIP
        counts = state.notes[_NAME] = _Counts(snapshot.namespaces, DomainCounts(table), DomainCounts(table), unwilling)
        if pod.affinity:
            meant = population.meant(pod.affinity)
            for term in pod.affinity:
                counts.wanted.spread(term.topology_key, meant)
        for term in pod.anti_affinity:
            counts.unwanted.spread(term.topology_key, population.meant((term,)))
        return None

    def add_pod(self, state: State, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        """Another pod is now on the node."""
        _count(state.notes[_NAME], pod, other, node.labels, 1)

    def remove_pod(self, state: State, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        """Another pod is no longer on the node."""
        _count(state.notes[_NAME], pod, other, node.labels, -1)

    def filter(self, state: State, pod: PodInfo, nodes: Nodes) -> Refusals | None:
        """Refuse nodes in the wrong domains."""
        counts: _Counts = state.notes[_NAME]
        codes = counts.unwilling.any(nodes) * np.int64(3)
        for term in pod.anti_affinity:
            codes[counts.unwanted.at(term.topology_key, nodes) > 0] = 2
        if pod.affinity:
            codes[~_have_company(counts, pod, nodes)] = 1
        return refuse(codes, _AFFINITY, _ANTI_AFFINITY, _EXISTING)

    def score(self, state: State, pod: PodInfo, nodes: Nodes, snapshot: Snapshot) -> Ints | None:
        """Rate by the weights of this pod's preferred terms that others match, and of others' terms that this pod matches."""
        del state
        population = snapshot.population
        weights = DomainCounts(snapshot.table)
        for weight, term in pod.preferred:
            weights.spread(term.topology_key, population.meant((term,)), weight)
        if pod.preferred or not self._ignore_others:
            self._add_wishes_of_others(weights, pod, population)
        if not weights:
            return None
        totals = weights.total(nodes)
        least, most = totals.min(), totals.max()
        if most == least:
            return np.zeros(len(nodes), np.int64)
        rated: Ints = (MAX_SCORE * ((totals - least) / (most - least))).astype(np.int64)
        return rated

    def _add_wishes_of_others(self, weights: DomainCounts, pod: PodInfo, population: Population) -> None:
        own = population.namespaces.get(pod.namespace, NO_LABELS)
        for weighted in population.preferred:
            weight, term = weighted
            if term.matches(pod.namespace, pod.labels, own):
                weights.spread(term.topology_key, population.bearers("preferred", weighted), weight)
        for term in population.affinity if self._hard_weight else ():
            if term.matches(pod.namespace, pod.labels, own):
                weights.spread(term.topology_key, population.bearers("affinity", term), self._hard_weight)

    def remedies(self, state: State, pod: PodInfo, node: OneNode) -> Sequence[Remedy]:
        """Name the company that is missing, and who will not share a domain."""
        counts: _Counts = state.notes[_NAME]
        labels = node.info.labels
        found = []
        for term in pod.affinity if pod.affinity and not _have_company(counts, pod, node)[0] else ():
            if term.topology_key not in labels:
                found.append(Remedy(f"label the node {term.topology_key}"))
            elif not counts.wanted.at(term.topology_key, node)[0]:
                found.append(Remedy(f"run a pod matching {term.selector} in {term.topology_key}={labels[term.topology_key]}"))
        for term in pod.anti_affinity:
            if number := int(counts.unwanted.at(term.topology_key, node)[0]):
                where = f"{term.topology_key}={labels[term.topology_key]}"
                found.append(Remedy(f"remove {number} {'pod' if number == 1 else 'pods'} matching {term.selector} from {where}", number))
        if counts.unwilling.any(node)[0]:
            found.append(Remedy("remove the pods whose anti-affinity keeps this one away"))
        return found

    def may_help(self, pod: PodInfo, change: Change) -> bool:
        """Look whether the change brings wanted pods or domains, or removes unwanted ones."""
        if change.kind == "Namespace":
            return any(not term.namespace_selector.nothing for term in (*pod.affinity, *pod.anti_affinity))
        if change.kind == "Node":
            return _node_may_help(pod, change.old, change.new)
        return _pod_may_help(pod, change.old, change.new)


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


def _have_company(counts: _Counts, pod: PodInfo, nodes: Nodes) -> Bools:
    """Say where all terms are met. The first of pods that want each other's company needs none, but all the domains."""
    labelled, company = np.ones(len(nodes), np.bool_), np.ones(len(nodes), np.bool_)
    for term in pod.affinity:
        labelled &= nodes.domains(term.topology_key) != 0
        company &= counts.wanted.at(term.topology_key, nodes) > 0
    own = counts.namespaces.get(pod.namespace, NO_LABELS)
    if not counts.wanted and all(term.matches(pod.namespace, pod.labels, own) for term in pod.affinity):
        return labelled
    return labelled & company


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
