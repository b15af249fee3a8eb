"""Lifecycle hooks: what runs after a container has started and before it is stopped (exec, http, tcp, sleep: KEP-3960)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from sagong.api.clock import Clock
from sagong.api.types.core import Container, EphemeralContainer, LifecycleHandler, Pod
from sagong.node.cri.client import CriError, Runtime
from sagong.node.decide import pod_text
from sagong.node.events import PodEvents
from sagong.node.http_get import GetError, PlainServerError, get, target_of
from sagong.node.meters.endings import EndingMeter

_HTTP_TIMEOUT = 30.0


class HookError(Exception):
    """The hook failed. `message` is for the container's status; events must not hold it, it may show secrets."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Hooks:
    """Runs hooks."""

    def __init__(self, runtime: Runtime, clock: Clock, events: PodEvents, meter: EndingMeter) -> None:
        self._runtime = runtime
        self._events = events
        self._meter = meter
        self._clock = clock

    async def run(self, pod: Pod, container: Container | EphemeralContainer, run_id: str, handler: LifecycleHandler, pod_ip: str) -> None:
        """Run one hook to its end. Raises HookError."""
        where = f'for Container "{container.name}" in Pod "{pod_text(pod)}" failed'
        if handler.exec is not None:
            await self._exec(handler.exec.command, run_id, where)
        elif handler.httpGet is not None:
            try:
                await self._http(pod, handler, container, pod_ip)
            except GetError as error:
                raise HookError(f"HTTP lifecycle hook ({handler.httpGet.path}) {where} - error: {error}") from error
        elif handler.sleep is not None:
            await self._sleep(handler.sleep.seconds)
        else:
            raise HookError("Cannot run handler: invalid handler")

    async def _exec(self, command: list[str], run_id: str, where: str) -> None:
        text = f"Exec lifecycle hook ([{' '.join(command)}]) {where}"
        try:
            answer = await self._runtime.exec_sync(run_id, command, 0)
        except CriError as error:
            raise HookError(f'{text} - error: {error}, message: ""') from error
        if answer.exit_code:
            output = (answer.stdout + answer.stderr).decode(errors="replace")
            reason = f"command '{' '.join(command)}' exited with {answer.exit_code}: {answer.stderr.decode(errors='replace')}"
            raise HookError(f'{text} - error: {reason}, message: "{output}"')

    async def _sleep(self, seconds: float) -> None:
        try:
            await self._clock.sleep(seconds)
        except asyncio.CancelledError:
            self._meter.cut_naps.add()
            raise

    async def _http(self, pod: Pod, handler: LifecycleHandler, container: Container | EphemeralContainer, pod_ip: str) -> None:
        """Ask; a server that speaks HTTP is asked so when it does not speak HTTPS, without credentials."""
        assert handler.httpGet is not None
        if not (handler.httpGet.host or pod_ip):
            raise GetError("failed to find networking container")
        target = target_of(handler.httpGet, container, pod_ip, "lifecycle")
        try:
            await get(target, _HTTP_TIMEOUT)
        except PlainServerError as error:
            open_headers = tuple(header for header in target.headers if header[0].lower() != "authorization")
            try:
                await get(replace(target, scheme="http", headers=open_headers), _HTTP_TIMEOUT)
            except GetError:
                raise error from None  # as upstream: what was asked for has failed
            self._meter.fallbacks.add()
            text = f"request to HTTPS lifecycle hook {target.address} got HTTP response, retry with HTTP succeeded"
            self._events.pod(pod, "Warning", "LifecycleHTTPFallback", text)

    async def before_stop(
        self, pod: Pod, container: Container | EphemeralContainer, run_id: str, pod_ip: str, grace_seconds: int
    ) -> tuple[int, HookError | None]:
        """Run the preStop hook within the grace period; return the whole seconds that remain of it, and how it failed."""
        assert container.lifecycle is not None
        assert container.lifecycle.preStop is not None
        begun = self._clock.monotonic()
        failure: HookError | None = None
        try:
            async with asyncio.timeout(grace_seconds):
                await self.run(pod, container, run_id, container.lifecycle.preStop, pod_ip)
        except TimeoutError:
            failure = None  # upstream only logs that the hook did not end in time
        except HookError as error:
            failure = error
        return max(0, grace_seconds - int(self._clock.monotonic() - begun)), failure
