"""Types of the Kubernetes API group version admissionregistration.k8s.io/v1, attributes spelled as on the wire."""

from typing import Annotated as A
from typing import ClassVar

from msgspec import field

from sagong.api.types.base import ATOMIC, REQUIRED, SET, ApiStruct, Int32, Int64, ListMap, Patch
from sagong.api.types.meta import Condition, LabelSelector, ListMeta, ObjectMeta


class ParamKind(ApiStruct):
    atomic: ClassVar[bool] = True

    apiVersion: A[str, 1] = ""
    kind: A[str, 2] = ""


class Validation(ApiStruct):
    expression: A[str, 1, REQUIRED] = field(default_factory=str)
    message: A[str, 2] = ""
    reason: A[str | None, 3] = None
    messageExpression: A[str, 4] = ""


class Variable(ApiStruct):
    atomic: ClassVar[bool] = True

    name: A[str, 1, REQUIRED] = field(default_factory=str)
    expression: A[str, 2, REQUIRED] = field(default_factory=str)


class AuditAnnotation(ApiStruct):
    key: A[str, 1, REQUIRED] = field(default_factory=str)
    valueExpression: A[str, 2, REQUIRED] = field(default_factory=str)


class NamedRuleWithOperations(ApiStruct):
    atomic: ClassVar[bool] = True

    resourceNames: A[list[str], 1, ATOMIC] = field(default_factory=list)
    operations: A[list[str], 1, ATOMIC] = field(default_factory=list)
    apiGroups: A[list[str], 1, ATOMIC] = field(default_factory=list)
    apiVersions: A[list[str], 2, ATOMIC] = field(default_factory=list)
    resources: A[list[str], 3, ATOMIC] = field(default_factory=list)
    scope: A[str | None, 4] = None


class MatchResources(ApiStruct):
    atomic: ClassVar[bool] = True

    namespaceSelector: A[LabelSelector | None, 1] = None
    objectSelector: A[LabelSelector | None, 2] = None
    resourceRules: A[list[NamedRuleWithOperations], 3, ATOMIC] = field(default_factory=list)
    excludeResourceRules: A[list[NamedRuleWithOperations], 4, ATOMIC] = field(default_factory=list)
    matchPolicy: A[str | None, 7] = None


class MatchCondition(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    expression: A[str, 2, REQUIRED] = field(default_factory=str)


class ValidatingAdmissionPolicySpec(ApiStruct):
    paramKind: A[ParamKind | None, 1] = None
    matchConstraints: A[MatchResources | None, 2] = None
    validations: A[list[Validation], 3, ATOMIC] = field(default_factory=list)
    failurePolicy: A[str | None, 4] = None
    auditAnnotations: A[list[AuditAnnotation], 5, ATOMIC] = field(default_factory=list)
    matchConditions: A[list[MatchCondition], 6, ListMap("name"), Patch("merge", "name")] = field(default_factory=list)
    variables: A[list[Variable], 7, ListMap("name"), Patch("merge", "name")] = field(default_factory=list)


class ExpressionWarning(ApiStruct):
    fieldRef: A[str, 2, REQUIRED] = field(default_factory=str)
    warning: A[str, 3, REQUIRED] = field(default_factory=str)


class TypeChecking(ApiStruct):
    expressionWarnings: A[list[ExpressionWarning], 1, ATOMIC] = field(default_factory=list)


class ValidatingAdmissionPolicyStatus(ApiStruct):
    observedGeneration: A[Int64, 1] = 0
    typeChecking: A[TypeChecking | None, 2] = None
    conditions: A[list[Condition], 3, ListMap("type")] = field(default_factory=list)


class ValidatingAdmissionPolicy(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[ValidatingAdmissionPolicySpec, 2] = field(default_factory=ValidatingAdmissionPolicySpec)
    status: A[ValidatingAdmissionPolicyStatus, 3] = field(default_factory=ValidatingAdmissionPolicyStatus)


class ValidatingAdmissionPolicyList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[ValidatingAdmissionPolicy], 2, REQUIRED] = field(default_factory=list)


class ParamRef(ApiStruct):
    atomic: ClassVar[bool] = True

    name: A[str, 1] = ""
    namespace: A[str, 2] = ""
    selector: A[LabelSelector | None, 3] = None
    parameterNotFoundAction: A[str | None, 4] = None


class ValidatingAdmissionPolicyBindingSpec(ApiStruct):
    policyName: A[str, 1, REQUIRED] = ""
    paramRef: A[ParamRef | None, 2] = None
    matchResources: A[MatchResources | None, 3] = None
    validationActions: A[list[str], 4, REQUIRED, SET] = field(default_factory=list)


class ValidatingAdmissionPolicyBinding(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[ValidatingAdmissionPolicyBindingSpec, 2, REQUIRED] = field(default_factory=ValidatingAdmissionPolicyBindingSpec)


class ValidatingAdmissionPolicyBindingList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[ValidatingAdmissionPolicyBinding], 2, REQUIRED] = field(default_factory=list)


class ServiceReference(ApiStruct):
    namespace: A[str, 1, REQUIRED] = field(default_factory=str)
    name: A[str, 2, REQUIRED] = field(default_factory=str)
    path: A[str | None, 3] = None
    port: A[Int32 | None, 4] = None


class WebhookClientConfig(ApiStruct):
    url: A[str | None, 3] = None
    service: A[ServiceReference | None, 1] = None
    caBundle: A[bytes, 2] = b""


class RuleWithOperations(ApiStruct):
    operations: A[list[str], 1, ATOMIC] = field(default_factory=list)
    apiGroups: A[list[str], 1, ATOMIC] = field(default_factory=list)
    apiVersions: A[list[str], 2, ATOMIC] = field(default_factory=list)
    resources: A[list[str], 3, ATOMIC] = field(default_factory=list)
    scope: A[str | None, 4] = None


class ValidatingWebhook(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    clientConfig: A[WebhookClientConfig, 2, REQUIRED] = field(default_factory=WebhookClientConfig)
    rules: A[list[RuleWithOperations], 3, ATOMIC] = field(default_factory=list)
    failurePolicy: A[str | None, 4] = None
    matchPolicy: A[str | None, 9] = None
    namespaceSelector: A[LabelSelector | None, 5] = None
    objectSelector: A[LabelSelector | None, 10] = None
    sideEffects: A[str | None, 6, REQUIRED] = None
    timeoutSeconds: A[Int32 | None, 7] = None
    admissionReviewVersions: A[list[str], 8, REQUIRED, ATOMIC] = field(default_factory=list)
    matchConditions: A[list[MatchCondition], 11, ListMap("name"), Patch("merge", "name")] = field(default_factory=list)


class ValidatingWebhookConfiguration(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    webhooks: A[list[ValidatingWebhook], 2, ListMap("name"), Patch("merge", "name")] = field(default_factory=list)


class ValidatingWebhookConfigurationList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[ValidatingWebhookConfiguration], 2, REQUIRED] = field(default_factory=list)


class MutatingWebhook(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    clientConfig: A[WebhookClientConfig, 2, REQUIRED] = field(default_factory=WebhookClientConfig)
    rules: A[list[RuleWithOperations], 3, ATOMIC] = field(default_factory=list)
    failurePolicy: A[str | None, 4] = None
    matchPolicy: A[str | None, 9] = None
    namespaceSelector: A[LabelSelector | None, 5] = None
    objectSelector: A[LabelSelector | None, 11] = None
    sideEffects: A[str | None, 6, REQUIRED] = None
    timeoutSeconds: A[Int32 | None, 7] = None
    admissionReviewVersions: A[list[str], 8, REQUIRED, ATOMIC] = field(default_factory=list)
    reinvocationPolicy: A[str | None, 10] = None
    matchConditions: A[list[MatchCondition], 12, ListMap("name"), Patch("merge", "name")] = field(default_factory=list)


class MutatingWebhookConfiguration(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    webhooks: A[list[MutatingWebhook], 2, ListMap("name"), Patch("merge", "name")] = field(default_factory=list)


class MutatingWebhookConfigurationList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[MutatingWebhookConfiguration], 2, REQUIRED] = field(default_factory=list)


class ApplyConfiguration(ApiStruct):
    expression: A[str, 1] = ""


class JSONPatch(ApiStruct):
    expression: A[str, 1] = ""


class Mutation(ApiStruct):
    patchType: A[str, 2, REQUIRED] = field(default_factory=str)
    applyConfiguration: A[ApplyConfiguration | None, 3] = None
    jsonPatch: A[JSONPatch | None, 4] = None


class MutatingAdmissionPolicySpec(ApiStruct):
    paramKind: A[ParamKind | None, 1] = None
    matchConstraints: A[MatchResources | None, 2] = None
    variables: A[list[Variable], 3, ATOMIC] = field(default_factory=list)
    mutations: A[list[Mutation], 4, ATOMIC] = field(default_factory=list)
    failurePolicy: A[str | None, 5] = None
    matchConditions: A[list[MatchCondition], 6, ListMap("name"), Patch("merge", "name")] = field(default_factory=list)
    reinvocationPolicy: A[str, 7] = ""


class MutatingAdmissionPolicy(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[MutatingAdmissionPolicySpec, 2] = field(default_factory=MutatingAdmissionPolicySpec)


class MutatingAdmissionPolicyList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[MutatingAdmissionPolicy], 2, REQUIRED] = field(default_factory=list)


class MutatingAdmissionPolicyBindingSpec(ApiStruct):
    policyName: A[str, 1] = ""
    paramRef: A[ParamRef | None, 2] = None
    matchResources: A[MatchResources | None, 3] = None


class MutatingAdmissionPolicyBinding(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[MutatingAdmissionPolicyBindingSpec, 2] = field(default_factory=MutatingAdmissionPolicyBindingSpec)


class MutatingAdmissionPolicyBindingList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[MutatingAdmissionPolicyBinding], 2, REQUIRED] = field(default_factory=list)
