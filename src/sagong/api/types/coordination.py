"""Types of the Kubernetes API group version coordination.k8s.io/v1, attributes spelled as on the wire."""

from typing import Annotated as A

from msgspec import field

from sagong.api.types.base import REQUIRED, ApiStruct, Int32, MicroTime
from sagong.api.types.meta import ListMeta, ObjectMeta


class LeaseSpec(ApiStruct):
    holderIdentity: A[str | None, 1] = None
    leaseDurationSeconds: A[Int32 | None, 2] = None
    acquireTime: A[MicroTime | None, 3] = None
    renewTime: A[MicroTime | None, 4] = None
    leaseTransitions: A[Int32 | None, 5] = None
    strategy: A[str | None, 6] = None
    preferredHolder: A[str | None, 7] = None


class Lease(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[LeaseSpec, 2] = field(default_factory=LeaseSpec)


class LeaseList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[Lease], 2, REQUIRED] = field(default_factory=list)
