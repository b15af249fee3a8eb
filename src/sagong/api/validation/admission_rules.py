"""Validation of what admission webhooks and policies match: rules of requests, selectors, conditions."""

from __future__ import annotations

from collections.abc import Sequence

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.types import admissionregistration as admission
from sagong.api.validation.expressions import Expressions
from sagong.api.validation.metadata import label_selector
from sagong.api.validation.rules import each, one_of

FAILURE_POLICIES = ("Fail", "Ignore")
MATCH_POLICIES = ("Equivalent", "Exact")
_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_SCOPES = ("*", "Cluster", "Namespaced")
_CONDITIONS = 64
Rule = admission.RuleWithOperations | admission.NamedRuleWithOperations


def rule(errors: Errors, path: str, found: Rule) -> None:
    """Check which requests a rule is about."""
    _alone(errors, f"{path}.operations", found.operations, "operations")
    for i, operation in enumerate(found.operations):
        one_of(errors, f"{path}.operations[{i}]", operation, _OPERATIONS)
    _alone(errors, f"{path}.apiGroups", found.apiGroups, "API groups")
    _alone(errors, f"{path}.apiVersions", found.apiVersions, "API versions")
    for i, version in enumerate(found.apiVersions):
        if not version:
            errors.required(f"{path}.apiVersions[{i}]")
    _resources(errors, f"{path}.resources", found.resources)
    one_of(errors, f"{path}.scope", found.scope, _SCOPES)


def _alone(errors: Errors, path: str, found: Sequence[str], spoken: str) -> None:
    if not found:
        errors.required(path)
    if len(found) > 1 and "*" in found:
        errors.invalid(path, list(found), f"if '*' is present, must not specify other {spoken}")


def _resources(errors: Errors, path: str, found: Sequence[str]) -> None:
    if not found:
        errors.required(path)
    for i, text in enumerate(found):
        if not text:
            errors.required(f"{path}[{i}]")
    _subresources(errors, path, found)
    if len(found) > 1 and "*/*" in found:
        errors.invalid(path, list(found), "if '*/*' is present, must not specify other resources")
    plain = [text for text in found if text and "/" not in text]
    if "*" in plain and plain[-1] != "*":
        errors.invalid(path, list(found), "if '*' is present, must not specify other resources without subresources")


def _subresources(errors: Errors, path: str, found: Sequence[str]) -> None:
    """Refuse subresources that a wildcard before them covers."""
    every_sub: set[str] = set()
    every_resource: set[str] = set()
    for i, text in enumerate(found):
        resource, slash, sub = text.partition("/")
        if not slash:
            continue
        if resource in every_sub:
            errors.invalid(f"{path}[{i}]", text, f"if '{resource}/*' is present, must not specify {text}")
        if sub in every_resource:
            errors.invalid(f"{path}[{i}]", text, f"if '*/{sub}' is present, must not specify {text}")
        if sub == "*":
            every_sub.add(resource)
        if resource == "*":
            every_resource.add(sub)


def match_conditions(errors: Errors, path: str, found: Sequence[admission.MatchCondition], *, params: bool = False) -> None:
    """Check the conditions of a match; `params`: they may refer to parameters."""
    expressions = Expressions(params=params)
    if len(found) > _CONDITIONS:
        errors.too_many(path, len(found), _CONDITIONS)
    seen: set[str] = set()
    for i, condition in enumerate(found):
        expression = condition.expression.strip()
        if expression:
            expressions.check(errors, f"{path}[{i}].expression", expression)
        else:
            errors.required(f"{path}[{i}].expression")
        if condition.name:
            each(errors, f"{path}[{i}].name", condition.name, names.qualified_name)
        else:
            errors.required(f"{path}[{i}].name")
        if condition.name and condition.name in seen:
            errors.duplicate(f"{path}[{i}].name", condition.name)
        seen.add(condition.name)


def match_resources(errors: Errors, path: str, found: admission.MatchResources) -> None:
    """Check what a policy, or its binding, is about."""
    if found.matchPolicy is None:
        errors.required(f"{path}.matchPolicy")
    one_of(errors, f"{path}.matchPolicy", found.matchPolicy, MATCH_POLICIES)
    for name in ("namespaceSelector", "objectSelector"):
        selector = getattr(found, name)
        if selector is None:
            errors.required(f"{path}.{name}")
        label_selector(errors, f"{path}.{name}", selector)
    for name in ("resourceRules", "excludeResourceRules"):
        for i, named_rule in enumerate(getattr(found, name)):
            _named_rule(errors, f"{path}.{name}[{i}]", named_rule)


def _named_rule(errors: Errors, path: str, found: admission.NamedRuleWithOperations) -> None:
    for i, name in enumerate(found.resourceNames):
        each(errors, f"{path}.resourceNames[{i}]", name, names.path_segment)
        if name in found.resourceNames[:i]:
            errors.duplicate(f"{path}.resourceNames[{i}]", name)
    rule(errors, path, found)


def mutating_operations(errors: Errors, path: str, found: admission.MatchResources) -> None:
    """Refuse operations that change nothing which could be mutated."""
    for resource_rule in found.resourceRules:
        for operation in resource_rule.operations:
            one_of(errors, f"{path}.resourceRules.operations", operation, ("*", "CONNECT", "CREATE", "UPDATE"))
