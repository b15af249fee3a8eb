"""Types of the Kubernetes API group version authentication.k8s.io/v1, attributes spelled as on the wire."""

from types import NoneType
from typing import Annotated as A

from msgspec import field

from sagong.api.types.base import ATOMIC, REQUIRED, ApiStruct, Int64, Time
from sagong.api.types.meta import ObjectMeta


class TokenReviewSpec(ApiStruct):
    token: A[str, 1, REQUIRED] = ""
    audiences: A[list[str], 2, ATOMIC] = field(default_factory=list)


class UserInfo(ApiStruct):
    username: A[str, 1] = ""
    uid: A[str, 2] = ""
    groups: A[list[str], 3, ATOMIC] = field(default_factory=list)
    extra: A[dict[str, list[str]], 4] = field(default_factory=dict)


class TokenReviewStatus(ApiStruct):
    authenticated: A[bool, 1] = False
    user: A[UserInfo, 2] = field(default_factory=UserInfo)
    audiences: A[list[str], 4, ATOMIC] = field(default_factory=list)
    error: A[str, 3] = ""


class TokenReview(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[TokenReviewSpec, 2, REQUIRED] = field(default_factory=TokenReviewSpec)
    status: A[TokenReviewStatus, 3] = field(default_factory=TokenReviewStatus)


class BoundObjectReference(ApiStruct):
    kind: A[str, 1] = ""
    apiVersion: A[str, 2] = ""
    name: A[str, 3] = ""
    uid: A[str, 4] = ""


class TokenRequestSpec(ApiStruct):
    audiences: A[list[str] | None, 1, ATOMIC] = field(default_factory=NoneType)
    expirationSeconds: A[Int64 | None, 4] = field(default_factory=NoneType)
    boundObjectRef: A[BoundObjectReference | None, 3] = field(default_factory=NoneType)


class TokenRequestStatus(ApiStruct):
    token: A[str, 1] = field(default_factory=str)
    expirationTimestamp: A[Time | None, 2] = field(default_factory=NoneType)


class TokenRequest(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[TokenRequestSpec, 2] = field(default_factory=TokenRequestSpec)
    status: A[TokenRequestStatus, 3] = field(default_factory=TokenRequestStatus)


class SelfSubjectReviewStatus(ApiStruct):
    userInfo: A[UserInfo, 1] = field(default_factory=UserInfo)


class SelfSubjectReview(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    status: A[SelfSubjectReviewStatus, 2] = field(default_factory=SelfSubjectReviewStatus)
