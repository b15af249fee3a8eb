"""Shapes of custom resources, from the structural schema of their CustomResourceDefinition (openAPIV3Schema as plain dicts)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagong.api.schema import Field, Kind, ListType, Shape, shape_of
from sagong.api.types.meta import ObjectMeta

_SCALARS: dict[str, Kind] = {"string": "string", "integer": "int64", "number": "float", "boolean": "bool"}
_ATOMIC_ANY = Shape("any", atomic=True)


def shape_of_custom(schema: Mapping[str, Any] | None) -> Shape:
    """Return the Shape of a custom resource with that schema; None: nothing is known of it but its metadata."""
    fields = {**_properties(schema or {}, preserve=schema is None), **_implicit()}
    return Shape("object", fields=lambda: fields, preserve=schema is None or _preserves(schema))


def _shape(schema: Mapping[str, Any], *, preserve: bool = False) -> Shape:
    preserve = preserve or _preserves(schema)
    if schema.get("x-kubernetes-int-or-string"):
        return Shape("int-or-string")
    kind = schema.get("type") or ("object" if schema.get("properties") else "")
    if kind == "array":
        return _list(schema, preserve=preserve)
    if kind == "object":
        return _object(schema, preserve=preserve)
    if kind in _SCALARS:
        return Shape(_SCALARS[kind])
    return Shape.ANY if preserve else _ATOMIC_ANY


def _preserves(schema: Mapping[str, Any]) -> bool:
    return schema.get("x-kubernetes-preserve-unknown-fields") is True


def _list(schema: Mapping[str, Any], *, preserve: bool) -> Shape:
    kind: ListType = schema.get("x-kubernetes-list-type") or "atomic"
    keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())
    return Shape("list", element=_shape(schema.get("items") or {}, preserve=preserve), list_type=kind, keys=keys)


def _object(schema: Mapping[str, Any], *, preserve: bool) -> Shape:
    atomic = schema.get("x-kubernetes-map-type") == "atomic"
    values, embedded = schema.get("additionalProperties"), schema.get("x-kubernetes-embedded-resource") is True
    if schema.get("properties") or embedded:
        fields = {**_properties(schema, preserve=preserve), **(_implicit() if embedded else {})}
        return Shape("object", fields=lambda: fields, atomic=atomic, preserve=preserve or values is True)
    element = _shape(values, preserve=preserve) if isinstance(values, Mapping) else Shape.ANY
    return Shape("map", element=element, atomic=atomic)


def _implicit() -> dict[str, Field]:
    """Return the fields that every resource has."""
    named = {"apiVersion": Shape("string"), "kind": Shape("string"), "metadata": shape_of(ObjectMeta)}
    return {name: Field(name, name, shape) for name, shape in named.items()}


def _properties(schema: Mapping[str, Any], *, preserve: bool) -> dict[str, Field]:
    return {
        name: Field(name, name, _shape(member, preserve=preserve), default=member.get("default"))
        for name, member in (schema.get("properties") or {}).items()
    }
