"""The status of a pod, as a pure function of its spec, what runs, and the status it had before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sagong.api.pods import limits, qos_class, requests
from sagong.api.types.core import ContainerStatus, HostIP, Pod, PodCondition, PodIP, PodStatus, ResourceRequirements
from sagong.node import conditions, qos
from sagong.node.allocations import actuated_pod
from sagong.node.container_statuses import Context, mark_lost, statuses
from sagong.node.phases import FAILED, RUNNING, TERMINAL, phase
from sagong.node.restarts import asks_restart_all, could_restart_all


@dataclass(frozen=True, slots=True)
class Node:
    """What a pod's status says of its node."""

    ips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The kubelet's own word on a pod that it ends: DeadlineExceeded, Evicted. Overrides what the containers say."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: Sequence[PodCondition] = field(default_factory=tuple)


NO_VERDICT = Verdict()


def pod_status(
    pod: Pod,
    before: PodStatus,
    context: Context,
    node: Node,
    now: str,
    *,
    verdict: Verdict = NO_VERDICT,
    static: bool = False,
    resize: Sequence[PodCondition] = (),
) -> PodStatus:
    """Return the status to show. `before` is the last one shown, or what the API has; `resize` tells how a resize fares."""
    spec = pod.spec
    regular = sorted(statuses(pod, spec.containers, before.containerStatuses, context), key=lambda status: status.name)
    init = statuses(pod, spec.initContainers, before.initContainerStatuses, context)
    ephemeral = statuses(pod, spec.ephemeralContainers, before.ephemeralContainerStatuses, context)
    every = [*regular, *init]
    status = PodStatus(
        phase=phase(pod, every, terminal=context.terminal, initialized=_regular_started(pod, context), static=static),
        observedGeneration=pod.metadata.generation,
        containerStatuses=regular,
        initContainerStatuses=init,
        ephemeralContainerStatuses=sorted(ephemeral, key=lambda found: found.name),
        qosClass=before.qosClass or qos_class(pod),
        nominatedNodeName=pod.status.nominatedNodeName,
        resourceClaimStatuses=pod.status.resourceClaimStatuses,
        extendedResourceClaimStatus=pod.status.extendedResourceClaimStatus,
        nodeAllocatableResourceClaimStatuses=pod.status.nodeAllocatableResourceClaimStatuses,
    )
    _judge(status, pod, before, verdict)
    _address(status, pod, before, context, node)
    foreign = [
        found for found in pod.status.conditions if found.type not in conditions.OWNED and found.type not in _types(verdict.conditions)
    ]
    foreign.extend(verdict.conditions)
    own = conditions.owned(pod, context.observed, every, status.phase, foreign)
    if could_restart_all(pod):
        own.append(_restarting(pod, context, status.phase))
    if status.phase not in TERMINAL:
        own.extend(found.copy() for found in resize)
    status.conditions = [*(found.copy() for found in foreign), *own]
    status.allocatedResources = {name: str(amount) for name, amount in requests(pod).items()}
    status.resources = _resources(actuated_pod(pod, context.actuated) if before.phase == RUNNING else pod)
    conditions.follow(before, status, now)
    return status


def _types(found: Sequence[PodCondition]) -> set[str]:
    return {condition.type for condition in found}


def _regular_started(pod: Pod, context: Context) -> bool:
    sandbox = context.observed.sandbox
    names = {container.name for container in pod.spec.containers}
    return any(run.name in names and sandbox and run.sandbox_id == sandbox.id for run in context.observed.runs)


def _judge(status: PodStatus, pod: Pod, before: PodStatus, verdict: Verdict) -> None:
    """Settle phase, reason and message; a pod never leaves Succeeded or Failed."""
    ended = next((found for found in (pod.status.phase, before.phase) if found in TERMINAL), "")
    status.phase = ended or verdict.phase or status.phase
    if verdict.reason and not ended:
        status.reason, status.message = verdict.reason, verdict.message
    elif status.phase == before.phase:
        status.reason, status.message = before.reason or pod.status.reason, before.message or pod.status.message


def _address(status: PodStatus, pod: Pod, before: PodStatus, context: Context, node: Node) -> None:
    ips = context.observed.ips or (node.ips if pod.spec.hostNetwork else ())
    if not ips and context.terminal:
        ips = tuple(found.ip for found in before.podIPs)  # the address that it had, for those who read its logs
    status.podIPs = [PodIP(ip=ip) for ip in ips]
    status.podIP = ips[0] if ips else ""
    status.hostIPs = [HostIP(ip=ip) for ip in node.ips]
    status.hostIP = node.ips[0] if node.ips else ""


def _resources(pod: Pod) -> ResourceRequirements:
    """Return what the pod as a whole asks for and is held to."""
    bound = {name: str(amount) for name, amount in limits(pod).items() if qos.limited(pod, name)}
    return ResourceRequirements(limits=bound, requests={name: str(amount) for name, amount in requests(pod).items()})


def _restarting(pod: Pod, context: Context, found_phase: str) -> PodCondition:
    if found_phase in TERMINAL:
        reason = "PodFailed" if found_phase == FAILED else "PodCompleted"
        return conditions.condition(pod, conditions.RESTARTING, true=False, reason=reason)
    if context.restarting_all or asks_restart_all(pod, context.observed):
        text = "container exited with restart policy rule"
        return conditions.condition(pod, conditions.RESTARTING, true=True, reason="RestartAllContainersStarted", message=text)
    return conditions.condition(pod, conditions.RESTARTING, true=False)


def rejected(pod: Pod, before: PodStatus, verdict: Verdict, now: str) -> PodStatus:
    """Return the status of a pod that was never let in: a phase and a reason, no containers."""
    return PodStatus(
        phase=verdict.phase,
        reason=verdict.reason,
        message=verdict.message,
        qosClass=before.qosClass or qos_class(pod),
        observedGeneration=pod.metadata.generation,
        startTime=before.startTime or now,
        conditions=before.conditions,
    )


def final_status(pod: Pod, last: PodStatus, now: str, *, static: bool = False) -> PodStatus:
    """Return the status of a pod of which nothing runs any more: every container has ended, the phase is terminal."""
    status = last.copy()
    if not pod.spec.initContainers or any(_moved(found) for found in status.containerStatuses):
        for found in status.containerStatuses:
            mark_lost(found)
    touched = max((index for index, found in enumerate(status.initContainerStatuses) if _moved(found)), default=0)
    for found in status.initContainerStatuses[: touched + 1]:
        mark_lost(found)
    for found in (*status.containerStatuses, *status.initContainerStatuses):
        found.ready = found.ready and found.state.terminated is not None
    if status.phase not in TERMINAL and not static:
        status.phase = FAILED
    by_name = {found.name: found for found in (*status.containerStatuses, *status.initContainerStatuses)}
    ready = conditions.containers_ready(pod, by_name, status.phase)
    replaced = {
        conditions.CONTAINERS_READY: ready,
        conditions.READY: conditions.condition(pod, conditions.READY, true=False, reason=ready.reason, message=ready.message),
        conditions.SANDBOX_READY: conditions.condition(pod, conditions.SANDBOX_READY, true=False),
    }
    status.conditions = [replaced.get(found.type, found) for found in status.conditions]
    conditions.follow(last, status, now)
    return status


def _moved(status: ContainerStatus) -> bool:
    return status.state.waiting is None or status.lastState.terminated is not None
