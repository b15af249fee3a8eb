"""The Swagger document as protobuf (gnostic's OpenAPIv2.proto), which kubectl before 1.27 reads.

A message is a table: JSON member -> (field number, how it is written). Written by hand because the messages are few, flat
and never read here. Vendor extensions hold their value as YAML, for which JSON does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

_VARINT, _BYTES, _DOUBLE = 0, 2, 1
Writer = Callable[[int, Any], bytes]


def encode_v2(document: dict[str, Any]) -> bytes:
    """Encode a Swagger document."""
    return _message(document, _DOCUMENT)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte, the eighth says that more follow
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(payload)) + payload


def _text(number: int, value: Any) -> bytes:
    return _field(number, str(value).encode())


def _flag(number: int, value: Any) -> bytes:
    return _varint(number << 3 | _VARINT) + b"\x01" if value else b""


def _texts(number: int, values: Iterable[str]) -> bytes:
    return b"".join(_text(number, value) for value in values)


def _any(value: Any) -> bytes:
    return _text(2, msgspec.json.encode(value).decode() + "\n")


def _named(name: str, payload: bytes) -> bytes:
    return _text(1, name) + _field(2, payload)


def _members(inner: Callable[[Any], bytes], number_inside: int = 1) -> Writer:
    """Write a JSON object as a message of named values."""

    def write(number: int, value: dict[str, Any]) -> bytes:
        return _field(number, b"".join(_field(number_inside, _named(name, inner(item))) for name, item in value.items()))

    return write


def _one(inner: Callable[[Any], bytes]) -> Writer:
    return lambda number, value: _field(number, inner(value))


def _many(inner: Callable[[Any], bytes]) -> Writer:
    return lambda number, values: b"".join(_field(number, inner(value)) for value in values)


def _message(value: dict[str, Any], table: Mapping[str, tuple[int, Writer]]) -> bytes:
    extensions = table["x-"][0]
    parts = []
    for key, item in value.items():
        known = table.get(key)
        if known is not None:
            parts.append(known[1](known[0], item))
        elif key.startswith("x-"):
            parts.append(_field(extensions, _named(key, _any(item))))
    return b"".join(parts)


def _schema(value: dict[str, Any]) -> bytes:
    return _message(value, _SCHEMA)


def _parameter(value: dict[str, Any]) -> bytes:
    """Encode a ParametersItem: parameter, then body or not, then the place it stands in."""
    if value["in"] == "body":
        return _field(1, _field(1, _message(value, _BODY)))
    place, table = (3, _QUERY) if value["in"] == "query" else (4, _IN_PATH)
    return _field(1, _field(2, _field(place, _message(value, table))))


def _response(value: dict[str, Any]) -> bytes:
    return _field(1, _message(value, _RESPONSE))


def _security(number: int, requirements: list[dict[str, Any]]) -> bytes:
    return b"".join(_field(number, b"".join(_field(1, _named(name, b"")) for name in item)) for item in requirements)


def _extension(number: int, _: Any) -> bytes:
    raise AssertionError(f"field {number} is written by _message")


_SCHEMA: dict[str, tuple[int, Writer]] = {
    "$ref": (1, _text),
    "format": (2, _text),
    "title": (3, _text),
    "description": (4, _text),
    "pattern": (13, _text),
    "uniqueItems": (16, _flag),
    "required": (19, _texts),
    "enum": (20, _many(_any)),
    "additionalProperties": (21, _one(lambda value: _field(1, _schema(value)))),
    "type": (22, _one(lambda value: _text(1, value))),
    "items": (23, _one(lambda value: _field(1, _schema(value)))),
    "properties": (25, _members(_schema)),
    "x-": (31, _extension),
}
_BODY = {"description": (1, _text), "name": (2, _text), "in": (3, _text), "required": (4, _flag), "schema": (5, _one(_schema))} | {
    "x-": (6, _extension)
}
_QUERY = {"required": (1, _flag), "in": (2, _text), "description": (3, _text), "name": (4, _text), "type": (6, _text)} | {
    "uniqueItems": (20, _flag),
    "x-": (23, _extension),
}
_IN_PATH = {"required": (1, _flag), "in": (2, _text), "description": (3, _text), "name": (4, _text), "type": (5, _text)} | {
    "uniqueItems": (19, _flag),
    "x-": (22, _extension),
}
_RESPONSE = {"description": (1, _text), "schema": (2, _one(lambda value: _field(1, _schema(value)))), "x-": (5, _extension)}
_OPERATION: dict[str, tuple[int, Writer]] = {
    "tags": (1, _texts),
    "description": (3, _text),
    "operationId": (5, _text),
    "produces": (6, _texts),
    "consumes": (7, _texts),
    "parameters": (8, _many(_parameter)),
    "responses": (9, _members(_response)),
    "schemes": (10, _texts),
    "x-": (13, _extension),
}
_METHODS = {"get": 2, "put": 3, "post": 4, "delete": 5, "options": 6, "head": 7, "patch": 8}
_PATH_ITEM: dict[str, tuple[int, Writer]] = {
    **{method: (number, _one(lambda value: _message(value, _OPERATION))) for method, number in _METHODS.items()},
    "parameters": (9, _many(_parameter)),
    "x-": (10, _extension),
}
_API_KEY = {"type": (1, _text), "name": (2, _text), "in": (3, _text), "description": (4, _text), "x-": (5, _extension)}
_DOCUMENT: dict[str, tuple[int, Writer]] = {
    "swagger": (1, _text),
    "info": (2, _one(lambda value: _text(1, value["title"]) + _text(2, value["version"]))),
    "paths": (8, _members(lambda value: _message(value, _PATH_ITEM), 2)),
    "definitions": (9, _members(_schema)),
    "security": (12, _security),
    "securityDefinitions": (13, _members(lambda value: _field(2, _message(value, _API_KEY)))),
    "x-": (16, _extension),
}
