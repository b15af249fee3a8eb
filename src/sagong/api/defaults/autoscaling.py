"""Defaults of horizontal pod autoscalers, both versions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagong.api.defaults.fill import fill
from sagong.api.types import autoscaling, autoscaling_v1

_CPU_UTILIZATION = 80
_PERIOD = 15


def _policy(kind: str, value: int) -> autoscaling.HPAScalingPolicy:
    return autoscaling.HPAScalingPolicy(type=kind, value=value, periodSeconds=_PERIOD)


def default_metrics() -> list[autoscaling.MetricSpec]:
    """Return what is aimed at where nothing is said."""
    target = autoscaling.MetricTarget(type="Utilization", averageUtilization=_CPU_UTILIZATION)
    return [autoscaling.MetricSpec(type="Resource", resource=autoscaling.ResourceMetricSource(name="cpu", target=target))]


def _v2(obj: autoscaling.HorizontalPodAutoscaler) -> None:
    fill(obj.spec, {"minReplicas": 1, "metrics": default_metrics})
    behavior = obj.spec.behavior
    if behavior is None:
        return
    fill(behavior, {"scaleUp": autoscaling.HPAScalingRules, "scaleDown": autoscaling.HPAScalingRules})
    assert behavior.scaleUp is not None
    assert behavior.scaleDown is not None
    fill(
        behavior.scaleUp,
        {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": lambda: [_policy("Pods", 4), _policy("Percent", 100)]},
    )
    fill(behavior.scaleDown, {"selectPolicy": "Max", "policies": lambda: [_policy("Percent", 100)]})


def _v1(obj: autoscaling_v1.HorizontalPodAutoscaler) -> None:
    fill(obj.spec, {"minReplicas": 1})


TABLE: dict[type, Callable[[Any], None]] = {
    autoscaling.HorizontalPodAutoscaler: _v2,
    autoscaling_v1.HorizontalPodAutoscaler: _v1,
}
