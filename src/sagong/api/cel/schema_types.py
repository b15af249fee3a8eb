"""OpenAPI schemas as CEL types, and JSON under such a schema as CEL values.

A property without a type that CEL knows (x-kubernetes-preserve-unknown-fields without properties) is out of reach of expressions.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sagong.api.cel import times, types
from sagong.api.cel.errors import EvaluationError
from sagong.api.cel.names import escaped
from sagong.api.cel.types import Type
from sagong.api.cel.values import MapList, SetList

MOST_BYTES = 3 * 1024 * 1024  # of a request, hence of anything in an object
_FORMATTED_SIZES = {"duration": (3, 32), "date": (12, 12), "date-time": (21, 32)}  # least and most bytes as JSON
_STRINGS = {"byte": types.BYTES, "duration": types.DURATION, "date": types.TIMESTAMP, "date-time": types.TIMESTAMP}
_SCALARS = {"boolean": (types.BOOL, 4), "number": (types.DOUBLE, 1), "integer": (types.INT, 1)}
_NAMED: dict[str, Mapping[str, Any]] = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {"type": "object", "properties": {"name": {"type": "string"}, "generateName": {"type": "string"}}},
}

Schema = Mapping[str, Any]
Convert = Callable[[Any], Any]
Resolve = Callable[[str], Schema | None]


@dataclass(slots=True)
class Declared:
    """A schema as CEL sees it. `most` bounds elements or characters; `least` is the fewest bytes of JSON it takes."""

    type: Type
    least: int
    most: int | None = None
    convert: Convert | None = None  # None: JSON is the value
    element: Declared | None = None
    key: Declared | None = None
    fields: dict[str, Declared] = field(default_factory=dict)  # by the names that expressions use

    def value(self, json: Any) -> Any:
        """Return the CEL value of JSON that is valid under the schema. Raises EvaluationError when it is not."""
        return json if self.convert is None or json is None else self.convert(json)

    def at(self, path: tuple[str, ...]) -> Declared | None:
        """Follow fields and `@items`, `@keys`, `@values`."""
        here: Declared | None = self
        for step in path:
            if here is None:
                return None
            here = {"@items": here.element, "@values": here.element, "@keys": here.key}.get(step, here.fields.get(step))
        return here


class SchemaTypes:
    """The struct types that schemas became; knows their fields, as the checker asks."""

    def __init__(self, resolve: Resolve | None = None) -> None:
        self._resolve = resolve
        self._fields: dict[str, dict[str, tuple[Type, str]]] = {}

    def fields(self, name: str) -> Mapping[str, tuple[Type, str]] | None:
        """Return the fields of a type by the names that expressions use: their types, and how JSON spells them."""
        return self._fields.get(name)

    def add(self, name: str, fields: Mapping[str, Type]) -> Type:
        """Declare a struct type that no schema stands for."""
        self._fields[name] = {key: (kind, key) for key, kind in fields.items()}
        return types.struct(name)

    def declare(self, schema: Schema, name: str, *, resource: bool = False) -> Declared | None:
        """Return the schema as a type whose objects are called `name`, `name.field`, ...; None: out of reach.

        `resource`: the schema is of a whole resource, so it has apiVersion, kind, metadata.name and metadata.generateName.
        """
        return self._declare(schema, name, (), resource=resource)

    def _declare(self, schema: Schema, name: str, above: tuple[str, ...], *, resource: bool = False) -> Declared | None:
        schema, above = self._resolved(schema, above)
        if above and above[-1] in above[:-1]:
            return Declared(types.DYN, 1)
        resource = resource or bool(schema.get("x-kubernetes-embedded-resource"))
        if schema.get("x-kubernetes-int-or-string") or schema.get("format") in ("int-or-string", "quantity"):
            limit = schema.get("maxLength")
            return Declared(types.DYN, 1, MOST_BYTES - 2 if limit is None else max(limit, 0) * 4)
        kind = schema.get("type") or ("object" if resource else "")
        if kind == "array":
            return self._list(schema, name, above)
        if kind == "object":
            return self._object(schema, name, above, resource=resource)
        return _scalar(schema, kind)

    def _resolved(self, schema: Schema, above: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
        every: Sequence[Schema] = schema.get("allOf") or ()
        reference = schema.get("$ref") or next((part.get("$ref") for part in every if "type" not in schema), None)
        if reference is None or self._resolve is None:
            return schema, above
        return self._resolve(reference) or {}, (*above, reference)

    def _list(self, schema: Schema, name: str, above: tuple[str, ...]) -> Declared | None:
        element = self._declare(schema.get("items") or {}, f"{name}.@idx", above)
        if element is None:
            return None
        most = schema.get("maxItems")
        most = (MOST_BYTES - 2) // (element.least + 1) if most is None else max(most, 0)
        convert = _list_converter(schema, element.convert)
        return Declared(types.list_of(element.type), 2, most, convert, element=element)

    def _object(self, schema: Schema, name: str, above: tuple[str, ...], *, resource: bool) -> Declared | None:
        values = schema.get("additionalProperties")
        if isinstance(values, Mapping) and not schema.get("properties"):
            element = self._declare(values, f"{name}.@elem", above)
            if element is None:
                return None
            most = schema.get("maxProperties")
            most = (MOST_BYTES - 2) // (element.least + 6) if most is None else max(most, 0)
            key = Declared(types.STRING, 2)
            return Declared(types.map_of(types.STRING, element.type), 2, most, _each_value(element.convert), element=element, key=key)
        properties = {**(schema.get("properties") or {}), **(_missing(schema) if resource else {})}
        return self._struct(name, properties, schema.get("required") or (), above)

    def _struct(self, name: str, properties: Mapping[str, Schema], required: Any, above: tuple[str, ...]) -> Declared:
        declared = Declared(types.struct(name), 2)
        known = self._fields[name] = {}
        converters: dict[str, Convert] = {}
        for key, schema in properties.items():
            member = self._declare(schema, f"{name}.{key}", above)
            if member is None:
                continue
            if key in required and schema.get("default") is None:
                declared.least += len(key) + member.least + 4
            identifier = escaped(key)
            if identifier:
                known[identifier] = (member.type, key)
                declared.fields[identifier] = member
            if member.convert:
                converters[key] = member.convert
        declared.convert = _fields_converter(converters) if converters else None
        return declared


def _missing(schema: Schema) -> dict[str, Schema]:
    """Return what every resource has and this schema does not say well enough."""
    known = schema.get("properties") or {}
    meta = (known.get("metadata") or {}).get("properties") or {}
    complete = "kind" in known and "apiVersion" in known and "name" in meta and "generateName" in meta
    return {} if complete or "allOf" in (known.get("metadata") or {}) or "$ref" in (known.get("metadata") or {}) else dict(_NAMED)


def _scalar(schema: Schema, kind: str) -> Declared | None:
    if kind == "string":
        return _string(schema)
    if kind in _SCALARS:
        made, least = _SCALARS[kind]
        return Declared(made, least, convert=_number if kind == "number" else None)
    return Declared(types.DYN, 1, MOST_BYTES - 2) if schema.get("oneOf") else None  # a quantity, or nothing known


def _string(schema: Schema) -> Declared:
    form = schema.get("format") or ""
    made = _STRINGS.get(form, types.STRING)
    least, most = _FORMATTED_SIZES.get(form, (2, MOST_BYTES - 2))
    limit, values = schema.get("maxLength"), schema.get("enum")
    if limit is not None and form == "byte":
        most = max(limit, 0)
    elif limit is not None and made is types.STRING:
        most = max(limit, 0) * 4
    elif values and made is types.STRING:
        most = max((len(value.encode()) for value in values if isinstance(value, str)), default=0)
    return Declared(made, least, most, _FORMATS.get(form))


def _number(json: Any) -> float:
    return float(json)


def _bytes(json: str) -> bytes:
    try:
        return base64.b64decode(json, validate=True)
    except (binascii.Error, ValueError):
        raise EvaluationError(f"Invalid byte formatted string {json}: illegal base64 data") from None


def _duration(json: str) -> Any:
    found = times.parse_duration(json)
    if found is None:
        raise EvaluationError(f'Invalid duration {json}: time: invalid duration "{json}"')
    return found


def _date(json: str) -> Any:
    found = times.parse_timestamp(f"{json}T00:00:00Z")
    if found is None:
        raise EvaluationError(f"Invalid date formatted string {json}")
    return found


def _date_time(json: str) -> Any:
    found = times.parse_timestamp(json)
    if found is None:
        raise EvaluationError(f"Invalid date-time formatted string {json}")
    return found


_FORMATS: dict[str, Convert] = {"byte": _bytes, "duration": _duration, "date": _date, "date-time": _date_time}


def _list_converter(schema: Schema, element: Convert | None) -> Convert | None:
    kind = schema.get("x-kubernetes-list-type")
    keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())
    if kind == "set":
        return lambda items: SetList(_converted(items, element))
    if kind == "map":
        return lambda items: MapList(_converted(items, element), keys)
    return (lambda items: _converted(items, element)) if element else None


def _converted(items: list[Any], element: Convert | None) -> list[Any]:
    return [item if item is None else element(item) for item in items] if element else items


def _each_value(element: Convert | None) -> Convert | None:
    if element is None:
        return None
    return lambda mapping: {key: item if item is None else element(item) for key, item in mapping.items()}


def _fields_converter(converters: Mapping[str, Convert]) -> Convert:
    def convert(mapping: dict[str, Any]) -> dict[str, Any]:
        changed = {key: run(mapping[key]) for key, run in converters.items() if mapping.get(key) is not None}
        return {**mapping, **changed} if changed else mapping

    return convert
