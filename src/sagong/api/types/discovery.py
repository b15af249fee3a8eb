"""Types of the Kubernetes API group version discovery.k8s.io/v1, attributes spelled as on the wire."""

from types import NoneType
from typing import Annotated as A
from typing import ClassVar

from msgspec import field

from sagong.api.types.base import ATOMIC, REQUIRED, SET, ApiStruct, Int32
from sagong.api.types.core import ObjectReference
from sagong.api.types.meta import ListMeta, ObjectMeta


class EndpointConditions(ApiStruct):
    ready: A[bool | None, 1] = None
    serving: A[bool | None, 2] = None
    terminating: A[bool | None, 3] = None


class ForZone(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)


class ForNode(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)


class EndpointHints(ApiStruct):
    forZones: A[list[ForZone], 1, ATOMIC] = field(default_factory=list)
    forNodes: A[list[ForNode], 2, ATOMIC] = field(default_factory=list)


class Endpoint(ApiStruct):
    addresses: A[list[str], 1, REQUIRED, SET] = field(default_factory=list)
    conditions: A[EndpointConditions, 2] = field(default_factory=EndpointConditions)
    hostname: A[str | None, 3] = None
    targetRef: A[ObjectReference | None, 4] = None
    deprecatedTopology: A[dict[str, str], 5] = field(default_factory=dict)
    nodeName: A[str | None, 6] = None
    zone: A[str | None, 7] = None
    hints: A[EndpointHints | None, 8] = None


class EndpointPort(ApiStruct):
    atomic: ClassVar[bool] = True

    name: A[str | None, 1] = None
    protocol: A[str | None, 2] = None
    port: A[Int32 | None, 3] = None
    appProtocol: A[str | None, 4] = None


class EndpointSlice(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    addressType: A[str, 4, REQUIRED] = field(default_factory=str)
    endpoints: A[list[Endpoint] | None, 2, ATOMIC] = field(default_factory=NoneType)
    ports: A[list[EndpointPort] | None, 3, ATOMIC] = field(default_factory=NoneType)


class EndpointSliceList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[EndpointSlice], 2, REQUIRED] = field(default_factory=list)
