"""Validation of flow schemas and priority levels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.types import flowcontrol as flow
from sagong.api.validation.rules import Rules, each, named, one_of, status

_MAX_PRECEDENCE = 10_000
_MAX_QUEUES = 10_000_000
_HASH_BITS = 60
_PERCENT = range(101)
_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch")
_SUBJECTS = {"Group": "group", "ServiceAccount": "serviceAccount", "User": "user"}
_NAMESPACES = "each member of this list must be '*' or a DNS-1123 label; "
_PRESERVE_ZERO = "flowcontrol.k8s.io/preserve-zero-concurrency-shares"
_NOT_NEGATIVE = "must be a non-negative integer"


def _everything(*groups: str) -> flow.PolicyRulesWithSubjects:
    return flow.PolicyRulesWithSubjects(
        subjects=[flow.Subject(kind="Group", group=flow.GroupSubject(name=name)) for name in groups],
        resourceRules=[flow.ResourcePolicyRule(verbs=["*"], apiGroups=["*"], resources=["*"], namespaces=["*"], clusterScope=True)],
        nonResourceRules=[flow.NonResourcePolicyRule(verbs=["*"], nonResourceURLs=["*"])],
    )


_FIXED_SCHEMAS = {
    "exempt": flow.FlowSchemaSpec(
        priorityLevelConfiguration=flow.PriorityLevelConfigurationReference(name="exempt"),
        matchingPrecedence=1,
        rules=[_everything("system:masters")],
    ),
    "catch-all": flow.FlowSchemaSpec(
        priorityLevelConfiguration=flow.PriorityLevelConfigurationReference(name="catch-all"),
        matchingPrecedence=_MAX_PRECEDENCE,
        distinguisherMethod=flow.FlowDistinguisherMethod(type="ByUser"),
        rules=[_everything("system:unauthenticated", "system:authenticated")],
    ),
}
_FIXED_CATCH_ALL = flow.PriorityLevelConfigurationSpec(
    type="Limited",
    limited=flow.LimitedPriorityLevelConfiguration(
        nominalConcurrencyShares=5, lendablePercent=0, limitResponse=flow.LimitResponse(type="Reject")
    ),
)


def _schema(errors: Errors, new: flow.FlowSchema, old: flow.FlowSchema | None) -> None:
    spec, name = new.spec, new.metadata.name
    _precedence(errors, "spec.matchingPrecedence", spec.matchingPrecedence, name)
    if (method := spec.distinguisherMethod) is not None and method.type not in ("ByNamespace", "ByUser"):
        errors.not_supported("spec.distinguisherMethod.type", method, ("ByNamespace", "ByUser"))
    if spec.priorityLevelConfiguration.name:
        each(errors, "spec.priorityLevelConfiguration.name", spec.priorityLevelConfiguration.name, names.dns1123_subdomain)
    else:
        errors.required("spec.priorityLevelConfiguration.name", "must reference a priority level")
    for i, rule in enumerate(spec.rules):
        _rules(errors, f"spec.rules[{i}]", rule)
    if name in _FIXED_SCHEMAS and spec != _FIXED_SCHEMAS[name]:
        errors.invalid("spec", spec, f"spec of '{name}' must equal the fixed value")
    _conditions(errors, new, old)


def _precedence(errors: Errors, path: str, precedence: int, name: str) -> None:
    if precedence <= 0:
        errors.invalid(path, precedence, "must be a positive value")
    if precedence > _MAX_PRECEDENCE:
        errors.invalid(path, precedence, f"must not be greater than {_MAX_PRECEDENCE}")
    if precedence == 1 and name != "exempt":
        errors.invalid(path, precedence, "only the schema named 'exempt' may have matchingPrecedence 1")


def _rules(errors: Errors, path: str, rule: flow.PolicyRulesWithSubjects) -> None:
    for i, subject in enumerate(rule.subjects):
        _subject(errors, f"{path}.subjects[{i}]", subject)
    if not rule.subjects:
        errors.required(f"{path}.subjects", "subjects must contain at least one value")
    if not rule.resourceRules and not rule.nonResourceRules:
        errors.required(path, "at least one of resourceRules and nonResourceRules has to be non-empty")
    for i, resource in enumerate(rule.resourceRules):
        _resource_rule(errors, f"{path}.resourceRules[{i}]", resource)
    for i, other in enumerate(rule.nonResourceRules):
        at = f"{path}.nonResourceRules[{i}]"
        _verbs(errors, f"{at}.verbs", other.verbs)
        text = "nonResourceURLs must contain at least one value"
        if not _alone(errors, f"{at}.nonResourceURLs", other.nonResourceURLs, "non-resource URLs", text):
            for j, url in enumerate(other.nonResourceURLs):
                if complaint := _url_complaint(url):
                    errors.invalid(f"{at}.nonResourceURLs[{j}]", url, complaint)


def _subject(errors: Errors, path: str, subject: flow.Subject) -> None:
    if subject.kind not in _SUBJECTS:
        errors.not_supported(f"{path}.kind", subject.kind, tuple(_SUBJECTS))
        return
    own = _SUBJECTS[subject.kind]
    found: Any = getattr(subject, own)
    if found is None:
        errors.required(f"{path}.{own}", f"{own} is required when subject kind is '{subject.kind}'")
    elif isinstance(found, flow.ServiceAccountSubject):
        _account(errors, f"{path}.{own}", found)
    elif not found.name:
        errors.required(f"{path}.{own}.name")
    for kind in ("ServiceAccount", "User", "Group"):
        name = _SUBJECTS[kind]
        if name != own and getattr(subject, name) is not None:
            errors.forbidden(f"{path}.{name}", f"{name} is forbidden when subject kind is not '{kind}'")


def _account(errors: Errors, path: str, account: flow.ServiceAccountSubject) -> None:
    if account.name != "*":
        named(errors, f"{path}.name", account.name, names.dns1123_subdomain)
    if account.namespace:
        each(errors, f"{path}.namespace", account.namespace, names.dns1123_label)
    else:
        errors.required(f"{path}.namespace", "must specify namespace for service account")


def _alone(errors: Errors, path: str, found: Sequence[str], spoken: str, missing: str) -> bool:
    """Demand values, and `*` only by itself; return whether that settles it."""
    if not found:
        errors.required(path, missing)
    elif "*" in found and len(found) > 1:
        errors.invalid(path, list(found), f"if '*' is present, must not specify other {spoken}")
    return not found or "*" in found


def _verbs(errors: Errors, path: str, found: Sequence[str]) -> None:
    if not _alone(errors, path, found, "verbs", "verbs must contain at least one value") and not set(found) <= {*_VERBS}:
        errors.not_supported(path, list(found), _VERBS)


def _resource_rule(errors: Errors, path: str, rule: flow.ResourcePolicyRule) -> None:
    _verbs(errors, f"{path}.verbs", rule.verbs)
    _alone(errors, f"{path}.apiGroups", rule.apiGroups, "api groups", "resource rules must supply at least one api group")
    _alone(errors, f"{path}.resources", rule.resources, "resources", "resource rules must supply at least one resource")
    if not rule.namespaces and rule.clusterScope:
        return
    missing = "resource rules that are not cluster scoped must supply at least one namespace"
    if not _alone(errors, f"{path}.namespaces", rule.namespaces or (), "namespaces", missing):
        for i, name in enumerate(rule.namespaces or ()):
            errors.each(f"{path}.namespaces[{i}]", name, (_NAMESPACES + complaint for complaint in names.dns1123_label(name)))


def _url_complaint(url: str) -> str:
    rules = (
        (not url, "must not be empty"),
        (not url.startswith("/"), "must start with slash"),
        (" " in url, "must not contain white-space"),
        ("//" in url, "must not contain double slash"),
        (url.count("*") > 1 or ("*" in url and not url.endswith("/*")), "wildcard can only do suffix matching"),
    )
    return next((complaint for broken, complaint in rules if broken), "")


def _conditions(errors: Errors, new: flow.FlowSchema | flow.PriorityLevelConfiguration, _: Any) -> None:
    seen: set[str] = set()
    found: Sequence[Any] = new.status.conditions
    for i, condition in enumerate(found):
        path = f"status.conditions[{i}].type"
        if condition.type in seen:
            errors.duplicate(path, condition.type)
        seen.add(condition.type)
        if not condition.type:
            errors.required(path)


def _level(errors: Errors, new: flow.PriorityLevelConfiguration, old: flow.PriorityLevelConfiguration | None) -> None:
    spec, name = new.spec, new.metadata.name
    if _PRESERVE_ZERO in new.metadata.annotations:
        errors.forbidden("metadata.annotations", f"annotation '{_PRESERVE_ZERO}' is forbidden")
    if (name == "exempt") != (spec.type == "Exempt"):
        errors.invalid("spec.type", spec.type, "must be 'Exempt' if and only if `name` is 'exempt'")
    one_of(errors, "spec.type", spec.type, ("Exempt", "Limited"))
    if spec.type == "Exempt":
        _exempt(errors, spec)
    elif spec.type == "Limited":
        if spec.exempt is not None:
            errors.forbidden("spec.exempt", "must be nil if the type is Limited")
        if spec.limited is None:
            errors.required("spec.limited", "must not be empty when type is Limited")
        else:
            _limited(errors, "spec.limited", spec.limited)
    if name == "exempt" and (spec.type != "Exempt" or spec.limited is not None):
        errors.invalid("spec", spec, "spec of 'exempt' except the 'spec.exempt' field must equal the fixed value")
    if name == "catch-all" and spec != _FIXED_CATCH_ALL:
        errors.invalid("spec", spec, "spec of 'catch-all' must equal the fixed value")
    _conditions(errors, new, old)


def _exempt(errors: Errors, spec: flow.PriorityLevelConfigurationSpec) -> None:
    if spec.limited is not None:
        errors.forbidden("spec.limited", "must be nil if the type is not Limited")
    if spec.exempt is not None:
        _shares(errors, "spec.exempt", spec.exempt)


def _shares(errors: Errors, path: str, level: flow.ExemptPriorityLevelConfiguration | flow.LimitedPriorityLevelConfiguration) -> None:
    if level.nominalConcurrencyShares is not None and level.nominalConcurrencyShares < 0:
        errors.invalid(f"{path}.nominalConcurrencyShares", level.nominalConcurrencyShares, _NOT_NEGATIVE)
    if isinstance(level, flow.LimitedPriorityLevelConfiguration):
        _response(errors, f"{path}.limitResponse", level.limitResponse)
    if level.lendablePercent is not None and level.lendablePercent not in _PERCENT:
        errors.invalid(f"{path}.lendablePercent", level.lendablePercent, "must be between 0 and 100, inclusive")


def _limited(errors: Errors, path: str, level: flow.LimitedPriorityLevelConfiguration) -> None:
    _shares(errors, path, level)
    if level.borrowingLimitPercent is not None and level.borrowingLimitPercent < 0:
        errors.invalid(f"{path}.borrowingLimitPercent", level.borrowingLimitPercent, f"if specified, {_NOT_NEGATIVE}")


def _response(errors: Errors, path: str, response: flow.LimitResponse) -> None:
    if response.type == "Reject":
        if response.queuing is not None:
            errors.forbidden(f"{path}.queuing", "must be nil if limited.limitResponse.type is not Limited")
    elif response.type != "Queue":
        errors.not_supported(f"{path}.type", response.type, ("Queue", "Reject"))
    elif response.queuing is None:
        errors.required(f"{path}.queuing", "must not be empty if limited.limitResponse.type is Limited")
    else:
        _queuing(errors, f"{path}.queuing", response.queuing)


def _queuing(errors: Errors, path: str, queuing: flow.QueuingConfiguration) -> None:
    for name in ("queueLengthLimit", "queues", "handSize"):
        if getattr(queuing, name) <= 0:
            errors.invalid(f"{path}.{name}", getattr(queuing, name), "must be positive")
    queues, hand = queuing.queues, queuing.handSize
    if queues > _MAX_QUEUES:
        errors.invalid(f"{path}.queues", queues, f"must not be greater than {_MAX_QUEUES}")
    if hand <= 0:
        return
    if hand > queues:
        errors.invalid(f"{path}.handSize", hand, f"should not be greater than queues ({queues})")
    elif math.ceil(math.log2(queues) * hand) > _HASH_BITS:
        text = f"required entropy bits of deckSize {queues} and handSize {hand} should not be greater than {_HASH_BITS}"
        errors.invalid(f"{path}.handSize", hand, text)


TABLE: dict[type, Rules] = {
    flow.FlowSchema: Rules(spec=_schema, subresources=status(_conditions)),
    flow.PriorityLevelConfiguration: Rules(spec=_level, subresources=status(_conditions)),
}
