"""The dotted paths of scale subresources: `.spec.replicas`."""

from __future__ import annotations

from typing import Any

from sagong.api.json_syntax import go_quote

ABSENT: Any = object()
_GO_TYPES = {bool: "bool", int: "int64", float: "float64", str: "string", list: "[]interface {}", dict: "map[string]interface {}"}


class FieldTypeError(ValueError):
    """Something at a path, or on the way, is of another type than it should be; the text is upstream's."""


def at(obj: Any, path: str, kind: type) -> Any:
    """Return what stands at a path; ABSENT when nothing does. Raises FieldTypeError."""
    names = path.removeprefix(".").split(".")
    value = obj
    for index, name in enumerate(names):
        if not isinstance(value, dict):
            raise _mismatch(names[: index + 1], value, "map[string]interface{}")
        if name not in value:
            return ABSENT
        value = value[name]
        if value is None and index + 1 < len(names):
            return ABSENT
    if type(value) is not kind:
        raise _mismatch(names, value, _GO_TYPES[kind])
    return value


def put(obj: dict[str, Any], path: str, value: Any) -> None:
    """Set what stands at a path, making the objects on the way. Raises FieldTypeError."""
    *names, last = path.removeprefix(".").split(".")
    node = obj
    for index, name in enumerate(names):
        below = node.setdefault(name, {})
        if not isinstance(below, dict):
            shown = ".".join(names[: index + 1])
            raise FieldTypeError(f"value cannot be set because {shown} is not a map[string]interface{{}}")
        node = below
    node[last] = value


def _mismatch(names: list[str], value: Any, wanted: str) -> FieldTypeError:
    shown = go_quote(value) if isinstance(value, str) else "true" if value is True else "false" if value is False else str(value)
    shown = shown.strip('"') if isinstance(value, str) else "<nil>" if value is None else shown
    return FieldTypeError(
        f".{'.'.join(names)} accessor error: {shown} is of the type {_GO_TYPES.get(type(value), '<nil>')}, expected {wanted}"
    )
