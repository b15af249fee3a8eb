"""The pod's table: READY, STATUS and RESTARTS sum up its containers as `kubectl get pods` shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sagong.api import pods
from sagong.api.humanduration import since
from sagong.api.printers.columns import NONE, Cells, Printer, age, containers, labels, printer
from sagong.api.types.core import ContainerStateTerminated, ContainerStatus, Pod, PodTemplate
from sagong.api.types.meta import TableRowCondition

_COMPLETED = {
    "Succeeded": TableRowCondition(type="Completed", status="True", reason="Succeeded", message="The pod has completed successfully."),
    "Failed": TableRowCondition(type="Completed", status="True", reason="Failed", message="The pod failed."),
}


@dataclass
class _Restarts:
    """How often containers ended, and when the last of them did."""

    count: int = 0
    last: str = ""

    def add(self, status: ContainerStatus) -> None:
        self.count += status.restartCount
        if status.lastState.terminated:
            self.last = max(self.last, status.lastState.terminated.finishedAt or "")

    def text(self, now: datetime) -> str:
        return f"{self.count} ({since(self.last, now)} ago)" if self.count and self.last else str(self.count)


@dataclass
class _Summary:
    """What the statuses of a pod's containers add up to."""

    reason: str
    restarts: _Restarts
    ready: int = 0


def conditions(pod: Pod) -> list[TableRowCondition]:
    """Return the row's conditions: one that says a finished pod is finished."""
    found = _COMPLETED.get(pod.status.phase)
    return [found] if found else []


def _summarize(pod: Pod) -> _Summary:
    gated = any(c.type == "PodScheduled" and c.reason == "SchedulingGated" for c in pod.status.conditions)
    summary = _Summary("SchedulingGated" if gated else pod.status.reason or pod.status.phase, _Restarts())
    initializing, sidecar_restarts = _init_containers(pod, summary)
    initialized = pods.condition(pod, "Initialized")
    if not initializing or (initialized is not None and initialized.status == "True"):
        summary.restarts = sidecar_restarts
        _containers(pod, summary)
    if pod.metadata.deletionTimestamp is not None:
        if pod.status.reason == "NodeLost":
            summary.reason = "Unknown"
        elif not pods.is_finished(pod):
            summary.reason = "Terminating"
    return summary


def _init_containers(pod: Pod, summary: _Summary) -> tuple[bool, _Restarts]:
    """Go through init containers until one is not done; return whether there was one, and the restarts of sidecars so far."""
    sidecars = {container.name for container in pod.spec.initContainers if pods.is_sidecar(container)}
    sidecar_restarts = _Restarts()
    for i, status in enumerate(pod.status.initContainerStatuses):
        summary.restarts.add(status)
        if status.name in sidecars:
            sidecar_restarts.add(status)
        terminated, waiting = status.state.terminated, status.state.waiting
        if terminated and terminated.exitCode == 0:
            continue
        if status.name in sidecars and status.started:
            summary.ready += status.ready
            continue
        if terminated:
            summary.reason = f"Init:{_ending(terminated)}"
        elif waiting and waiting.reason not in ("", "PodInitializing"):
            summary.reason = f"Init:{waiting.reason}"
        else:
            summary.reason = f"Init:{i}/{len(pod.spec.initContainers)}"
        return True, sidecar_restarts
    return False, sidecar_restarts


def _containers(pod: Pod, summary: _Summary) -> None:
    """Go through containers from the last to the first, so that the first has the last word."""
    running, failure = False, ""
    for status in reversed(pod.status.containerStatuses):
        summary.restarts.add(status)
        terminated, waiting = status.state.terminated, status.state.waiting
        if waiting and waiting.reason:
            summary.reason = waiting.reason
        elif terminated:
            summary.reason = _ending(terminated)
            failure = summary.reason if terminated.exitCode else failure
        elif status.ready and status.state.running:
            running, summary.ready = True, summary.ready + 1
    if summary.reason == "Completed":
        if running and pods.is_ready(pod):
            summary.reason = "Running"
        else:
            summary.reason = failure or ("NotReady" if running else summary.reason)


def _ending(state: ContainerStateTerminated) -> str:
    return state.reason or (f"Signal:{state.signal}" if state.signal else f"ExitCode:{state.exitCode}")


def _gates(pod: Pod) -> str:
    if not pod.spec.readinessGates:
        return NONE
    found = [pods.condition(pod, gate.conditionType) for gate in pod.spec.readinessGates]
    return f"{sum(c is not None and c.status == 'True' for c in found)}/{len(found)}"


def _pod(pod: Pod, now: datetime) -> Cells:
    summary = _summarize(pod)
    total = len(pod.spec.containers) + sum(map(pods.is_sidecar, pod.spec.initContainers))
    return [
        pod.metadata.name,
        f"{summary.ready}/{total}",
        summary.reason,
        summary.restarts.text(now),
        age(pod, now),
        (pod.status.podIPs[0].ip if pod.status.podIPs else "") or NONE,
        pod.spec.nodeName or NONE,
        pod.status.nominatedNodeName or NONE,
        _gates(pod),
    ]


def _pod_template(obj: PodTemplate, _: datetime) -> Cells:
    return [obj.metadata.name, *containers(obj.template), labels(obj.template.metadata.labels)]


TABLE: dict[type, Printer] = {
    Pod: printer("Name", "Ready", "Status", "Restarts", "Age", "+IP", "+Node", "+Nominated Node", "+Readiness Gates", cells=_pod),
    PodTemplate: printer("Name", "Containers", "Images", "Pod Labels", cells=_pod_template),
}
