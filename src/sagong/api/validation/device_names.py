"""Validation of how dynamic resource allocation names things, and of lists with a limit."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.types.resource import DeviceToleration
from sagong.api.validation.metadata import label_key
from sagong.api.validation.rules import each, one_of
from sagong.api.validation.volumes import driver_name

_ID_LENGTH = 32
_KEY_LENGTH = 63 + 1 + _ID_LENGTH
_BINDING_CONDITIONS = 4
_EFFECTS = ("NoExecute", "NoSchedule", "None")
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UUID_FORM = "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters"
_OVERLAP = "bindingFailureConditions must not overlap with bindingConditions"
_ItemT = TypeVar("_ItemT")


def items(
    errors: Errors,
    path: str,
    found: Sequence[_ItemT],
    limit: int,
    check: Callable[[Errors, str, _ItemT], None],
    *,
    key: Callable[[_ItemT], Hashable] | None = None,
) -> None:
    """Check items of a list; more than the limit settles it. With a key, they must be unique."""
    if len(found) > limit:
        errors.too_many(path, len(found), limit)
        return
    for i, item in enumerate(found):
        check(errors, f"{path}[{i}]", item)
    if key is None:
        return
    seen: set[Hashable] = set()
    for i, item in enumerate(found):
        value = key(item)
        if value in seen:
            errors.duplicate(f"{path}[{i}]", value)
        seen.add(value)


def keyed(found: Mapping[str, _ItemT], path: str) -> Iterable[tuple[str, _ItemT]]:
    """Yield the paths of a map's values, long keys shortened."""
    for key, value in found.items():
        shown = key if len(key) <= _KEY_LENGTH else f"{key[: (_KEY_LENGTH - 2) // 2]}...{key[-((_KEY_LENGTH - 3) // 2) :]}"
        yield f"{path}[{shown}]", value


def label(errors: Errors, path: str, name: str) -> None:
    """Check a name that is a DNS label."""
    each(errors, path, name, names.dns1123_label)


def needed_label(errors: Errors, path: str, name: str) -> None:
    """Demand a DNS label."""
    if name:
        label(errors, path, name)
    else:
        errors.required(path)


def pool_name(errors: Errors, path: str, name: str) -> None:
    """Check the name of a pool: subdomains between slashes."""
    if not name:
        errors.required(path)
        return
    if len(name) > names.SUBDOMAIN_LENGTH:
        errors.too_long(path, names.SUBDOMAIN_LENGTH)
    for part in name.split("/"):
        each(errors, path, part, names.dns1123_subdomain)


def qualified_name(errors: Errors, path: str, name: str) -> None:
    """Check the name of an attribute or a capacity: an identifier, of a domain or not."""
    domain, slash, identifier = name.partition("/")
    if not slash:
        _identifier(errors, path, domain)
    elif "/" not in identifier:
        if domain:
            driver_name(errors, path, domain)
        else:
            errors.invalid(path, "", "the domain must not be empty")
        if identifier:
            _identifier(errors, path, identifier)
        else:
            errors.invalid(path, "", "the name must not be empty")


def fully_qualified_name(errors: Errors, path: str, name: str) -> None:
    """Check a name that must have a domain."""
    qualified_name(errors, path, name)
    if "/" not in name:
        errors.invalid(path, name, "a fully qualified name must be a domain and a name separated by a slash")


def _identifier(errors: Errors, path: str, name: str) -> None:
    if len(name) > _ID_LENGTH:
        errors.too_long(path, _ID_LENGTH)
    each(errors, path, name, names.c_identifier)


def uid(errors: Errors, path: str, text: str) -> None:
    """Check a UUID, in its usual spelling."""
    if _UUID.fullmatch(text):
        return
    if _UUID.fullmatch(text.lower()):
        errors.invalid(path, text, _UUID_FORM)
    else:
        errors.invalid(path, text, f"error validating uid: invalid UUID length: {len(text)}")


def json_object(errors: Errors, path: str, value: object) -> None:
    """Demand an object of arbitrary content."""
    if value is None:
        errors.required(path)
    elif not isinstance(value, dict):
        errors.invalid(path, "<value omitted>", "must be a valid JSON object")


def effect(errors: Errors, path: str, value: str) -> None:
    """Check the effect of a device's taint."""
    one_of(errors, path, value, _EFFECTS)


def toleration(errors: Errors, path: str, found: DeviceToleration) -> None:
    """Check a toleration of devices' taints."""
    if found.key:
        label_key(errors, f"{path}.key", found.key)
    if found.operator == "Exists" and found.value:
        errors.invalid(f"{path}.value", found.value, "must be empty for operator `Exists`")
    elif found.operator == "Equal":
        each(errors, f"{path}.value", found.value, names.label_value)
    one_of(errors, f"{path}.operator", found.operator, ("Equal", "Exists"), missing="")
    if found.effect:
        effect(errors, f"{path}.effect", found.effect)


def binding_conditions(errors: Errors, path: str, found: Any) -> None:
    """Check the conditions for which binding waits, and those which end the wait."""
    good, bad = found.bindingConditions, found.bindingFailureConditions
    for name, conditions in (("bindingConditions", good), ("bindingFailureConditions", bad)):
        items(errors, f"{path}.{name}", conditions, _BINDING_CONDITIONS, label_key, key=lambda condition: condition)
    for i, condition in enumerate(bad):
        if condition in good:
            errors.invalid(f"{path}.bindingFailureConditions[{i}]", condition, _OVERLAP)
    if bad and not good:
        errors.invalid(f"{path}.bindingConditions", good, "bindingConditions are required to use bindingFailureConditions")
    if good and not bad:
        errors.invalid(f"{path}.bindingFailureConditions", bad, "bindingFailureConditions are required to use bindingConditions")
