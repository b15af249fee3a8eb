"""Types of the Kubernetes API group version rbac.authorization.k8s.io/v1, attributes spelled as on the wire."""

from types import NoneType
from typing import Annotated as A
from typing import ClassVar

from msgspec import field

from sagong.api.types.base import ATOMIC, REQUIRED, ApiStruct
from sagong.api.types.meta import LabelSelector, ListMeta, ObjectMeta


class PolicyRule(ApiStruct):
    verbs: A[list[str], 1, REQUIRED, ATOMIC] = field(default_factory=list)
    apiGroups: A[list[str], 2, ATOMIC] = field(default_factory=list)
    resources: A[list[str], 3, ATOMIC] = field(default_factory=list)
    resourceNames: A[list[str], 4, ATOMIC] = field(default_factory=list)
    nonResourceURLs: A[list[str], 5, ATOMIC] = field(default_factory=list)


class Subject(ApiStruct):
    atomic: ClassVar[bool] = True

    kind: A[str, 1, REQUIRED] = field(default_factory=str)
    apiGroup: A[str, 2] = ""
    name: A[str, 3, REQUIRED] = field(default_factory=str)
    namespace: A[str, 4] = ""


class RoleRef(ApiStruct):
    atomic: ClassVar[bool] = True

    apiGroup: A[str, 1] = field(default_factory=str)
    kind: A[str, 2, REQUIRED] = field(default_factory=str)
    name: A[str, 3, REQUIRED] = field(default_factory=str)


class Role(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    rules: A[list[PolicyRule] | None, 2, ATOMIC] = field(default_factory=NoneType)


class RoleBinding(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    subjects: A[list[Subject], 2, ATOMIC] = field(default_factory=list)
    roleRef: A[RoleRef, 3, REQUIRED] = field(default_factory=RoleRef)


class RoleBindingList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[RoleBinding], 2, REQUIRED] = field(default_factory=list)


class RoleList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[Role], 2, REQUIRED] = field(default_factory=list)


class AggregationRule(ApiStruct):
    clusterRoleSelectors: A[list[LabelSelector], 1, ATOMIC] = field(default_factory=list)


class ClusterRole(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    rules: A[list[PolicyRule] | None, 2, ATOMIC] = field(default_factory=NoneType)
    aggregationRule: A[AggregationRule | None, 3] = None


class ClusterRoleBinding(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    subjects: A[list[Subject], 2, ATOMIC] = field(default_factory=list)
    roleRef: A[RoleRef, 3, REQUIRED] = field(default_factory=RoleRef)


class ClusterRoleBindingList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[ClusterRoleBinding], 2, REQUIRED] = field(default_factory=list)


class ClusterRoleList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[ClusterRole], 2, REQUIRED] = field(default_factory=list)
