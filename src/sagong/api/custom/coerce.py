"""What reading JSON into a Struct does for built-in kinds, done for custom resources: metadata typed, unknown fields found and dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from sagong.api.custom.prune import drop_nulls, prune
from sagong.api.custom.schema import Schema
from sagong.api.field_errors import Errors, text
from sagong.api.json_decode import Walker
from sagong.api.json_syntax import JsonError, parse
from sagong.api.scalars import scalar_check
from sagong.api.schema import shape_of
from sagong.api.types.meta import ObjectMeta

_encode = msgspec.json.Encoder().encode
_decode_meta = msgspec.json.Decoder(ObjectMeta).decode
_decode = msgspec.json.Decoder().decode
_SHAPE = shape_of(ObjectMeta)
_check: Callable[[Any], bool] = scalar_check(_SHAPE) or (lambda _: True)


def coerce(obj: dict[str, Any], schema: Schema, *, keep_unknown: bool = False, keep_nulls: bool = False) -> list[str]:
    """Bring a custom resource that was just read in line with its schema, in place; return its strict problems.

    `schema` is that of the root (`as_resource`). The metadata become an ObjectMeta. Nulls that may not stand go, unless they are
    kept for validation to refuse. Raises JsonError for what cannot be read.
    """
    meta, problems = read_meta(obj.get("metadata") or {}, "metadata")
    for name in ("apiVersion", "kind"):
        if name in obj and not isinstance(obj[name], str):
            raise JsonError(f".{name} accessor error: {obj[name]} is of the type {_go_type(obj[name])}, expected string")
    if not keep_unknown:
        problems += [f'unknown field "{path}"' for path in prune(obj, schema)]
        if not keep_nulls:
            drop_nulls(obj, schema)
    if schema.has_embedded:
        embedded: list[str] = []
        for name, value in obj.items():
            _coerce_embedded(value, schema.child(name), name, embedded)
        problems += sorted(embedded)
    obj["metadata"] = meta
    return problems


def read_meta(value: Any, path: str) -> tuple[ObjectMeta, list[str]]:
    """Read metadata; return them and the strict problems, of which `path` tells where. Raises JsonError."""
    data = _encode(value)
    try:
        meta = _decode_meta(data)
        if _check(meta):
            return meta, []
    except msgspec.MsgspecError:
        pass
    walker = Walker()
    try:
        meta = _decode_meta(_encode(walker.fit(parse(data), _SHAPE)))
    except msgspec.ValidationError as error:
        raise JsonError(str(error)) from error
    return meta, [problem.replace(' field "', f' field "{path}.', 1) for problem in walker.problems]


def lenient_meta(value: Any) -> ObjectMeta:
    """Read stored metadata, leaving out fields that cannot be read."""
    try:
        return read_meta(value, "")[0]
    except JsonError:
        kept: dict[str, Any] = {}
        for name, item in value.items() if isinstance(value, dict) else ():
            try:
                read_meta({name: item}, "")
            except JsonError:
                continue
            kept[name] = item
        return read_meta(kept, "")[0]


def _coerce_embedded(value: Any, schema: Schema | None, path: str, problems: list[str]) -> None:
    """Read the metadata of resources inside of the object."""
    if schema is None or not schema.has_embedded:
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            _coerce_embedded(item, schema.items, f"{path}[{index}]", problems)
    elif isinstance(value, dict):
        if schema.embedded:
            _coerce_resource(value, path, problems)
        for name, item in value.items():
            at = f"{path}.{name}" if name in schema.properties else f"{path}[{name}]"
            _coerce_embedded(item, schema.child(name), at, problems)


def _coerce_resource(value: dict[str, Any], path: str, problems: list[str]) -> None:
    errors = Errors()
    for name in ("apiVersion", "kind"):
        if name in value and not isinstance(value[name], str):
            errors.invalid(f"{path}.{name}", value[name], "must be a string")
    if not errors and "metadata" in value:
        try:
            meta, found = read_meta(value["metadata"], f"{path}.metadata")
        except JsonError as error:
            errors.invalid(f"{path}.metadata", value["metadata"], str(error))
        else:
            problems += found
            value["metadata"] = _decode(_encode(meta))
    if errors:
        raise JsonError(text(errors))


def _go_type(value: Any) -> str:
    names = {bool: "bool", int: "int64", float: "float64", list: "[]interface {}", dict: "map[string]interface {}"}
    return names.get(type(value), "<nil>")
