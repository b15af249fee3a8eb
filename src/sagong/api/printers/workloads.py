"""Tables of what runs pods: apps, batch, autoscaling, disruption budgets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sagong.api.clock import parse_time
from sagong.api.humanduration import human, since
from sagong.api.printers.columns import (
    NONE,
    UNKNOWN,
    UNSET,
    Cells,
    Printer,
    age,
    containers,
    flag,
    labels,
    printer,
    selector,
    some,
)
from sagong.api.types import apps, autoscaling, autoscaling_v1, batch, core, policy

_CONTAINERS = ("+Containers", "+Images", "+Selector")
_JOB_STATES = ("Complete", "Failed", "Suspended", "FailureTarget", "SuccessCriteriaMet")


def _deployment(obj: apps.Deployment, now: datetime) -> Cells:
    status = obj.status
    ready = f"{status.readyReplicas}/{obj.spec.replicas or 0}"
    name = obj.metadata.name
    found = selector(obj.spec.selector)
    shown = {NONE: "", "<error>": "<invalid>"}.get(found, found)
    return [name, ready, status.updatedReplicas, status.availableReplicas, age(obj, now), *containers(obj.spec.template), shown]


def _replica_set(obj: apps.ReplicaSet, now: datetime) -> Cells:
    counts = [obj.spec.replicas or 0, obj.status.replicas, obj.status.readyReplicas]
    return [obj.metadata.name, *counts, age(obj, now), *containers(obj.spec.template), selector(obj.spec.selector)]


def _replication_controller(obj: core.ReplicationController, now: datetime) -> Cells:
    counts = [obj.spec.replicas or 0, obj.status.replicas, obj.status.readyReplicas]
    return [obj.metadata.name, *counts, age(obj, now), *containers(obj.spec.template), labels(obj.spec.selector)]


def _stateful_set(obj: apps.StatefulSet, now: datetime) -> Cells:
    return [obj.metadata.name, f"{obj.status.readyReplicas}/{obj.spec.replicas or 0}", age(obj, now), *containers(obj.spec.template)]


def _daemon_set(obj: apps.DaemonSet, now: datetime) -> Cells:
    status = obj.status
    return [
        obj.metadata.name,
        status.desiredNumberScheduled,
        status.currentNumberScheduled,
        status.numberReady,
        status.updatedNumberScheduled,
        status.numberAvailable,
        labels(obj.spec.template.spec.nodeSelector),
        age(obj, now),
        *containers(obj.spec.template),
        selector(obj.spec.selector),
    ]


def _controller_revision(obj: apps.ControllerRevision, now: datetime) -> Cells:
    owner = next((reference for reference in obj.metadata.ownerReferences if reference.controller), None)
    controller = NONE
    if owner:
        group = owner.apiVersion.rpartition("/")[0]
        controller = f"{owner.kind}.{group}".lower().rstrip(".") + f"/{owner.name}"
    return [obj.metadata.name, controller, obj.revision, age(obj, now)]


def _job(obj: batch.Job, now: datetime) -> Cells:
    spec, status = obj.spec, obj.status
    parallelism = spec.parallelism or 0
    wanted = spec.completions if spec.completions is not None else f"1 of {parallelism}" if parallelism > 1 else 1
    duration = ""
    if status.startTime:
        end = parse_time(status.completionTime) if status.completionTime else now
        duration = human((end - parse_time(status.startTime)).total_seconds())
    cells = [obj.metadata.name, _job_state(obj), f"{status.succeeded}/{wanted}", duration, age(obj, now)]
    return [*cells, *containers(spec.template), selector(spec.selector)]


def _job_state(obj: batch.Job) -> str:
    true = {found.type for found in obj.status.conditions if found.status == "True"}
    state = next((state for state in _JOB_STATES if state in true), "Running")
    finished = state in ("Complete", "Failed")
    return "Terminating" if obj.metadata.deletionTimestamp is not None and not finished else state


def _cron_job(obj: batch.CronJob, now: datetime) -> Cells:
    template = obj.spec.jobTemplate.spec
    return [
        obj.metadata.name,
        obj.spec.schedule,
        NONE if obj.spec.timeZone is None else obj.spec.timeZone,
        flag(obj.spec.suspend),
        len(obj.status.active),
        since(obj.status.lastScheduleTime, now) if obj.status.lastScheduleTime else NONE,
        age(obj, now),
        *containers(template.template),
        selector(template.selector),
    ]


def _budget(obj: policy.PodDisruptionBudget, now: datetime) -> Cells:
    bounds = ["N/A" if bound is None else str(bound) for bound in (obj.spec.minAvailable, obj.spec.maxUnavailable)]
    return [obj.metadata.name, *bounds, obj.status.disruptionsAllowed, age(obj, now)]


def _autoscaler(obj: autoscaling.HorizontalPodAutoscaler, now: datetime) -> Cells:
    return _autoscaler_cells(obj, _metrics(obj.spec.metrics, obj.status.currentMetrics or ()), now)


def _autoscaler_v1(obj: autoscaling_v1.HorizontalPodAutoscaler, now: datetime) -> Cells:
    target, current = obj.spec.targetCPUUtilizationPercentage, obj.status.currentCPUUtilizationPercentage
    metrics = NONE if target is None else f"cpu: {UNKNOWN if current is None else f'{current}%'}/{target}%"
    return _autoscaler_cells(obj, metrics, now)


def _autoscaler_cells(
    obj: autoscaling.HorizontalPodAutoscaler | autoscaling_v1.HorizontalPodAutoscaler, metrics: str, now: datetime
) -> Cells:
    spec = obj.spec
    reference = f"{spec.scaleTargetRef.kind}/{spec.scaleTargetRef.name}"
    minimum = UNSET if spec.minReplicas is None else str(spec.minReplicas)
    return [obj.metadata.name, reference, metrics, minimum, spec.maxReplicas, obj.status.currentReplicas, age(obj, now)]


def _metrics(specs: Sequence[autoscaling.MetricSpec], statuses: Sequence[autoscaling.MetricStatus]) -> str:
    texts = [_metric(spec, statuses[i] if i < len(statuses) else None) for i, spec in enumerate(specs)]
    return some(texts, 2, empty=NONE, separator=", ")


def _metric(spec: autoscaling.MetricSpec, status: autoscaling.MetricStatus | None) -> str:
    field = spec.type[:1].lower() + spec.type[1:]
    source: Any = getattr(spec, field, None)
    if source is None:
        return "<unknown type>"
    reported = getattr(status, field, None)
    current = reported.current if reported else autoscaling.MetricValueStatus()
    prefix = f"{source.name}: " if field in ("resource", "containerResource") else ""
    target: autoscaling.MetricTarget = source.target
    if target.averageValue is not None:
        suffix = " (avg)" if field in ("external", "object") else ""
        return f"{prefix}{current.averageValue or UNKNOWN}/{target.averageValue}{suffix}"
    if prefix:
        used = UNKNOWN if current.averageUtilization is None else f"{current.averageUtilization}%"
        return f"{prefix}{used}/{'<auto>' if target.averageUtilization is None else f'{target.averageUtilization}%'}"
    return f"{current.value or UNKNOWN}/{target.value}"


def _scale(obj: autoscaling_v1.Scale, now: datetime) -> Cells:
    return [obj.metadata.name, obj.spec.replicas, obj.status.replicas, age(obj, now)]


_REPLICAS = ("Name", "Desired:integer", "Current:integer", "Ready:integer", "Age", *_CONTAINERS)
_AUTOSCALER = ("Name", "Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age")
TABLE: dict[type, Printer] = {
    apps.Deployment: printer("Name", "Ready", "Up-to-date", "Available", "Age", *_CONTAINERS, cells=_deployment),
    apps.ReplicaSet: printer(*_REPLICAS, cells=_replica_set),
    core.ReplicationController: printer(*_REPLICAS, cells=_replication_controller),
    apps.StatefulSet: printer("Name", "Ready", "Age", "+Containers", "+Images", cells=_stateful_set),
    apps.DaemonSet: printer(
        "Name",
        "Desired:integer",
        "Current:integer",
        "Ready:integer",
        "Up-to-date:integer",
        "Available:integer",
        "Node Selector",
        "Age",
        *_CONTAINERS,
        cells=_daemon_set,
    ),
    apps.ControllerRevision: printer("Name", "Controller", "Revision", "Age", cells=_controller_revision),
    batch.Job: printer("Name", "Status", "Completions", "Duration", "Age", *_CONTAINERS, cells=_job),
    batch.CronJob: printer(
        "Name", "Schedule", "Timezone", "Suspend:boolean", "Active:integer", "Last Schedule", "Age", *_CONTAINERS, cells=_cron_job
    ),
    policy.PodDisruptionBudget: printer("Name", "Min Available", "Max Unavailable", "Allowed Disruptions:integer", "Age", cells=_budget),
    autoscaling.HorizontalPodAutoscaler: printer(*_AUTOSCALER, cells=_autoscaler),
    autoscaling_v1.HorizontalPodAutoscaler: printer(*_AUTOSCALER, cells=_autoscaler_v1),
    autoscaling_v1.Scale: printer("Name", "Desired:integer", "Available:integer", "Age", cells=_scale),
}
