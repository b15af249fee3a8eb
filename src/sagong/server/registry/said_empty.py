"""Whether a client says that a list or map is empty rather than nothing of it.

Go tells the one from the other, and some kinds count a change of their spec with a comparison that does so too. What is stored has none
that are empty, for protobuf does not know them: said again, they are a change again.
"""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from sagong.api.resources import Resource
from sagong.api.schema import Shape, shape_of
from sagong.api.yaml_decode import YamlError, yaml_to_json
from sagong.server.messages import Request

_plain = msgspec.json.Decoder()


def says_empty(row: Resource, names: tuple[str, ...], request: Request) -> bool:
    """Tell whether an object or a patch in the request's body has an empty list or map in one of these members."""
    try:
        body = _plain.decode(yaml_to_json(request.body)[0] if "yaml" in request.header("content-type") else request.body)
    except (YamlError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False  # it is refused elsewhere
    said = _of_operations(body) if isinstance(body, list) else [body]
    return any(_has_empty(part, shape_of(row.type), names) for part in said)


def _of_operations(operations: list[Any]) -> list[Any]:
    """Return what a JSON patch puts in, as objects with nothing else; an item of a list stands for the list."""
    puts = [operation for operation in operations if isinstance(operation, dict) and "value" in operation]
    return [functools.reduce(_around, reversed(str(put.get("path")).strip("/").split("/")), put["value"]) for put in puts]


def _around(inside: Any, step: str) -> Any:
    return [inside] if step.isdigit() or step == "-" else {step: inside}


def _has_empty(value: Any, shape: Shape, names: tuple[str, ...] = ()) -> bool:
    if isinstance(value, list):
        return not value or any(_has_empty(item, shape.element or Shape.ANY) for item in value)
    if not isinstance(value, dict):
        return False
    if shape.kind == "object":
        members = [name for name in value if name in shape.fields and (not names or name in names)]
        return any(_has_empty(value[name], shape.fields[name].shape) for name in members)
    return not value or any(_has_empty(item, shape.element or Shape.ANY) for item in value.values())
