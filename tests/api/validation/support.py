"""Objects as users write them, and what validation says of them."""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from sagong.api import names
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


# Grammars are spelled out in the tests of names; here a word stands for what is said of those who break them.
_SPOKEN = {
    names.dns1123_subdomain("A")[0]: "<subdomain>",
    names.dns1123_label("A")[0]: "<label>",
    names.dns1035_label("A")[0]: "<DNS-1035 label>",
    names.qualified_name("a b")[0].removeprefix("name part "): "<key>",
    names.label_value("a b")[0]: "<value>",
    names.wildcard_dns1123_subdomain("*")[0]: "<wildcard>",
    names.c_identifier("a b")[0]: "<identifier>",
    names.config_key("a b")[0]: "<config key>",
    names.percent("x")[0]: "<percent>",
}


def problems(kind: type[ApiStruct], base: dict[str, Any], change: dict[str, Any], subresource: str | None = None) -> list[str]:
    """Say what is wrong with a changed object as a new one; with a subresource, or "" for none, as an update of the unchanged."""
    new = merged(base, change)
    found = complaints(kind, new) if subresource is None else update_complaints(kind, new, base, subresource)
    for text, word in _SPOKEN.items():
        found = [line.replace(text, word) for line in found]
    return found
