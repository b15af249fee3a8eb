"""From one metric and what it reads to a number of replicas, its status, and the name under which it is told of. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from sagong.api.quantity import of_milli, parse
from sagong.api.types.autoscaling import (
    ContainerResourceMetricStatus,
    ExternalMetricStatus,
    MetricSpec,
    MetricStatus,
    MetricTarget,
    MetricValueStatus,
    ObjectMetricStatus,
    PodsMetricStatus,
    ResourceMetricStatus,
)
from sagong.api.types.meta import LabelSelector
from sagong.controllers.horizontal_pod_autoscaler.readings import PodReadings, ReadingError
from sagong.controllers.horizontal_pod_autoscaler.replicas import MAX_INT64, Proposal, Workload

Reading = PodReadings | Sequence[int] | int | ReadingError
Proposed = tuple[Proposal, MetricStatus, str]


def propose(spec: MetricSpec, reading: Reading, workload: Workload, namespace: str) -> Proposed:
    """Return what one metric asks for, its status and its name. Raises ReadingError."""
    if spec.resource is not None:
        proposal, current = _by_resource(spec.resource.name, "", spec.resource.target, reading, workload)
        utilized = proposal.utilization is not None
        name = f"{spec.resource.name} resource utilization (percentage of request)" if utilized else f"{spec.resource.name} resource"
        return proposal, MetricStatus(type=spec.type, resource=ResourceMetricStatus(name=spec.resource.name, current=current)), name
    if spec.containerResource is not None:
        own = spec.containerResource
        proposal, current = _by_resource(own.name, own.container, own.target, reading, workload)
        name = f"{own.name} container resource utilization (percentage of request)"
        name = name if proposal.utilization is not None else f"{own.name} resource"
        status = ContainerResourceMetricStatus(name=own.name, container=own.container, current=current)
        return proposal, MetricStatus(type=spec.type, containerResource=status), name
    if spec.pods is not None:
        readings = _read(reading, f"unable to get metric {spec.pods.metric.name}: ")
        assert isinstance(readings, dict)
        proposal = workload.by_average(readings, "", _milli(spec.pods.target.averageValue))
        current = MetricValueStatus(averageValue=_quantity(proposal.usage))
        pods = PodsMetricStatus(metric=spec.pods.metric, current=current)
        return proposal, MetricStatus(type=spec.type, pods=pods), f"pods metric {spec.pods.metric.name}"
    if spec.object is not None:
        return _by_object(spec, reading, workload, namespace)
    assert spec.external is not None
    return _by_external(spec, reading, workload, namespace)


def _by_resource(
    resource: str, container: str, target: MetricTarget, reading: Reading, workload: Workload
) -> tuple[Proposal, MetricValueStatus]:
    what = f"{resource} usage" if target.averageValue is not None else f"{resource} utilization"
    if target.averageValue is None and target.averageUtilization is None:
        text = "invalid resource metric source: neither an average utilization target nor an average value (usage) target was set"
        raise ReadingError(text)
    try:
        readings = _read(reading, f"unable to get metrics for resource {resource}: ")
        assert isinstance(readings, dict)
        if target.averageValue is not None:
            proposal = workload.by_average(readings, resource, _milli(target.averageValue))
        else:
            proposal = workload.by_utilization(readings, resource, container, target.averageUtilization or 0)
    except ReadingError as error:
        raise ReadingError(f"failed to get {what}: {error}") from error
    average = str(of_milli(proposal.usage, "BinarySI" if resource == "memory" else "DecimalSI"))
    return proposal, MetricValueStatus(averageUtilization=proposal.utilization, averageValue=average)


def _by_object(spec: MetricSpec, reading: Reading, workload: Workload, namespace: str) -> Proposed:
    assert spec.object is not None
    own, described = spec.object, spec.object.describedObject
    prefix = f"unable to get metric {own.metric.name}: "
    where = f" on {described.kind} {namespace}/{described.name}"
    if own.target.type == "Value" and own.target.value is not None:
        usage = _read(reading, prefix, where)
        assert isinstance(usage, int)
        proposal = workload.by_value(usage, _milli(own.target.value))
        current, name = MetricValueStatus(value=_quantity(usage)), f"{described.kind} metric {own.metric.name}"
    elif own.target.type == "AverageValue" and own.target.averageValue is not None:
        usage = _read(reading, f"failed to get {own.metric.name} object metric: {prefix}", where)
        assert isinstance(usage, int)
        proposal = workload.by_value_per_pod(usage, _milli(own.target.averageValue))
        current = MetricValueStatus(averageValue=_quantity(proposal.usage))
        name = f"external metric {own.metric.name}({shown(own.metric.selector)})"
    else:
        raise ReadingError("invalid object metric source: neither a value target nor an average value target was set")
    status = ObjectMetricStatus(metric=own.metric, current=current, describedObject=described)
    return proposal, MetricStatus(type=spec.type, object=status), name


def _by_external(spec: MetricSpec, reading: Reading, workload: Workload, namespace: str) -> Proposed:
    assert spec.external is not None
    own = spec.external
    selector = shown(own.metric.selector)
    prefix = f"unable to get external metric {namespace}/{own.metric.name}/{selector}: "
    if own.target.averageValue is not None:
        usage = _total(_read(reading, f"failed to get {own.metric.name} external metric: {prefix}"))
        proposal = workload.by_value_per_pod(usage, _milli(own.target.averageValue))
        current = MetricValueStatus(averageValue=_quantity(proposal.usage))
    elif own.target.value is not None:
        usage = _total(_read(reading, f"failed to get external metric {own.metric.name}: {prefix}"))
        proposal = workload.by_value(usage, _milli(own.target.value))
        current = MetricValueStatus(value=_quantity(usage))
    else:
        raise ReadingError("invalid external metric source: neither a value target nor an average value target was set")
    status = ExternalMetricStatus(metric=own.metric, current=current)
    return proposal, MetricStatus(type=spec.type, external=status), f"external metric {own.metric.name}({selector})"


def _read(reading: Reading, prefix: str, suffix: str = "") -> PodReadings | Sequence[int] | int:
    if isinstance(reading, ReadingError):
        raise ReadingError(f"{prefix}{reading}{suffix}")
    return reading


def _total(values: PodReadings | Sequence[int] | int) -> int:
    assert isinstance(values, Sequence)
    return min(sum(values), MAX_INT64)


def _milli(text: str | None) -> int:
    return parse(text or "0").milli_value()


def _quantity(thousandths: int) -> str:
    return str(of_milli(thousandths))


def shown(selector: LabelSelector | None) -> str:
    """Return a label selector as Go prints it."""
    if selector is None:
        return "nil"
    labels = "".join(f"{name}: {value}," for name, value in sorted(selector.matchLabels.items()))
    rules = "".join(
        f"LabelSelectorRequirement{{Key:{rule.key},Operator:{rule.operator},Values:[{' '.join(rule.values)}],}},"
        for rule in selector.matchExpressions
    )
    return f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},MatchExpressions:[]LabelSelectorRequirement{{{rules}}},}}"
