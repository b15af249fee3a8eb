"""Types of the Kubernetes API group version admission.k8s.io/v1, attributes spelled as on the wire."""

from typing import Annotated as A
from typing import Any

from msgspec import field

from sagong.api.types.authentication import UserInfo
from sagong.api.types.base import ApiStruct
from sagong.api.types.meta import GroupVersionKind, GroupVersionResource, Status


class AdmissionRequest(ApiStruct):
    uid: A[str, 1] = field(default_factory=str)
    kind: A[GroupVersionKind, 2] = field(default_factory=GroupVersionKind)
    resource: A[GroupVersionResource, 3] = field(default_factory=GroupVersionResource)
    subResource: A[str, 4] = ""
    requestKind: A[GroupVersionKind | None, 13] = None
    requestResource: A[GroupVersionResource | None, 14] = None
    requestSubResource: A[str, 15] = ""
    name: A[str, 5] = ""
    namespace: A[str, 6] = ""
    operation: A[str, 7] = field(default_factory=str)
    userInfo: A[UserInfo, 8] = field(default_factory=UserInfo)
    object: A[Any, 9] = None
    oldObject: A[Any, 10] = None
    dryRun: A[bool | None, 11] = None
    options: A[Any, 12] = None


class AdmissionResponse(ApiStruct):
    uid: A[str, 1] = field(default_factory=str)
    allowed: A[bool, 2] = field(default_factory=bool)
    status: A[Status | None, 3] = None
    patch: A[bytes, 4] = b""
    patchType: A[str | None, 5] = None
    auditAnnotations: A[dict[str, str], 6] = field(default_factory=dict)
    warnings: A[list[str], 7] = field(default_factory=list)


class AdmissionReview(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    request: A[AdmissionRequest | None, 1] = None
    response: A[AdmissionResponse | None, 2] = None
