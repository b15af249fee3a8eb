"""Validation of resource quotas and limit ranges."""

from __future__ import annotations

from collections.abc import Iterable

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.quantity import NANO, Quantity, parse
from sagong.api.types import core
from sagong.api.validation import resources
from sagong.api.validation.rules import IMMUTABLE

_POD_SCOPED = ("pods", "cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory")
_SCOPES = {
    "Terminating": _POD_SCOPED,
    "NotTerminating": _POD_SCOPED,
    "BestEffort": ("pods",),
    "NotBestEffort": _POD_SCOPED,
    "PriorityClass": _POD_SCOPED,
    "CrossNamespacePodAffinity": _POD_SCOPED,
    "VolumeAttributesClass": ("persistentvolumeclaims", "requests.storage"),
}
_ONLY_EXISTS = ("BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity")
_CONFLICTS = ({"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"})
_LIMIT_TYPES = ("Container", "PersistentVolumeClaim", "Pod")


def quota(errors: Errors, new: core.ResourceQuota, old: core.ResourceQuota | None) -> None:
    """Check a quota."""
    _amounts(errors, "spec.hard", new.spec.hard)
    _scopes(errors, new.spec)
    if new.spec.scopeSelector is not None:
        _scope_selector(errors, "spec.scopeSelector.matchExpressions", new.spec, new.spec.scopeSelector)
    if old is None:
        quota_status(errors, new, new)


def quota_change(errors: Errors, new: core.ResourceQuota, old: core.ResourceQuota) -> None:
    """Check what may change: not the scopes."""
    if set(new.spec.scopes) != set(old.spec.scopes):
        errors.invalid("spec.scopes", new.spec.scopes, IMMUTABLE)


def quota_status(errors: Errors, new: core.ResourceQuota, _: core.ResourceQuota) -> None:
    """Check what the quota controller writes."""
    _amounts(errors, "status.hard", new.status.hard)
    _amounts(errors, "status.used", new.status.used)


def _amounts(errors: Errors, path: str, found: dict[str, str]) -> None:
    for name, text in found.items():
        resources.quota_resource_name(errors, f"{path}[{name}]", name)
        resources.amount(errors, f"{path}[{name}]", name, text)


def _unfit(scope: str, hard: Iterable[str]) -> bool:
    valid = _SCOPES.get(scope)
    return valid is not None and any(resources.is_quota_resource(name) and name not in valid for name in hard)


def _scopes(errors: Errors, spec: core.ResourceQuotaSpec) -> None:
    path = "spec.scopes"
    for scope in spec.scopes:
        if scope not in _SCOPES:
            errors.invalid(path, spec.scopes, "unsupported scope")
        if _unfit(scope, spec.hard):
            errors.invalid(path, spec.scopes, "unsupported scope applied to resource")
    _conflicts(errors, path, spec, spec.scopes)


def _conflicts(errors: Errors, path: str, spec: core.ResourceQuotaSpec, scopes: Iterable[str]) -> None:
    found = set(scopes)
    for pair in _CONFLICTS:
        if pair <= found:
            errors.invalid(path, spec.scopes, "conflicting scopes")


def _scope_selector(errors: Errors, path: str, spec: core.ResourceQuotaSpec, selector: core.ScopeSelector) -> None:
    for requirement in selector.matchExpressions:
        scope, operator, values = requirement.scopeName, requirement.operator, requirement.values
        if scope not in _SCOPES:
            errors.invalid(f"{path}.scopeName", scope, "unsupported scope")
        if _unfit(scope, spec.hard):
            errors.invalid(path, selector, "unsupported scope applied to resource")
        if scope in _ONLY_EXISTS and operator != "Exists":
            text = (
                "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
                "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
            )
            errors.invalid(f"{path}.operator", operator, text)
        if operator in ("In", "NotIn"):
            if not values:
                errors.required(f"{path}.values", "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector")
        elif operator not in ("Exists", "DoesNotExist"):
            errors.invalid(f"{path}.operator", operator, "not a valid selector operator")
        elif values:
            text = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
            errors.invalid(f"{path}.values", values, text)
    _conflicts(errors, path, spec, (requirement.scopeName for requirement in selector.matchExpressions))


def limit_range(errors: Errors, new: core.LimitRange, _: core.LimitRange | None) -> None:
    """Check a limit range."""
    seen: set[str] = set()
    for i, item in enumerate(new.spec.limits or ()):
        path = f"spec.limits[{i}]"
        _limit_type(errors, f"{path}.type", item.type)
        if item.type in seen:
            errors.duplicate(f"{path}.type", item.type)
        seen.add(item.type)
        _limit_item(errors, path, item)


def _limit_type(errors: Errors, path: str, kind: str) -> None:
    if complaints := names.qualified_name(kind):
        errors.each(path, kind, complaints)
    elif "/" not in kind and kind not in _LIMIT_TYPES:
        errors.invalid(path, kind, "must be a standard limit type or fully qualified")


def _limit_item(errors: Errors, path: str, item: core.LimitRangeItem) -> None:
    check = resources.container_resource_name if item.type in ("Pod", "Container") else resources.resource_name
    for name in ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio"):
        amounts: dict[str, str] = getattr(item, name)
        if item.type == "Pod" and name.startswith("default"):
            if amounts:
                errors.forbidden(f"{path}.{name}", "may not be specified when `type` is 'Pod'")
            continue
        for resource in amounts:
            check(errors, f"{path}.{name}[{resource}]", resource)
    if item.type == "PersistentVolumeClaim" and "storage" not in item.min and "storage" not in item.max:
        errors.required(f"{path}.limits", "either minimum or maximum storage value is required, but neither was provided")
    for resource in sorted({*item.max, *item.min, *item.default, *item.defaultRequest, *item.maxLimitRequestRatio}):
        _limit_order(errors, path, item, resource)


# (lesser, its name, greater, its name, the field blamed, the field whose amount is shown)
_ORDER = (
    ("min", "min value", "max", "max value", "min", "min"),
    ("min", "min value", "defaultRequest", "default request value", "defaultRequest", "defaultRequest"),
    ("defaultRequest", "default request value", "max", "max value", "defaultRequest", "defaultRequest"),
    ("defaultRequest", "default request value", "default", "default limit value", "defaultRequest", "defaultRequest"),
    ("min", "min value", "default", "default value", "default", "min"),
    ("default", "default value", "max", "max value", "default", "max"),
)


def _limit_order(errors: Errors, path: str, item: core.LimitRangeItem, resource: str) -> None:
    for lesser, lesser_name, greater, greater_name, blamed, shown in _ORDER:
        low, high = getattr(item, lesser).get(resource), getattr(item, greater).get(resource)
        if low is not None and high is not None and parse(low) > parse(high):
            text = f"{lesser_name} {low} is greater than {greater_name} {high}"
            errors.invalid(f"{path}.{blamed}[{resource}]", getattr(item, shown)[resource], text)
    _ratio(errors, f"{path}.maxLimitRequestRatio[{resource}]", item, resource)
    default, request = item.default.get(resource), item.defaultRequest.get(resource)
    if not resources.may_overcommit(resource) and default and request and parse(default) != parse(request):
        text = f"default value {default} must equal to defaultRequest value {request} in {resource}"
        errors.invalid(f"{path}.defaultRequest[{resource}]", request, text)


def _ratio(errors: Errors, path: str, item: core.LimitRangeItem, resource: str) -> None:
    ratio = item.maxLimitRequestRatio.get(resource)
    if ratio is None:
        return
    if parse(ratio) < Quantity(NANO):
        errors.invalid(path, ratio, f"ratio {ratio} is less than 1")
    low, high = item.min.get(resource), item.max.get(resource)
    if low is not None and high is not None and parse(low):
        limit = parse(high).milli_value() / parse(low).milli_value()
        if parse(ratio).milli_value() / 1000 > limit:
            errors.invalid(path, ratio, f"ratio {ratio} is greater than max/min = {limit:f}")
