"""What one attempt sees of the cluster: nodes with the sums of their pods, and the population as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sagong.api.pods import HostPort
from sagong.api.types.core import Node
from sagong.scheduler.pod_info import NO_LABELS, Amounts, Labels, PodInfo, amounts
from sagong.scheduler.population import Population

_NOBODY = Node()


class NodeInfo:
    """A node, its pods, and their sums."""

    __slots__ = ("allocatable", "asked", "exists", "images", "labels", "name", "node", "pods", "ports", "rated_cpu", "rated_memory")

    def __init__(self, name: str) -> None:
        self.name = name
        self.node: Node = _NOBODY
        self.exists = False
        """False while only pods of the node are known."""
        self.labels: Labels = NO_LABELS
        self.allocatable: Amounts = {}
        self.images: dict[str, int] = {}
        self.pods: dict[str, PodInfo] = {}
        self.asked: Amounts = {}
        self.rated_cpu = self.rated_memory = 0
        self.ports: dict[HostPort, int] = {}

    def set_node(self, node: Node | None) -> None:
        """Take a new version of the node, or that it is gone."""
        old, self.node, self.exists = self.node, node or _NOBODY, node is not None
        self.labels = self.node.metadata.labels
        if old.status.allocatable != self.node.status.allocatable:
            self.allocatable = amounts(self.node.status.allocatable)
        if old.status.images != self.node.status.images:
            self.images = {name: image.sizeBytes for image in self.node.status.images for name in image.names}

    def add(self, info: PodInfo) -> None:
        """Count a pod."""
        self.pods[info.uid] = info
        self._count(info, 1)

    def remove(self, uid: str) -> PodInfo | None:
        """No longer count a pod."""
        info = self.pods.pop(uid, None)
        if info is not None:
            self._count(info, -1)
        return info

    def copy(self) -> NodeInfo:
        """Return a copy that can lose and gain pods by itself."""
        copied = NodeInfo(self.name)
        copied.node, copied.exists, copied.labels = self.node, self.exists, self.labels
        copied.allocatable, copied.images = self.allocatable, self.images
        copied.pods, copied.asked, copied.ports = dict(self.pods), dict(self.asked), dict(self.ports)
        copied.rated_cpu, copied.rated_memory = self.rated_cpu, self.rated_memory
        return copied

    def _count(self, info: PodInfo, sign: int) -> None:
        asked = self.asked
        for name, amount in info.asked.items():
            asked[name] = asked.get(name, 0) + sign * amount
        self.rated_cpu += sign * info.rated[0]
        self.rated_memory += sign * info.rated[1]
        for port in info.ports:
            count = self.ports.get(port, 0) + sign
            if count:
                self.ports[port] = count
            else:
                self.ports.pop(port, None)


class Snapshot:
    """The cluster at one moment. It shares the cache's objects: an attempt ends before the next change is let in."""

    def __init__(
        self,
        nodes: Sequence[NodeInfo],
        population: Population,
        namespaces: Mapping[str, Labels],
        image_nodes: Mapping[str, int],
    ) -> None:
        self.nodes = nodes
        self.by_name = {node.name: node for node in nodes}
        self.population = population
        self.namespaces = namespaces
        self.image_nodes = image_nodes
        """On how many nodes each image is, by image name."""

    def __len__(self) -> int:
        return len(self.nodes)
