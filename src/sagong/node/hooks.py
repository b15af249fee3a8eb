"""Lifecycle hooks: what runs after a container has started and before it is stopped (exec, http, tcp, sleep: KEP-3960)."""

from __future__ import annotations

import asyncio

from sagong.api.clock import Clock
from sagong.api.types.core import Container, EphemeralContainer, LifecycleHandler, Pod
from sagong.node.cri.client import CriError, Runtime
from sagong.node.decide import pod_text
from sagong.node.http_get import GetError, get, target_of

_HTTP_TIMEOUT = 30.0


class HookError(Exception):
    """The hook failed. `message` is for the container's status; events must not hold it, it may show secrets."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Hooks:
    """Runs hooks."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self._runtime = runtime
        self._clock = clock

    async def run(self, pod: Pod, container: Container | EphemeralContainer, run_id: str, handler: LifecycleHandler, pod_ip: str) -> None:
        """Run one hook to its end. Raises HookError."""
        where = f'for Container "{container.name}" in Pod "{pod_text(pod)}" failed'
        if handler.exec is not None:
            await self._exec(handler.exec.command, run_id, where)
        elif handler.httpGet is not None:
            try:
                await self._http(handler, container, pod_ip)
            except GetError as error:
                raise HookError(f"HTTP lifecycle hook ({handler.httpGet.path}) {where} - error: {error}") from error
        elif handler.sleep is not None:
            await self._clock.sleep(handler.sleep.seconds)
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

    async def _http(self, handler: LifecycleHandler, container: Container | EphemeralContainer, pod_ip: str) -> None:
        assert handler.httpGet is not None
        if not (handler.httpGet.host or pod_ip):
            raise GetError("failed to find networking container")
        await get(target_of(handler.httpGet, container, pod_ip, "lifecycle"), _HTTP_TIMEOUT)

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
