"""Defaults of custom resources."""

from __future__ import annotations

from typing import Any

import msgspec

from sagong.api.custom.schema import Schema

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def copied(value: Any) -> Any:
    """Return a deep copy of JSON."""
    return _decode(_encode(value)) if isinstance(value, dict | list) else value


def apply_defaults(value: Any, schema: Schema | None) -> None:
    """Fill in, in place, what is absent, or null where null may not stand."""
    if schema is None or not schema.defaulting:
        return
    if isinstance(value, dict):
        _fill_object(value, schema)
    elif isinstance(value, list) and schema.items is not None:
        for index, item in enumerate(value):
            if item is None and not schema.items.nullable:
                value[index] = copied(schema.items.default)
            apply_defaults(value[index], schema.items)


def _fill_object(value: dict[str, Any], schema: Schema) -> None:
    for name, below in schema.properties.items():
        if below.default is not None and (name not in value or (value[name] is None and not below.nullable)):
            value[name] = copied(below.default)
    for name, item in value.items():
        child = schema.child(name)
        if child is not None:
            if item is None and name not in schema.properties and not child.nullable:
                value[name] = copied(child.default)
            apply_defaults(value[name], child)
