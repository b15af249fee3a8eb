"""What one attempt sees of the cluster: nodes with the sums of their pods, and the population as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sagong.api.pods import HostPort
from sagong.api.types.core import Node
from sagong.scheduler.pod_info import NO_LABELS, Amounts, Labels, PodInfo, amounts
from sagong.scheduler.population import Population

_NOBODY = Node()
MAX_RATINGS = 16


class NodeInfo:
    """A node, its pods, and their sums."""

    __slots__ = (
        "allocatable",
        "asked",
        "exists",
        "images",
        "labels",
        "name",
        "node",
        "pods",
        "ports",
        "rated_cpu",
        "rated_memory",
        "ratings",
    )

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
        self.ratings: dict[object, int] = {}
        """Ratings that follow from the sums alone, so that they are computed once until a pod comes or goes."""

    def set_node(self, node: Node | None) -> None:
        """Take a new version of the node, or that it is gone."""
        old, self.node, self.exists = self.node, node or _NOBODY, node is not None
        self.labels = self.node.metadata.labels
        if old.status.allocatable != self.node.status.allocatable:
            self.allocatable = amounts(self.node.status.allocatable)
            self.ratings = {}
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
        self.ratings = {}
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


def rate_by_sums(nodes: Sequence[NodeInfo], key: object, rate: Callable[[NodeInfo], int]) -> list[int]:
    """Rate nodes by what depends on nothing but their sums and `key`; what was found for an unchanged node is found again."""
    found = []
    for node in nodes:
        rating = node.ratings.get(key)
        if rating is None:
            if len(node.ratings) >= MAX_RATINGS:
                node.ratings = {}
            rating = node.ratings[key] = rate(node)
        found.append(rating)
    return found


class Surroundings:
    """What is known of the cluster as a whole, kept as nodes and pods come and go."""

    def __init__(self) -> None:
        self.population = Population()
        self.namespaces: dict[str, Labels] = {}
        self.image_nodes: dict[str, int] = {}
        """On how many nodes each image is, by image name."""
        self.tainted: set[str] = set()
        self.cordoned: set[str] = set()


class Snapshot:
    """The cluster at one moment. It shares the cache's objects: an attempt ends before the next change is let in."""

    def __init__(self, nodes: Sequence[NodeInfo], around: Surroundings) -> None:
        self.nodes = nodes
        self.by_name = {node.name: node for node in nodes}
        self.around = around

    @property
    def population(self) -> Population:
        """All counted pods."""
        return self.around.population

    @property
    def namespaces(self) -> Mapping[str, Labels]:
        """The labels of namespaces."""
        return self.around.namespaces

    def __len__(self) -> int:
        return len(self.nodes)
