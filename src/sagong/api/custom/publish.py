"""Schemas of custom resources as they are published: OpenAPI v3 tells everything, version 2 only what its clients do not stumble over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagong.api.openapi.descriptions import FIELDS
from sagong.api.openapi.operations import schema_name
from sagong.api.openapi.schemas import META, REF
from sagong.api.resources import Resource

Json = dict[str, Any]
_DEFINITIONS = "#/definitions/"
_JUNCTORS = ("allOf", "anyOf", "oneOf", "not")
_SELECTABLE = "x-kubernetes-selectable-fields"
_PRESERVE, _EMBEDDED = "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"
_INT_OR_STRING = "x-kubernetes-int-or-string"


def published(row: Resource, source: Mapping[str, Any] | None, *, v2: bool) -> Json:
    """Return the schema of a kind; `source` is the openAPIV3Schema of its version, None when it says nothing."""
    shown: Json
    if source is None or (v2 and source.get(_PRESERVE)):
        shown = {"type": "object"}  # old clients would take any field that is named for all that there are
    else:
        shown = _old(source) if v2 else _unfolded(source)
        shown["properties"] = {
            **shown.get("properties", {}),
            **_type_meta(),
            "metadata": _reference("ObjectMeta", FIELDS["metadata"], v2=v2),
        }
    if source is not None and _SELECTABLE in source:
        shown[_SELECTABLE] = source[_SELECTABLE]
    shown["x-kubernetes-group-version-kind"] = [_kind(row, row.kind)]
    return shown


def published_list(row: Resource, source: Mapping[str, Any] | None, *, v2: bool) -> Json:
    """Return the schema of a kind's list."""
    prefix = _DEFINITIONS if v2 else REF
    items = {"type": "array", "description": f"The {row.plural}.", "items": {"$ref": f"{prefix}{schema_name(row)}"}}
    shown: Json = {
        "description": f"{row.list_kind or f'{row.kind}List'} is a list of {row.kind}",
        "type": "object",
        "required": ["items"],
        "properties": {**_type_meta(), "items": items, "metadata": _reference("ListMeta", FIELDS["metadata"], v2=v2)},
        "x-kubernetes-group-version-kind": [_kind(row, row.list_kind or f"{row.kind}List")],
    }
    if source is not None and _SELECTABLE in source:
        shown[_SELECTABLE] = source[_SELECTABLE]
    return shown


def _kind(row: Resource, kind: str) -> dict[str, str]:
    return {"group": row.group, "version": row.version, "kind": kind}


def _type_meta() -> Json:
    return {name: {"type": "string", "description": FIELDS[name]} for name in ("apiVersion", "kind")}


def _reference(kind: str, description: str, *, v2: bool) -> Json:
    target = {"$ref": f"{_DEFINITIONS if v2 else REF}{META}.{kind}"}
    return {"description": description, **target} if v2 else {"description": description, "allOf": [target]}


def _below(schema: Mapping[str, Any], change: Any) -> Json:
    """Return a copy of a schema with the schemas of its fields, items and values changed."""
    shown = dict(schema)
    if "properties" in shown:
        shown["properties"] = {name: change(below) for name, below in shown["properties"].items()}
    for name in ("items", "additionalProperties"):
        if isinstance(shown.get(name), Mapping):
            shown[name] = change(shown[name])
    return shown


def _unfolded(schema: Mapping[str, Any]) -> Json:
    """Say of int-or-strings in plain words what they are; give embedded resources the fields that they have."""
    shown = _below(schema, _unfolded)
    if shown.get(_INT_OR_STRING) and not _says_both(shown):
        both = [{"type": "integer"}, {"type": "string"}]
        if "anyOf" in shown:
            shown["allOf"] = [{"anyOf": both}, *shown.get("allOf", ())]
        else:
            shown["anyOf"] = both
    return _with_type_meta(shown, v2=False)


def _says_both(schema: Mapping[str, Any]) -> bool:
    both = ({"type": "integer"}, {"type": "string"})
    first = (schema.get("allOf") or [{}])[0].get("anyOf")
    return any(found is not None and tuple(found) == both for found in (schema.get("anyOf"), first))


def _with_type_meta(schema: Json, *, v2: bool) -> Json:
    if schema.get(_EMBEDDED) and not (v2 and schema.get(_PRESERVE)):
        metadata = _reference("ObjectMeta", FIELDS["metadata"], v2=v2)
        schema["properties"] = {**schema.get("properties", {}), **_type_meta(), "metadata": metadata}
        required = list(schema.get("required", ()))
        schema["required"] = required + [name for name in ("kind", "apiVersion") if name not in required]
    return schema


def _old(schema: Mapping[str, Any]) -> Json:
    """Return a schema in version 2: without alternatives, and open wherever anything may stand."""
    properties = schema.get("properties") or {}
    optional = {name for name, below in properties.items() if below.get("nullable")}
    shown = _below({name: value for name, value in schema.items() if name not in _JUNCTORS}, _old)
    if shown.pop("nullable", False):
        _open(shown)
    if shown.get(_PRESERVE):
        _open(shown, keep_type=shown.get("type") not in ("object", "array"))
    if shown.get("type") == "array" and "items" not in shown:
        del shown["type"]
    values = schema.get("additionalProperties")
    if isinstance(values, Mapping) and values.get("nullable"):
        shown.pop("required", None)
    if optional and "required" in shown:
        shown["required"] = [name for name in shown["required"] if name not in optional]
        if not shown["required"]:
            del shown["required"]
    return _with_type_meta(shown, v2=True)


def _open(schema: Json, *, keep_type: bool = False) -> None:
    for name in ("items", "properties", *(() if keep_type else ("type",))):
        schema.pop(name, None)
