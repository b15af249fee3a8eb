"""Types of the Kubernetes API group version autoscaling/v2, attributes spelled as on the wire."""

from types import NoneType
from typing import Annotated as A

from msgspec import field

from sagong.api.types.base import ATOMIC, REQUIRED, ApiStruct, Int32, Int64, ListMap, Patch, Quantity, Time
from sagong.api.types.meta import LabelSelector, ListMeta, ObjectMeta


class CrossVersionObjectReference(ApiStruct):
    kind: A[str, 1, REQUIRED] = field(default_factory=str)
    name: A[str, 2, REQUIRED] = field(default_factory=str)
    apiVersion: A[str, 3] = ""


class MetricTarget(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    value: A[Quantity | None, 2] = None
    averageValue: A[Quantity | None, 3] = None
    averageUtilization: A[Int32 | None, 4] = None


class MetricIdentifier(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    selector: A[LabelSelector | None, 2] = None


class ObjectMetricSource(ApiStruct):
    describedObject: A[CrossVersionObjectReference, 1, REQUIRED] = field(default_factory=CrossVersionObjectReference)
    target: A[MetricTarget, 2, REQUIRED] = field(default_factory=MetricTarget)
    metric: A[MetricIdentifier, 3, REQUIRED] = field(default_factory=MetricIdentifier)


class PodsMetricSource(ApiStruct):
    metric: A[MetricIdentifier, 1, REQUIRED] = field(default_factory=MetricIdentifier)
    target: A[MetricTarget, 2, REQUIRED] = field(default_factory=MetricTarget)


class ResourceMetricSource(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    target: A[MetricTarget, 2, REQUIRED] = field(default_factory=MetricTarget)


class ContainerResourceMetricSource(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    target: A[MetricTarget, 2, REQUIRED] = field(default_factory=MetricTarget)
    container: A[str, 3, REQUIRED] = field(default_factory=str)


class ExternalMetricSource(ApiStruct):
    metric: A[MetricIdentifier, 1, REQUIRED] = field(default_factory=MetricIdentifier)
    target: A[MetricTarget, 2, REQUIRED] = field(default_factory=MetricTarget)


class MetricSpec(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    object: A[ObjectMetricSource | None, 2] = None
    pods: A[PodsMetricSource | None, 3] = None
    resource: A[ResourceMetricSource | None, 4] = None
    containerResource: A[ContainerResourceMetricSource | None, 7] = None
    external: A[ExternalMetricSource | None, 5] = None


class HPAScalingPolicy(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    value: A[Int32, 2, REQUIRED] = field(default_factory=int)
    periodSeconds: A[Int32, 3, REQUIRED] = field(default_factory=int)


class HPAScalingRules(ApiStruct):
    stabilizationWindowSeconds: A[Int32 | None, 3] = None
    selectPolicy: A[str | None, 1] = None
    policies: A[list[HPAScalingPolicy], 2, ATOMIC] = field(default_factory=list)
    tolerance: A[Quantity | None, 4] = None


class HorizontalPodAutoscalerBehavior(ApiStruct):
    scaleUp: A[HPAScalingRules | None, 1] = None
    scaleDown: A[HPAScalingRules | None, 2] = None


class HorizontalPodAutoscalerSpec(ApiStruct):
    scaleTargetRef: A[CrossVersionObjectReference, 1, REQUIRED] = field(default_factory=CrossVersionObjectReference)
    minReplicas: A[Int32 | None, 2] = None
    maxReplicas: A[Int32, 3, REQUIRED] = field(default_factory=int)
    metrics: A[list[MetricSpec], 4, ATOMIC] = field(default_factory=list)
    behavior: A[HorizontalPodAutoscalerBehavior | None, 5] = None


class HorizontalPodAutoscalerCondition(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    status: A[str, 2, REQUIRED] = field(default_factory=str)
    lastTransitionTime: A[Time | None, 3] = field(default_factory=NoneType)
    reason: A[str, 4] = ""
    message: A[str, 5] = ""


class MetricValueStatus(ApiStruct):
    value: A[Quantity | None, 1] = None
    averageValue: A[Quantity | None, 2] = None
    averageUtilization: A[Int32 | None, 3] = None


class ObjectMetricStatus(ApiStruct):
    metric: A[MetricIdentifier, 1, REQUIRED] = field(default_factory=MetricIdentifier)
    current: A[MetricValueStatus, 2, REQUIRED] = field(default_factory=MetricValueStatus)
    describedObject: A[CrossVersionObjectReference, 3, REQUIRED] = field(default_factory=CrossVersionObjectReference)


class PodsMetricStatus(ApiStruct):
    metric: A[MetricIdentifier, 1, REQUIRED] = field(default_factory=MetricIdentifier)
    current: A[MetricValueStatus, 2, REQUIRED] = field(default_factory=MetricValueStatus)


class ResourceMetricStatus(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    current: A[MetricValueStatus, 2, REQUIRED] = field(default_factory=MetricValueStatus)


class ContainerResourceMetricStatus(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    current: A[MetricValueStatus, 2, REQUIRED] = field(default_factory=MetricValueStatus)
    container: A[str, 3, REQUIRED] = field(default_factory=str)


class ExternalMetricStatus(ApiStruct):
    metric: A[MetricIdentifier, 1, REQUIRED] = field(default_factory=MetricIdentifier)
    current: A[MetricValueStatus, 2, REQUIRED] = field(default_factory=MetricValueStatus)


class MetricStatus(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    object: A[ObjectMetricStatus | None, 2] = None
    pods: A[PodsMetricStatus | None, 3] = None
    resource: A[ResourceMetricStatus | None, 4] = None
    containerResource: A[ContainerResourceMetricStatus | None, 7] = None
    external: A[ExternalMetricStatus | None, 5] = None


class HorizontalPodAutoscalerStatus(ApiStruct):
    observedGeneration: A[Int64 | None, 1] = None
    lastScaleTime: A[Time | None, 2] = None
    currentReplicas: A[Int32, 3] = 0
    desiredReplicas: A[Int32, 4, REQUIRED] = field(default_factory=int)
    currentMetrics: A[list[MetricStatus] | None, 5, ATOMIC] = field(default_factory=NoneType)
    conditions: A[list[HorizontalPodAutoscalerCondition], 6, ListMap("type"), Patch("merge", "type")] = field(default_factory=list)


class HorizontalPodAutoscaler(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[HorizontalPodAutoscalerSpec, 2, REQUIRED] = field(default_factory=HorizontalPodAutoscalerSpec)
    status: A[HorizontalPodAutoscalerStatus, 3] = field(default_factory=HorizontalPodAutoscalerStatus)


class HorizontalPodAutoscalerList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[HorizontalPodAutoscaler], 2, REQUIRED] = field(default_factory=list)
