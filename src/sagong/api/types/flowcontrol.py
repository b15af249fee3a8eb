"""Types of the Kubernetes API group version flowcontrol.apiserver.k8s.io/v1, attributes spelled as on the wire."""

from types import NoneType
from typing import Annotated as A

from msgspec import field

from sagong.api.types.base import ATOMIC, REQUIRED, SET, ApiStruct, Int32, ListMap, Patch, Time
from sagong.api.types.meta import ListMeta, ObjectMeta


class PriorityLevelConfigurationReference(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)


class FlowDistinguisherMethod(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)


class UserSubject(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)


class GroupSubject(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)


class ServiceAccountSubject(ApiStruct):
    namespace: A[str, 1, REQUIRED] = field(default_factory=str)
    name: A[str, 2, REQUIRED] = field(default_factory=str)


class Subject(ApiStruct):
    kind: A[str, 1, REQUIRED] = field(default_factory=str)
    user: A[UserSubject | None, 2] = None
    group: A[GroupSubject | None, 3] = None
    serviceAccount: A[ServiceAccountSubject | None, 4] = None


class ResourcePolicyRule(ApiStruct):
    verbs: A[list[str], 1, REQUIRED, SET] = field(default_factory=list)
    apiGroups: A[list[str], 2, REQUIRED, SET] = field(default_factory=list)
    resources: A[list[str], 3, REQUIRED, SET] = field(default_factory=list)
    clusterScope: A[bool, 4] = False
    namespaces: A[list[str] | None, 5, SET] = field(default_factory=NoneType)


class NonResourcePolicyRule(ApiStruct):
    verbs: A[list[str], 1, REQUIRED, SET] = field(default_factory=list)
    nonResourceURLs: A[list[str], 6, REQUIRED, SET] = field(default_factory=list)


class PolicyRulesWithSubjects(ApiStruct):
    subjects: A[list[Subject], 1, REQUIRED, ATOMIC] = field(default_factory=list)
    resourceRules: A[list[ResourcePolicyRule], 2, ATOMIC] = field(default_factory=list)
    nonResourceRules: A[list[NonResourcePolicyRule], 3, ATOMIC] = field(default_factory=list)


class FlowSchemaSpec(ApiStruct):
    priorityLevelConfiguration: A[PriorityLevelConfigurationReference, 1, REQUIRED] = field(
        default_factory=PriorityLevelConfigurationReference
    )
    matchingPrecedence: A[Int32, 2] = field(default_factory=int)
    distinguisherMethod: A[FlowDistinguisherMethod | None, 3] = None
    rules: A[list[PolicyRulesWithSubjects], 4, ATOMIC] = field(default_factory=list)


class FlowSchemaCondition(ApiStruct):
    type: A[str, 1] = ""
    status: A[str, 2] = ""
    lastTransitionTime: A[Time | None, 3] = field(default_factory=NoneType)
    reason: A[str, 4] = ""
    message: A[str, 5] = ""


class FlowSchemaStatus(ApiStruct):
    conditions: A[list[FlowSchemaCondition], 1, ListMap("type"), Patch("merge", "type")] = field(default_factory=list)


class FlowSchema(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[FlowSchemaSpec, 2] = field(default_factory=FlowSchemaSpec)
    status: A[FlowSchemaStatus, 3] = field(default_factory=FlowSchemaStatus)


class FlowSchemaList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[FlowSchema], 2, REQUIRED] = field(default_factory=list)


class QueuingConfiguration(ApiStruct):
    queues: A[Int32, 1] = field(default_factory=int)
    handSize: A[Int32, 2] = field(default_factory=int)
    queueLengthLimit: A[Int32, 3] = field(default_factory=int)


class LimitResponse(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    queuing: A[QueuingConfiguration | None, 2] = None


class LimitedPriorityLevelConfiguration(ApiStruct):
    nominalConcurrencyShares: A[Int32 | None, 1] = field(default_factory=NoneType)
    limitResponse: A[LimitResponse, 2] = field(default_factory=LimitResponse)
    lendablePercent: A[Int32 | None, 3] = None
    borrowingLimitPercent: A[Int32 | None, 4] = None


class ExemptPriorityLevelConfiguration(ApiStruct):
    nominalConcurrencyShares: A[Int32 | None, 1] = None
    lendablePercent: A[Int32 | None, 2] = None


class PriorityLevelConfigurationSpec(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    limited: A[LimitedPriorityLevelConfiguration | None, 2] = None
    exempt: A[ExemptPriorityLevelConfiguration | None, 3] = None


class PriorityLevelConfigurationCondition(ApiStruct):
    type: A[str, 1] = ""
    status: A[str, 2] = ""
    lastTransitionTime: A[Time | None, 3] = field(default_factory=NoneType)
    reason: A[str, 4] = ""
    message: A[str, 5] = ""


class PriorityLevelConfigurationStatus(ApiStruct):
    conditions: A[list[PriorityLevelConfigurationCondition], 1, ListMap("type"), Patch("merge", "type")] = field(default_factory=list)


class PriorityLevelConfiguration(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[PriorityLevelConfigurationSpec, 2] = field(default_factory=PriorityLevelConfigurationSpec)
    status: A[PriorityLevelConfigurationStatus, 3] = field(default_factory=PriorityLevelConfigurationStatus)


class PriorityLevelConfigurationList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[PriorityLevelConfiguration], 2, REQUIRED] = field(default_factory=list)
