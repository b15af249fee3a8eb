"""What the scheduler knows of the cluster: nodes with their pods and sums, kept incrementally, and a view of them for one attempt.

`Cache` follows the informers and also counts pods it has just placed ("assumed") until the informer shows them bound. A `Snapshot`
shares the cache's NodeInfos: the loop that takes one schedules a pod to the end before the next change is let in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sagong.api import pods as facts
from sagong.api.quantity import parse
from sagong.api.types.core import Node, Pod

Amounts = dict[str, int]
"""Resource amounts: cpu in thousandths of a core, everything else in units."""

# What a container without requests is taken to use when nodes are rated (upstream's non-zero requests).
DEFAULT_CPU, DEFAULT_MEMORY = 100, 200 * 2**20


def amounts(quantities: Mapping[str, str]) -> Amounts:
    """Convert a ResourceList."""
    return {name: parse(text).milli_value() if name == "cpu" else parse(text).value() for name, text in quantities.items()}


def requested(pod: Pod) -> Amounts:
    """Return what a pod asks of its node."""
    found = facts.requests(pod, use_status=True)
    return {name: amount.milli_value() if name == "cpu" else amount.value() for name, amount in found.items()}


def nonzero(pod: Pod, asked: Amounts) -> tuple[int, int]:
    """Return cpu and memory for rating: a container that asks for none counts with a default."""
    containers = pod.spec.containers
    cpu = asked.get("cpu", 0) + DEFAULT_CPU * sum("cpu" not in c.resources.requests for c in containers)
    memory = asked.get("memory", 0) + DEFAULT_MEMORY * sum("memory" not in c.resources.requests for c in containers)
    return cpu, memory


@dataclass(slots=True)
class PodInfo:
    """A pod with what is computed once."""

    pod: Pod
    asked: Amounts
    rated: tuple[int, int]
    ports: frozenset[facts.HostPort]

    @classmethod
    def of(cls, pod: Pod) -> PodInfo:
        """Compute."""
        asked = requested(pod)
        return cls(pod, asked, nonzero(pod, asked), frozenset(facts.host_ports(pod)))


@dataclass(slots=True)
class NodeInfo:
    """A node, its pods, and their sums. `node` is None while only pods of it are known."""

    name: str
    node: Node | None = None
    pods: dict[str, PodInfo] = field(default_factory=dict)
    allocatable: Amounts = field(default_factory=dict)
    asked: Amounts = field(default_factory=dict)
    rated_cpu: int = 0
    rated_memory: int = 0
    images: dict[str, int] = field(default_factory=dict)

    @property
    def labels(self) -> Mapping[str, str]:
        """The node's labels."""
        return self.node.metadata.labels if self.node else {}

    def set_node(self, node: Node | None) -> None:
        """Take a new version of the node."""
        self.node = node
        self.allocatable = amounts(node.status.allocatable) if node else {}
        self.images = {name: image.sizeBytes for image in (node.status.images if node else ()) for name in image.names}

    def add(self, info: PodInfo) -> None:
        """Count a pod."""
        self.pods[info.pod.metadata.uid] = info
        self._count(info, 1)

    def remove(self, uid: str) -> PodInfo | None:
        """No longer count a pod."""
        info = self.pods.pop(uid, None)
        if info is not None:
            self._count(info, -1)
        return info

    def copy(self) -> NodeInfo:
        """Return a copy that can lose and gain pods by itself."""
        return NodeInfo(
            self.name, self.node, dict(self.pods), self.allocatable, dict(self.asked), self.rated_cpu, self.rated_memory, self.images
        )

    def _count(self, info: PodInfo, sign: int) -> None:
        for name, amount in info.asked.items():
            self.asked[name] = self.asked.get(name, 0) + sign * amount
        self.rated_cpu += sign * info.rated[0]
        self.rated_memory += sign * info.rated[1]


class Snapshot:
    """The nodes that one attempt sees, by name, in a stable order."""

    def __init__(self, nodes: Mapping[str, NodeInfo], namespaces: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self.nodes = nodes
        self.namespaces = namespaces or {}

    def __len__(self) -> int:
        return len(self.nodes)

    def pods(self) -> Iterable[tuple[NodeInfo, PodInfo]]:
        """Yield every counted pod with its node."""
        for node in self.nodes.values():
            for info in node.pods.values():
                yield node, info


class Cache:
    """The living state behind snapshots."""

    def __init__(self) -> None:
        self._nodes: dict[str, NodeInfo] = {}
        self._where: dict[str, str] = {}
        self._assumed: set[str] = set()
        self.namespaces: dict[str, Mapping[str, str]] = {}

    def snapshot(self) -> Snapshot:
        """Return the nodes that exist."""
        return Snapshot({name: info for name, info in self._nodes.items() if info.node is not None}, self.namespaces)

    def set_node(self, old: Node | None, new: Node | None) -> None:
        """Follow a change of a node."""
        named = new or old
        if named is None:
            return
        info = self._info(named.metadata.name)
        info.set_node(new)
        self._forget_if_empty(info)

    def set_pod(self, old: Pod | None, new: Pod | None) -> None:
        """Follow a change of a pod: bound pods that are not finished count, assumed or not."""
        pod = new or old
        if pod is None:
            return
        uid = pod.metadata.uid
        if new is not None and not new.spec.nodeName and uid in self._assumed:
            return
        self._remove(uid)
        self._assumed.discard(uid)
        if new is not None and new.spec.nodeName and not facts.is_finished(new):
            self._add(PodInfo.of(new), new.spec.nodeName)

    def assume(self, info: PodInfo, node: str) -> None:
        """Count a pod on the node it is being bound to."""
        self._assumed.add(info.pod.metadata.uid)
        self._add(info, node)

    def forget(self, uid: str) -> None:
        """No longer count a pod that could not be bound after all."""
        if uid in self._assumed:
            self._assumed.discard(uid)
            self._remove(uid)

    def is_assumed(self, uid: str) -> bool:
        """Say whether the pod is on its way to a node."""
        return uid in self._assumed

    def _add(self, info: PodInfo, node: str) -> None:
        self._info(node).add(info)
        self._where[info.pod.metadata.uid] = node

    def _remove(self, uid: str) -> None:
        name = self._where.pop(uid, None)
        if name is not None:
            info = self._nodes[name]
            info.remove(uid)
            self._forget_if_empty(info)

    def _info(self, name: str) -> NodeInfo:
        return self._nodes.setdefault(name, NodeInfo(name))

    def _forget_if_empty(self, info: NodeInfo) -> None:
        if info.node is None and not info.pods:
            del self._nodes[info.name]
