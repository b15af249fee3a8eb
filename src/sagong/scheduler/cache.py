"""The living state behind snapshots: it follows the informers, and counts pods that were just placed before they are seen bound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from sagong.api import pods as facts
from sagong.api.types.core import Node, Pod
from sagong.scheduler.node_info import NodeInfo
from sagong.scheduler.pod_info import Labels, PodInfo
from sagong.scheduler.snapshot import Snapshot, Surroundings

ZONE, REGION = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"


class Cache:
    """Nodes and the pods on them, assumed ones included."""

    def __init__(self) -> None:
        self._around = Surroundings()
        self.table = self._around.table
        self._where: dict[str, NodeInfo] = {}
        self._assumed: set[str] = set()
        self._snapshot: Snapshot | None = None

    def snapshot(self) -> Snapshot:
        """Return the nodes that exist, those of different zones in turn."""
        if self._snapshot is None:
            order = [info.row for info in _interleaved(info for info in self.table.by_name.values() if info.exists)]
            self._snapshot = Snapshot(np.array(order, np.int64), self._around)
        return self._snapshot

    def set_namespace(self, name: str, labels: Labels | None) -> None:
        """Follow a change of a namespace's labels; None when it is gone."""
        self._around.population.set_namespace(name, labels)

    def sizes(self) -> dict[str, int]:
        """Return how many nodes, pods and assumed pods there are, as the metric scheduler_cache_size names them."""
        return {
            "assumed_pods": len(self._assumed),
            "nodes": int(self.table.exists.sum()),
            "pods": len(self._where),
        }

    def set_node(self, old: Node | None, new: Node | None) -> None:
        """Follow a change of a node."""
        named = new or old
        if named is None:
            return
        info = self.table.row(named.metadata.name)
        images = info.images
        if not info.exists or new is None or _zone(info.labels) != _zone(new.metadata.labels):
            self._snapshot = None
        self.table.set_node(info, new)
        if info.images is not images:
            self._count_images(images, -1)
            self._count_images(info.images, 1)
        for names, belongs in ((self._around.tainted, info.node.spec.taints), (self._around.cordoned, info.node.spec.unschedulable)):
            (names.add if belongs else names.discard)(info.name)
        self.table.let_go(info)

    def set_pod(self, pod: Pod | None, old: Pod | None = None) -> tuple[PodInfo | None, PodInfo | None]:
        """Follow a change of a pod: bound pods that are not finished count. Return how it counted and how it does."""
        named = pod or old
        if named is None:
            return None, None
        uid = named.metadata.uid
        before = self.get(uid)
        if pod is not None and not pod.spec.nodeName and uid in self._assumed:
            return before, before
        info = PodInfo.of(pod, before) if pod is not None and pod.spec.nodeName and not facts.is_finished(pod) else None
        if info is not None and before is not None and self._where[uid].name == info.pod.spec.nodeName and _counts_the_same(before, info):
            self._where[uid].pods[uid] = info
            self.table.touch(self._where[uid].row)
        else:
            self._remove(uid)
            if info is not None:
                self._add(info, info.pod.spec.nodeName)
        self._assumed.discard(uid)
        return before, info

    def get(self, uid: str) -> PodInfo | None:
        """Return a counted pod."""
        node = self._where.get(uid)
        return node.pods[uid] if node is not None else None

    def node_of(self, uid: str) -> str:
        """Return the name of the node on which a pod counts, or nothing."""
        node = self._where.get(uid)
        return node.name if node is not None else ""

    def assume(self, info: PodInfo, node: str) -> None:
        """Count a pod on the node it is being bound to."""
        self._assumed.add(info.uid)
        self._add(info, node)

    def forget(self, uid: str) -> bool:
        """No longer count a pod that could not be bound after all; say whether it was assumed."""
        if uid not in self._assumed:
            return False
        self._assumed.discard(uid)
        self._remove(uid)
        return True

    def is_assumed(self, uid: str) -> bool:
        """Say whether the pod is on its way to a node."""
        return uid in self._assumed

    def _add(self, info: PodInfo, name: str) -> None:
        node = self._where[info.uid] = self.table.row(name)
        self.table.count(node, info, 1)
        self._around.population.add(info, node.row)

    def _remove(self, uid: str) -> None:
        node = self._where.pop(uid, None)
        if node is None:
            return
        info = node.pods[uid]
        self.table.count(node, info, -1)
        self._around.population.remove(info, node.row)
        self.table.let_go(node)

    def _count_images(self, images: Iterable[str], by: int) -> None:
        for name in images:
            count = self._around.image_nodes.get(name, 0) + by
            if count:
                self._around.image_nodes[name] = count
            else:
                del self._around.image_nodes[name]


def _counts_the_same(before: PodInfo, now: PodInfo) -> bool:
    return before.asked is now.asked and before.labels_key is now.labels_key and before.leaving == now.leaving


def _zone(labels: Labels) -> str:
    zone, region = labels.get(ZONE, ""), labels.get(REGION, "")
    return f"{region}:\x00:{zone}" if zone or region else ""


def _interleaved(nodes: Iterable[NodeInfo]) -> Iterator[NodeInfo]:
    """Yield one node of each zone in turn, so that a search of a part of the cluster sees all zones."""
    zones: dict[str, list[NodeInfo]] = {}
    for node in nodes:
        zones.setdefault(_zone(node.labels), []).append(node)
    turns = [iter(zone) for zone in zones.values()]
    while turns:
        left = []
        for turn in turns:
            node_of_zone = next(turn, None)
            if node_of_zone is not None:
                yield node_of_zone
                left.append(turn)
        turns = left
