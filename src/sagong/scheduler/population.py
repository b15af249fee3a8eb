"""Pods as other pods' rules see them, counted by node.

Affinity and spreading ask "how many pods of these labels are on each node, and which terms do they bear?". Pods of one ReplicaSet have
the same labels and terms, so each distinct set of labels and each distinct term is kept once, with a count for each node: a rule is
then matched against what is distinct, not against every pod.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import TypeVar

from sagong.api.selectors import Selector
from sagong.api.types.core import Pod
from sagong.scheduler.pod_info import Labels, LabelsKey, PodInfo, Term, Weighted

K = TypeVar("K", bound=Hashable)
Nodes = dict[str, int]
"""How many, by node name; never zero."""


class Group:
    """The pods of one namespace that have the same labels."""

    __slots__ = ("labels", "leaving", "nodes")

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.nodes: Nodes = {}
        self.leaving: Nodes = {}

    def staying(self) -> Mapping[str, int]:
        """Return how many are on each node and not being deleted."""
        if not self.leaving:
            return self.nodes
        return {node: rest for node, count in self.nodes.items() if (rest := count - self.leaving.get(node, 0))}


class Population:
    """All counted pods."""

    def __init__(self) -> None:
        self._groups: dict[str, dict[LabelsKey, Group]] = {}
        self.anti_affinity: dict[Term, Nodes] = {}
        self.affinity: dict[Term, Nodes] = {}
        self.preferred: dict[Weighted, Nodes] = {}
        self._claims: dict[str, int] = {}

    def groups(self, namespaces: Iterable[str] | None = None) -> Iterator[tuple[str, Group]]:
        """Yield the groups of these namespaces (None: of all) with their namespace."""
        for namespace in self._groups if namespaces is None else namespaces:
            for group in self._groups.get(namespace, {}).values():
                yield namespace, group

    def staying(self, namespace: str, selector: Selector) -> Mapping[str, int]:
        """Count the pods that match, by node, leaving out those that are being deleted."""
        if selector.empty:  # as upstream: a rule that means everything spreads nothing
            return {}
        counts = [group.staying() for group in self._groups.get(namespace, {}).values() if selector.matches(group.labels)]
        if len(counts) == 1:
            return counts[0]
        found: Nodes = {}
        for nodes in counts:
            for node, count in nodes.items():
                found[node] = found.get(node, 0) + count
        return found

    def uses_claim(self, namespace: str, name: str) -> bool:
        """Say whether a counted pod has a volume of this claim."""
        return f"{namespace}/{name}" in self._claims

    def add(self, info: PodInfo, node: str) -> None:
        """Count a pod."""
        self._count(info, node, 1)

    def remove(self, info: PodInfo, node: str) -> None:
        """No longer count a pod; `info` must be what was added."""
        self._count(info, node, -1)

    def _count(self, info: PodInfo, node: str, by: int) -> None:
        groups = self._groups.setdefault(info.namespace, {})
        group = groups.get(info.labels_key)
        if group is None:
            group = groups[info.labels_key] = Group(info.labels)
        _bump(group.nodes, node, by)
        if info.leaving:
            _bump(group.leaving, node, by)
        if not group.nodes:
            del groups[info.labels_key]
        for term in info.anti_affinity:
            _bump_in(self.anti_affinity, term, node, by)
        for term in info.affinity:
            _bump_in(self.affinity, term, node, by)
        for weighted in info.preferred:
            _bump_in(self.preferred, weighted, node, by)
        for claim in claims_of(info.pod):
            _bump(self._claims, f"{info.namespace}/{claim}", by)


def claims_of(pod: Pod) -> Iterator[str]:
    """Yield the names of the claims that a pod's volumes name."""
    for volume in pod.spec.volumes:
        if volume.persistentVolumeClaim is not None:
            yield volume.persistentVolumeClaim.claimName


def namespaces_of(term: Term, namespaces: Mapping[str, Labels]) -> Iterable[str] | None:
    """Return the namespaces whose pods a term may mean, None for all."""
    if term.namespace_selector.empty:
        return None
    if term.namespace_selector.nothing:
        return term.namespaces
    return term.namespaces | {name for name, labels in namespaces.items() if term.namespace_selector.matches(labels)}


def _bump(counts: dict[str, int], key: str, by: int) -> None:
    count = counts.get(key, 0) + by
    if count:
        counts[key] = count
    else:
        counts.pop(key, None)


def _bump_in(table: dict[K, Nodes], key: K, node: str, by: int) -> None:
    nodes = table.setdefault(key, {})
    _bump(nodes, node, by)
    if not nodes:
        del table[key]
