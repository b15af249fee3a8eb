"""Types of the Kubernetes API group version node.k8s.io/v1, attributes spelled as on the wire."""

from typing import Annotated as A

from msgspec import field

from sagong.api.types.base import ATOMIC, REQUIRED, ApiStruct, Quantity
from sagong.api.types.core import Toleration
from sagong.api.types.meta import ListMeta, ObjectMeta


class Overhead(ApiStruct):
    podFixed: A[dict[str, Quantity], 1] = field(default_factory=dict)


class Scheduling(ApiStruct):
    nodeSelector: A[dict[str, str], 1, ATOMIC] = field(default_factory=dict)
    tolerations: A[list[Toleration], 2, ATOMIC] = field(default_factory=list)


class RuntimeClass(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    handler: A[str, 2, REQUIRED] = field(default_factory=str)
    overhead: A[Overhead | None, 3] = None
    scheduling: A[Scheduling | None, 4] = None


class RuntimeClassList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[RuntimeClass], 2, REQUIRED] = field(default_factory=list)
