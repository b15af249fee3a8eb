"""The scheduler as a process: informers feed cache and queue; one loop schedules; bindings, evictions and reports run beside it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sagong.api.clock import Clock, Random
from sagong.api.exposition import exposition
from sagong.api.types.core import Namespace, Node, Pod, PodCondition
from sagong.client.client import Client
from sagong.client.events import Recorder
from sagong.scheduler import pod_resources
from sagong.scheduler.binder import Binder, RejectedError
from sagong.scheduler.cache import Cache
from sagong.scheduler.cycle import Cycle, Placement
from sagong.scheduler.events import change
from sagong.scheduler.evictor import Evictor
from sagong.scheduler.extended import EVENTS as EXTENDER_EVENTS
from sagong.scheduler.extended import NAME as EXTENDER
from sagong.scheduler.extended import Extenders, Hold
from sagong.scheduler.extenders import Extender
from sagong.scheduler.follower import Follower
from sagong.scheduler.framework import NoFit, Nomination, PluginError, PostFilter, QueueSort, Reads
from sagong.scheduler.hints import Hints
from sagong.scheduler.metrics import Metrics
from sagong.scheduler.nominator import Nominator
from sagong.scheduler.permits import WaitingPods
from sagong.scheduler.plugins import Tools, default_profile
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.profile import Profile
from sagong.scheduler.queue import Backoff, QueuedPod, SchedulingQueue
from sagong.scheduler.reports import Reports, note
from sagong.scheduler.sources import Sources

log = logging.getLogger(__name__)
EVENT_PAUSE = 0.02
"""Seconds between events while there is more important work: 50 a second, as upstream's client allows."""

UNFINISHED = "status.phase!=Succeeded,status.phase!=Failed"


@dataclass(frozen=True, slots=True)
class _Served:
    """A profile at work."""

    profile: Profile
    cycle: Cycle
    recorder: Recorder


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why an attempt failed; `nominated` None leaves the pod's nomination as it is."""

    message: str
    reason: str = "SchedulerError"
    rejected_by: frozenset[str] = frozenset()
    nominated: str | None = ""


class Scheduler:
    """Gives pods their nodes."""

    def __init__(
        self,
        client: Client,
        *,
        clock: Clock,
        random: Random,
        profiles: Callable[[Tools], Sequence[Profile]] | None = None,
        backoff: Backoff | None = None,
        extenders: Sequence[Extender] = (),
    ) -> None:
        self._client, self._clock, self._random = client, clock, random
        self.metrics = Metrics()
        self._binding = 0
        self.cache = Cache()
        self.nominator = Nominator(self.cache.table)
        self._sources = Sources(client)
        waiting = WaitingPods()
        self._extenders, self._hold = Extenders(extenders), Hold()
        self._binder = Binder(clock, waiting, self._extenders, self.metrics)
        self._evictor = Evictor(client, clock, find_pod=lambda *key: self._sources.get(Pod, *key), cancel=self._binder.cancel)
        self._reports = Reports(client, clock)
        tools = Tools(client, clock, self._sources, random, self._evictor, waiting)
        made = profiles(tools) if profiles is not None else [default_profile(tools)]
        self._profiles = {
            profile.name: _Served(
                profile,
                Cycle(profile, random, self.nominator, self.metrics, clock.monotonic),
                Recorder(client, profile.name, pause=self._event_pause),
            )
            for profile in made
        }
        urgency = next((plugin.urgency for profile in made for plugin in profile.at(QueueSort)), None)
        hints = Hints(made, {EXTENDER: EXTENDER_EVENTS} if self._extenders else {})
        self.queue = SchedulingQueue(clock, hints, backoff, urgency)
        self._follower = Follower(self.cache, self.queue, self.nominator, hints.interest, self._profiles)
        over = self._hold.over if self._extenders else lambda handler: handler
        self._forget_assumed = over(self._follower.forget_assumed)
        self._sources.on_change = over(self._follower.other)
        self._sources.informer(Node).add_handler(over(self._timed("Node", self._follower.node)))
        self._sources.informer(Namespace).add_handler(over(self._timed("Namespace", self._follower.namespace)))
        self._pods = self._sources.informer(Pod, field_selector=UNFINISHED)
        self._pods.add_handler(over(self._timed("Pod", self._follower.pod)))

    async def run(self) -> None:
        """Schedule until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for served in self._profiles.values():
                tasks.create_task(served.recorder.run())
            tasks.create_task(self._sources.run())
            await self._sources.wait_synced()
            while True:
                await self._attempt(await self.queue.pop(), tasks)
                await asyncio.sleep(0)  # noqa: TID251 - lets informers and bindings in; no time passes

    def page(self, path: str) -> bytes | None:
        """Return what the health port shows besides health."""
        if path == "/metrics/resources":
            return exposition(pod_resources.families(self._pods.list())).encode()
        if path != "/metrics":
            return None
        profile = next(iter(self._profiles), "")
        return self.metrics.page(self.queue, self.cache.sizes(), profile, binding=self._binding).encode()

    def _timed(self, kind: str, handle: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        """Time what follows objects of a kind."""
        now, seconds = self._clock.monotonic, self.metrics.event_seconds

        def timed(old: Any, new: Any) -> None:
            began = now()
            handle(old, new)
            seconds.observe(now() - began, (change(kind, old, new).label,))

        return timed

    def _event_pause(self) -> float:
        """Let events go slowly while pods wait to be placed or bound."""
        return EVENT_PAUSE if self._binding or self.queue.is_active else 0.0

    # One attempt.

    async def _attempt(self, queued: QueuedPod, tasks: asyncio.TaskGroup) -> None:
        info, started = queued.info, self._clock.monotonic()
        served = self._profiles[info.pod.spec.schedulerName]
        if self.cache.is_assumed(info.uid) or info.leaving:
            self.queue.drop(info.uid)
            return
        try:
            result = await self._place(served, info, tasks)
        except Exception as error:
            if not isinstance(error, PluginError):
                log.exception("scheduling %s/%s", info.namespace, info.name)
            result = _Failure(str(error))
        self.metrics.algorithm_seconds.observe(self._clock.monotonic() - started, ())
        if isinstance(result, _Failure):
            self._failed(served, queued, result, started, tasks)
            return
        self.nominator.forget(info.uid)
        tasks.create_task(self._bind(served, queued, result, started, tasks))

    async def _place(self, served: _Served, info: PodInfo, tasks: asyncio.TaskGroup) -> Placement | _Failure:
        """Choose a node and hold it, or make room on one."""
        await self._sources.follow(kind for plugin in served.profile.at(Reads) for kind in plugin.reads(info))
        if not self._extenders:
            result = served.cycle.schedule(info, self.cache.snapshot())
            if isinstance(result, NoFit) and result.nodes and await self._follow_victims(served):
                result = served.cycle.schedule(info, self.cache.snapshot())
            return await self._settled(served, info, result, tasks)
        await self._follow_victims(served)
        with self._hold:
            result = await self._extenders.schedule(served.cycle, info, self.cache.snapshot())
            return await self._settled(served, info, result, tasks)

    async def _follow_victims(self, served: _Served) -> bool:
        """Follow what preemption looks at; return whether that took a wait."""
        return await self._sources.follow(kind for plugin in served.profile.at(PostFilter) for kind in plugin.post_filter_reads)

    async def _settled(self, served: _Served, info: PodInfo, result: Placement | NoFit, tasks: asyncio.TaskGroup) -> Placement | _Failure:
        if isinstance(result, NoFit):
            nomination = await self._make_room(served, info, result, tasks) if result.nodes else Nomination("")
            return _Failure(result.message(), "Unschedulable", result.rejected_by, nomination.node)
        self.cache.assume(info, result.node)
        try:
            unfit = self._binder.reserve(served.profile, info, result)
        except PluginError:
            self.cache.forget(info.uid)
            raise
        if unfit is None:
            return result
        self.cache.forget(info.uid)
        return _Failure(unfit.message(), "Unschedulable", unfit.rejected_by)

    async def _make_room(self, served: _Served, info: PodInfo, nofit: NoFit, tasks: asyncio.TaskGroup) -> Nomination:
        self.metrics.preemption_attempts += 1
        snapshot = self.cache.snapshot()
        nomination = served.cycle.post_filter(info, snapshot, nofit)
        if nomination.choices and self._extenders:
            nomination = await self._extenders.preempt(info, snapshot, nomination)
            nofit.preemption = nomination.message
        if nomination.node and nomination.victims:
            self.metrics.victims.observe(len(nomination.victims), ())
            self._evictor.begin(info)
            tasks.create_task(self._evict(served, info, nomination, tasks))
        return nomination

    async def _evict(self, served: _Served, info: PodInfo, nomination: Nomination, tasks: asyncio.TaskGroup) -> None:
        """Evict the victims; those of lower priority that are nominated to the node find another."""
        node = nomination.node or ""
        for other in tuple(self.nominator.on(node)):
            if other.priority < info.priority:
                self._reports.write(other.pod, tasks, nominated="")
        began = self._clock.monotonic()
        well = await self._evictor.evict(info, node, nomination.victims, served.recorder)
        self.metrics.evicted(self._clock.monotonic() - began, well=well)
        if not well:
            self.queue.activate(info.uid)
            return
        gone = all(self._sources.get(Pod, victim.namespace, victim.name) is None for victim in nomination.victims)
        self.queue.reopen(info.uid, again=gone)

    async def _bind(self, served: _Served, queued: QueuedPod, placement: Placement, started: float, tasks: asyncio.TaskGroup) -> None:
        self._binding += 1
        try:
            await self._bound(served, queued, placement, started, tasks)
        finally:
            self._binding -= 1

    async def _bound(self, served: _Served, queued: QueuedPod, placement: Placement, started: float, tasks: asyncio.TaskGroup) -> None:
        info = queued.info

        def announce() -> None:
            self._reports.write(info.pod, tasks, nominated=placement.node)

        if not self._binder.is_waiting(info.uid):  # else the plugin that rejects it may wait for what changes meanwhile
            self.queue.done(info.uid)
        await self._reports.settle(info.uid)
        try:
            await self._binder.wait_permitted(info, placement, announce)
            self.queue.done(info.uid)
            await self._binder.bind(served.profile, info, placement, announce)
        except Exception as error:
            if not isinstance(error, PluginError | RejectedError):
                log.exception("binding %s/%s", info.namespace, info.name)
            self._binder.unreserve(served.profile, info, placement)
            if isinstance(error, RejectedError):
                self._failed(served, queued, _Failure(str(error), "Unschedulable", error.nofit.rejected_by), started, tasks)
                self._forget_assumed(info)
            else:
                self._forget_assumed(info)
                self._failed(served, queued, _Failure(str(error)), started, tasks)
            return
        meta = info.pod.metadata
        served.recorder.event(info.pod, "Normal", "Scheduled", f"Successfully assigned {meta.namespace}/{meta.name} to {placement.node}")
        now = self._clock.monotonic()
        self.metrics.attempted("scheduled", served.profile.name, now - started)
        self.metrics.bound(queued.attempts, now - (queued.first_tried or started))
        self.metrics.after_flush += queued.flushed
        self.queue.drop(info.uid)

    def _failed(self, served: _Served, queued: QueuedPod, failure: _Failure, started: float, tasks: asyncio.TaskGroup) -> None:
        """Take the pod back into the queue, and tell it why."""
        result = "unschedulable" if failure.reason == "Unschedulable" else "error"
        self.metrics.attempted(result, served.profile.name, self._clock.monotonic() - started)
        info = queued.info
        seen = self._sources.get(Pod, info.namespace, info.name)
        if seen is None or seen.metadata.uid != info.uid or seen.spec.nodeName:
            self.queue.drop(info.uid)
            self.nominator.forget(info.uid)
            return
        self.queue.failed(queued, failure.rejected_by)
        self.nominator.nominate(info, seen.status.nominatedNodeName if failure.nominated is None else failure.nominated)
        served.recorder.event(seen, "Warning", "FailedScheduling", note(failure.message))
        condition = PodCondition(type="PodScheduled", status="False", reason=failure.reason, message=failure.message)
        self._reports.write(seen, tasks, condition=condition, nominated=failure.nominated)
