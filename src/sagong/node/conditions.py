"""The conditions of a pod that the kubelet owns (KEP-580, KEP-3085, KEP-5067), and how new ones follow old ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sagong.api.pods import is_sidecar
from sagong.api.types.core import Container, ContainerStatus, Pod, PodCondition, PodStatus
from sagong.node.decide import sandbox_needed
from sagong.node.observe import Observed
from sagong.node.phases import FAILED, SUCCEEDED

READY, CONTAINERS_READY, INITIALIZED, SCHEDULED = "Ready", "ContainersReady", "Initialized", "PodScheduled"
SANDBOX_READY, RESTARTING = "PodReadyToStartContainers", "AllContainersRestarting"
DISRUPTION = "DisruptionTarget"
OWNED = frozenset({READY, CONTAINERS_READY, INITIALIZED, SCHEDULED, SANDBOX_READY, RESTARTING, "PodResizePending", "PodResizeInProgress"})

_TERMINAL_REASONS = {SUCCEEDED: "PodCompleted", FAILED: "PodFailed"}


def condition(pod: Pod, kind: str, *, true: bool, reason: str = "", message: str = "") -> PodCondition:
    """Return a condition that speaks of the pod's present generation; its transition time is set by `follow`."""
    return PodCondition(
        type=kind, status="True" if true else "False", reason=reason, message=message, observedGeneration=pod.metadata.generation
    )


def owned(
    pod: Pod, observed: Observed, statuses: Sequence[ContainerStatus], phase: str, foreign: Sequence[PodCondition]
) -> list[PodCondition]:
    """Return the kubelet's conditions of a pod; `foreign` are those of others, which readiness gates may name."""
    by_name = {status.name: status for status in statuses}
    ready = containers_ready(pod, by_name, phase)
    needs_sandbox, _ = sandbox_needed(pod, observed)
    return [
        condition(pod, SANDBOX_READY, true=not needs_sandbox),
        _initialized(pod, by_name, phase),
        _ready(pod, ready, foreign),
        ready,
        condition(pod, SCHEDULED, true=True),
    ]


def containers_ready(pod: Pod, by_name: Mapping[str, ContainerStatus], phase: str) -> PodCondition:
    """Return ContainersReady: every regular container and sidecar is ready."""
    wanted = [*(c for c in pod.spec.initContainers if is_sidecar(c)), *pod.spec.containers]
    problems = _problems(wanted, by_name, lambda _, status: status.ready, "unready")
    if phase in _TERMINAL_REASONS and (phase == FAILED or all(c.name in by_name for c in wanted)):
        return condition(pod, CONTAINERS_READY, true=False, reason=_TERMINAL_REASONS[phase])
    if problems:
        return condition(pod, CONTAINERS_READY, true=False, reason="ContainersNotReady", message=problems)
    return condition(pod, CONTAINERS_READY, true=True)


def _ready(pod: Pod, containers: PodCondition, foreign: Sequence[PodCondition]) -> PodCondition:
    if containers.status != "True":
        return condition(pod, READY, true=False, reason=containers.reason, message=containers.message)
    known = {found.type: found for found in foreign}
    problems = []
    for gate in pod.spec.readinessGates:
        found = known.get(gate.conditionType)
        if found is None:
            problems.append(f'corresponding condition of pod readiness gate "{gate.conditionType}" does not exist.')
        elif found.status != "True":
            problems.append(f'the status of pod readiness gate "{gate.conditionType}" is not "True", but {found.status}')
    if problems:
        return condition(pod, READY, true=False, reason="ReadinessGatesNotReady", message=", ".join(problems))
    return condition(pod, READY, true=True)


def _initialized(pod: Pod, by_name: Mapping[str, ContainerStatus], phase: str) -> PodCondition:
    problems = _problems(pod.spec.initContainers, by_name, _is_initialized, "incomplete")
    if phase == SUCCEEDED and all(c.name in by_name for c in pod.spec.initContainers):
        return condition(pod, INITIALIZED, true=True, reason="PodCompleted")
    if not problems or any(_was_started(by_name.get(c.name)) for c in pod.spec.containers):
        return condition(pod, INITIALIZED, true=True)
    return condition(pod, INITIALIZED, true=False, reason="ContainersNotInitialized", message=problems)


def _is_initialized(container: Container, status: ContainerStatus) -> bool:
    return bool(status.started) if is_sidecar(container) else status.ready


def _was_started(status: ContainerStatus | None) -> bool:
    return status is not None and bool(status.lastState.terminated or status.state.running or status.state.terminated)


def _problems(
    containers: Sequence[Container], by_name: Mapping[str, ContainerStatus], good: Callable[[Container, ContainerStatus], bool], what: str
) -> str:
    unknown = [c.name for c in containers if c.name not in by_name]
    bad = [c.name for c in containers if c.name in by_name and not good(c, by_name[c.name])]
    texts = [f"containers with {word} status: [{' '.join(names)}]" for word, names in (("unknown", unknown), (what, bad)) if names]
    return ", ".join(texts)


def follow(before: PodStatus, after: PodStatus, now: str) -> None:
    """Keep what does not change over time: start time, and the transition time of a condition whose status is the same."""
    after.startTime = before.startTime or after.startTime or now
    after.observedGeneration = max(before.observedGeneration, after.observedGeneration)
    known = {found.type: found for found in before.conditions}
    for found in after.conditions:
        old = known.get(found.type)
        if found.type in OWNED or found.type == DISRUPTION:
            found.lastTransitionTime = old.lastTransitionTime if old and old.status == found.status else now
