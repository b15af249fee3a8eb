"""Which pods wait for which node after preemption: others of no higher priority must leave that room to them."""

from __future__ import annotations

from collections.abc import Collection

from sagong.scheduler.columns import Sums
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.table import Table


class Nominator:
    """Nominated pods by node, and what they come to in the table's rows."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._nodes: dict[str, dict[str, PodInfo]] = {}
        self._where: dict[str, str] = {}
        self._sums: dict[int, Sums] = {}

    def on(self, node: str) -> Collection[PodInfo]:
        """Return the pods nominated to a node."""
        pods = self._nodes.get(node)
        return pods.values() if pods else ()

    def first(self, pod: PodInfo, node: str) -> list[PodInfo]:
        """Return the pods nominated to a node that a pod must leave room to."""
        return [other for other in self.on(node) if other.priority >= pod.priority and other.uid != pod.uid]

    def nodes(self) -> Collection[str]:
        """Return the names of the nodes to which pods are nominated."""
        return self._nodes.keys()

    def with_first(self, pod: PodInfo) -> Sums | None:
        """Return the sums of all rows with the nominated pods that a pod must leave room to; None when there are none."""
        size = self._table.size
        above = [sums for priority, sums in self._sums.items() if priority >= pod.priority]
        if not above:
            return None
        for sums in above:
            if len(sums.pods) < size:
                sums.grow(size)
        total = self._table.sums.plus(above)
        own = self._where.get(pod.uid)
        if own is not None and (info := self._nodes[own][pod.uid]).priority >= pod.priority:
            total.add(self._table.by_name[own].row, info, -1)
        return total

    def has(self, uid: str) -> bool:
        """Say whether a pod is nominated to a node."""
        return uid in self._where

    def __bool__(self) -> bool:
        return bool(self._nodes)

    def nominate(self, info: PodInfo, node: str) -> None:
        """Nominate a pod to a node, to none with an empty name; an earlier nomination is void."""
        self.forget(info.uid)
        if node:
            self._nodes.setdefault(node, {})[info.uid] = info
            self._where[info.uid] = node
            self._count(info, self._table.pin(node), 1)

    def follow(self, info: PodInfo, before: PodInfo | None) -> None:
        """Take a new version of a waiting pod.

        One that shows no nomination, as the one before, keeps ours: its status may not have been written yet.
        """
        shown = info.pod.status.nominatedNodeName
        if not shown and not (before is not None and before.pod.status.nominatedNodeName):
            shown = self._where.get(info.uid, "")
        self.nominate(info, shown)

    def forget(self, uid: str) -> None:
        """Forget a pod."""
        node = self._where.pop(uid, None)
        if node is None:
            return
        pods = self._nodes[node]
        info = pods.pop(uid)
        if not pods:
            del self._nodes[node]
        self._count(info, self._table.by_name[node].row, -1)
        self._table.unpin(node)

    def _count(self, info: PodInfo, row: int, sign: int) -> None:
        sums = self._sums.get(info.priority)
        if sums is None:
            sums = self._sums[info.priority] = Sums(self._table.size)
        elif len(sums.pods) <= row:
            sums.grow(self._table.size)
        sums.add(row, info, sign)
        if not sums.count:
            del self._sums[info.priority]
        self._table.touch(row)
