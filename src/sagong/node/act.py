"""Carries out decisions: the only module that starts and stops things in the runtime."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sagong.api.types.core import Container, ImageVolumeSource, Pod
from sagong.node.allocations import Allocations
from sagong.node.backoff import Backoff
from sagong.node.container_statuses import Waiting
from sagong.node.cri import api_pb2 as cri
from sagong.node.cri import labels
from sagong.node.cri.client import CriError, Runtime
from sagong.node.decide import AnyContainer, Decision, Hold, Start, backoff_key, pod_text, sandbox_key
from sagong.node.downward import Facts
from sagong.node.events import PodEvents
from sagong.node.hooks import HookError, Hooks
from sagong.node.images import ImageError, Images
from sagong.node.kills import Killer, together
from sagong.node.logs_layout import LogFiles
from sagong.node.meter import KubeletMeter, container_type
from sagong.node.observe import ContainerRun, Observed, Observer
from sagong.node.ports import CgroupManager, ContainerConfigError, ContainerConfigs, SandboxConfigs
from sagong.node.resizer import ResizeError, Resizer
from sagong.node.volumes.errors import VolumeError


@dataclass(slots=True)
class Outcome:
    """What came of a decision: why containers wait, and whether anything failed so that it must be tried again."""

    waiting: dict[str, Waiting] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    failed: bool = False
    resize_error: str = ""
    """why the pod's resize was not carried out"""
    retry_at: float = 0.0
    """seconds since 1970 before which trying again is of no use"""


class StartError(Exception):
    """A container was not started; the reason is its waiting reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.waiting = Waiting(reason, message)


@dataclass(frozen=True)
class Actor:
    """Acts on pods."""

    runtime: Runtime
    observer: Observer
    sandboxes: SandboxConfigs
    containers: ContainerConfigs
    cgroups: CgroupManager
    allocations: Allocations
    images: Images
    hooks: Hooks
    killer: Killer
    resizer: Resizer
    events: PodEvents
    backoff: Backoff
    logs: LogFiles
    host_ips: tuple[str, ...]
    allocatable: Mapping[str, str]
    meter: KubeletMeter

    async def act(self, pod: Pod, decision: Decision, observed: Observed, sandbox_ready: Callable[[], Awaitable[None]]) -> Outcome:
        """Carry the decision out, in its order; `sandbox_ready` shows a new sandbox while containers are being started (KEP-3085)."""
        outcome = Outcome()
        for hold in decision.hold:
            self.report_hold(pod, hold)
            outcome.waiting[hold.container.name] = Waiting("CrashLoopBackOff", hold.message)
        try:
            await self._end(pod, decision, observed)
            place = await self._place(pod, decision, observed)
        except (CriError, OSError, ContainerConfigError):
            outcome.failed = True
            return outcome
        except ResizeError as error:
            outcome.failed, outcome.resize_error = True, str(error)
            return outcome
        if place:
            starts = self._start_all(pod, decision.start, place, outcome)
            await (asyncio.gather(starts, sandbox_ready()) if decision.create_sandbox else starts)
        return outcome

    def report_hold(self, pod: Pod, hold: Hold) -> None:
        """Tell that a container is held back."""
        text = f"Back-off restarting failed container {hold.container.name} in pod {pod_text(pod)}"
        self.events.container(pod, hold.container, "Warning", "BackOff", text)

    def forget(self, pod_uid: str) -> None:
        """Drop what is known of a pod that is gone."""
        self.backoff.forget(f"{pod_uid}/")
        self.images.forget(pod_uid)
        self.meter.forget(pod_uid)

    def sandbox_config(self, pod: Pod, attempt: int) -> cri.PodSandboxConfig:
        """Return the whole configuration of a pod's sandbox. Raises ContainerConfigError."""
        meta = pod.metadata
        config = self.sandboxes.sandbox(pod)
        config.metadata.CopyFrom(cri.PodSandboxMetadata(name=meta.name, uid=meta.uid, namespace=meta.namespace, attempt=attempt))
        config.labels.update(labels.of_pod(pod))
        config.annotations.update(meta.annotations)
        config.log_directory = str(self.logs.pod(pod))
        return config

    async def _end(self, pod: Pod, decision: Decision, observed: Observed) -> None:
        if decision.kill_pod:
            if decision.create_sandbox and observed.sandboxes:
                self.events.pod(pod, "Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
            await self.killer.kill_pod(pod, observed)
            return
        ip = observed.ips[0] if observed.ips else ""
        await together(self.killer.kill(pod, kill.run, kill.message, reason=kill.reason, pod_ip=ip) for kill in decision.kill)
        for run in decision.reset:
            if run.state != "exited":
                await self.killer.kill(pod, run, "killing", grace_override=0, pod_ip=ip)
            await self.runtime.remove_container(run.id)

    async def _place(self, pod: Pod, decision: Decision, observed: Observed) -> _Place | None:
        """Return where containers are to be started, None when nothing is: in the sandbox that is there, or in a new one."""
        if decision.kill_pod and not decision.create_sandbox:
            return None
        if not decision.create_sandbox:
            if decision.resize or decision.resize_pod or (decision.start and self.resizer.differs(pod)):
                await self.resizer.resize(pod, decision.resize, decision.sandbox_id)
            return _Place(decision.sandbox_id, self.sandbox_config(pod, decision.attempt), observed) if decision.start else None
        for run in observed.runs:  # of a sandbox that is gone: initialization begins anew
            if any(container.name == run.name for container in pod.spec.initContainers):
                await self.runtime.remove_container(run.id)
        try:
            return await self._make_sandbox(pod, decision, observed)
        except (CriError, OSError, ContainerConfigError) as error:
            self.events.pod(pod, "Warning", "FailedCreatePodSandBox", f"Failed to create pod sandbox: {error}")
            raise

    async def _make_sandbox(self, pod: Pod, decision: Decision, observed: Observed) -> _Place:
        if observed.sandbox:
            self.backoff.fail(sandbox_key(pod), observed.sandbox.created_at / 1e9)
        self.cgroups.ensure_pod(pod)
        if pod.spec.resources is not None:
            self.allocations.actuate(pod.metadata.uid, "", pod.spec.resources)
        config = self.sandbox_config(pod, decision.attempt)
        handler = self.sandboxes.runtime_handler(pod)
        self.logs.make(pod)
        sandbox = await self.runtime.run_sandbox(config, handler)
        self.observer.learn(sandbox, pod.metadata.uid)
        status = await self.runtime.sandbox_status(sandbox)
        ips = tuple(ip for ip in (status.network.ip, *(extra.ip for extra in status.network.additional_ips)) if ip)
        return _Place(sandbox, config, Observed(uid=observed.uid, runs=observed.runs, ips=ips))

    async def _start_all(self, pod: Pod, starts: Sequence[Start], place: _Place, outcome: Outcome) -> None:
        for start in starts:
            if start.failed_at is not None:
                self.backoff.fail(backoff_key(pod, start.container), start.failed_at)
            kind = container_type(pod, start.container.name)
            self.meter.started.add((kind,))
            try:
                await self._start(pod, start.container, place)
            except StartError as error:
                self.meter.start_errors.add((kind, error.waiting.reason))
                outcome.waiting[start.container.name] = error.waiting
                outcome.failed = True
                names = [start.container.image, *(source.reference for source in _image_volumes(pod, start.container).values())]
                outcome.retry_at = max(outcome.retry_at, *(self.images.until(pod, name) for name in names))
                if start.role == "init" and start.container.restartPolicy != "Always":
                    return
            else:
                outcome.started.append(start.container.name)

    async def _start(self, pod: Pod, container: AnyContainer, place: _Place) -> None:
        """Start one container. Raises StartError; what users need to know of it is an event by then."""
        try:
            volume_images = await self._volume_images(pod, container, place)
            image = await self.images.ensure(pod, container, place.config)
        except ImageError as error:
            self.events.container(pod, container, "Warning", "Failed", f"Error: {error.reason}")
            raise StartError(error.reason, error.message) from error
        config = await self._container_config(pod, container, image, place.observed, volume_images)
        try:
            run_id = await self.runtime.create_container(place.sandbox, config, place.config)
            self.observer.learn(run_id, pod.metadata.uid)
            self.meter.volumes_mounted.add(value=len(volume_images))
            if isinstance(container, Container):
                self.allocations.actuate(pod.metadata.uid, container.name, container.resources)
        except CriError as error:
            self.events.container(pod, container, "Warning", "Failed", f"Error: {error.message}")
            raise StartError("CreateContainerError", error.message) from error
        self.events.container(pod, container, "Normal", "Created", "Container created")
        try:
            await self.runtime.start_container(run_id)
        except CriError as error:
            self.events.container(pod, container, "Warning", "Failed", f"Error: {error.message}")
            raise StartError("RunContainerError", error.message) from error
        self.events.container(pod, container, "Normal", "Started", "Container started")
        self.logs.link(pod, container.name, run_id, config.metadata.attempt)
        await self._post_start(pod, container, run_id, place.observed)

    async def _volume_images(self, pod: Pod, container: AnyContainer, place: _Place) -> Mapping[str, cri.Image]:
        """Have the images of the container's image volumes there, by volume. Raises ImageError."""
        found = {}
        for name, source in _image_volumes(pod, container).items():
            self.meter.volumes_requested.add()
            try:
                found[name] = await self.images.ensure_volume(pod, source, place.config)
            except ImageError:
                self.meter.volume_errors.add()
                raise
        return found

    async def _container_config(
        self, pod: Pod, container: AnyContainer, image: cri.Image, observed: Observed, volume_images: Mapping[str, cri.Image]
    ) -> cri.ContainerConfig:
        latest = observed.latest(container.name)
        attempt = latest.restart_count + 1 if latest else self.logs.next_attempt(pod, container.name)
        ips = self.host_ips if pod.spec.hostNetwork else observed.ips
        facts = Facts(pod_ips=ips, host_ips=self.host_ips, allocatable=self.allocatable)
        try:
            target = _target(container, observed)
            config = await self.containers.container(
                pod, container, image, facts, attempt=attempt, target_id=target, volume_images=volume_images
            )
            self.logs.make(pod, container.name)
        except (ContainerConfigError, VolumeError, OSError) as error:
            self.events.container(pod, container, "Warning", "Failed", f"Error: {error}")
            raise StartError("CreateContainerConfigError", str(error)) from error
        config.metadata.CopyFrom(cri.ContainerMetadata(name=container.name, attempt=attempt))
        config.labels.update(labels.of_container(pod, container.name))
        config.annotations.update(labels.container_notes(pod, container, attempt))
        config.log_path = f"{container.name}/{attempt}.log"
        return config

    async def _post_start(self, pod: Pod, container: AnyContainer, run_id: str, observed: Observed) -> None:
        hook = container.lifecycle.postStart if container.lifecycle else None
        if hook is None:
            return
        ip = next(iter(self.host_ips if pod.spec.hostNetwork else observed.ips), "")
        try:
            await self.hooks.run(pod, container, run_id, hook, ip)
        except HookError as error:
            self.events.container(pod, container, "Warning", "FailedPostStartHook", "PostStartHook failed")
            run = ContainerRun(id=run_id, name=container.name, sandbox_id="", state="running", restart_count=0, created_at=0)
            await self.killer.kill(pod, run, "FailedPostStartHook", pod_ip=ip)
            raise StartError("PostStartHookError", error.message) from error


@dataclass(frozen=True, slots=True)
class _Place:
    """Where containers are started."""

    sandbox: str
    config: cri.PodSandboxConfig
    observed: Observed


def _image_volumes(pod: Pod, container: AnyContainer) -> Mapping[str, ImageVolumeSource]:
    """Return the image volumes that the container mounts, by name."""
    mounted = {mount.name for mount in container.volumeMounts}
    return {volume.name: volume.image for volume in pod.spec.volumes if volume.image is not None and volume.name in mounted}


def _target(container: AnyContainer, observed: Observed) -> str:
    """Return the id of the container that an ephemeral container looks into. Raises ContainerConfigError."""
    name = getattr(container, "targetContainerName", "")
    if not name:
        return ""
    run = observed.latest(name)
    if run is None or run.state != "running":
        raise ContainerConfigError(f"unable to find target container {name}")
    return run.id
