"""The table of nodes: their arrays, and what is kept beside them."""

from __future__ import annotations

from collections import Counter

import numpy as np

from sagong.api.types.core import Node
from sagong.scheduler.columns import FIRST_ROWS, MAX_COLUMNS, Bools, Ints, LabelColumn, PortBook, Sums, grown
from sagong.scheduler.memory import Journal, Memories
from sagong.scheduler.node_info import NodeInfo
from sagong.scheduler.pod_info import NO_LABELS, PodInfo, amounts


class Table:
    """One row for each node. `of_node` remembers what follows from the node objects alone, `of_pods` what follows from their pods too."""

    def __init__(self) -> None:
        self.size = FIRST_ROWS
        self.infos: list[NodeInfo | None] = [None] * self.size
        self.by_name: dict[str, NodeInfo] = {}
        self.exists: Bools = np.zeros(self.size, np.bool_)
        self.cordoned: Bools = np.zeros(self.size, np.bool_)
        self.capacity: dict[str, Ints] = {"pods": np.zeros(self.size, np.int64)}
        self._node_changes, self._changes = Journal(self.size), Journal(self.size)
        self.of_node, self.of_pods = Memories(self._node_changes), Memories(self._changes)
        self.sums = Sums(self.size)
        self.by_priority: dict[int, Sums] = {}
        self.ports = PortBook()
        self._free = list(range(self.size - 1, -1, -1))
        self._pinned: Counter[int] = Counter()
        self._columns: dict[str, LabelColumn] = {}

    # Rows.

    def row(self, name: str) -> NodeInfo:
        """Return a node by name; one that is not known yet gets a row."""
        info = self.by_name.get(name)
        if info is None:
            if not self._free:
                self._grow()
            info = self.by_name[name] = NodeInfo(name, self._free.pop())
            self.infos[info.row] = info
            self.touch(info.row, node=True)
        return info

    def pin(self, name: str) -> int:
        """Keep a node's row, whether the node exists or not, until as many calls of `unpin`; return the row."""
        info = self.row(name)
        self._pinned[info.row] += 1
        return info.row

    def unpin(self, name: str) -> None:
        """Let the row go again."""
        info = self.by_name[name]
        self._pinned[info.row] -= 1
        if not self._pinned[info.row]:
            del self._pinned[info.row]
            self.let_go(info)

    def let_go(self, info: NodeInfo) -> None:
        """Free the row of a node that does not exist and has no pods."""
        if not info.exists and not info.pods and info.row not in self._pinned:
            del self.by_name[info.name]
            self.infos[info.row] = None
            self._free.append(info.row)

    def set_node(self, info: NodeInfo, node: Node | None) -> None:
        """Take a new version of a node, or that it is gone."""
        row, before = info.row, info.node
        info.set_node(node)
        self.exists[row], self.cordoned[row] = info.exists, info.node.spec.unschedulable
        if before.status.allocatable != info.node.status.allocatable:
            for values in self.capacity.values():
                values[row] = 0
            for name, amount in amounts(info.node.status.allocatable).items():
                if name not in self.capacity:
                    self.capacity[name] = np.zeros(self.size, np.int64)
                self.capacity[name][row] = amount
        for column in self._columns.values():
            column.set(row, info.labels)
        self.touch(row, node=True)

    def count(self, info: NodeInfo, pod: PodInfo, sign: int) -> None:
        """Count a pod of a node, or with -1 count it no longer."""
        if sign > 0:
            info.pods[pod.uid] = pod
        else:
            del info.pods[pod.uid]
        self.sums.add(info.row, pod, sign)
        of_priority = self.by_priority.get(pod.priority)
        if of_priority is None:
            of_priority = self.by_priority[pod.priority] = Sums(self.size)
        of_priority.add(info.row, pod, sign)
        if not of_priority.count:
            del self.by_priority[pod.priority]
        if pod.ports:
            self.ports.count(info.row, pod, sign)
        self.touch(info.row)

    def touch(self, row: int, *, node: bool = False) -> None:
        """Note that a row changed, or something about it that is kept elsewhere."""
        self._changes.note(row)
        if node:
            self._node_changes.note(row)

    @property
    def stamps(self) -> Ints:
        """By row, the number of the last change."""
        return self._changes.stamps

    def _grow(self) -> None:
        old, self.size = self.size, self.size * 2
        self.infos += [None] * old
        self.exists, self.cordoned = grown(self.exists, self.size), grown(self.cordoned, self.size)
        self._changes.grow(self.size)
        self._node_changes.grow(self.size)
        self.capacity = {name: grown(values, self.size) for name, values in self.capacity.items()}
        for sums in (self.sums, *self.by_priority.values()):
            sums.grow(self.size)
        for column in self._columns.values():
            column.grow(self.size)
        self._free += range(self.size - 1, old - 1, -1)

    # Columns.

    def column(self, key: str) -> LabelColumn:
        """Return a label's column; from the first time on it is kept."""
        column = self._columns.get(key)
        if column is None or column.size > 2 * self.size:  # most of its values are of nodes that are gone
            if len(self._columns) >= MAX_COLUMNS:
                self._columns.clear()
            labels = [info.labels if info is not None else NO_LABELS for info in self.infos]
            column = self._columns[key] = LabelColumn(key, labels)
        return column

    def lower(self, priority: int) -> list[Sums]:
        """Return the sums of the pods of lower priority."""
        return [sums for own, sums in self.by_priority.items() if own < priority]
