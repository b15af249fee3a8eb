"""Nodes, pods and clusters in a line each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from sagong.api.types.core import (
    Affinity,
    Container,
    ContainerPort,
    Node,
    NodeSpec,
    NodeStatus,
    Pod,
    PodAffinity,
    PodAffinityTerm,
    PodAntiAffinity,
    PodSpec,
    PodStatus,
    ResourceRequirements,
    Taint,
    WeightedPodAffinityTerm,
)
from sagong.api.types.meta import LabelSelector, ObjectMeta
from sagong.cluster.clock import RealClock, RealRandom
from sagong.scheduler.cache import Cache
from sagong.scheduler.cycle import Cycle, Placement
from sagong.scheduler.framework import NoFit
from sagong.scheduler.nominator import Nominator
from sagong.scheduler.plugins import Tools, default_profile
from sagong.scheduler.pod_info import PodInfo

T = TypeVar("T")
NO_CLIENT: Any = None  # what is tested here only decides
HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


class Fixed(RealRandom):
    """Always the first of what there is to choose from."""

    def uniform(self) -> float:
        return 0.0


class Objects:
    """Listers over objects given at the start."""

    def __init__(self, *objects: Any) -> None:
        self.objects = list(objects)

    def get(self, kind: type[T], namespace: str, name: str) -> T | None:
        found: Sequence[Any] = self.list(kind, namespace)
        return next((obj for obj in found if obj.metadata.name == name), None)

    def list(self, kind: type[T], namespace: str = "") -> Sequence[T]:
        objects: list[Any] = self.objects
        return [obj for obj in objects if isinstance(obj, kind) and namespace in ("", _namespace(obj))]


def _namespace(obj: Any) -> str:
    return str(obj.metadata.namespace)


def node(
    name: str,
    *,
    taints: Iterable[Taint] = (),
    cordoned: bool = False,
    allocatable: dict[str, str] | None = None,
    zone: str = "",
    **labels: str,
) -> Node:
    """Return a node; `zone` is the well-known label."""
    labels = {HOST: name} | ({ZONE: zone} if zone else {}) | labels
    return Node(
        metadata=ObjectMeta(name=name, labels=labels),
        spec=NodeSpec(taints=list(taints), unschedulable=cordoned),
        status=NodeStatus(allocatable={"cpu": "2", "memory": "4Gi", "pods": "110"} | (allocatable or {})),
    )


def pod(
    name: str,
    *,
    on: str = "",
    priority: int | None = None,
    port: int = 0,
    labels: dict[str, str] | None = None,
    namespace: str = "default",
    status: PodStatus | None = None,
    spec: PodSpec | None = None,
    **requests: str,
) -> Pod:
    spec = spec or PodSpec()
    ports = [ContainerPort(containerPort=port, hostPort=port, protocol="TCP")] if port else []
    asked = {key.replace("__", "/"): value for key, value in requests.items()}
    spec.containers = spec.containers or [Container(name="c", image="i", resources=ResourceRequirements(requests=asked), ports=ports)]
    spec.nodeName, spec.priority, spec.schedulerName = on, priority, "default-scheduler"
    meta = ObjectMeta(name=name, namespace=namespace, uid=f"uid-{name}", labels=labels or {})
    return Pod(metadata=meta, spec=spec, status=status or PodStatus())


def term(key: str, namespaces: Iterable[str] = (), namespace_labels: dict[str, str] | None = None, **labels: str) -> PodAffinityTerm:
    return PodAffinityTerm(
        labelSelector=LabelSelector(matchLabels=labels),
        topologyKey=key,
        namespaces=list(namespaces),
        namespaceSelector=None if namespace_labels is None else LabelSelector(matchLabels=namespace_labels),
    )


def near(*terms: PodAffinityTerm) -> PodSpec:
    return PodSpec(affinity=Affinity(podAffinity=PodAffinity(requiredDuringSchedulingIgnoredDuringExecution=list(terms))))


def away(*terms: PodAffinityTerm) -> PodSpec:
    return PodSpec(affinity=Affinity(podAntiAffinity=PodAntiAffinity(requiredDuringSchedulingIgnoredDuringExecution=list(terms))))


def rather_near(weight: int, wanted: PodAffinityTerm) -> PodSpec:
    weighted = [WeightedPodAffinityTerm(weight=weight, podAffinityTerm=wanted)]
    return PodSpec(affinity=Affinity(podAffinity=PodAffinity(preferredDuringSchedulingIgnoredDuringExecution=weighted)))


def rather_away(weight: int, unwanted: PodAffinityTerm) -> PodSpec:
    weighted = [WeightedPodAffinityTerm(weight=weight, podAffinityTerm=unwanted)]
    return PodSpec(affinity=Affinity(podAntiAffinity=PodAntiAffinity(preferredDuringSchedulingIgnoredDuringExecution=weighted)))


class Cluster:
    """Nodes and pods, and the default profile to schedule with."""

    def __init__(self, nodes: Iterable[Node], pods: Iterable[Pod] = (), objects: Iterable[Any] = ()) -> None:
        self.cache = Cache()
        self.nominator = Nominator(self.cache.table)
        for one in nodes:
            self.cache.set_node(None, one)
        for other in pods:
            self.cache.set_pod(other)
        self.listers = Objects(*objects)
        self.profile = default_profile(Tools(NO_CLIENT, RealClock(), self.listers, Fixed()))
        self.cycle = Cycle(self.profile, Fixed(), self.nominator)

    def schedule(self, wanted: Pod) -> Placement | NoFit:
        return self.cycle.schedule(PodInfo.of(wanted), self.cache.snapshot())

    def choice(self, wanted: Pod) -> str:
        result = self.schedule(wanted)
        assert isinstance(result, Placement), result.message()
        return result.node

    def refusal(self, wanted: Pod) -> str:
        result = self.schedule(wanted)
        assert isinstance(result, NoFit), result.node
        return result.message()

    def scores(self, wanted: Pod, plugin: str) -> list[int] | None:
        """Return one plugin's ratings of all nodes, in their order."""
        chosen = next(found for found in self.profile.plugins if found.name == plugin)
        snapshot = self.cache.snapshot()
        rated = chosen.score(None, PodInfo.of(wanted), snapshot.nodes, snapshot)
        return None if rated is None else list(rated)


def feasible(nodes: Iterable[Node], pods: Iterable[Pod], wanted: Pod, *objects: Any) -> dict[str, str]:
    """Return, by node, why the pod does not fit there, "" where it fits."""
    found = {}
    for one in nodes:
        only = one.metadata.name
        cluster = Cluster(nodes, pods, objects)
        result = cluster.schedule(wanted)
        state = result.state
        table = cluster.cache.table
        unfit = cluster.cycle.on(state, PodInfo.of(wanted), table, table.by_name[only]).unfit()
        found[only] = "" if unfit is None else ", ".join(unfit.reasons)
    return found


def namespaces(cluster: Cluster, **labels: dict[str, str]) -> Cluster:
    """Give a cluster namespaces with labels."""
    for name, own in labels.items():
        cluster.cache.set_namespace(name, own)
    return cluster
