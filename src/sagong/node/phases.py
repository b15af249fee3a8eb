"""A pod's phase, from the statuses of its containers (upstream's getPhase)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sagong.api.pods import is_sidecar
from sagong.api.types.core import Container, ContainerStateTerminated, ContainerStatus, Pod
from sagong.node.container_statuses import RESTARTING_ALL
from sagong.node.restarts import restarts_after

PENDING, RUNNING, SUCCEEDED, FAILED = "Pending", "Running", "Succeeded", "Failed"
TERMINAL = (SUCCEEDED, FAILED)


def phase(pod: Pod, statuses: Sequence[ContainerStatus], *, terminal: bool, initialized: bool, static: bool = False) -> str:
    """Return the phase. `terminal`: nothing is started again; `initialized`: a regular container of this sandbox has been started."""
    by_name = {status.name: status for status in statuses}
    plain = [container for container in pod.spec.initContainers if not is_sidecar(container)]
    sidecars = [container for container in pod.spec.initContainers if is_sidecar(container)]
    if any(_failed_for_good(container, by_name, pod) for container in plain):
        return FAILED
    initializing = any(_pending(by_name.get(container.name)) for container in plain)
    sidecar_states = [_sidecar_state(by_name.get(container.name)) for container in sidecars]
    coming = any(state in ("waiting", "starting", "unknown") for state in sidecar_states)
    states = [_state(by_name.get(container.name)) for container in pod.spec.containers]
    every = [*states, *sidecar_states]
    if initializing or (coming and not initialized) or "waiting" in every or "unknown" in every:
        return PENDING
    if "running" in every or "starting" in every:
        return RUNNING
    if "stopped" not in states:
        return PENDING
    ends = [_end(by_name[container.name]) for container in pod.spec.containers]
    if not (terminal and not static):
        pairs = zip(pod.spec.containers, ends, strict=True)
        if any(end and _restarts(container, pod, end) for container, end in pairs):
            return RUNNING
    succeeded = all(_succeeded(by_name[container.name]) for container in pod.spec.containers)
    return SUCCEEDED if succeeded else FAILED


def _state(status: ContainerStatus | None) -> str:
    if status is None:
        return "unknown"
    if status.state.running:
        return "running"
    if _end(status):
        return "stopped"
    return "waiting" if status.state.waiting else "unknown"


def _sidecar_state(status: ContainerStatus | None) -> str:
    state = _state(status)
    return "starting" if state == "running" and status is not None and not status.started else state


def _pending(status: ContainerStatus | None) -> bool:
    return status is None or status.state.running is not None or _end(status) is None


def _end(status: ContainerStatus | None) -> ContainerStateTerminated | None:
    """Return how a container that does not run has ended last."""
    if status is None or status.state.running:
        return None
    return status.state.terminated or (status.lastState.terminated if status.state.waiting else None)


def _succeeded(status: ContainerStatus) -> bool:
    return status.state.terminated is not None and status.state.terminated.exitCode == 0


def _failed_for_good(container: Container, by_name: Mapping[str, ContainerStatus], pod: Pod) -> bool:
    end = _end(by_name.get(container.name))
    return end is not None and end.exitCode != 0 and not _restarts(container, pod, end)


def _restarts(container: Container, pod: Pod, end: ContainerStateTerminated) -> bool:
    return end.reason == RESTARTING_ALL or restarts_after(container, pod.spec, end.exitCode)
