"""Policy rules: whether one allows a request, and whether some cover others. Rules only ever add (KEP-free, RBAC v1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sagong.api.field_errors import quote
from sagong.api.types.rbac import PolicyRule
from sagong.server.contract import Attributes


def allows(rule: PolicyRule, attributes: Attributes) -> bool:
    """Say whether a rule allows a request."""
    if "*" not in rule.verbs and attributes.verb not in rule.verbs:
        return False
    if not attributes.resource_request:
        return any(_path_covers(path, attributes.path) for path in rule.nonResourceURLs)
    if "*" not in rule.apiGroups and attributes.group not in rule.apiGroups:
        return False
    if rule.resourceNames and attributes.name not in rule.resourceNames:
        return False
    return _resource_matches(rule.resources, attributes.resource, attributes.subresource)


def _resource_matches(resources: Sequence[str], resource: str, subresource: str) -> bool:
    if "*" in resources:
        return True
    if subresource:
        return f"{resource}/{subresource}" in resources or f"*/{subresource}" in resources
    return resource in resources


def _path_covers(owned: str, path: str) -> bool:
    return owned == path or (owned.endswith("*") and path.startswith(owned.rstrip("*")))


def uncovered(owned: Sequence[PolicyRule], wanted: Iterable[PolicyRule]) -> list[PolicyRule]:
    """Return what of `wanted` no rule of `owned` covers, in rules of one verb, group, resource and name each."""
    return [part for rule in wanted for part in _break_down(rule) if not any(_covers(owner, part) for owner in owned)]


def _break_down(rule: PolicyRule) -> Iterator[PolicyRule]:
    for group in rule.apiGroups:
        for resource in rule.resources:
            for verb in rule.verbs:
                for names in [[name] for name in rule.resourceNames] or [[]]:
                    yield PolicyRule(apiGroups=[group], resources=[resource], verbs=[verb], resourceNames=names)
    for path in rule.nonResourceURLs:
        for verb in rule.verbs:
            yield PolicyRule(nonResourceURLs=[path], verbs=[verb])


def _covers(owner: PolicyRule, part: PolicyRule) -> bool:
    """Say whether one rule covers a broken-down part."""
    if "*" not in owner.verbs and part.verbs[0] not in owner.verbs:
        return False
    if part.nonResourceURLs:
        return any(_path_covers(path, part.nonResourceURLs[0]) for path in owner.nonResourceURLs)
    if "*" not in owner.apiGroups and part.apiGroups[0] not in owner.apiGroups:
        return False
    if owner.resourceNames and not (part.resourceNames and part.resourceNames[0] in owner.resourceNames):
        return False
    resource, _, subresource = part.resources[0].partition("/")
    return _resource_matches(owner.resources, resource, subresource)


def compact(parts: Iterable[PolicyRule]) -> list[PolicyRule]:
    """Join broken-down parts that differ by verb only."""
    joined: dict[tuple[str, ...], PolicyRule] = {}
    for part in parts:
        key = (*part.apiGroups, "/", *part.resources, "/", *part.resourceNames)
        if part.nonResourceURLs:
            joined[(*part.nonResourceURLs, "=", *part.verbs)] = part
        elif key in joined:
            joined[key].verbs.extend(part.verbs)
        else:
            joined[key] = part
    return list(joined.values())


def describe(rule: PolicyRule) -> str:
    """Return `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get"]}`, as escalation errors list rules."""
    parts = {
        "APIGroups": rule.apiGroups,
        "Resources": rule.resources,
        "NonResourceURLs": rule.nonResourceURLs,
        "ResourceNames": rule.resourceNames,
        "Verbs": rule.verbs,
    }
    return "{" + ", ".join(f"{name}:{quoted(values)}" for name, values in parts.items() if values) + "}"


def quoted(values: Iterable[str]) -> str:
    """Return `["a" "b"]`, as Go prints quoted strings."""
    return "[" + " ".join(map(quote, values)) + "]"
