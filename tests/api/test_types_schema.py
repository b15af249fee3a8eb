"""The types against the published 1.36 schema, field by field: nothing missing, misspelt, or of another list type or merge key."""

from __future__ import annotations

import functools
import importlib.resources
import json
from typing import Any

import pytest

from sagong.api.openapi.schemas import FIXED, named

_LOCATION = "kubernetes-json-schema/v1.36.0-local/_definitions.json"
# Versions that are off by default have no types here.
_OFF = ("alpha", "beta")


@functools.cache
def published() -> dict[str, Any]:
    text = importlib.resources.files("kubernetes_validate").joinpath(_LOCATION).read_text()
    definitions: dict[str, Any] = json.loads(text)["$defs"]
    return {name: schema for name, schema in definitions.items() if not any(off in name.split(".")[-2] for off in _OFF)}


NAMES = sorted(name for name in published() if name not in FIXED and not name.endswith("version.Info"))


def target(schema: dict[str, Any]) -> str:
    """Return the name of the schema that a property refers to, "" for plain values."""
    ref = schema.get("$ref") or next((part["$ref"] for part in schema.get("allOf", []) if "$ref" in part), "")
    return str(ref).rpartition("/")[2]


def outline(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what matters of a property, in one form for both sources."""
    name = target(schema)
    kind = schema.get("type")
    plain = [k for k in kind if k != "null"] if isinstance(kind, list) else [kind] if kind else []
    found: dict[str, Any] = {"ref": name} if name else {"type": plain[0] if plain else "", "format": schema.get("format", "")}
    if isinstance(schema.get("items"), dict):
        found["items"] = outline(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        found["values"] = outline(schema["additionalProperties"])
    return found | {key: value for key, value in schema.items() if key.startswith("x-kubernetes-")}


def test_every_published_schema_has_a_type() -> None:
    assert [name for name in NAMES if named(name) is None] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_type_is_as_published(name: str) -> None:
    ours, theirs = named(name), published()[name]
    assert ours is not None
    assert sorted(ours.get("properties", {})) == sorted(theirs.get("properties", {}))
    assert sorted(ours.get("required", [])) == sorted(theirs.get("required", []))
    assert ours.get("x-kubernetes-map-type") == theirs.get("x-kubernetes-map-type")
    for field, schema in theirs.get("properties", {}).items():
        mine = outline(ours["properties"][field])
        assert mine == outline(schema), field
