"""Pods that plugins hold back between choosing their node and binding: each plugin that asked has to allow a pod, one can reject it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from sagong.api.clock import Clock
from sagong.scheduler.framework import Unfit
from sagong.scheduler.pod_info import PodInfo

LONGEST_WAIT = 900.0


class WaitingPod:
    """A pod that waits for its permits. `pending`: the plugins that have not allowed it yet."""

    def __init__(self, info: PodInfo, node: str, waits: Mapping[str, float]) -> None:
        self.info, self.node = info, node
        self.waits = {plugin: min(seconds, LONGEST_WAIT) for plugin, seconds in waits.items()}
        self.pending = set(waits)
        self._verdict: asyncio.Future[Unfit | None] = asyncio.get_running_loop().create_future()

    def allow(self, plugin: str) -> None:
        """Give a plugin's permit; after the last one the pod is bound."""
        self.pending.discard(plugin)
        if not self.pending:
            self._decide(None)

    def reject(self, plugin: str, message: str) -> None:
        """Refuse the pod."""
        self._decide(Unfit(plugin, (message,)))

    async def wait(self, clock: Clock) -> Unfit | None:
        """Wait for all permits; return who refused, in the end the plugin whose time ran out first."""
        waits = sorted((seconds, plugin) for plugin, seconds in self.waits.items())
        passed = 0.0
        for seconds, plugin in waits:
            if plugin not in self.pending:
                continue
            timer = asyncio.ensure_future(clock.sleep(seconds - passed))
            try:
                await asyncio.wait((timer, self._verdict), return_when=asyncio.FIRST_COMPLETED)
            finally:
                timer.cancel()
            passed = seconds
            if not self._verdict.done() and plugin in self.pending:
                self.reject(plugin, f"rejected due to timeout after waiting {_text(seconds)} at plugin {plugin}")
            if self._verdict.done():
                break
        return await self._verdict

    def _decide(self, unfit: Unfit | None) -> None:
        if not self._verdict.done():
            self._verdict.set_result(unfit)


class WaitingPods:
    """What Permit plugins are handed to find the pods they asked to wait."""

    def __init__(self) -> None:
        self._pods: dict[str, WaitingPod] = {}

    def __iter__(self) -> Iterator[WaitingPod]:
        return iter(tuple(self._pods.values()))

    def get(self, uid: str) -> WaitingPod | None:
        """Return a waiting pod."""
        return self._pods.get(uid)

    def add(self, pod: WaitingPod) -> None:
        """Hold a pod."""
        self._pods[pod.info.uid] = pod

    def remove(self, uid: str) -> None:
        """Forget a pod."""
        self._pods.pop(uid, None)


def _text(seconds: float) -> str:
    return f"{seconds:g}s"
