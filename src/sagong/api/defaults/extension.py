"""Defaults of the groups that extend the API: webhooks, admission policies, custom resources, API services, token requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sagong.api.defaults.fill import fill
from sagong.api.types import admissionregistration as admission
from sagong.api.types import apiextensions, apiregistration, authentication
from sagong.api.types.meta import LabelSelector

_MATCH = {"matchPolicy": "Equivalent", "namespaceSelector": LabelSelector, "objectSelector": LabelSelector}
_WEBHOOK = {"failurePolicy": "Fail", **_MATCH, "timeoutSeconds": 10}
_HTTPS = {"port": 443}
_HOUR = 3600


def _webhooks(obj: admission.ValidatingWebhookConfiguration | admission.MutatingWebhookConfiguration) -> None:
    for webhook in obj.webhooks:
        fill(webhook, _WEBHOOK)
        if isinstance(webhook, admission.MutatingWebhook):
            fill(webhook, {"reinvocationPolicy": "Never"})
        if webhook.clientConfig.service:
            fill(webhook.clientConfig.service, _HTTPS)
        _rules(webhook.rules)


def _rules(rules: Iterable[admission.RuleWithOperations | admission.NamedRuleWithOperations]) -> None:
    for rule in rules:
        fill(rule, {"scope": "*"})


def _match(resources: admission.MatchResources | None) -> None:
    if resources is not None:
        fill(resources, _MATCH)
        _rules((*resources.resourceRules, *resources.excludeResourceRules))


def _policy(obj: admission.ValidatingAdmissionPolicy | admission.MutatingAdmissionPolicy) -> None:
    fill(obj.spec, {"failurePolicy": "Fail"})
    _match(obj.spec.matchConstraints)


def _policy_binding(obj: admission.ValidatingAdmissionPolicyBinding | admission.MutatingAdmissionPolicyBinding) -> None:
    _match(obj.spec.matchResources)


def _definition(obj: apiextensions.CustomResourceDefinition) -> None:
    spec = obj.spec
    fill(spec.names, {"singular": spec.names.kind.lower(), "listKind": f"{spec.names.kind}List" if spec.names.kind else ""})
    fill(spec, {"conversion": lambda: apiextensions.CustomResourceConversion(strategy="None")})
    webhook = spec.conversion.webhook if spec.conversion else None
    if webhook and webhook.clientConfig and webhook.clientConfig.service:
        fill(webhook.clientConfig.service, _HTTPS)
    if not obj.status.storedVersions:
        obj.status.storedVersions = [version.name for version in spec.versions if version.storage][:1]


def _api_service(obj: apiregistration.APIService) -> None:
    if obj.spec.service:
        fill(obj.spec.service, _HTTPS)


def _token_request(obj: authentication.TokenRequest) -> None:
    fill(obj.spec, {"expirationSeconds": _HOUR})


TABLE: dict[type, Callable[[Any], None]] = {
    admission.ValidatingWebhookConfiguration: _webhooks,
    admission.MutatingWebhookConfiguration: _webhooks,
    admission.ValidatingAdmissionPolicy: _policy,
    admission.MutatingAdmissionPolicy: _policy,
    admission.ValidatingAdmissionPolicyBinding: _policy_binding,
    admission.MutatingAdmissionPolicyBinding: _policy_binding,
    apiextensions.CustomResourceDefinition: _definition,
    apiregistration.APIService: _api_service,
    authentication.TokenRequest: _token_request,
}
