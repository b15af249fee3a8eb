"""The status of each container as the API shows it, from its runs in the runtime and from the status shown before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sagong.api.clock import format_time
from sagong.api.pods import is_sidecar
from sagong.api.types.core import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    ContainerUser,
    EphemeralContainer,
    LinuxContainerUser,
    Pod,
    ResourceRequirements,
    VolumeMount,
    VolumeMountStatus,
)
from sagong.node.allocations import Granted, with_actuated
from sagong.node.downward import every_container
from sagong.node.observe import ContainerRun, Observed
from sagong.node.restarts import restarts_after

AnyContainer = Container | EphemeralContainer

UNKNOWN = "ContainerStatusUnknown"
KILLED = 137
RESTARTING_ALL = "RestartingAllContainers"
MESSAGES_LIMIT = 12 * 1024
"""Bytes that the termination messages of one pod's containers may have together; each has its equal part."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a container is not started: a reason such as CrashLoopBackOff, and a message."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Probed:
    """What probes say, by container id. A probe that has not answered yet is in neither."""

    started: frozenset[str] = frozenset()
    ready: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Context:
    """What statuses are made of, besides the pod's spec."""

    observed: Observed
    waiting: Mapping[str, Waiting] = field(default_factory=dict)
    probed: Probed = field(default_factory=Probed)
    runtime: str = "containerd"
    actuated: Granted = field(default_factory=Granted)
    """the resources that are set for what runs"""
    restarting_all: bool = False
    recursive_read_only: bool = False
    """the runtime can make mounts below a read-only one read-only too"""
    terminal: bool = False
    """nothing of the pod will be started again"""


def statuses(pod: Pod, containers: Sequence[AnyContainer], before: Sequence[ContainerStatus], context: Context) -> list[ContainerStatus]:
    """Return one status for each container, in the containers' order."""
    known = {status.name: status for status in before}
    return [_Maker(pod, container, known.get(container.name), context).status() for container in containers]


class _Maker:
    """Makes the status of one container."""

    def __init__(self, pod: Pod, container: AnyContainer, before: ContainerStatus | None, context: Context) -> None:
        self._pod = pod
        self._container = container
        self._before = before
        self._context = context
        self._runs = context.observed.history(container.name)
        self._init = any(container is candidate for candidate in pod.spec.initContainers)
        self._sidecar = isinstance(container, Container) and self._init and is_sidecar(container)

    def status(self) -> ContainerStatus:
        status = self._from_run(self._runs[0]) if self._runs else self._without_runs()
        status.volumeMounts = [_mount_status(mount, able=self._context.recursive_read_only) for mount in self._container.volumeMounts]
        self._explain_waiting(status)
        self._probe(status)
        return status

    def _from_run(self, run: ContainerRun) -> ContainerStatus:
        status = ContainerStatus(
            name=self._container.name,
            state=self._state(run),
            restartCount=run.restart_count,
            image=run.image,
            imageID=run.image_id,
            containerID=f"{self._context.runtime}://{run.id}",
            resources=self._resources(run),
            allocatedResources=dict(self._container.resources.requests),
        )
        if run.user:
            uid, gid, groups = run.user
            status.user = ContainerUser(linux=LinuxContainerUser(uid=uid, gid=gid, supplementalGroups=list(groups)))
        if len(self._runs) > 1:
            status.lastState = self._state(self._runs[1])
        elif self._before:
            self._carry_over(status, self._before)
        return status

    def _resources(self, run: ContainerRun) -> ResourceRequirements:
        """Return what a container has: while it runs, what is set; CPU and memory may differ from what was granted."""
        granted = self._container.resources
        actuated = self._context.actuated.containers.get(self._container.name) if run.state == "running" else None
        return granted.copy() if actuated is None else with_actuated(granted, actuated)

    def _carry_over(self, status: ContainerStatus, before: ContainerStatus) -> None:
        """Keep what the runtime has forgotten: earlier runs were removed, by collection or because all containers restart."""
        status.restartCount = max(status.restartCount, before.restartCount)
        if before.containerID != status.containerID and before.state.terminated:
            status.lastState = ContainerState(terminated=before.state.terminated)
            if status.state.running and before.restartCount >= status.restartCount:
                status.restartCount = before.restartCount + 1
        elif before.lastState.terminated:
            status.lastState = ContainerState(terminated=before.lastState.terminated)

    def _state(self, run: ContainerRun) -> ContainerState:
        if run.state == "running":
            return ContainerState(running=ContainerStateRunning(startedAt=_time(run.started_at)))
        if run.state == "exited":
            return ContainerState(
                terminated=ContainerStateTerminated(
                    exitCode=run.exit_code,
                    reason=run.reason,
                    message=self._cut(run.message),
                    startedAt=_time(run.started_at),
                    finishedAt=_time(run.finished_at),
                    containerID=f"{self._context.runtime}://{run.id}",
                )
            )
        if run.state == "unknown" and self._before and self._before.state.running:
            return ContainerState(terminated=_lost("The container could not be located when the pod was terminated"))
        return ContainerState(waiting=ContainerStateWaiting())

    def _cut(self, message: str) -> str:
        part = MESSAGES_LIMIT // max(1, len(every_container(self._pod)))
        return message if len(message) * 4 <= part else message.encode()[:part].decode(errors="ignore")

    def _without_runs(self) -> ContainerStatus:
        before = self._before
        if before and before.state.terminated and not self._context.restarting_all:
            return before.copy()
        reason = "PodInitializing" if self._pod.spec.initContainers else "ContainerCreating"
        status = ContainerStatus(
            name=self._container.name, image=self._container.image, state=ContainerState(waiting=ContainerStateWaiting(reason=reason))
        )
        if before:
            status.restartCount = before.restartCount
            status.lastState = before.lastState
            self._explain_loss(status, before)
        return status

    def _explain_loss(self, status: ContainerStatus, before: ContainerStatus) -> None:
        """Account for a container that was seen running and is gone without a trace."""
        if self._context.restarting_all and not before.state.waiting:
            text = "The container is removed because RestartAllContainers in place"
            status.state = ContainerState(waiting=ContainerStateWaiting(reason=RESTARTING_ALL, message=text))
            status.lastState = ContainerState(terminated=ContainerStateTerminated(reason=RESTARTING_ALL, message=text, exitCode=KILLED))
            status.restartCount = before.restartCount + 1
        elif before.state.running and not status.lastState.terminated:
            text = "The container could not be located when the pod was deleted.  The container used to be Running"
            status.lastState = ContainerState(terminated=_lost(text))
            status.restartCount += 0 if self._pod.metadata.deletionTimestamp else 1

    def _explain_waiting(self, status: ContainerStatus) -> None:
        """Show why a container that should be started is not."""
        waiting = self._context.waiting.get(self._container.name)
        if waiting is None or status.state.running or not self._would_start():
            return
        if status.state.terminated:
            status.lastState = ContainerState(terminated=status.state.terminated)
        status.state = ContainerState(waiting=ContainerStateWaiting(reason=waiting.reason, message=waiting.message))

    def _would_start(self) -> bool:
        if self._pod.metadata.deletionTimestamp or self._context.terminal:
            return False
        run = self._runs[0] if self._runs else None
        if run is None or run.state != "exited":
            return True
        if isinstance(self._container, EphemeralContainer) or (self._init and not self._sidecar and run.exit_code == 0):
            return False
        return restarts_after(self._container, self._pod.spec, run.exit_code)

    def _probe(self, status: ContainerStatus) -> None:
        if isinstance(self._container, EphemeralContainer):
            return
        run = self._runs[0] if self._runs else None
        running = status.state.running is not None and run is not None
        status.started = running and (self._container.startupProbe is None or (run is not None and run.id in self._context.probed.started))
        if self._init and not self._sidecar:
            status.ready = status.state.terminated is not None and status.state.terminated.exitCode == 0
        else:
            answered = run is not None and run.id in self._context.probed.ready
            status.ready = status.started and (self._container.readinessProbe is None or answered)


def _lost(message: str) -> ContainerStateTerminated:
    return ContainerStateTerminated(reason=UNKNOWN, message=message, exitCode=KILLED)


def _mount_status(mount: VolumeMount, *, able: bool) -> VolumeMountStatus:
    recursive = able and mount.recursiveReadOnly in ("Enabled", "IfPossible")
    mode = ("Enabled" if recursive else "Disabled") if mount.readOnly else None
    return VolumeMountStatus(name=mount.name, mountPath=mount.mountPath, readOnly=mount.readOnly, recursiveReadOnly=mode)


def _time(nanoseconds: int) -> str | None:
    return format_time(datetime.fromtimestamp(nanoseconds / 1e9, UTC)) if nanoseconds > 0 else None


def mark_lost(status: ContainerStatus) -> None:
    """Give a container of a pod that has ended a terminated state: nobody knows how it went, so it failed."""
    if status.state.terminated is None:
        status.state = ContainerState(terminated=_lost("The container could not be located when the pod was terminated"))
