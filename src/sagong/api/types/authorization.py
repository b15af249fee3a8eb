"""Types of the Kubernetes API group version authorization.k8s.io/v1, attributes spelled as on the wire."""

from typing import Annotated as A

from msgspec import field

from sagong.api.types.base import ATOMIC, REQUIRED, ApiStruct
from sagong.api.types.meta import FieldSelectorRequirement, LabelSelectorRequirement, ObjectMeta


class LabelSelectorAttributes(ApiStruct):
    rawSelector: A[str, 1] = ""
    requirements: A[list[LabelSelectorRequirement], 2, ATOMIC] = field(default_factory=list)


class FieldSelectorAttributes(ApiStruct):
    rawSelector: A[str, 1] = ""
    requirements: A[list[FieldSelectorRequirement], 2, ATOMIC] = field(default_factory=list)


class ResourceAttributes(ApiStruct):
    namespace: A[str, 1] = ""
    verb: A[str, 2] = ""
    group: A[str, 3] = ""
    version: A[str, 4] = ""
    resource: A[str, 5] = ""
    subresource: A[str, 6] = ""
    name: A[str, 7] = ""
    fieldSelector: A[FieldSelectorAttributes | None, 8] = None
    labelSelector: A[LabelSelectorAttributes | None, 9] = None


class NonResourceAttributes(ApiStruct):
    path: A[str, 1] = ""
    verb: A[str, 2] = ""


class SubjectAccessReviewSpec(ApiStruct):
    resourceAttributes: A[ResourceAttributes | None, 1] = None
    nonResourceAttributes: A[NonResourceAttributes | None, 2] = None
    user: A[str, 3] = ""
    groups: A[list[str], 4, ATOMIC] = field(default_factory=list)
    extra: A[dict[str, list[str]], 5] = field(default_factory=dict)
    uid: A[str, 6] = ""


class SubjectAccessReviewStatus(ApiStruct):
    allowed: A[bool, 1, REQUIRED] = field(default_factory=bool)
    denied: A[bool, 4] = False
    reason: A[str, 2] = ""
    evaluationError: A[str, 3] = ""


class SubjectAccessReview(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[SubjectAccessReviewSpec, 2, REQUIRED] = field(default_factory=SubjectAccessReviewSpec)
    status: A[SubjectAccessReviewStatus, 3] = field(default_factory=SubjectAccessReviewStatus)


class SelfSubjectAccessReviewSpec(ApiStruct):
    resourceAttributes: A[ResourceAttributes | None, 1] = None
    nonResourceAttributes: A[NonResourceAttributes | None, 2] = None


class SelfSubjectAccessReview(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[SelfSubjectAccessReviewSpec, 2, REQUIRED] = field(default_factory=SelfSubjectAccessReviewSpec)
    status: A[SubjectAccessReviewStatus, 3] = field(default_factory=SubjectAccessReviewStatus)


class LocalSubjectAccessReview(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[SubjectAccessReviewSpec, 2, REQUIRED] = field(default_factory=SubjectAccessReviewSpec)
    status: A[SubjectAccessReviewStatus, 3] = field(default_factory=SubjectAccessReviewStatus)


class SelfSubjectRulesReviewSpec(ApiStruct):
    namespace: A[str, 1] = ""


class ResourceRule(ApiStruct):
    verbs: A[list[str], 1, REQUIRED, ATOMIC] = field(default_factory=list)
    apiGroups: A[list[str], 2, ATOMIC] = field(default_factory=list)
    resources: A[list[str], 3, ATOMIC] = field(default_factory=list)
    resourceNames: A[list[str], 4, ATOMIC] = field(default_factory=list)


class NonResourceRule(ApiStruct):
    verbs: A[list[str], 1, REQUIRED, ATOMIC] = field(default_factory=list)
    nonResourceURLs: A[list[str], 2, ATOMIC] = field(default_factory=list)


class SubjectRulesReviewStatus(ApiStruct):
    resourceRules: A[list[ResourceRule], 1, REQUIRED, ATOMIC] = field(default_factory=list)
    nonResourceRules: A[list[NonResourceRule], 2, REQUIRED, ATOMIC] = field(default_factory=list)
    incomplete: A[bool, 3, REQUIRED] = field(default_factory=bool)
    evaluationError: A[str, 4] = ""


class SelfSubjectRulesReview(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[SelfSubjectRulesReviewSpec, 2, REQUIRED] = field(default_factory=SelfSubjectRulesReviewSpec)
    status: A[SubjectRulesReviewStatus, 3] = field(default_factory=SubjectRulesReviewStatus)
