"""The scheduler as a process: informers feed cache and queue; one loop schedules, bindings run beside it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from sagong.api import pods as facts
from sagong.api.clock import Clock, Random, format_time
from sagong.api.errors import ApiError, NotFoundError
from sagong.api.types.core import Binding, Namespace, Node, ObjectReference, Pod
from sagong.api.types.meta import ObjectMeta
from sagong.client.client import Client
from sagong.client.events import Recorder
from sagong.client.informer import Informer
from sagong.scheduler.cycle import Cycle, NoFit, Placement
from sagong.scheduler.framework import Change, Plugin, PreBind, PreEnqueue, QueueingHint, Reserve
from sagong.scheduler.plugins import Profile, default_profile
from sagong.scheduler.queue import QueuedPod, SchedulingQueue
from sagong.scheduler.snapshot import Cache, PodInfo

log = logging.getLogger(__name__)


class Scheduler:
    """Gives pods their nodes."""

    def __init__(self, client: Client, *, clock: Clock, random: Random, profile: Profile | None = None) -> None:
        self._client, self._clock = client, clock
        self.profile = profile or default_profile()
        self.cache = Cache()
        self.queue = SchedulingQueue(clock, self._may_help, self._pre_enqueue)
        self._cycle = Cycle(self.profile, random)
        self._recorder = Recorder(client, self.profile.name)
        self._pods: Informer[Pod] = Informer(client, Pod)
        self._nodes: Informer[Node] = Informer(client, Node)
        self._namespaces: Informer[Namespace] = Informer(client, Namespace)
        self._nodes.add_handler(self._node_changed)
        self._pods.add_handler(self._pod_changed)
        self._namespaces.add_handler(self._namespace_changed)

    async def run(self) -> None:
        """Schedule until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._recorder.run())
            for informer in (self._nodes, self._namespaces, self._pods):
                tasks.create_task(informer.run())
            for informer in (self._nodes, self._namespaces, self._pods):
                await informer.wait_synced()
            while True:
                queued = await self.queue.pop()
                self._attempt(queued, tasks)
                await asyncio.sleep(0)  # noqa: TID251 - lets informers and bindings in; no time passes

    def _attempt(self, queued: QueuedPod, tasks: asyncio.TaskGroup) -> None:
        pod = queued.pod
        uid = pod.metadata.uid
        if self.cache.is_assumed(uid) or pod.metadata.deletionTimestamp is not None:
            self.queue.done(uid)
            return
        result = self._cycle.schedule(pod, self.cache.snapshot())
        if isinstance(result, NoFit):
            tasks.create_task(self._report(pod, result))
            return
        unfit = self._reserve(pod, result)
        if unfit is not None:
            tasks.create_task(self._report(pod, unfit))
            return
        self.cache.assume(PodInfo.of(pod), result.node)
        tasks.create_task(self._bind(pod, result))

    def _reserve(self, pod: Pod, placement: Placement) -> NoFit | None:
        for plugin in self.profile.at(Reserve):
            unfit = plugin.reserve(placement.state, pod, placement.node)
            if unfit is not None:
                self._unreserve(pod, placement)
                return NoFit(1, placement.state, {placement.node: unfit})
        return None

    def _unreserve(self, pod: Pod, placement: Placement) -> None:
        for plugin in reversed(self.profile.at(Reserve)):
            plugin.unreserve(placement.state, pod, placement.node)

    async def _bind(self, pod: Pod, placement: Placement) -> None:
        meta = pod.metadata
        try:
            for plugin in self.profile.at(PreBind):
                unfit = await plugin.pre_bind(placement.state, pod, placement.node)
                if unfit is not None:
                    self._give_up(pod, placement)
                    await self._report(pod, NoFit(1, placement.state, {placement.node: unfit}))
                    return
            target = ObjectReference(apiVersion="v1", kind="Node", name=placement.node)
            binding = Binding(metadata=ObjectMeta(name=meta.name, namespace=meta.namespace, uid=meta.uid), target=target)
            await self._client.create_subresource(Pod, meta.name, meta.namespace, "binding", binding)
        except (ApiError, OSError) as error:
            self._give_up(pod, placement)
            if isinstance(error, NotFoundError):
                self.queue.done(meta.uid)
                return
            log.warning("binding %s/%s to %s: %s", meta.namespace, meta.name, placement.node, error)
            self._recorder.event(pod, "Warning", "FailedScheduling", f"binding rejected: {error}")
            self.queue.failed(meta.uid, frozenset())
            return
        self._recorder.event(pod, "Normal", "Scheduled", f"Successfully assigned {meta.namespace}/{meta.name} to {placement.node}")
        self.queue.done(meta.uid)

    def _give_up(self, pod: Pod, placement: Placement) -> None:
        self.cache.forget(pod.metadata.uid)
        self._unreserve(pod, placement)

    async def _report(self, pod: Pod, nofit: NoFit) -> None:
        message = nofit.message()
        self._recorder.event(pod, "Warning", "FailedScheduling", message)
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": message,
            "observedGeneration": pod.metadata.generation,
        }
        existing = facts.condition(pod, "PodScheduled")
        if existing is None or (existing.status, existing.reason, existing.message) != ("False", "Unschedulable", message):
            if existing is None or existing.status != "False":
                condition["lastTransitionTime"] = format_time(self._clock.now())
            body: dict[str, Any] = {"metadata": {"uid": pod.metadata.uid}, "status": {"conditions": [condition]}}
            try:
                await self._client.patch(Pod, pod.metadata.name, pod.metadata.namespace, body, patch_type="strategic", subresource="status")
            except (ApiError, OSError) as error:
                log.debug("status of %s/%s: %s", pod.metadata.namespace, pod.metadata.name, error)
        self.queue.failed(pod.metadata.uid, nofit.rejected_by)

    def _pre_enqueue(self, pod: Pod) -> str | None:
        return next((why for plugin in self.profile.at(PreEnqueue) if (why := plugin.pre_enqueue(pod)) is not None), None)

    def _may_help(self, pod: Pod, rejected_by: frozenset[str], change: Change) -> bool:
        if not rejected_by:
            return True
        for plugin in self.profile.at(Plugin):
            concerned = plugin.name in rejected_by and change.kind in plugin.events
            if concerned and (not isinstance(plugin, QueueingHint) or plugin.may_help(pod, change)):
                return True
        return False

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        self.cache.set_node(old, new)
        if new is not None and (old is None or _matters(old, new)):
            self.queue.changed(Change("Node", old, new))

    def _namespace_changed(self, old: Namespace | None, new: Namespace | None) -> None:
        if new is not None:
            self.cache.namespaces[new.metadata.name] = new.metadata.labels
            if old is None or old.metadata.labels != new.metadata.labels:
                self.queue.changed(Change("Namespace", old, new))
        elif old is not None:
            self.cache.namespaces.pop(old.metadata.name, None)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        self.cache.set_pod(old, new)
        pod = new or old
        if pod is None:
            return
        waits = new is not None and not new.spec.nodeName and facts.is_active(new) and new.spec.schedulerName == self.profile.name
        if waits and new is not None:
            if not self.cache.is_assumed(new.metadata.uid):
                self.queue.put(new)
            return
        self.queue.drop(pod.metadata.uid)
        placed = (old is not None and old.spec.nodeName) or (new is not None and new.spec.nodeName)
        if placed:
            self.queue.changed(Change("Pod", old, new))


def _matters(old: Node, new: Node) -> bool:
    """Say whether a node's change can make a pod schedulable: heartbeats cannot."""
    return (
        old.spec != new.spec
        or old.metadata.labels != new.metadata.labels
        or old.status.allocatable != new.status.allocatable
        or [(c.type, c.status) for c in old.status.conditions] != [(c.type, c.status) for c in new.status.conditions]
    )
