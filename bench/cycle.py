"""How fast pods are placed, without any I/O: `python bench/cycle.py --nodes 1000 --pods 2000`.

Each scene makes a cluster in memory and places pods one after the other through Cycle and Cache, as the scheduler does; what is left out
are the API server, the queue's waits and the binding. Prints one JSON object for each scene.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sagong.api.types.apps import ReplicaSet, ReplicaSetSpec
from sagong.api.types.core import (
    Affinity,
    Container,
    Node,
    NodeStatus,
    Pod,
    PodAffinity,
    PodAffinityTerm,
    PodAntiAffinity,
    PodSpec,
    ResourceRequirements,
    TopologySpreadConstraint,
)
from sagong.api.types.meta import LabelSelector, ObjectMeta, OwnerReference
from sagong.cluster.clock import RealClock, RealRandom
from sagong.scheduler.cache import Cache
from sagong.scheduler.cycle import Cycle, Placement
from sagong.scheduler.framework import NoFit
from sagong.scheduler.nominator import Nominator
from sagong.scheduler.plugins import Tools, default_profile
from sagong.scheduler.pod_info import PodInfo

T = TypeVar("T")
HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
WEB = {"app": "web"}
SELECTOR = LabelSelector(matchLabels=WEB)
NO_CLIENT: Any = None


class Objects:
    """The one ReplicaSet that owns the pods of the default scene."""

    owner = ReplicaSet(metadata=ObjectMeta(name="web", namespace="default"), spec=ReplicaSetSpec(selector=SELECTOR))

    def get(self, kind: type[T], namespace: str, name: str) -> T | None:  # noqa: ARG002 - there is one
        return self.owner if isinstance(self.owner, kind) else None

    def list(self, kind: type[T], namespace: str = "") -> Sequence[T]:  # noqa: ARG002 - there are none
        return ()


def node(number: int) -> Node:
    name = f"node-{number:05}"
    labels = {HOST: name, ZONE: f"zone-{number % 3}"}
    allocatable = {"cpu": "32", "memory": "128Gi", "pods": "110", "ephemeral-storage": "500Gi"}
    return Node(metadata=ObjectMeta(name=name, labels=labels), status=NodeStatus(allocatable=allocatable))


def plain() -> PodSpec:
    return PodSpec()


def spread() -> PodSpec:
    constraint = TopologySpreadConstraint(topologyKey=ZONE, maxSkew=5, whenUnsatisfiable="DoNotSchedule", labelSelector=SELECTOR)
    return PodSpec(topologySpreadConstraints=[constraint])


def together() -> PodSpec:
    term = PodAffinityTerm(labelSelector=SELECTOR, topologyKey=ZONE)
    return PodSpec(affinity=Affinity(podAffinity=PodAffinity(requiredDuringSchedulingIgnoredDuringExecution=[term])))


def apart() -> PodSpec:
    term = PodAffinityTerm(labelSelector=SELECTOR, topologyKey=HOST)
    return PodSpec(affinity=Affinity(podAntiAffinity=PodAntiAffinity(requiredDuringSchedulingIgnoredDuringExecution=[term])))


def pod(number: int, spec: PodSpec, *, cpu: str = "100m", priority: int = 0) -> Pod:
    spec.containers = [Container(name="c", image="web:1", resources=ResourceRequirements(requests={"cpu": cpu, "memory": "100Mi"}))]
    spec.schedulerName, spec.priority = "default-scheduler", priority
    owner = OwnerReference(apiVersion="apps/v1", kind="ReplicaSet", name="web", uid="u", controller=True)
    meta = ObjectMeta(name=f"web-{number}", namespace="default", uid=f"uid-{number}", labels=WEB, ownerReferences=[owner])
    return Pod(metadata=meta, spec=spec)


def run(name: str, spec: Callable[[], PodSpec], nodes: int, pods: int) -> None:
    """Place pods and print how fast."""
    cache, random = Cache(), RealRandom()
    for number in range(nodes):
        cache.set_node(None, node(number))
    cycle = Cycle(default_profile(Tools(NO_CLIENT, RealClock(), Objects(), random)), random, Nominator(cache.table))
    waiting = [pod(number, spec()) for number in range(pods)]
    took: list[float] = []
    placed = 0
    for wanted in waiting:
        started = time.process_time()
        info = PodInfo.of(wanted)
        result = cycle.schedule(info, cache.snapshot())
        if isinstance(result, Placement):
            cache.assume(info, result.node)
            placed += 1
        took.append(time.process_time() - started)
    report(name, nodes, took, placed=placed)


def run_preemption(nodes: int, pods: int) -> None:
    """Fill a cluster, then find victims for pods of higher priority."""
    cache, random = Cache(), RealRandom()
    tools = Tools(NO_CLIENT, RealClock(), Objects(), random)
    cycle = Cycle(default_profile(tools), random, Nominator(cache.table))
    for number in range(nodes):
        cache.set_node(None, node(number))
        for part in range(4):
            cache.assume(PodInfo.of(pod(number * 4 + part, PodSpec(), cpu="8")), f"node-{number:05}")
    took: list[float] = []
    for number in range(pods):
        started = time.process_time()
        info = PodInfo.of(pod(10**6 + number, PodSpec(), cpu="8", priority=10))
        result = cycle.schedule(info, cache.snapshot())
        assert isinstance(result, NoFit)
        assert cycle.post_filter(info, cache.snapshot(), result).victims
        took.append(time.process_time() - started)
    report("preemption", nodes, took)


def report(name: str, nodes: int, took: Sequence[float], **more: int) -> None:
    in_order = sorted(took)
    print(
        json.dumps(
            {
                "scene": name,
                "nodes": nodes,
                "pods": len(took),
                "pods_per_second": round(len(took) / sum(took)),
                "median_ms": round(in_order[len(took) // 2] * 1000, 2),
                "p99_ms": round(in_order[len(took) * 99 // 100] * 1000, 2),
                **more,
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--pods", type=int, default=1000)
    parser.add_argument("--scene", default="")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    scenes: dict[str, Callable[[], None]] = {
        spec.__name__: lambda spec=spec: run(spec.__name__, spec, options.nodes, options.pods)  # type: ignore[misc]  # bound at once
        for spec in (plain, spread, together, apart)
    }
    scenes["preemption"] = lambda: run_preemption(options.nodes, max(options.pods // 50, 1))
    with cProfile.Profile() as profile:
        if not options.profile:
            profile.disable()
        for name, scene in scenes.items():
            if options.scene in ("", name):
                scene()
    if options.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
