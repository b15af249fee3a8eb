"""`sagong why`: the cluster's objects, read once, and the scheduler's own judgement of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported, as in cluster/scheduler.py

from sagong.api.errors import ApiError
from sagong.api.types.core import Namespace, Node, Pod
from sagong.cli.operations import NodeAnswer, OperationError, PodAnswer
from sagong.client.client import Client
from sagong.client.config import ClientConfig
from sagong.cluster.clock import RealClock, RealRandom
from sagong.scheduler.app import UNFINISHED
from sagong.scheduler.cache import Cache
from sagong.scheduler.cycle import Cycle
from sagong.scheduler.explain import Explanation, OnNode, explain
from sagong.scheduler.framework import PluginError, PostFilter, Reads
from sagong.scheduler.nominator import Nominator
from sagong.scheduler.plugins import Tools, default_profile
from sagong.scheduler.pod_info import PodInfo

T = TypeVar("T")


class _Loaded:
    """Listers over kinds that were listed once."""

    def __init__(self) -> None:
        self._objects: dict[type, dict[tuple[str, str], Any]] = {}

    async def load(self, client: Client, kinds: Iterable[type]) -> None:
        """List what was not listed yet."""
        for kind in kinds:
            if kind not in self._objects:
                items: list[Any] = list((await client.list(kind)).items)
                self._objects[kind] = {(item.metadata.namespace, item.metadata.name): item for item in items}

    def get(self, kind: type[T], namespace: str, name: str) -> T | None:
        """Return one object."""
        return self._objects[kind].get((namespace, name))

    def list(self, kind: type[T], namespace: str = "") -> Sequence[T]:
        """Return all objects of a kind, or a namespace's."""
        return [found for (own, _), found in self._objects[kind].items() if namespace in ("", own)]


async def why(config: ClientConfig, namespace: str, name: str) -> PodAnswer:
    """Ask the cluster about a pod. Raises OperationError."""
    async with Client(config, clock=RealClock(), random=RealRandom()) as client:
        try:
            pod = await client.get(Pod, name, namespace)
            if pod.spec.nodeName:
                return PodAnswer(f"pod {namespace}/{name} is on node {pod.spec.nodeName}.")
            return _answer(pod, await explained(client, pod))
        except ApiError as error:
            raise OperationError(f"{error.message}") from error
        except PluginError as error:
            raise OperationError(f"the scheduler cannot decide about pod {namespace}/{name}: {error}") from error


async def explained(client: Client, pod: Pod) -> Explanation:
    """Read the cluster and explain."""
    loaded, cache, clock, random = _Loaded(), Cache(), RealClock(), RealRandom()
    profile = default_profile(Tools(client, clock, loaded, random), pod.spec.schedulerName)
    info = PodInfo.of(pod)
    await loaded.load(client, [Node, Namespace])
    await loaded.load(client, (kind for plugin in profile.at(Reads) for kind in plugin.reads(info)))
    await loaded.load(client, (kind for plugin in profile.at(PostFilter) for kind in plugin.post_filter_reads))
    for node in loaded.list(Node):
        cache.set_node(None, node)
    for room in loaded.list(Namespace):
        cache.set_namespace(room.metadata.name, room.metadata.labels)
    nominator = Nominator(cache.table)
    for other in (await client.list(Pod, field_selector=UNFINISHED)).items:
        cache.set_pod(other)
        if not other.spec.nodeName and other.status.nominatedNodeName:
            nominator.nominate(PodInfo.of(other), other.status.nominatedNodeName)
    return explain(profile, info, cache.snapshot(), Cycle(profile, random, nominator))


def _answer(pod: Pod, explanation: Explanation) -> PodAnswer:
    named = f"pod {pod.metadata.namespace}/{pod.metadata.name}"
    nodes = [NodeAnswer(node.node, _lines(node)) for node in explanation.nodes]
    if explanation.node:
        return PodAnswer(f"{named} fits now; it would go to {explanation.node}.", nodes)
    smallest = explanation.smallest
    changes = [remedy.text for objection in smallest.objections for remedy in objection.remedies] if smallest else []
    helps = f"on node {smallest.node}, {' and '.join(changes)}" if smallest and changes else ""
    return PodAnswer(f"{named} is not scheduled: {explanation.message}", nodes, helps)


def _lines(node: OnNode) -> list[tuple[str, str, str]]:
    return [
        (objection.plugin, ", ".join(objection.reasons), " and ".join(remedy.text for remedy in objection.remedies))
        for objection in node.objections
    ]
