"""HorizontalPodAutoscalers of autoscaling/v1 and v2. What v1 has no field for travels in annotations, as upstream has it.

The first Resource metric for cpu with a target utilization is v1's targetCPUUtilizationPercentage. The other metrics are kept
in the annotation in the older shape that v1 knows (`targetAverageValue` beside the source instead of a `target`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from sagong.api.defaults.autoscaling import default_metrics
from sagong.api.types import autoscaling as v2
from sagong.api.types import autoscaling_v1 as v1

_PREFIX = "autoscaling.alpha.kubernetes.io/"
METRICS, CURRENT, CONDITIONS, BEHAVIOR = (_PREFIX + name for name in ("metrics", "current-metrics", "conditions", "behavior"))
_SOURCES = ("object", "pods", "resource", "containerResource", "external")


def to_v1(hpa: v2.HorizontalPodAutoscaler) -> v1.HorizontalPodAutoscaler:
    """Return the autoscaler as autoscaling/v1 has it."""
    spec, status, metadata = hpa.spec, hpa.status, hpa.metadata.copy()
    cpu = next((metric for metric in spec.metrics if _utilization(metric) is not None), None)
    rest = [metric for metric in spec.metrics if metric is not cpu]
    now = next((current for current in status.currentMetrics or () if _current_utilization(current) is not None), None)
    _annotate(metadata.annotations, METRICS, [_old_shape(metric, "target") for metric in rest])
    _annotate(metadata.annotations, CURRENT, [_old_shape(current, "current") for current in status.currentMetrics or ()])
    _annotate(metadata.annotations, CONDITIONS, msgspec.to_builtins(status.conditions))
    _annotate(metadata.annotations, BEHAVIOR, _recased(msgspec.to_builtins(spec.behavior), str.upper) if spec.behavior else None)
    return v1.HorizontalPodAutoscaler(
        apiVersion="autoscaling/v1",
        kind=hpa.kind,
        metadata=metadata,
        spec=v1.HorizontalPodAutoscalerSpec(
            scaleTargetRef=_reference(spec.scaleTargetRef, v1.CrossVersionObjectReference),
            minReplicas=spec.minReplicas,
            maxReplicas=spec.maxReplicas,
            targetCPUUtilizationPercentage=_utilization(cpu) if cpu else None,
        ),
        status=v1.HorizontalPodAutoscalerStatus(
            observedGeneration=status.observedGeneration,
            lastScaleTime=status.lastScaleTime,
            currentReplicas=status.currentReplicas,
            desiredReplicas=status.desiredReplicas,
            currentCPUUtilizationPercentage=_current_utilization(now) if now else None,
        ),
    )


def to_v2(hpa: v1.HorizontalPodAutoscaler) -> v2.HorizontalPodAutoscaler:
    """Return the autoscaler as autoscaling/v2 has it; annotations that cannot be read are dropped."""
    spec, status, metadata = hpa.spec, hpa.status, hpa.metadata.copy()
    taken = {name: metadata.annotations.pop(name, "") for name in (METRICS, CURRENT, CONDITIONS, BEHAVIOR)}
    metrics = [_new_shape(metric, "target") for metric in _read(taken[METRICS], list[dict[str, Any]]) or []]
    if spec.targetCPUUtilizationPercentage is not None:
        target = {"type": "Utilization", "averageUtilization": spec.targetCPUUtilizationPercentage}
        metrics.append({"type": "Resource", "resource": {"name": "cpu", "target": target}})
    current = [_new_shape(metric, "current") for metric in _read(taken[CURRENT], list[dict[str, Any]]) or []]
    return v2.HorizontalPodAutoscaler(
        apiVersion="autoscaling/v2",
        kind=hpa.kind,
        metadata=metadata,
        spec=v2.HorizontalPodAutoscalerSpec(
            scaleTargetRef=_reference(spec.scaleTargetRef, v2.CrossVersionObjectReference),
            minReplicas=spec.minReplicas,
            maxReplicas=spec.maxReplicas,
            metrics=msgspec.convert(metrics, list[v2.MetricSpec]) or default_metrics(),
            behavior=_read_behavior(taken[BEHAVIOR]),
        ),
        status=v2.HorizontalPodAutoscalerStatus(
            observedGeneration=status.observedGeneration,
            lastScaleTime=status.lastScaleTime,
            currentReplicas=status.currentReplicas,
            desiredReplicas=status.desiredReplicas,
            currentMetrics=msgspec.convert(current, list[v2.MetricStatus]),
            conditions=_read(taken[CONDITIONS], list[v2.HorizontalPodAutoscalerCondition]) or [],
        ),
    )


def _utilization(metric: v2.MetricSpec) -> int | None:
    resource = metric.resource
    return resource.target.averageUtilization if resource is not None and resource.name == "cpu" else None


def _current_utilization(metric: v2.MetricStatus) -> int | None:
    resource = metric.resource
    return resource.current.averageUtilization if resource is not None and resource.name == "cpu" else None


def _reference(reference: Any, kind: type[Any]) -> Any:
    return kind(kind=reference.kind, name=reference.name, apiVersion=reference.apiVersion)


def _annotate(annotations: dict[str, str], name: str, content: Any) -> None:
    annotations.pop(name, None)
    if content:
        annotations[name] = msgspec.json.encode(content).decode()


def _read(text: str, kind: Any) -> Any:
    try:
        return msgspec.json.decode(text, type=kind) if text else None
    except msgspec.MsgspecError:
        return None


def _read_behavior(text: str) -> v2.HorizontalPodAutoscalerBehavior | None:
    plain = _recased(_read(text, dict[str, Any]), str.lower)
    try:
        return None if plain is None else msgspec.convert(plain, v2.HorizontalPodAutoscalerBehavior)
    except msgspec.ValidationError:
        return None


def _recased(value: Any, case: Callable[[str], str]) -> Any:
    """Change the first letter of every key: the annotation has the names of Go's fields."""
    if isinstance(value, dict):
        return {case(key[:1]) + key[1:]: _recased(item, case) for key, item in value.items() if item is not None}
    return [_recased(item, case) for item in value] if isinstance(value, list) else value


def _old_shape(metric: Any, what: str) -> dict[str, Any]:
    """`{"metric": {"name", "selector"}, "target": {"averageValue"}}` becomes `{"metricName", "targetAverageValue"}`."""
    plain: dict[str, Any] = msgspec.to_builtins(metric)
    for kind in _SOURCES:
        if (source := plain.get(kind)) is None:
            continue
        values = source.pop(what)
        if (identity := source.pop("metric", None)) is not None:
            source["metricName"] = identity["name"]
            if "selector" in identity:
                source["metricSelector" if kind == "external" else "selector"] = identity["selector"]
        if "describedObject" in source:
            source["target"] = source.pop("describedObject")
        for name, old in _value_names(kind, what).items():
            if name in values:
                source[old] = values[name]
    return plain


def _new_shape(plain: dict[str, Any], what: str) -> dict[str, Any]:
    """Undo `_old_shape`."""
    for kind in _SOURCES:
        if (source := plain.get(kind)) is None:
            continue
        if "metricName" in source:
            identity = source["metric"] = {"name": source.pop("metricName")}
            selector = source.pop("metricSelector" if kind == "external" else "selector", None)
            if selector is not None:
                identity["selector"] = selector
        if kind == "object" and "target" in source:
            source["describedObject"] = source.pop("target")
        values = {name: source.pop(old) for name, old in _value_names(kind, what).items() if old in source}
        if what == "target":
            values["type"] = next((kind_of for name, kind_of in _TARGET_TYPES.items() if name in values), "")
        source[what] = values
    return plain


_TARGET_TYPES = {"averageUtilization": "Utilization", "averageValue": "AverageValue", "value": "Value"}


def _value_names(kind: str, what: str) -> dict[str, str]:
    average = "averageValue" if kind == "object" else f"{what}AverageValue"
    return {"value": f"{what}Value", "averageValue": average, "averageUtilization": f"{what}AverageUtilization"}
