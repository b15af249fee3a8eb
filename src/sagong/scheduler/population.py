"""Pods as other pods' rules see them, counted by node.

Affinity and spreading ask "how many pods of these labels are on each node, and which terms do they bear?". Pods of one ReplicaSet have
the same labels and terms, so each distinct combination is kept once, with a count for each node: a rule is matched against what is
distinct, not against every pod. What a rule counts is kept as an array, and follows as pods come and go, while pods ask for it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from sagong.api.selectors import Selector
from sagong.api.types.core import Pod
from sagong.scheduler.columns import Floats, Ints, LabelColumn
from sagong.scheduler.pod_info import NO_LABELS, Labels, PodInfo, Term, Weighted
from sagong.scheduler.table import Table

_UNKNOWN: tuple[None, int, Floats] = (None, 0, np.zeros(0))
K = TypeVar("K", bound=Hashable)
MAX_TALLIES = 64


class Group:
    """The pods of one namespace that have the same labels and bear the same terms."""

    __slots__ = ("info", "leaving", "rows", "tallies")

    def __init__(self, info: PodInfo) -> None:
        self.info = info
        self.rows: dict[int, int] = {}
        """How many, by row; never zero."""
        self.leaving: dict[int, int] = {}
        self.tallies: list[Tally] = []


class Tally:
    """How many pods of the groups that `means` names are in each row; `staying` leaves out those that are being deleted."""

    __slots__ = ("_by_domain", "counts", "means", "staying")

    def __init__(self, size: int, means: Callable[[PodInfo], bool], *, staying: bool) -> None:
        self.counts: Ints = np.zeros(size, np.int64)
        self.means, self.staying = means, staying
        self._by_domain: dict[str, tuple[LabelColumn, int, Floats]] = {}

    def take(self, group: Group) -> None:
        """Count a group from now on."""
        group.tallies.append(self)
        for row, count in group.rows.items():
            self.count(row, count, group.leaving.get(row, 0))

    def count(self, row: int, by: int, leaving: int) -> None:
        """Count pods, so many of which are being deleted."""
        if self.staying:
            by -= leaving
        self.counts[row] += by
        for column, _, counts in self._by_domain.values():
            number = column.codes[row]
            if number:
                counts[number] += by

    def by_domain(self, column: LabelColumn) -> Floats:
        """Return the sums of the counts by number of a label's value; they are not to be changed."""
        known, version, counts = self._by_domain.get(column.key, _UNKNOWN)
        if known is not column or version != column.version:
            counts = column.sum(self.counts)
            self._by_domain[column.key] = (column, column.version, counts)
        return counts


class Population:
    """All counted pods."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.namespaces: dict[str, Labels] = {}
        self._groups: dict[Hashable, Group] = {}
        self._tallies: OrderedDict[Hashable, Tally] = OrderedDict()
        self.anti_affinity: Counter[Term] = Counter()
        """How many pods bear each required term; never zero."""
        self.affinity: Counter[Term] = Counter()
        self.preferred: Counter[Weighted] = Counter()
        self._claims: Counter[str] = Counter()

    def set_namespace(self, name: str, labels: Labels | None) -> None:
        """Follow a change of a namespace's labels; None when it is gone."""
        if labels == self.namespaces.get(name):
            return
        if labels is None:
            self.namespaces.pop(name, None)
        else:
            self.namespaces[name] = labels
        for key in [key for key, tally in self._tallies.items() if not tally.staying]:
            self._drop(key)

    # Counting.

    def staying(self, namespace: str, selector: Selector) -> Tally:
        """Count the pods that match, leaving out those that are being deleted."""

        def means(other: PodInfo) -> bool:
            return other.namespace == namespace and selector.matches(other.labels)

        # as upstream: a rule that means everything spreads nothing
        return self._tally((namespace, selector), (lambda _: False) if selector.empty else means, staying=True)

    def meant(self, terms: Sequence[Term]) -> Tally:
        """Count the pods that all the terms mean."""

        def means(other: PodInfo) -> bool:
            labels = self.namespaces.get(other.namespace, NO_LABELS)
            return all(term.matches(other.namespace, other.labels, labels) for term in terms)

        return self._tally(("meant", *terms), means)

    def bearers(self, kind: str, term: Term | Weighted) -> Tally:
        """Count the pods that bear a term; `kind` is a PodInfo's attribute of terms."""
        return self._tally((kind, term), lambda other: term in getattr(other, kind))

    def about(self, pod: PodInfo) -> Iterator[Term]:
        """Yield the anti-affinity terms that some pods bear and that mean this one."""
        labels = self.namespaces.get(pod.namespace, NO_LABELS)
        return (term for term in self.anti_affinity if term.matches(pod.namespace, pod.labels, labels))

    def uses_claim(self, namespace: str, name: str) -> bool:
        """Say whether a counted pod has a volume of this claim."""
        return f"{namespace}/{name}" in self._claims

    def _tally(self, key: Hashable, means: Callable[[PodInfo], bool], *, staying: bool = False) -> Tally:
        tally = self._tallies.get(key)
        if tally is not None and len(tally.counts) == self._table.size:
            self._tallies.move_to_end(key)
            return tally
        if tally is not None or len(self._tallies) >= MAX_TALLIES:
            self._drop(key if tally is not None else next(iter(self._tallies)))
        tally = self._tallies[key] = Tally(self._table.size, means, staying=staying)
        for group in self._groups.values():
            if means(group.info):
                tally.take(group)
        return tally

    def _drop(self, key: Hashable) -> None:
        tally = self._tallies.pop(key)
        for group in self._groups.values():
            if tally in group.tallies:
                group.tallies.remove(tally)

    # Coming and going.

    def add(self, info: PodInfo, row: int) -> None:
        """Count a pod."""
        self._count(info, row, 1)

    def remove(self, info: PodInfo, row: int) -> None:
        """No longer count a pod; `info` must be what was added."""
        self._count(info, row, -1)

    def _count(self, info: PodInfo, row: int, by: int) -> None:
        key = (info.namespace, info.labels_key, info.affinity, info.anti_affinity, info.preferred)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(info)
            group.tallies = [tally for tally in self._tallies.values() if tally.means(info)]
        _bump(group.rows, row, by)
        leaving = by if info.leaving else 0
        if leaving:
            _bump(group.leaving, row, leaving)
        if not group.rows:
            del self._groups[key]
        for tally in group.tallies:
            if len(tally.counts) > row:  # else it is made anew when it is asked for
                tally.count(row, by, leaving)
        for term in info.anti_affinity:
            _bump(self.anti_affinity, term, by)
        for term in info.affinity:
            _bump(self.affinity, term, by)
        for weighted in info.preferred:
            _bump(self.preferred, weighted, by)
        for claim in claims_of(info.pod):
            _bump(self._claims, f"{info.namespace}/{claim}", by)


def claims_of(pod: Pod) -> Iterator[str]:
    """Yield the names of the claims that a pod's volumes name."""
    for volume in pod.spec.volumes:
        if volume.persistentVolumeClaim is not None:
            yield volume.persistentVolumeClaim.claimName


def _bump(counts: dict[K, int], key: K, by: int) -> None:
    count = counts.get(key, 0) + by
    if count:
        counts[key] = count
    else:
        counts.pop(key, None)
