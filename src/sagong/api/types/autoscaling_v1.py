"""Types of the Kubernetes API group version autoscaling/v1, attributes spelled as on the wire."""

from typing import Annotated as A
from typing import ClassVar

from msgspec import field

from sagong.api.types.base import REQUIRED, ApiStruct, Int32, Int64, Time
from sagong.api.types.meta import ListMeta, ObjectMeta


class CrossVersionObjectReference(ApiStruct):
    atomic: ClassVar[bool] = True

    kind: A[str, 1, REQUIRED] = field(default_factory=str)
    name: A[str, 2, REQUIRED] = field(default_factory=str)
    apiVersion: A[str, 3] = ""


class HorizontalPodAutoscalerSpec(ApiStruct):
    scaleTargetRef: A[CrossVersionObjectReference, 1, REQUIRED] = field(default_factory=CrossVersionObjectReference)
    minReplicas: A[Int32 | None, 2] = None
    maxReplicas: A[Int32, 3, REQUIRED] = field(default_factory=int)
    targetCPUUtilizationPercentage: A[Int32 | None, 4] = None


class HorizontalPodAutoscalerStatus(ApiStruct):
    observedGeneration: A[Int64 | None, 1] = None
    lastScaleTime: A[Time | None, 2] = None
    currentReplicas: A[Int32, 3, REQUIRED] = field(default_factory=int)
    desiredReplicas: A[Int32, 4, REQUIRED] = field(default_factory=int)
    currentCPUUtilizationPercentage: A[Int32 | None, 5] = None


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


class ScaleSpec(ApiStruct):
    replicas: A[Int32, 1] = 0


class ScaleStatus(ApiStruct):
    replicas: A[Int32, 1, REQUIRED] = field(default_factory=int)
    selector: A[str, 2] = ""


class Scale(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[ScaleSpec, 2] = field(default_factory=ScaleSpec)
    status: A[ScaleStatus, 3] = field(default_factory=ScaleStatus)
