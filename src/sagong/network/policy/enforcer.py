"""Keeps a node's packet rules as NetworkPolicies want them. A cluster without policies pays for one idle watch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from sagong.api.clock import Clock
from sagong.api.pods import all_containers
from sagong.api.types.core import Container, Namespace, Pod, PodSpec, PodStatus
from sagong.api.types.meta import ObjectMeta, PartialObjectMetadata
from sagong.api.types.networking import NetworkPolicy
from sagong.client.client import Client, resource_of
from sagong.client.endpoint import metadata_only
from sagong.client.informer import Informer
from sagong.network.policy.ruleset import TABLE, build
from sagong.network.policy.selection import Cluster, PodView, view_of
from sagong.network.proxy.kernel import Kernel
from sagong.network.proxy.nft import NftError
from sagong.network.proxy.tables import Tables
from sagong.network.service_table import Family

INTERVAL, RETRY = 0.05, 1.0
LEISURE = 5
"""How many times as long as the last computation the next one waits: in a big cluster, pods come and go all the time."""
log = logging.getLogger(__name__)


class Enforcer:
    """Pods and namespaces are watched from the first policy on."""

    def __init__(self, client: Client, kernel: Kernel, node_name: str, families: Sequence[Family], *, clock: Clock) -> None:
        self._node, self._families, self._clock = node_name, tuple(families), clock
        self._kernel, self._tables = kernel, Tables(kernel, clock)
        self._policies = Informer(client, NetworkPolicy)
        self._namespaces: Informer[PartialObjectMetadata] = Informer(client, metadata_only(resource_of(Namespace)))
        self._pods = Informer(client, Pod, transform=_slim)
        self._views: dict[str, PodView] = {}
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled. The packet rules stay when it ends."""
        self._policies.add_handler(lambda _old, _new: self._changed.set())
        self._namespaces.add_handler(self._on_namespace)
        self._pods.add_handler(self._on_pod)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._policies.run())
            await self._policies.wait_synced()
            if not self._policies.list():
                await self._clear()
                await self._changed.wait()
            group.create_task(self._namespaces.run())
            group.create_task(self._pods.run())
            await self._namespaces.wait_synced()
            await self._pods.wait_synced()
            await self._follow()

    async def _follow(self) -> None:
        while True:
            self._changed.clear()
            started = self._clock.monotonic()
            pause = INTERVAL
            try:
                await self._tables.apply([build(self._cluster(), self._node, family) for family in self._families])
            except NftError as error:
                log.error("rules of network policies were refused: %s", error)  # noqa: TRY400 - a trace would say nothing more
                self._changed.set()
                pause = RETRY
            await self._clock.sleep(max(pause, LEISURE * (self._clock.monotonic() - started)))
            await self._tables.wait(self._changed)

    async def _clear(self) -> None:
        """Remove what an earlier process may have left."""
        places = [f"{family} {TABLE}" for family in self._families]
        try:
            await self._kernel.run(f"{verb} table {place}" for place in places for verb in ("add", "delete"))
        except NftError as error:
            log.warning("rules of network policies that have gone may be left: %s", error)

    def _cluster(self) -> Cluster:
        namespaces = {namespace.metadata.name: namespace.metadata.labels for namespace in self._namespaces.list()}
        return Cluster(tuple(self._views.values()), namespaces, self._policies.list())

    def _on_namespace(self, old: PartialObjectMetadata | None, new: PartialObjectMetadata | None) -> None:
        if old is None or new is None or old.metadata.labels != new.metadata.labels:
            self._changed.set()

    def _on_pod(self, old: Pod | None, new: Pod | None) -> None:
        pod = new or old
        if pod is None:
            return
        key, view = f"{pod.metadata.namespace}/{pod.metadata.name}", view_of(new) if new else None
        if self._views.get(key) == view:
            return
        self._changed.set()
        if view is None:
            del self._views[key]
        else:
            self._views[key] = view


def _slim(pod: Pod) -> Pod:
    """Keep of a pod what policies see: in a big cluster the rest is a hundred times as much."""
    meta = pod.metadata
    containers = [Container(name=container.name, ports=container.ports) for container in all_containers(pod) if container.ports]
    return Pod(
        metadata=ObjectMeta(
            name=meta.name, namespace=meta.namespace, labels=meta.labels, uid=meta.uid, resourceVersion=meta.resourceVersion
        ),
        spec=PodSpec(nodeName=pod.spec.nodeName, hostNetwork=pod.spec.hostNetwork, containers=containers),
        status=PodStatus(phase=pod.status.phase, podIP=pod.status.podIP, podIPs=pod.status.podIPs),
    )
