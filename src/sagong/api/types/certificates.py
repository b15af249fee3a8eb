"""Types of the Kubernetes API group version certificates.k8s.io/v1, attributes spelled as on the wire."""

from types import NoneType
from typing import Annotated as A

from msgspec import field

from sagong.api.types.base import ATOMIC, REQUIRED, ApiStruct, Int32, ListMap, Time
from sagong.api.types.meta import ListMeta, ObjectMeta


class CertificateSigningRequestSpec(ApiStruct):
    request: A[bytes, 1, REQUIRED] = field(default_factory=bytes)
    signerName: A[str, 7, REQUIRED] = field(default_factory=str)
    expirationSeconds: A[Int32 | None, 8] = None
    usages: A[list[str], 5, ATOMIC] = field(default_factory=list)
    username: A[str, 2] = ""
    uid: A[str, 3] = ""
    groups: A[list[str], 4, ATOMIC] = field(default_factory=list)
    extra: A[dict[str, list[str]], 6] = field(default_factory=dict)


class CertificateSigningRequestCondition(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    status: A[str, 6, REQUIRED] = field(default_factory=str)
    reason: A[str, 2] = ""
    message: A[str, 3] = ""
    lastUpdateTime: A[Time | None, 4] = field(default_factory=NoneType)
    lastTransitionTime: A[Time | None, 5] = field(default_factory=NoneType)


class CertificateSigningRequestStatus(ApiStruct):
    conditions: A[list[CertificateSigningRequestCondition], 1, ListMap("type")] = field(default_factory=list)
    certificate: A[bytes, 2] = b""


class CertificateSigningRequest(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[CertificateSigningRequestSpec, 2, REQUIRED] = field(default_factory=CertificateSigningRequestSpec)
    status: A[CertificateSigningRequestStatus, 3] = field(default_factory=CertificateSigningRequestStatus)


class CertificateSigningRequestList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[CertificateSigningRequest], 2, REQUIRED] = field(default_factory=list)
