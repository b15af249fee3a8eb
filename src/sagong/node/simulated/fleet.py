"""Many simulated nodes in one process. They share a runtime in memory, one watch of pods and one of nodes, and what writes statuses.

    watch of pods  ->  the node's Pods  ->  PodWorker: observe, decide, act, status   (the kubelet's own)
    watch of nodes ->  keeper: registers, reports, renews leases, spread over time

Resizes in place are granted as long as the node has room for them at admission; nothing is deferred.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from sagong.api.clock import Clock, Random
from sagong.api.nodes import SIMULATED
from sagong.api.types.core import Node, Pod, PodSpec
from sagong.api.types.meta import ObjectMeta
from sagong.client.client import Client
from sagong.client.events import Recorder
from sagong.client.informer import Informer
from sagong.node.allocations import Allocations
from sagong.node.events import PodEvents
from sagong.node.simulated.keeper import Keeper
from sagong.node.simulated.node import Shared, SimulatedNode
from sagong.node.simulated.runtime import SimulatedRuntime
from sagong.node.simulated.settings import SimulationSettings
from sagong.node.status_manager import StatusManager

STATUS_WRITERS = 24


class Fleet:
    """The nodes of these names, all reached at one address and port."""

    def __init__(
        self, client: Client, names: Sequence[str], settings: SimulationSettings, clock: Clock, random: Random, *, address: str, port: int
    ) -> None:
        self._client = client
        self._api: dict[str, Pod] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._recorder = Recorder(client, "kubelet", host="simulated")
        events = PodEvents(self._recorder)
        self.statuses = StatusManager(client, clock, self._api.get, workers=STATUS_WRITERS)
        allocations = Allocations(None)
        runtime = SimulatedRuntime(settings.behaviour, events, allocations, clock, random, address=self._address, ended=self._ended)
        self._nodes = Informer(client, Node, label_selector=SIMULATED)
        shared = Shared(settings, runtime, self.statuses, events, allocations, clock, random, address, port)
        self.nodes = {name: SimulatedNode(name, number, shared, self.node) for number, name in enumerate(names)}
        self.keeper = Keeper(client, self._nodes, list(self.nodes.values()), self._recorder, shared)
        self._runtime = runtime

    async def run(self) -> None:
        """Run until cancelled."""
        pods = Informer(self._client, Pod, field_selector="spec.nodeName!=", transform=self._slim)
        pods.add_handler(self._changed)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._recorder.run())
            group.create_task(self._nodes.run())
            group.create_task(self.statuses.run())
            for node in self.nodes.values():
                group.create_task(node.pods.run())
            await self._nodes.wait_synced()
            group.create_task(self.keeper.run())
            group.create_task(pods.run())

    def find(self, namespace: str, name: str) -> tuple[SimulatedNode, Pod] | None:
        """Return a pod with its status as its node knows it, and the node."""
        uid = self._names.get((namespace, name), "")
        pod = self._api.get(uid)
        if pod is None:
            return None
        status = self.statuses.get(uid)
        return self.nodes[pod.spec.nodeName], msgspec.structs.replace(pod, status=status) if status else pod

    def pods(self) -> Sequence[Pod]:
        """Return all pods of all nodes."""
        return list(self._api.values())

    def _changed(self, old: Pod | None, new: Pod | None) -> None:
        """Tell the pod's node. What was never bound here is not known there."""
        if old is not None and (new is None or new.metadata.uid != old.metadata.uid):
            self._api.pop(old.metadata.uid, None)
            self._names.pop((old.metadata.namespace, old.metadata.name), None)
        node = self.nodes.get((new or old or Pod()).spec.nodeName)
        if new is not None and node is not None:
            uid = new.metadata.uid
            if uid not in self._api:
                self._runtime.recall(new)
            self._api[uid] = new
            self._names[new.metadata.namespace, new.metadata.name] = uid
        if node is not None:
            node.pods.api_changed(old if old and old.spec.nodeName else None, new)

    def _slim(self, pod: Pod) -> Pod:
        """Keep nothing but the name of a pod that is on no node of ours."""
        if pod.spec.nodeName in self.nodes:
            return pod
        meta = pod.metadata
        bare = ObjectMeta(name=meta.name, namespace=meta.namespace, uid=meta.uid, resourceVersion=meta.resourceVersion)
        return Pod(metadata=bare, spec=PodSpec(containers=[]))

    def _ended(self, uid: str, run: str) -> None:
        if pod := self._api.get(uid):
            self.nodes[pod.spec.nodeName].pods.wake(uid, run)

    def _address(self, pod: Pod) -> str:
        return self.nodes[pod.spec.nodeName].next_address(pod)

    def node(self, name: str) -> Node | None:
        """Return a node's object as last seen."""
        return self._nodes.get("", name)
