"""Types of the Kubernetes API group version apiregistration.k8s.io/v1, attributes spelled as on the wire."""

from types import NoneType
from typing import Annotated as A

from msgspec import field

from sagong.api.types.base import ATOMIC, REQUIRED, ApiStruct, Int32, ListMap, Patch, Time
from sagong.api.types.meta import ListMeta, ObjectMeta


class ServiceReference(ApiStruct):
    namespace: A[str, 1] = ""
    name: A[str, 2] = ""
    port: A[Int32 | None, 3] = None


class APIServiceSpec(ApiStruct):
    service: A[ServiceReference | None, 1] = None
    group: A[str, 2] = ""
    version: A[str, 3] = ""
    insecureSkipTLSVerify: A[bool, 4] = False
    caBundle: A[bytes, 5, ATOMIC] = b""
    groupPriorityMinimum: A[Int32, 7, REQUIRED] = field(default_factory=int)
    versionPriority: A[Int32, 8, REQUIRED] = field(default_factory=int)


class APIServiceCondition(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    status: A[str, 2, REQUIRED] = field(default_factory=str)
    lastTransitionTime: A[Time | None, 3] = field(default_factory=NoneType)
    reason: A[str, 4] = ""
    message: A[str, 5] = ""


class APIServiceStatus(ApiStruct):
    conditions: A[list[APIServiceCondition], 1, ListMap("type"), Patch("merge", "type")] = field(default_factory=list)


class APIService(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[APIServiceSpec, 2] = field(default_factory=APIServiceSpec)
    status: A[APIServiceStatus, 3] = field(default_factory=APIServiceStatus)


class APIServiceList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[APIService], 2, REQUIRED] = field(default_factory=list)
