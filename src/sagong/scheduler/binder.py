"""The binding cycle: permits are waited for, PreBind plugins do their work, then the pod is bound. It runs beside the next attempts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import numpy as np

from sagong.api.clock import Clock
from sagong.api.errors import ApiError
from sagong.scheduler.cycle import Placement
from sagong.scheduler.extended import Extenders
from sagong.scheduler.framework import Bind, NoFit, Permit, PluginError, PostBind, PreBind, Refusal, Reserve, Unfit, Wait
from sagong.scheduler.metrics import ERROR, SUCCESS, UNRESOLVABLE, UNSCHEDULABLE, WAIT, Metrics
from sagong.scheduler.permits import WaitingPod, WaitingPods
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.profile import Profile

CONCURRENT_BINDINGS = 16
"""As many as the client keeps connections."""


class RejectedError(Exception):
    """A plugin refused a pod whose node was chosen: the pod waits for what the plugin waits for."""

    def __init__(self, nofit: NoFit) -> None:
        super().__init__(nofit.message())
        self.nofit = nofit


class Binder:
    """Reserves, waits for permits, prepares, binds."""

    def __init__(self, clock: Clock, waiting: WaitingPods, extenders: Extenders, metrics: Metrics | None = None) -> None:
        self._clock, self._waiting, self._extenders = clock, waiting, extenders
        self._metrics = metrics or Metrics()
        self._sending = asyncio.Semaphore(CONCURRENT_BINDINGS)
        self._preparing: dict[str, asyncio.Task[None]] = {}

    def reserve(self, profile: Profile, pod: PodInfo, placement: Placement) -> NoFit | None:
        """Hold what the pod needs on its node and ask for permits; on refusal or error let go of everything. Raises PluginError."""
        try:
            unfit = self._timed("Reserve", self._reserve, profile, pod, placement)
            unfit = unfit or self._timed("Permit", self._permit, profile, pod, placement)
        except PluginError:
            self.unreserve(profile, pod, placement)
            raise
        if unfit is None:
            return None
        self.unreserve(profile, pod, placement)
        return _refused(placement, unfit)

    def unreserve(self, profile: Profile, pod: PodInfo, placement: Placement) -> None:
        """Let go, last held first."""
        for plugin in reversed(profile.at(Reserve)):
            plugin.unreserve(placement.state, pod, placement.node)

    def is_waiting(self, uid: str) -> bool:
        """Say whether a pod waits for permits."""
        return self._waiting.get(uid) is not None

    async def wait_permitted(self, pod: PodInfo, placement: Placement, announce: Callable[[], None]) -> None:
        """Wait for permits, if any are asked for; `announce` is called before. Raises RejectedError."""
        waiting = self._waiting.get(pod.uid)
        if waiting is None:
            return
        announce()
        began = self._clock.monotonic()
        try:
            unfit = await waiting.wait(self._clock)
            self._metrics.permit_seconds.observe(self._clock.monotonic() - began, (SUCCESS if unfit is None else UNSCHEDULABLE,))
        finally:
            self._waiting.remove(pod.uid)
        if unfit is not None:
            raise RejectedError(_refused(placement, unfit))

    async def bind(self, profile: Profile, pod: PodInfo, placement: Placement, announce: Callable[[], None]) -> None:
        """Prepare and bind; `announce` is called when preparing will take a while. Raises PluginError, also when preempted meanwhile."""
        working = [plugin for plugin in profile.at(PreBind) if plugin.has_work(placement.state, pod, placement.node)]
        if working:
            announce()
            async with self._timing("PreBind", profile):
                await self._preempted_in(pod, _prepare(working, pod, placement))
        async with self._sending:
            if not (self._extenders and await self._extenders.bind(pod, placement.node)):
                async with self._timing("Bind", profile):
                    await _bind(profile, pod, placement)
        for plugin in profile.at(PostBind):
            plugin.post_bind(placement.state, pod, placement.node)

    def cancel(self, uid: str) -> bool:
        """End the wait or the preparations of a pod that is preempted before it is bound; return whether it was in them."""
        waiting = self._waiting.get(uid)
        if waiting is not None:
            waiting.reject("DefaultPreemption", "preempted")
            return True
        task = self._preparing.pop(uid, None)
        return task is not None and task.cancel("preempted")

    def _timed(
        self, point: str, ask: Callable[[Profile, PodInfo, Placement], Unfit | None], profile: Profile, pod: PodInfo, placement: Placement
    ) -> Unfit | None:
        began, status = self._clock.monotonic(), ERROR
        try:
            unfit = ask(profile, pod, placement)
            if unfit is not None:
                status = UNSCHEDULABLE if unfit.resolvable else UNRESOLVABLE
            else:
                status = WAIT if point == "Permit" and self.is_waiting(pod.uid) else SUCCESS
        finally:
            self._metrics.ran(point, profile.name, self._clock.monotonic() - began, status)
        return unfit

    @asynccontextmanager
    async def _timing(self, point: str, profile: Profile) -> AsyncIterator[None]:
        began, status = self._clock.monotonic(), ERROR
        try:
            yield
            status = SUCCESS
        finally:
            self._metrics.ran(point, profile.name, self._clock.monotonic() - began, status)

    def _reserve(self, profile: Profile, pod: PodInfo, placement: Placement) -> Unfit | None:
        for plugin in profile.at(Reserve):
            try:
                unfit = plugin.reserve(placement.state, pod, placement.node)
            except PluginError as error:
                raise PluginError(f'running Reserve plugin "{plugin.name}": {error}') from error
            if unfit is not None:
                return unfit
        return None

    def _permit(self, profile: Profile, pod: PodInfo, placement: Placement) -> Unfit | None:
        waits: dict[str, float] = {}
        for plugin in profile.at(Permit):
            try:
                answer = plugin.permit(placement.state, pod, placement.node)
            except PluginError as error:
                raise PluginError(f'running Permit plugin "{plugin.name}": {error}') from error
            if isinstance(answer, Wait):
                waits[plugin.name] = answer.seconds
            elif answer is not None:
                return answer
        if waits:
            self._waiting.add(WaitingPod(pod, placement.node, waits))
        return None

    async def _preempted_in(self, pod: PodInfo, preparing: Coroutine[Any, Any, None]) -> None:
        task = self._preparing[pod.uid] = asyncio.ensure_future(preparing)
        try:
            await task
        except asyncio.CancelledError:
            if pod.uid in self._preparing:  # we ourselves were cancelled
                task.cancel()
                raise
            raise PluginError("preempted by DefaultPreemption") from None
        finally:
            self._preparing.pop(pod.uid, None)


async def _bind(profile: Profile, pod: PodInfo, placement: Placement) -> None:
    for plugin in profile.at(Bind):
        try:
            if await plugin.bind(placement.state, pod, placement.node):
                return
        except (PluginError, ApiError, OSError) as error:
            raise PluginError(f'running Bind plugin "{plugin.name}": {error}') from error
    raise PluginError("no Bind plugin took the pod")


async def _prepare(plugins: list[PreBind], pod: PodInfo, placement: Placement) -> None:
    for plugin in plugins:
        try:
            await plugin.pre_bind(placement.state, pod, placement.node)
        except (PluginError, ApiError, OSError) as error:
            raise PluginError(f'running PreBind plugin "{plugin.name}": {error}') from error


def _refused(placement: Placement, unfit: Unfit) -> NoFit:
    return NoFit(1, placement.state, [Refusal(unfit, np.zeros(1, np.int64))])
