"""Types of the Kubernetes API group version scheduling.k8s.io/v1, attributes spelled as on the wire."""

from typing import Annotated as A

from msgspec import field

from sagong.api.types.base import REQUIRED, ApiStruct, Int32
from sagong.api.types.meta import ListMeta, ObjectMeta


class PriorityClass(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    value: A[Int32, 2] = field(default_factory=int)
    globalDefault: A[bool, 3] = False
    description: A[str, 4] = ""
    preemptionPolicy: A[str | None, 5] = None


class PriorityClassList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[PriorityClass], 2, REQUIRED] = field(default_factory=list)
