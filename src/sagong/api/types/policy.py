"""Types of the Kubernetes API group version policy/v1, attributes spelled as on the wire."""

from typing import Annotated as A

from msgspec import field

from sagong.api.types.base import REQUIRED, ApiStruct, Int32, Int64, IntOrString, ListMap, Patch, Time
from sagong.api.types.meta import Condition, DeleteOptions, LabelSelector, ListMeta, ObjectMeta


class PodDisruptionBudgetSpec(ApiStruct):
    minAvailable: A[IntOrString | None, 1] = None
    selector: A[LabelSelector | None, 2, Patch("replace")] = None
    maxUnavailable: A[IntOrString | None, 3] = None
    unhealthyPodEvictionPolicy: A[str | None, 4] = None


class PodDisruptionBudgetStatus(ApiStruct):
    observedGeneration: A[Int64, 1] = 0
    disruptedPods: A[dict[str, Time], 2] = field(default_factory=dict)
    disruptionsAllowed: A[Int32, 3] = field(default_factory=int)
    currentHealthy: A[Int32, 4] = field(default_factory=int)
    desiredHealthy: A[Int32, 5] = field(default_factory=int)
    expectedPods: A[Int32, 6] = field(default_factory=int)
    conditions: A[list[Condition], 7, ListMap("type"), Patch("merge", "type")] = field(default_factory=list)


class PodDisruptionBudget(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[PodDisruptionBudgetSpec, 2] = field(default_factory=PodDisruptionBudgetSpec)
    status: A[PodDisruptionBudgetStatus, 3] = field(default_factory=PodDisruptionBudgetStatus)


class PodDisruptionBudgetList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[PodDisruptionBudget], 2, REQUIRED] = field(default_factory=list)


class Eviction(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    deleteOptions: A[DeleteOptions | None, 2] = None
