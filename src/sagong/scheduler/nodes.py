"""Selections of the table's rows, as they are or as they would be: what filters and scores are given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

import numpy as np

from sagong.scheduler.columns import Bools, Ints, PortBook, Sums
from sagong.scheduler.node_info import NodeInfo
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.table import Table

FEW = 64
"""So many rows are computed each time instead of remembered: a DaemonSet's pods ask about one node each."""
_ALL = slice(None)


class Nodes:
    """Rows of a table. What properties return has one element for each of them.

    `sums`: what the pods of all rows come to, when it is supposed to be other than it is.
    """

    def __init__(self, table: Table, rows: Ints | slice = _ALL, sums: Sums | None = None) -> None:
        self.table, self.rows = table, rows
        self._sums, self._picked = sums or table.sums, rows

    @property
    def supposed(self) -> bool:
        """Whether the sums are other than the table's."""
        return self._sums is not self.table.sums

    @property
    def _are_few(self) -> bool:
        return not isinstance(self.rows, slice) and len(self.rows) <= FEW

    def __len__(self) -> int:
        return self.table.size if isinstance(self.rows, slice) else len(self.rows)

    def __iter__(self) -> Iterator[NodeInfo]:
        infos = self.table.infos
        return (info for row in self.numbers.tolist() if (info := infos[row]) is not None)

    @property
    def numbers(self) -> Ints:
        """The rows' numbers."""
        return np.arange(self.table.size) if isinstance(self.rows, slice) else self.rows

    def row(self, place: int) -> int:
        """Return the number of one row."""
        return place if isinstance(self.rows, slice) else int(self.rows[place])

    @property
    def exist(self) -> Bools:
        """Whether there is a node in the row."""
        return self.table.exists[self.rows]

    @property
    def cordoned(self) -> Bools:
        """Whether the node has spec.unschedulable."""
        return self.table.cordoned[self.rows]

    @property
    def pods(self) -> Ints:
        """How many pods are there."""
        return self._sums.pods[self._picked]

    @property
    def rated_cpu(self) -> Ints:
        """Cpu that is used, with a default for containers that ask for none."""
        return self._sums.rated_cpu[self._picked]

    @property
    def rated_memory(self) -> Ints:
        """Memory, in the same way."""
        return self._sums.rated_memory[self._picked]

    def asked(self, resource: str) -> Ints:
        """Return what is asked for of a resource."""
        values = self._sums.asked.get(resource)
        return np.zeros(len(self), np.int64) if values is None else values[self._picked]

    def capacity(self, resource: str) -> Ints:
        """Return what there is of a resource."""
        values = self.table.capacity.get(resource)
        return np.zeros(len(self), np.int64) if values is None else values[self.rows]

    def domains(self, key: str) -> Ints:
        """Return the numbers of a label's values, 0 where it is missing."""
        return self.table.column(key).codes[self.rows]

    def by_node(self, key: Hashable, compute: Callable[[Sequence[NodeInfo]], Sequence[int]]) -> Ints:
        """Return what follows from the node objects alone, computed once for each version of a node."""
        if self._are_few:
            return np.array(compute(list(self)), np.int64)

        def compute_rows(rows: Ints) -> Ints:
            return np.array(compute(list(Nodes(self.table, rows))), np.int64)

        return self.table.of_node.recall(key, self.table.exists, self.rows, compute_rows)

    def by_pods(self, key: Hashable, compute: Callable[[Nodes], Ints]) -> Ints:
        """Return what follows from the nodes and the sums of their pods, computed once until one of them changes."""
        if self._are_few or self.supposed:
            return compute(self)
        return self.table.of_pods.recall(key, self.table.exists, self.rows, lambda rows: compute(Nodes(self.table, rows)))

    def ports(self, protocol: str, port: int) -> Mapping[int, Counter[str]]:
        """Return the addresses at which a host port is taken, by place among the rows."""
        taken = self.table.ports.taken(protocol, port)
        if isinstance(self.rows, slice) or not taken:
            return taken
        return {place: taken[row] for place, row in enumerate(self.rows.tolist()) if row in taken}


class OneNode(Nodes):
    """One row, as if pods came and went."""

    def __init__(self, table: Table, info: NodeInfo, sums: Sums | None = None) -> None:
        super().__init__(table, np.array([info.row], np.int64))
        self._sums, self._picked = sums or table.sums.take(self.rows), _ALL
        self.info, self._ports = info.copy(), PortBook()
        for pod in info.pods.values():
            if pod.ports:
                self._ports.count(0, pod, 1)

    def copy(self) -> OneNode:
        """Return a copy that changes by itself."""
        return OneNode(self.table, self.info, self._sums.take(np.array([0])))

    def count(self, pod: PodInfo, sign: int) -> None:
        """Put a pod on the node, or with -1 take it off."""
        if sign > 0:
            self.info.pods[pod.uid] = pod
        else:
            del self.info.pods[pod.uid]
        self._sums.add(0, pod, sign)
        if pod.ports:
            self._ports.count(0, pod, sign)

    def __iter__(self) -> Iterator[NodeInfo]:
        yield self.info

    def ports(self, protocol: str, port: int) -> Mapping[int, Counter[str]]:
        """Return the addresses at which a host port is taken."""
        return self._ports.taken(protocol, port)
