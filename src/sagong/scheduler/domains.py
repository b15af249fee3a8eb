"""Counts by topology domain: all nodes that have the same value of a label are one domain of that key."""

from __future__ import annotations

import numpy as np

from sagong.scheduler.columns import Bools, Floats
from sagong.scheduler.nodes import Nodes
from sagong.scheduler.pod_info import Labels
from sagong.scheduler.population import Tally
from sagong.scheduler.table import Table


class DomainCounts:
    """Counts by key and by the number of the key's value; the number 0, of nodes without the label, counts nothing.

    What is spread is shared with the tallies: only a fork is added to.
    """

    __slots__ = ("_keys", "_table")

    def __init__(self, table: Table) -> None:
        self._table = table
        self._keys: dict[str, Floats] = {}

    def __bool__(self) -> bool:
        return any(counts.any() for counts in self._keys.values())

    def spread(self, key: str, tally: Tally, weight: int = 1) -> None:
        """Count what each row of the table has in the row's domain."""
        found = tally.by_domain(self._table.column(key))
        if weight != 1:
            found = found * weight
        before = self._keys.get(key)
        self._keys[key] = found if before is None else before + found

    def add(self, key: str, labels: Labels, by: int) -> None:
        """Count in the domain that a node of these labels is in."""
        column = self._table.column(key)
        if key not in self._keys:
            self._keys[key] = np.zeros(column.size)
        number = column.number(labels)
        if number:
            self._keys[key][number] += by

    def at(self, key: str, nodes: Nodes) -> Floats:
        """Return the counts of the nodes' domains."""
        counts = self._keys.get(key)
        return np.zeros(len(nodes)) if counts is None else counts[nodes.domains(key)]

    def any(self, nodes: Nodes) -> Bools:
        """Say for which nodes any of their domains has a positive count."""
        found = np.zeros(len(nodes), np.bool_)
        for key in self._keys:
            found |= self.at(key, nodes) > 0
        return found

    def total(self, nodes: Nodes) -> Floats:
        """Add up the counts of the nodes' domains."""
        found = np.zeros(len(nodes))
        for key in self._keys:
            found += self.at(key, nodes)
        return found

    def fork(self) -> DomainCounts:
        """Return a copy that changes by itself."""
        copied = DomainCounts(self._table)
        copied._keys = {key: counts.copy() for key, counts in self._keys.items()}
        return copied
