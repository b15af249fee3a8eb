r"""Protobuf's wire format, written: each Struct has a function of its own, compiled from its shape when it is first needed.

For a Struct of `name` (1) and an optional `valueFrom` (3) the text of that function is

    def Message(o):
        return join((
            h1[len(b := v.encode())] + b if (v := o.name) else b"\n\x00",
            b"" if (v := o.valueFrom) is None else h3[len(b := Source(v))] + b,
        ))

where `h1[n]` is what stands before n bytes of field 1. One closure for each field, called one after another, takes four times as long.
What the forms of values are, and which fields are always written: see `protobuf_wire`.
"""

from __future__ import annotations

import functools
import struct as binary
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from sagong.api.clock import parse_time
from sagong.api.protobuf_wire import BYTES, FIXED64, VARINT, by_number, chunk, is_empty_message, varint
from sagong.api.schema import Field, Shape, shape_of
from sagong.api.short_cache import cached_when_short
from sagong.api.types.base import ApiStruct

Encode = Callable[[Any], bytes]
_MOST_KEPT = 2048
_NUMBERS = ("int32", "int64", "uint32", "bool")
_json = msgspec.json.Encoder().encode
_join = b"".join


def encode_message(obj: ApiStruct) -> bytes:
    """Write a Struct as a message, without apiVersion and kind."""
    return encoder(type(obj))(obj)


@functools.cache
def encoder(struct: type[ApiStruct]) -> Encode:
    """Return what writes Structs of a type."""
    name = _name_of(struct)
    members = [field for field in shape_of(struct).fields.values() if field.number]
    source = f"def {name}(o):\n return {_message(members, 0)}"
    exec(compile(source, f"<protobuf of {struct.__name__}>", "exec"), _names)  # noqa: S102 - made of our own types alone, see above
    made: Encode = _names[name]
    return made


class Head(dict[int, bytes]):
    """What stands before a value of a field, by the value's size, or by the number that it is. Small ones are kept."""

    def __init__(self, number: int, wire: int) -> None:
        super().__init__()
        self._tag = varint(number << 3 | wire)

    def __missing__(self, size: int) -> bytes:
        head = self._tag + varint(int(size))
        if 0 <= size < _MOST_KEPT:
            self[size] = head
        return head


# The names that the compiled functions use: heads (h1: of bytes, n1: of numbers), functions of Structs (m_core_Pod), and others (f7).
_names: dict[str, Any] = {"join": _join, "pack": binary.pack}


def _head(number: int) -> str:
    name = f"h{number}"
    _names.setdefault(name, Head(number, BYTES))
    return name


def _number(number: int) -> str:
    name = f"n{number}"
    _names.setdefault(name, Head(number, VARINT))
    return name


def _function(function: Callable[[Any], Any]) -> str:
    name = f"f{len(_names)}"
    _names[name] = function
    return name


def _name_of(struct: type[ApiStruct]) -> str:
    """Name the function of a Struct; it is compiled when it is first called: types can hold themselves."""
    name = f"m_{struct.__module__.rpartition('.')[2]}_{struct.__name__}"
    _names.setdefault(name, lambda obj: encoder(struct)(obj))  # noqa: PLW0108 - see above
    return name


def _message(members: list[Field], depth: int) -> str:
    """Return the expression of a message whose inlined messages down to `depth` are already open."""
    parts = []
    for number, inside in sorted(by_number(members, depth).items()):
        if len(inside[0].inlined) > depth:
            parts.append(f"{_head(number)}[len(b := {_message(inside, depth + 1)})], b")
        else:
            parts.append(_member(inside[0]))
    return f"join(({''.join(f'{part}, ' for part in parts)}))"


def _member(field: Field) -> str:
    """Return the expression of a field of the message `o`, or of what is to be joined for it."""
    held, number, shape = f"o.{field.attribute}", field.number, field.shape
    if is_empty_message(shape):
        return f"b'' if {held} is None else {chunk(number, b'')!r}"
    if shape.kind in ("list", "map"):
        many = _listed if shape.kind == "list" else _mapped
        return f"{many(number, shape.element or Shape.ANY)}(v) if (v := {held}) else b''"
    if shape.kind in ("bytes", "any", "raw", "union"):
        return f"b'' if (v := {held}) is None or v == b'' else {_value(number, shape, 'v')}"
    if field.pointer and not _is_time_value(field):
        return f"b'' if (v := {held}) is None else {_value(number, shape, 'v')}"
    if shape.kind == "string":
        return f"{_value(number, shape, 'v')} if (v := {held}) else {chunk(number, b'')!r}"
    return _value(number, shape, held)


def _is_time_value(field: Field) -> bool:
    """Say whether Go holds a time itself here, no pointer to one: None is its zero, which is written."""
    return field.nulled and field.shape.kind in ("time", "micro-time")


def _value(number: int, shape: Shape, value: str) -> str:
    """Return the expression of one value with its tag."""
    if shape.kind in _NUMBERS:
        return f"{_number(number)}[{value}]"
    if shape.kind == "float":
        return f"{varint(number << 3 | FIXED64)!r} + pack('<d', {value})"
    return f"{_head(number)}[len(b := {_payload(shape, value)})] + b"


def _payload(shape: Shape, value: str) -> str:
    if shape.kind == "string":
        return f"{value}.encode()"
    if shape.struct is not None:
        return f"{_name_of(shape.struct)}({value})"
    if shape.kind == "list":  # the value of a map: a message that wraps the list (ExtraValue)
        return f"{_listed(1, shape.element or Shape.ANY)}({value})"
    if shape.kind == "union":
        return f"{_function(_union(shape))}({value})"
    return f"{_function(_PAYLOADS[shape.kind])}({value})"


def _compiled(number: int, shape: Shape) -> Encode:
    """Return a function that writes one value with its tag."""
    function: Encode = eval(f"lambda v: {_value(number, shape, 'v')}", _names)  # noqa: S307 - as in `encoder`
    return function


def _listed(number: int, element: Shape) -> str:
    """Name a function that writes the items of a list."""
    write = _compiled(number, element)
    return _function(lambda values: _join([write(value) for value in values]))


def _mapped(number: int, element: Shape) -> str:
    """Name a function that writes the entries of a map, in the order of their keys."""
    entry_head, key_head, write = Head(number, BYTES), Head(1, BYTES), _compiled(2, element)

    def write_map(values: Mapping[str, Any]) -> bytes:
        out: list[bytes] = []
        for key in sorted(values):
            encoded, value = key.encode(), write(values[key])
            head = key_head[len(encoded)]
            out += (entry_head[len(head) + len(encoded) + len(value)], head, encoded, value)
        return _join(out)

    return _function(write_map)


def _union(shape: Shape) -> Encode:
    """Write JSONSchemaPropsOrArray {schema, schemas}, OrStringArray {schema, strings}, OrBool {allows, schema}."""
    listed = next((option for option in shape.options if option.kind == "list"), None)
    schema = next(option for option in shape.options if option.kind == "object")
    write = _compiled(1 if listed else 2, schema)
    if listed is None:
        return lambda value: b"\x08" + (varint(value) if isinstance(value, bool) else b"\x01" + write(value))
    item = _compiled(2, listed.element or Shape.ANY)
    return lambda value: _join(map(item, value)) if isinstance(value, list) else write(value)


def _time(text: str | None) -> bytes:
    return _moment(text) if text else b""


@cached_when_short(1024)
def _moment(text: str) -> bytes:
    moment = parse_time(text)
    seconds = int(moment.replace(microsecond=0).timestamp())
    return b"\x08" + varint(seconds) + b"\x10" + varint(moment.microsecond * 1000)


def _int_or_string(value: int | str) -> bytes:
    if isinstance(value, int):
        return b"\x08\x00\x10" + varint(value) + b"\x1a\x00"
    return b"\x08\x01\x10\x00" + chunk(3, value.encode())


_inner = Head(1, BYTES)
_PAYLOADS: dict[str, Encode] = {
    "bytes": bytes,
    "quantity": lambda value: _inner[len(inner := (value or "0").encode())] + inner,
    "time": _time,
    "micro-time": _time,
    "int-or-string": _int_or_string,
    "any": lambda value: _inner[len(inner := _json(value))] + inner,
    "raw": lambda value: _inner[len(inner := bytes(value))] + inner,
}
