"""Validation of resource names and amounts: requests and limits, quotas, limit ranges."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.quantity import NANO, ZERO, Quantity, QuantityError, parse
from sagong.api.types.core import ResourceClaim, ResourceRequirements
from sagong.api.validation.rules import NOT_NEGATIVE, POSITIVE, each

_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_COUNTED = (
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
)
_BOUNDS = tuple(f"{kind}.{name}" for kind in ("requests", "limits") for name in _COMPUTE)
_QUOTA = frozenset((*_COMPUTE[:3], *_BOUNDS, "requests.storage", *_COUNTED))
_STANDARD = _QUOTA | {"storage"}
_HUGE = "hugepages-"
_POD_LEVEL = ("cpu", "hugepages-", "memory")
NameCheck = Callable[[Errors, str, str], None]


def is_huge(name: str) -> bool:
    """Say whether a resource is huge pages of some size."""
    return name.startswith(_HUGE)


def is_native(name: str) -> bool:
    """Say whether a resource is Kubernetes' own."""
    return "/" not in name or "kubernetes.io/" in name


def is_extended(name: str) -> bool:
    """Say whether a resource is a device plugin's or the like: whole numbers, no overcommitment."""
    return not is_native(name) and not name.startswith("requests.") and not names.qualified_name(f"requests.{name}")


def may_overcommit(name: str) -> bool:
    """Say whether a request may be below its limit."""
    return is_native(name) and not is_huge(name)


def resource_name(errors: Errors, path: str, name: str) -> None:
    """Check a resource name of any kind."""
    if complaints := names.qualified_name(name):
        errors.each(path, name, complaints)
    elif "/" not in name and name not in _STANDARD and not is_huge(name) and not name.startswith("requests.hugepages-"):
        errors.invalid(path, name, "must be a standard resource type or fully qualified")


def container_resource_name(errors: Errors, path: str, name: str) -> None:
    """Check the name of a resource that a container can ask for."""
    if name in _COMPUTE:
        return
    resource_name(errors, path, name)
    if "/" not in name:
        if not is_huge(name):
            errors.invalid(path, name, "must be a standard resource for containers")
    elif not is_native(name) and not is_extended(name):
        errors.invalid(path, name, "doesn't follow extended resource name standard")


def pod_resource_name(errors: Errors, path: str, name: str) -> None:
    """Check the name of a resource that a pod as a whole can ask for (KEP-2837)."""
    before = len(errors)
    resource_name(errors, path, name)
    if len(errors) == before and name not in ("cpu", "memory") and not is_huge(name):
        errors.not_supported(path, name, _POD_LEVEL)


def quota_resource_name(errors: Errors, path: str, name: str) -> None:
    """Check the name of a resource that a quota can bound."""
    resource_name(errors, path, name)
    if "/" not in name and not is_quota_resource(name):
        errors.invalid(path, name, "must be a standard resource for quota")


def is_quota_resource(name: str) -> bool:
    """Say whether a quota can bound a resource without further ado."""
    return name in _QUOTA or is_huge(name) or name.startswith("requests.hugepages-")


def amount(errors: Errors, path: str, name: str, text: str) -> None:
    """Refuse negative amounts, and fractions of what comes in whole numbers."""
    found = parse(text)
    if found < ZERO:
        errors.invalid(path, text, NOT_NEGATIVE)
    if found.nanos % NANO and (name in _COUNTED or is_extended(name)):
        errors.invalid(path, text, "must be an integer")


def positive_amount(errors: Errors, path: str, text: str) -> None:
    """Refuse zero and less."""
    if parse(text) <= ZERO:
        errors.invalid(path, text, POSITIVE)


def basic_amount(errors: Errors, path: str, text: str) -> None:
    """Refuse negative amounts, the old way."""
    if (value := parse(text).value()) < 0:
        errors.invalid(path, value, "must be a valid resource quantity")


def requirements(
    errors: Errors,
    path: str,
    found: ResourceRequirements,
    claims: Collection[str] = (),
    name_check: NameCheck = container_resource_name,
) -> None:
    """Check requests and limits. `claims` are the names of the pod's resource claims."""
    for kind, amounts in (("limits", found.limits), ("requests", found.requests)):
        for name, text in amounts.items():
            at = f"{path}.{kind}[{name}]"
            name_check(errors, at, name)
            amount(errors, at, name, text)
            if kind == "requests":
                _request(errors, path, name, text, found.limits.get(name))
            if is_huge(name):
                _huge(errors, at, name, text)
    asked = {*found.limits, *found.requests}
    if any(map(is_huge, asked)) and not asked & {"cpu", "memory"}:
        errors.forbidden(path, "HugePages require cpu or memory")
    if found.claims:
        _claims(errors, f"{path}.claims", found.claims, claims)


def _request(errors: Errors, path: str, name: str, text: str, limit: str | None) -> None:
    if limit is None:
        if not may_overcommit(name):
            errors.required(f"{path}.limits", "Limit must be set for non overcommitable resources")
    elif not may_overcommit(name) and parse(text) != parse(limit):
        errors.invalid(f"{path}.requests", text, f"must be equal to {name} limit of {limit}")
    elif parse(text) > parse(limit):
        errors.invalid(f"{path}.requests", text, f"must be less than or equal to {name} limit of {limit}")


def _huge(errors: Errors, path: str, name: str, text: str) -> None:
    try:
        page = parse(name.removeprefix(_HUGE))
    except QuantityError:
        page = Quantity(0)
    if page <= ZERO or page.nanos % NANO or parse(text).value() % page.value():
        errors.invalid(path, text, f"{text} is not positive integer multiple of {name}")


def _claims(errors: Errors, path: str, found: Sequence[ResourceClaim], known: Collection[str]) -> None:
    seen: set[str] = set()
    for i, claim in enumerate(found):
        at = f"{path}[{i}]"
        if not claim.name:
            errors.required(at)
            continue
        key = f"{claim.name}/{claim.request}" if claim.request else claim.name
        if claim.request:
            each(errors, f"{at}.request", claim.request, names.dns1123_label)
        if claim.name in seen:
            errors.duplicate(at, claim.name)
        elif key in seen or (not claim.request and any(other.startswith(f"{claim.name}/") for other in seen)):
            errors.duplicate(at, key)
        seen.add(key)
        if claim.name not in known:
            names_known = f": {', '.join(sorted(known))}" if known else " which is empty"
            errors.not_found(at, claim.name, f"must be one of the names in pod.spec.resourceClaims{names_known}")
