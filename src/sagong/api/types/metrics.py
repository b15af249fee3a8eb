"""Types of the Kubernetes API group version metrics.k8s.io/v1beta1, attributes spelled as on the wire. An extension server serves them."""

from typing import Annotated as A

from msgspec import field

from sagong.api.types.base import REQUIRED, ApiStruct, Quantity, Time
from sagong.api.types.meta import ListMeta, ObjectMeta


class ContainerMetrics(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    usage: A[dict[str, Quantity], 2, REQUIRED] = field(default_factory=dict)


class NodeMetrics(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    timestamp: A[Time, 2, REQUIRED] = field(default_factory=str)
    window: A[str, 3, REQUIRED] = field(default_factory=str)
    usage: A[dict[str, Quantity], 4, REQUIRED] = field(default_factory=dict)


class NodeMetricsList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[NodeMetrics], 2, REQUIRED] = field(default_factory=list)


class PodMetrics(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    timestamp: A[Time, 2, REQUIRED] = field(default_factory=str)
    window: A[str, 3, REQUIRED] = field(default_factory=str)
    containers: A[list[ContainerMetrics], 4, REQUIRED] = field(default_factory=list)


class PodMetricsList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[PodMetrics], 2, REQUIRED] = field(default_factory=list)
