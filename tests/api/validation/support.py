"""Objects as users write them, and what validation says of them."""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from sagong.api.defaults import apply_defaults
from sagong.api.normalize import normalize
from sagong.api.types.base import ApiStruct
from sagong.api.validation import validate_create, validate_update

META = {"name": "x", "namespace": "ns", "uid": "u", "resourceVersion": "1"}
CLUSTER_META = {"name": "x", "uid": "u", "resourceVersion": "1"}


def make(kind: type[ApiStruct], given: dict[str, Any]) -> Any:
    """Build an object as the server would have it before validation: defaulted and normalized."""
    obj = msgspec.convert(given, kind)
    normalize(obj)
    apply_defaults(obj)
    return obj


def merged(base: Any, change: Any) -> Any:
    """Return a copy with a change merged in: dicts merge, None removes, a dict merges into a list by its integer keys."""
    if isinstance(base, dict) and isinstance(change, dict):
        result = dict(base)
        for key, value in change.items():
            if value is None:
                result.pop(key, None)
            else:
                result[key] = merged(result.get(key), value)
        return result
    if isinstance(base, list) and isinstance(change, dict):
        items = list(base)
        for i, value in change.items():
            items[i : i + 1] = [merged(items[i] if i < len(items) else None, value)]
        return items
    return copy.deepcopy(change)


def complaints(kind: type[ApiStruct], given: dict[str, Any]) -> list[str]:
    """Say what is wrong with a new object, as `path: message`."""
    return [f"{cause.field}: {cause.message}" for cause in validate_create(make(kind, given))]


def update_complaints(kind: type[ApiStruct], new: dict[str, Any], old: dict[str, Any], subresource: str = "") -> list[str]:
    """Say what is wrong with an update; the changes shown after the first line of a message are cut."""
    causes = validate_update(make(kind, new), make(kind, old), subresource)
    return [f"{cause.field}: {cause.message}".split("\n")[0] for cause in causes]
