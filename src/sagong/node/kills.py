"""Ends containers and pods: preStop hook, signal, grace period, kill; sidecars after the rest (KEP-753).

The preStop hooks of a pod's containers all begin at once, those of its sidecars too: only the signal waits for its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagong.api.clock import Clock
from sagong.api.pods import is_sidecar
from sagong.api.types.core import Container, EphemeralContainer, Pod, Probe
from sagong.node.cri.client import CriError, Runtime
from sagong.node.decide import KillReason
from sagong.node.downward import every_container
from sagong.node.events import PodEvents
from sagong.node.hooks import Hooks
from sagong.node.observe import ContainerRun, Observed

MINIMUM_GRACE = 2
"""Seconds that every container has to end by itself, whatever was asked: fewer SIGKILLs that nobody needs."""


@dataclass(frozen=True)
class Killer:
    """Ends what runs."""

    runtime: Runtime
    hooks: Hooks
    events: PodEvents
    clock: Clock

    async def kill(
        self,
        pod: Pod,
        run: ContainerRun,
        message: str = "",
        *,
        reason: KillReason = "",
        grace_override: int | None = None,
        pod_ip: str = "",
        turns: Turns | None = None,
    ) -> None:
        """End one container and return when it has ended; its signal waits for its turn, as long as it has. Raises CriError."""
        container = container_named(pod, run.name)
        if container is not None:
            self.events.container(pod, container, "Normal", "Killing", message or f"Stopping container {run.name}")
        grace = grace_period(pod, container, reason) if grace_override is None else grace_override
        if container is not None and container.lifecycle and container.lifecycle.preStop and grace > 0 and run.state == "running":
            grace, failure = await self.hooks.before_stop(pod, container, run.id, pod_ip, grace)
            if failure is not None:
                self.events.container(pod, container, "Warning", "FailedPreStopHook", "PreStopHook failed")
        if turns is not None and grace > 0:
            begun = self.clock.monotonic()
            await turns.wait(run.name, grace)
            grace -= int(self.clock.monotonic() - begun)
        try:
            await self.runtime.stop_container(run.id, max(grace, MINIMUM_GRACE))
        except CriError as error:
            if not error.missing:
                raise
        if turns is not None:
            turns.ended(run.name)

    async def kill_pod(self, pod: Pod, observed: Observed, grace_override: int | None = None) -> None:
        """End all containers, then stop all sandboxes. Raises CriError when something could not be ended."""
        ip = observed.ips[0] if observed.ips else ""
        turns = Turns(pod, observed.running)
        await together(self.kill(pod, run, grace_override=grace_override, pod_ip=ip, turns=turns) for run in observed.running)
        for sandbox in observed.sandboxes:
            await self.stop_sandbox(sandbox.id)

    async def stop_sandbox(self, sandbox: str) -> None:
        """Stop a sandbox that may be gone already. Raises CriError."""
        try:
            await self.runtime.stop_sandbox(sandbox)
        except CriError as error:
            if not error.missing:
                raise


class Turns:
    """The order in which the containers of one pod end: its sidecars when all regular containers have, the last declared first."""

    def __init__(self, pod: Pod, running: Sequence[ContainerRun]) -> None:
        self._ends = {run.name: asyncio.Event() for run in running}
        self._before = predecessors(pod)

    async def wait(self, name: str, seconds: float) -> None:
        """Return when all those have ended that a container waits for, or after so many seconds."""
        ends = [self._ends[other] for other in self._before.get(name, ()) if other in self._ends]
        try:
            async with asyncio.timeout(seconds):
                for end in ends:
                    await end.wait()
        except TimeoutError:
            return

    def ended(self, name: str) -> None:
        """Take note that a container has ended."""
        if name in self._ends:
            self._ends[name].set()


def predecessors(pod: Pod) -> Mapping[str, Sequence[str]]:
    """Return for each sidecar which containers end before it; others wait for nothing, and nothing waits for ephemeral containers."""
    regular = [container.name for container in pod.spec.containers]
    sidecars = [container.name for container in pod.spec.initContainers if is_sidecar(container)]
    return {name: [*regular, *reversed(sidecars[index + 1 :])] for index, name in enumerate(sidecars)}


async def together(kills: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Wait for all of them, then raise the first failure: one container that resists spares no other."""
    for result in await asyncio.gather(*kills, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def container_named(pod: Pod, name: str) -> Container | EphemeralContainer | None:
    """Return the container's spec."""
    return next((container for container in every_container(pod) if container.name == name), None)


def grace_period(pod: Pod, container: Container | EphemeralContainer | None, reason: KillReason) -> int:
    """Return the seconds a container has to end: of the deletion, else of the probe that failed, else of the pod."""
    if pod.metadata.deletionGracePeriodSeconds is not None:
        return pod.metadata.deletionGracePeriodSeconds
    if pod.spec.terminationGracePeriodSeconds is None:
        return MINIMUM_GRACE
    probes: dict[KillReason, Probe | None] = {}
    if container is not None:
        probes = {"StartupProbe": container.startupProbe, "LivenessProbe": container.livenessProbe}
    probe = probes.get(reason)
    if probe is not None and probe.terminationGracePeriodSeconds is not None:
        return probe.terminationGracePeriodSeconds
    return pod.spec.terminationGracePeriodSeconds
