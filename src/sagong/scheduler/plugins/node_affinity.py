"""NodeAffinity: nodeSelector and required terms decide, preferred terms rate."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sagong.api.nodes import matches_required_affinity, matches_selector, matches_term
from sagong.api.types.core import Node, NodeSelectorTerm
from sagong.api.types.core import NodeAffinity as Affinity
from sagong.scheduler.columns import Ints
from sagong.scheduler.events import ADD, NODE_LABEL, Change, on
from sagong.scheduler.framework import SKIP, Refusals, State, Unfit, Verdict, normalize, refuse
from sagong.scheduler.node_info import NodeInfo
from sagong.scheduler.nodes import Nodes, OneNode
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.remedy import Remedy
from sagong.scheduler.snapshot import Snapshot

_NAME = "NodeAffinity"
_UNFIT = Unfit(_NAME, ("node(s) didn't match Pod's node affinity/selector",), resolvable=False)
_ENFORCED = Unfit(_NAME, ("node(s) didn't match scheduler-enforced node affinity",), resolvable=False)
_CONFLICT = Unfit(_NAME, ("pod affinity terms conflict",), resolvable=False)


class NodeAffinity:
    """PreFilter, Filter and Score. `added` is affinity that the profile gives to all its pods."""

    name = _NAME
    events = on(Node=ADD | NODE_LABEL)

    def __init__(self, added: Affinity | None = None) -> None:
        self._enforced = added.requiredDuringSchedulingIgnoredDuringExecution if added else None
        self._preferred = added.preferredDuringSchedulingIgnoredDuringExecution if added else []

    def pre_filter(self, state: State, pod: PodInfo, snapshot: Snapshot) -> Verdict:
        """Look only at the nodes that are named by metadata.name, when every term names some."""
        del state, snapshot
        affinity = _affinity(pod)
        required = affinity.requiredDuringSchedulingIgnoredDuringExecution if affinity else None
        if required is None:
            return SKIP if self._enforced is None and not pod.pod.spec.nodeSelector else None
        if not required.nodeSelectorTerms:
            return None
        names: set[str] = set()
        for term in required.nodeSelectorTerms:
            named = _names(term)
            if named is None:
                return None
            names |= named
        return frozenset(names) if names else _CONFLICT

    def filter(self, state: State, pod: PodInfo, nodes: Nodes) -> Refusals | None:
        """Refuse nodes that do not match."""
        del state
        codes = 2 - 2 * matching(pod, nodes)
        enforced = self._enforced
        if enforced is not None:
            key = ("enforced affinity", msgspec.json.encode(enforced))
            codes[nodes.by_node(key, lambda found: [matches_selector(enforced, node.node) for node in found]) == 0] = 1
        return refuse(codes, _ENFORCED, _UNFIT)

    def score(self, state: State, pod: PodInfo, nodes: Nodes, snapshot: Snapshot) -> Ints | None:
        """Add the weights of the terms that match."""
        del state, snapshot
        affinity = _affinity(pod)
        terms = [*self._preferred, *(affinity.preferredDuringSchedulingIgnoredDuringExecution if affinity else ())]
        if not terms:
            return None

        def compute(found: Sequence[NodeInfo]) -> list[int]:
            return [sum(p.weight for p in terms if matches_term(p.preference, node.node)) for node in found]

        return normalize(nodes.by_node(("preferred affinity", msgspec.json.encode(terms)), compute))

    def remedies(self, state: State, pod: PodInfo, node: OneNode) -> Sequence[Remedy]:
        """Name the labels that the node lacks for nodeSelector, and for the term that lacks least."""
        del state
        labels, affinity = node.info.labels, _affinity(pod)
        found = [f"{key}={value}" for key, value in pod.pod.spec.nodeSelector.items() if labels.get(key) != value]
        for required in (self._enforced, affinity.requiredDuringSchedulingIgnoredDuringExecution if affinity else None):
            if required is not None:
                lacking = [_lacking(term, node.info.node) for term in required.nodeSelectorTerms]
                found = [*found, *min(lacking, key=len, default=())]
        return [Remedy(f"let the node match {demand}, or drop the demand") for demand in found]

    def may_help(self, pod: PodInfo, change: Change) -> bool:
        """Wait for a node that matches and did not."""
        if self._enforced is not None and not matches_selector(self._enforced, change.new):
            return False
        return matches_required_affinity(pod.pod, change.new) and (change.old is None or not matches_required_affinity(pod.pod, change.old))


def matching(pod: PodInfo, nodes: Nodes) -> Ints:
    """Return 1 for the nodes that meet the pod's nodeSelector and required affinity."""
    affinity = _affinity(pod)
    required = affinity.requiredDuringSchedulingIgnoredDuringExecution if affinity else None
    key = ("affinity", msgspec.json.encode((pod.pod.spec.nodeSelector, required)))
    return nodes.by_node(key, lambda found: [matches_required_affinity(pod.pod, node.node) for node in found])


def _affinity(pod: PodInfo) -> Affinity | None:
    affinity = pod.pod.spec.affinity
    return affinity.nodeAffinity if affinity else None


def _names(term: NodeSelectorTerm) -> set[str] | None:
    """Return the nodes that a term names, None if it names none and so may mean all."""
    named = [set(f.values) for f in term.matchFields if f.key == "metadata.name" and f.operator == "In"]
    return set.intersection(*named) if named else None


def _lacking(term: NodeSelectorTerm, node: Node) -> list[str]:
    """Return what of a term a node does not meet."""
    demands = [(NodeSelectorTerm(matchExpressions=[demand]), demand) for demand in term.matchExpressions]
    demands += [(NodeSelectorTerm(matchFields=[demand]), demand) for demand in term.matchFields]
    unmet = [demand for alone, demand in demands if not matches_term(alone, node)]
    return [f"{demand.key} {demand.operator} {','.join(demand.values)}".rstrip() for demand in unmet]
