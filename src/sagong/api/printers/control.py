"""Tables of what governs the cluster: access, admission, certificates, priorities, leases, API services."""

from __future__ import annotations

from datetime import datetime

from sagong.api.humanduration import human
from sagong.api.printers.columns import NONE, UNSET, Cells, Printer, age, condition, printer, selector
from sagong.api.types import admissionregistration as admission
from sagong.api.types import apiregistration, certificates, coordination, flowcontrol, node, rbac, scheduling


def _binding(obj: rbac.RoleBinding | rbac.ClusterRoleBinding, now: datetime) -> Cells:
    def named(kind: str) -> str:
        return ", ".join(subject.name for subject in obj.subjects if subject.kind == kind)

    accounts = ", ".join(f"{subject.namespace}/{subject.name}" for subject in obj.subjects if subject.kind == "ServiceAccount")
    role = f"{obj.roleRef.kind}/{obj.roleRef.name}"
    return [obj.metadata.name, role, age(obj, now), named("User"), named("Group"), accounts]


def _signing_request(obj: certificates.CertificateSigningRequest, now: datetime) -> Cells:
    types = {found.type for found in obj.status.conditions}
    state = "Denied" if "Denied" in types else "Approved" if "Approved" in types else "Pending"
    state += ",Failed" if "Failed" in types else ""
    state += ",Issued" if obj.status.certificate else ""
    duration = NONE if obj.spec.expirationSeconds is None else human(obj.spec.expirationSeconds)
    return [obj.metadata.name, age(obj, now), obj.spec.signerName or NONE, obj.spec.username, duration, state]


def _lease(obj: coordination.Lease, now: datetime) -> Cells:
    return [obj.metadata.name, obj.spec.holderIdentity or "", age(obj, now)]


def _priority_class(obj: scheduling.PriorityClass, now: datetime) -> Cells:
    return [obj.metadata.name, obj.value, obj.globalDefault, age(obj, now), obj.preemptionPolicy or ""]


def _runtime_class(obj: node.RuntimeClass, now: datetime) -> Cells:
    return [obj.metadata.name, obj.handler, age(obj, now)]


def _webhooks(obj: admission.MutatingWebhookConfiguration | admission.ValidatingWebhookConfiguration, now: datetime) -> Cells:
    return [obj.metadata.name, len(obj.webhooks), age(obj, now)]


def _param_kind(kind: admission.ParamKind | None) -> str:
    return UNSET if kind is None else f"{kind.apiVersion}/{kind.kind}"


def _validating_policy(obj: admission.ValidatingAdmissionPolicy, now: datetime) -> Cells:
    return [obj.metadata.name, len(obj.spec.validations), _param_kind(obj.spec.paramKind), age(obj, now)]


def _mutating_policy(obj: admission.MutatingAdmissionPolicy, now: datetime) -> Cells:
    return [obj.metadata.name, len(obj.spec.mutations), _param_kind(obj.spec.paramKind), age(obj, now)]


def _policy_binding(obj: admission.ValidatingAdmissionPolicyBinding | admission.MutatingAdmissionPolicyBinding, now: datetime) -> Cells:
    param, shown = obj.spec.paramRef, UNSET
    if param and param.name:
        shown = f"{param.namespace or '*'}/{param.name}"
    elif param and param.selector:
        shown = selector(param.selector)
    return [obj.metadata.name, obj.spec.policyName, shown, age(obj, now)]


def _flow_schema(obj: flowcontrol.FlowSchema, now: datetime) -> Cells:
    dangling = condition(obj.status.conditions, "Dangling")
    return [
        obj.metadata.name,
        obj.spec.priorityLevelConfiguration.name,
        obj.spec.matchingPrecedence,
        obj.spec.distinguisherMethod.type if obj.spec.distinguisherMethod else NONE,
        age(obj, now),
        dangling.status if dangling else "?",
    ]


def _priority_level(obj: flowcontrol.PriorityLevelConfiguration, now: datetime) -> Cells:
    limited = obj.spec.limited
    queuing = limited.limitResponse.queuing if limited else None
    queues = [queuing.queues, queuing.handSize, queuing.queueLengthLimit] if queuing else [NONE] * 3
    return [obj.metadata.name, obj.spec.type, limited.nominalConcurrencyShares if limited else NONE, *queues, age(obj, now)]


def _api_service(obj: apiregistration.APIService, now: datetime) -> Cells:
    service = f"{obj.spec.service.namespace}/{obj.spec.service.name}" if obj.spec.service else "Local"
    found = condition(obj.status.conditions, "Available")
    available = "Unknown" if found is None else found.status
    if found and found.status != "True" and found.reason:
        available = f"{found.status} ({found.reason})"
    return [obj.metadata.name, service, available, age(obj, now)]


_BINDING = ("Name", "Role", "Age", "+Users", "+Groups", "+ServiceAccounts")
_POLICY_BINDING = ("Name", "PolicyName", "ParamRef", "Age")
TABLE: dict[type, Printer] = {
    rbac.RoleBinding: printer(*_BINDING, cells=_binding),
    rbac.ClusterRoleBinding: printer(*_BINDING, cells=_binding),
    certificates.CertificateSigningRequest: printer(
        "Name", "Age", "SignerName", "Requestor", "RequestedDuration", "Condition", cells=_signing_request
    ),
    coordination.Lease: printer("Name", "Holder", "Age", cells=_lease),
    scheduling.PriorityClass: printer("Name", "Value:integer", "Global-Default:boolean", "Age", "PreemptionPolicy", cells=_priority_class),
    node.RuntimeClass: printer("Name", "Handler", "Age", cells=_runtime_class),
    admission.MutatingWebhookConfiguration: printer("Name", "Webhooks:integer", "Age", cells=_webhooks),
    admission.ValidatingWebhookConfiguration: printer("Name", "Webhooks:integer", "Age", cells=_webhooks),
    admission.ValidatingAdmissionPolicy: printer("Name", "Validations:integer", "ParamKind", "Age", cells=_validating_policy),
    admission.MutatingAdmissionPolicy: printer("Name", "Mutations:integer", "ParamKind", "Age", cells=_mutating_policy),
    admission.ValidatingAdmissionPolicyBinding: printer(*_POLICY_BINDING, cells=_policy_binding),
    admission.MutatingAdmissionPolicyBinding: printer(*_POLICY_BINDING, cells=_policy_binding),
    flowcontrol.FlowSchema: printer(
        "Name", "PriorityLevel", "MatchingPrecedence", "DistinguisherMethod", "Age", "MissingPL", cells=_flow_schema
    ),
    flowcontrol.PriorityLevelConfiguration: printer(
        "Name", "Type", "NominalConcurrencyShares", "Queues", "HandSize", "QueueLengthLimit", "Age", cells=_priority_level
    ),
    apiregistration.APIService: printer("Name", "Service", "Available", "Age", cells=_api_service),
}
