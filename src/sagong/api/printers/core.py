"""Tables of the core group's other kinds: nodes, namespaces, events, configuration, quotas."""

from __future__ import annotations

from datetime import datetime

from sagong.api import nodes
from sagong.api.humanduration import since
from sagong.api.printers.columns import NONE, UNKNOWN, Cells, Printer, age, condition, name_and_age, printer
from sagong.api.types import core, events


def _node(obj: core.Node, now: datetime) -> Cells:
    ready = nodes.condition(obj, "Ready")
    status = "Unknown" if ready is None else "Ready" if ready.status == "True" else "NotReady"
    info = obj.status.nodeInfo
    kernel = (info.kernelVersion or UNKNOWN) + (f" ({info.architecture})" if info.architecture else "")
    return [
        obj.metadata.name,
        f"{status},SchedulingDisabled" if obj.spec.unschedulable else status,
        ",".join(nodes.roles(obj)) or NONE,
        age(obj, now),
        info.kubeletVersion,
        nodes.address(obj) or NONE,
        nodes.address(obj, "ExternalIP") or NONE,
        info.osImage or UNKNOWN,
        kernel,
        info.containerRuntimeVersion or UNKNOWN,
    ]


def _namespace(obj: core.Namespace, now: datetime) -> Cells:
    return [obj.metadata.name, obj.status.phase, age(obj, now)]


def _event(obj: core.Event, now: datetime) -> Cells:
    first = since(obj.firstTimestamp or obj.eventTime, now)
    last = since(obj.lastTimestamp, now) if obj.lastTimestamp else first
    count = obj.count or 1
    if obj.series:
        last, count = since(obj.series.lastObservedTime, now), obj.series.count
    about = obj.involvedObject
    component, instance = obj.source.component or obj.reportingComponent, obj.source.host or obj.reportingInstance
    return [
        last,
        obj.type,
        obj.reason,
        f"{about.kind.lower()}/{about.name}" if about.name else about.kind.lower(),
        about.fieldPath,
        f"{component}, {instance}" if instance else component,
        obj.message.strip(),
        first,
        count,
        obj.metadata.name,
    ]


def _new_event(obj: events.Event, now: datetime) -> Cells:
    series = core.EventSeries(count=obj.series.count, lastObservedTime=obj.series.lastObservedTime) if obj.series else None
    same = core.Event(
        metadata=obj.metadata,
        involvedObject=obj.regarding,
        reason=obj.reason,
        message=obj.note,
        source=obj.deprecatedSource,
        firstTimestamp=obj.deprecatedFirstTimestamp,
        lastTimestamp=obj.deprecatedLastTimestamp,
        count=obj.deprecatedCount,
        type=obj.type,
        eventTime=obj.eventTime,
        series=series,
        reportingComponent=obj.reportingController,
        reportingInstance=obj.reportingInstance,
    )
    return _event(same, now)


def _secret(obj: core.Secret, now: datetime) -> Cells:
    return [obj.metadata.name, obj.type, len(obj.data), age(obj, now)]


def _config_map(obj: core.ConfigMap, now: datetime) -> Cells:
    return [obj.metadata.name, len(obj.data) + len(obj.binaryData), age(obj, now)]


def _component_status(obj: core.ComponentStatus, _: datetime) -> Cells:
    healthy = condition(obj.conditions, "Healthy")
    if healthy is None:
        return [obj.metadata.name, "Unknown", "", ""]
    return [obj.metadata.name, "Healthy" if healthy.status == "True" else "Unhealthy", healthy.message, healthy.error]


def _resource_quota(obj: core.ResourceQuota, now: datetime) -> Cells:
    status = obj.status
    texts = {name: f"{name}: {status.used.get(name, '0')}/{hard}" for name, hard in sorted(status.hard.items())}
    limits = [text for name, text in texts.items() if name.startswith("limits.")]
    requests = [text for name, text in texts.items() if not name.startswith("limits.")]
    return [obj.metadata.name, ", ".join(requests), ", ".join(limits), age(obj, now)]


_EVENT = ("Last Seen", "Type", "Reason", "Object", "+Subobject", "+Source", "Message", "+First Seen", "+Count", "+Name")
TABLE: dict[type, Printer] = {
    core.Node: printer(
        "Name",
        "Status",
        "Roles",
        "Age",
        "Version",
        "+Internal-IP",
        "+External-IP",
        "+OS-Image",
        "+Kernel-Version",
        "+Container-Runtime",
        cells=_node,
    ),
    core.Namespace: printer("Name", "Status", "Age", cells=_namespace),
    core.Event: printer(*_EVENT, cells=_event),
    events.Event: printer(*_EVENT, cells=_new_event),
    core.Secret: printer("Name", "Type", "Data", "Age", cells=_secret),
    core.ConfigMap: printer("Name", "Data", "Age", cells=_config_map),
    core.ServiceAccount: printer("Name", "Age", cells=name_and_age),
    core.ComponentStatus: printer("Name", "Status", "Message", "Error", cells=_component_status),
    core.ResourceQuota: printer("Name", "Request", "Limit", "Age", cells=_resource_quota),
}
