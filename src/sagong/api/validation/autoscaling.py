"""Validation of autoscalers, of both versions, and of scales."""

from __future__ import annotations

from typing import Any

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.quantity import ZERO, parse
from sagong.api.types import autoscaling, autoscaling_v1
from sagong.api.validation.resources import amount, container_resource_name
from sagong.api.validation.rules import Rules, each, named, not_negative, one_of, positive, status

_MAX_PERIOD = 1800
_MAX_WINDOW = 3600
_SOURCES = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_VISITED = ("object", "external", "pods", "resource", "containerResource")
_TARGETS = ("Utilization", "Value", "AverageValue")
_RAW_OR_SHARE = "a target raw value {} a target utilization"
Reference = autoscaling.CrossVersionObjectReference | autoscaling_v1.CrossVersionObjectReference


def _autoscaler(errors: Errors, new: autoscaling.HorizontalPodAutoscaler, old: autoscaling.HorizontalPodAutoscaler | None) -> None:
    _common(errors, new, old)
    spec = new.spec
    loose = old is not None and any(
        m.object is not None and _version_complaint(m.object.describedObject.apiVersion) for m in old.spec.metrics
    )
    for i, metric in enumerate(spec.metrics):
        _metric(errors, f"spec.metrics[{i}]", metric, loose=loose)
    if spec.minReplicas == 0 and not any(metric.type in ("Object", "External") for metric in spec.metrics):
        errors.forbidden("spec.metrics", "must specify at least one Object or External metric to support scaling to zero replicas")
    if spec.behavior is not None:
        for name in ("scaleUp", "scaleDown"):
            if (rules := getattr(spec.behavior, name)) is not None:
                _scaling_rules(errors, f"spec.behavior.{name}", rules)


def _autoscaler_v1(errors: Errors, new: autoscaling_v1.HorizontalPodAutoscaler, old: autoscaling_v1.HorizontalPodAutoscaler | None) -> None:
    _common(errors, new, old)
    share = new.spec.targetCPUUtilizationPercentage
    if share is not None and share < 1:
        errors.invalid("spec.metrics[0].resource.target.averageUtilization", share, "must be greater than 0")


def _common(errors: Errors, new: Any, old: Any) -> None:
    """Check what both versions have: the bounds and the target."""
    spec = new.spec
    least = 0 if old is not None and old.spec.minReplicas == 0 else 1
    if spec.minReplicas is not None and spec.minReplicas < least:
        errors.invalid("spec.minReplicas", spec.minReplicas, f"must be greater than or equal to {least}")
    if spec.maxReplicas == 0:
        errors.required("spec.maxReplicas", "must be set and greater than 0")
    elif spec.maxReplicas < 0:
        errors.invalid("spec.maxReplicas", spec.maxReplicas, "must be greater than or equal to 1")
    if spec.minReplicas is not None and spec.maxReplicas < spec.minReplicas:
        errors.invalid("spec.maxReplicas", spec.maxReplicas, "must be greater than or equal to `minReplicas`")
    target = spec.scaleTargetRef
    same = old is not None and (old.spec.scaleTargetRef.apiVersion, old.spec.scaleTargetRef.kind) == (target.apiVersion, target.kind)
    _reference(errors, "spec.scaleTargetRef", target, core=target.kind == "ReplicationController", loose=same)


def _reference(errors: Errors, path: str, target: Reference, *, core: bool, loose: bool) -> None:
    named(errors, f"{path}.kind", target.kind, names.path_segment)
    named(errors, f"{path}.name", target.name, names.path_segment)
    if not loose and (complaint := _version_complaint(target.apiVersion, core=core)):
        errors.invalid(f"{path}.apiVersion", target.apiVersion, complaint)


def _version_complaint(text: str, *, core: bool = True) -> str:
    if text.count("/") > 1:
        return f"unexpected GroupVersion string: {text}"
    return "" if core or (text.partition("/")[0] and "/" in text) else "apiVersion must specify API group"


def _scaling_rules(errors: Errors, path: str, rules: autoscaling.HPAScalingRules) -> None:
    window, at = rules.stabilizationWindowSeconds, f"{path}.stabilizationWindowSeconds"
    if window is not None and window < 0:
        errors.invalid(at, window, "must be greater than or equal to zero")
    if window is not None and window > _MAX_WINDOW:
        errors.invalid(at, window, f"must be less than or equal to {_MAX_WINDOW}")
    one_of(errors, f"{path}.selectPolicy", rules.selectPolicy, ("Disabled", "Max", "Min"))
    if not rules.policies:
        errors.required(f"{path}.policies", "must specify at least one Policy")
    for i, policy in enumerate(rules.policies):
        at = f"{path}.policies[{i}]"
        one_of(errors, f"{at}.type", policy.type, ("Percent", "Pods"))
        positive(errors, f"{at}.value", policy.value)
        positive(errors, f"{at}.periodSeconds", policy.periodSeconds)
        if policy.periodSeconds > _MAX_PERIOD:
            errors.invalid(f"{at}.periodSeconds", policy.periodSeconds, f"must be less than or equal to {_MAX_PERIOD}")
    if rules.tolerance is not None:
        amount(errors, f"{path}.tolerance", "", rules.tolerance)


def _metric(errors: Errors, path: str, metric: autoscaling.MetricSpec, *, loose: bool) -> None:
    expected = _SOURCES.get(metric.type)
    if not metric.type:
        errors.required(f"{path}.type", "must specify a metric source type")
    if expected is None:
        errors.not_supported(f"{path}.type", metric.type, tuple(_SOURCES))
    present = [name for name in _VISITED if getattr(metric, name) is not None]
    if present:
        _source(errors, f"{path}.{present[0]}", present[0], getattr(metric, present[0]), loose=loose)
    if expected is not None and expected not in present:
        errors.required(f"{path}.{expected}", "must populate information for the given metric source")
    if len(present) > 1:
        for name in present:
            if name != expected:
                errors.forbidden(f"{path}.{name}", "must populate the given metric source only")


def _source(errors: Errors, path: str, kind: str, source: Any, *, loose: bool) -> None:
    if kind == "object":
        _reference(errors, f"{path}.describedObject", source.describedObject, core=True, loose=loose)
    if kind in ("object", "external", "pods"):
        if source.metric.name:
            each(errors, f"{path}.metric.name", source.metric.name, names.path_segment)
        else:
            errors.required(f"{path}.metric.name", "must specify a metric name")
    else:
        _resource_names(errors, path, kind, source)
    _target(errors, f"{path}.target", source.target)
    _goal(errors, f"{path}.target", kind, source.target)


def _resource_names(errors: Errors, path: str, kind: str, source: Any) -> None:
    in_container = kind == "containerResource"
    if not source.name:
        errors.required(f"{path}.name", "must specify a resource name")
    elif in_container:
        container_resource_name(errors, f"{path}.name", source.name)
    if in_container and source.container:
        each(errors, f"{path}.container", source.container, names.dns1123_label)
    elif in_container:
        errors.required(f"{path}.container", "must specify a container")


def _goal(errors: Errors, path: str, kind: str, target: autoscaling.MetricTarget) -> None:
    """Check that a target is set in one of the ways that its source knows."""
    average, share, value = target.averageValue is not None, target.averageUtilization is not None, target.value is not None
    if kind == "pods":
        if not average:
            errors.required(f"{path}.averageValue", "must specify a positive target averageValue")
    elif kind in ("resource", "containerResource"):
        if not share and not average:
            errors.required(f"{path}.averageUtilization", f"must set either {_RAW_OR_SHARE.format('or')}")
        if share and average:
            errors.forbidden(f"{path}.averageValue", f"may not set both {_RAW_OR_SHARE.format('and')}")
    elif not value and not average:
        text = "a target value or averageValue" if kind == "object" else "a target value for metric or a per-pod target"
        errors.required(f"{path}.averageValue", f"must set either {text}")
    elif value and average and kind == "external":
        errors.forbidden(f"{path}.value", "may not set both a target value for metric and a per-pod target")


def _target(errors: Errors, path: str, target: autoscaling.MetricTarget) -> None:
    if not target.type:
        errors.required(f"{path}.type", "must specify a metric target type")
    if target.type not in _TARGETS:
        errors.invalid(f"{path}.type", target.type, "must be either Utilization, Value, or AverageValue")
    for name in ("value", "averageValue"):
        text = getattr(target, name)
        if text is not None and parse(text) <= ZERO:
            errors.invalid(f"{path}.{name}", text, "must be positive")
    if target.averageUtilization is not None and target.averageUtilization < 1:
        errors.invalid(f"{path}.averageUtilization", target.averageUtilization, "must be greater than 0")


def _autoscaler_status(errors: Errors, new: Any, _: Any) -> None:
    not_negative(errors, "status.currentReplicas", new.status.currentReplicas)
    not_negative(errors, "status.desiredReplicas", new.status.desiredReplicas)


def _scale(errors: Errors, new: autoscaling_v1.Scale, _: autoscaling_v1.Scale | None) -> None:
    not_negative(errors, "spec.replicas", new.spec.replicas)


TABLE: dict[type, Rules] = {
    autoscaling.HorizontalPodAutoscaler: Rules(spec=_autoscaler, subresources=status(_autoscaler_status)),
    autoscaling_v1.HorizontalPodAutoscaler: Rules(spec=_autoscaler_v1, subresources=status(_autoscaler_status)),
    autoscaling_v1.Scale: Rules(stored=False, spec=_scale),
}
