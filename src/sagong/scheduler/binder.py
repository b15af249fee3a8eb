"""The binding cycle: PreBind plugins do their work, then the API server is told. It runs beside the next attempts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np

from sagong.api.errors import ApiError
from sagong.api.types.core import Binding, ObjectReference, Pod
from sagong.api.types.meta import ObjectMeta
from sagong.client.client import Client
from sagong.scheduler.cycle import Placement
from sagong.scheduler.framework import NoFit, PluginError, PreBind, Refusal, Reserve
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.profile import Profile

CONCURRENT_BINDINGS = 16
"""As many as the client keeps connections."""


class Binder:
    """Reserves, prepares, binds."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._sending = asyncio.Semaphore(CONCURRENT_BINDINGS)
        self._preparing: dict[str, asyncio.Task[None]] = {}

    def reserve(self, profile: Profile, pod: PodInfo, placement: Placement) -> NoFit | None:
        """Hold what the pod needs on its node; on refusal or error let go of everything. Raises PluginError."""
        try:
            for plugin in profile.at(Reserve):
                unfit = plugin.reserve(placement.state, pod, placement.node)
                if unfit is not None:
                    self.unreserve(profile, pod, placement)
                    return NoFit(1, placement.state, [Refusal(unfit, np.zeros(1, np.int64))])
        except PluginError as error:
            self.unreserve(profile, pod, placement)
            raise PluginError(f'running Reserve plugin "{plugin.name}": {error}') from error
        return None

    def unreserve(self, profile: Profile, pod: PodInfo, placement: Placement) -> None:
        """Let go, last held first."""
        for plugin in reversed(profile.at(Reserve)):
            plugin.unreserve(placement.state, pod, placement.node)

    async def bind(self, profile: Profile, pod: PodInfo, placement: Placement, announce: Callable[[], None]) -> None:
        """Prepare and bind; `announce` is called when preparing will take a while. Raises PluginError, also when preempted meanwhile."""
        working = [plugin for plugin in profile.at(PreBind) if plugin.has_work(placement.state, pod, placement.node)]
        if working:
            announce()
            await self._preempted_in(pod, _prepare(working, pod, placement))
        async with self._sending:
            await self._post(pod, placement.node)

    def cancel(self, uid: str) -> bool:
        """End the preparations for a pod that is preempted before it is bound; return whether it was in them."""
        task = self._preparing.pop(uid, None)
        return task is not None and task.cancel("preempted")

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

    async def _post(self, pod: PodInfo, node: str) -> None:
        binding = Binding(
            metadata=ObjectMeta(name=pod.name, namespace=pod.namespace, uid=pod.uid), target=ObjectReference(kind="Node", name=node)
        )
        try:
            await self._client.create_subresource(Pod, pod.name, pod.namespace, "binding", binding)
        except (ApiError, OSError) as error:
            raise PluginError(f'running Bind plugin "DefaultBinder": {error}') from error


async def _prepare(plugins: list[PreBind], pod: PodInfo, placement: Placement) -> None:
    for plugin in plugins:
        try:
            await plugin.pre_bind(placement.state, pod, placement.node)
        except (PluginError, ApiError, OSError) as error:
            raise PluginError(f'running PreBind plugin "{plugin.name}": {error}') from error
