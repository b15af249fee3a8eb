"""Protobuf's wire format over Structs: messages written and read by the field numbers beside the types' fields.

What is not a plain scalar has the form that Kubernetes gave it: times are {seconds, nanos}, quantities {string},
int-or-strings {type, int, string}, values of any type {raw JSON}; maps are repeated {key, value}. Fields that are no
pointers are always written, as Go's generated code does.
"""

from __future__ import annotations

import functools
import struct as binary
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from sagong.api.clock import format_micro_time, format_time, parse_time
from sagong.api.schema import Field, Shape, shape_of
from sagong.api.types.base import ApiStruct

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MASK = 2**64 - 1
_SEVEN_BITS = 0x7F

Encode = Callable[[Any], bytes]
Decode = Callable[[Any], Any]
_json = msgspec.json.Encoder().encode
_parse = msgspec.json.Decoder().decode


class WireError(ValueError):
    """The bytes are not protobuf of this message."""


def varint(value: int) -> bytes:
    """Write a varint; negative numbers take ten bytes."""
    if 0 <= value <= _SEVEN_BITS:
        return _SMALL[value]
    value &= _MASK
    out = bytearray()
    while value > _SEVEN_BITS:
        out.append(value & _SEVEN_BITS | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_SMALL = [bytes([value]) for value in range(_SEVEN_BITS + 1)]


def chunk(number: int, payload: bytes) -> bytes:
    """Write a length-delimited field."""
    return chunk_head(number, len(payload)) + payload


def chunk_head(number: int, size: int) -> bytes:
    """Write what stands before the payload of a length-delimited field."""
    return varint(number << 3 | _BYTES) + varint(size)


def fields(data: memoryview) -> Iterator[tuple[int, Any]]:
    """Yield field numbers and raw values: int for numbers, memoryview for what is length-delimited. Raises WireError."""
    at, end = 0, len(data)
    try:
        while at < end:
            key, at = _read_varint(data, at)
            kind = key & 7
            if kind == _VARINT:
                value, at = _read_varint(data, at)
                yield key >> 3, value
            elif kind == _BYTES:
                size, at = _read_varint(data, at)
                if at + size > end:
                    raise WireError("unexpected EOF")
                yield key >> 3, data[at : at + size]
                at += size
            elif kind in (_FIXED64, _FIXED32):
                size = 8 if kind == _FIXED64 else 4
                yield key >> 3, int.from_bytes(data[at : at + size], "little")
                at += size
            else:
                raise WireError(f"proto: illegal wireType {kind}")
    except IndexError:
        raise WireError("unexpected EOF") from None


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & _SEVEN_BITS) << shift
        if byte <= _SEVEN_BITS:
            return value, at
        shift += 7
        if shift > 63:  # noqa: PLR2004 - a varint holds 64 bits
            raise WireError("proto: integer overflow")


def _signed(value: int) -> int:
    return value - 2**64 if value > _MASK >> 1 else value


def encode_message(obj: ApiStruct) -> bytes:
    """Write a Struct as a message, without apiVersion and kind."""
    return _encoder(type(obj))(obj)


def decode_message(struct: type[ApiStruct], data: memoryview) -> ApiStruct:
    """Read a message into a Struct; unknown fields are skipped. Raises WireError."""
    obj: ApiStruct = _decoder(struct)(data)
    return obj


# Writing: each Struct has a plan, made once, of functions that write one field or one inlined message each.


@functools.cache
def _encoder(struct: type[ApiStruct]) -> Encode:
    numbered = [field for field in shape_of(struct).fields.values() if field.number]
    return _plan(numbered, 0)


def _plan(members: list[Field], depth: int) -> Encode:
    """Return what writes the fields whose inlined messages down to `depth` are already open."""
    steps: dict[int, Encode] = {}
    for number, inside in _by_number(members, depth).items():
        if len(inside[0].inlined) > depth:
            steps[number] = _inlined(number, _plan(inside, depth + 1))
        else:
            steps[number] = _member(inside[0])
    ordered = [steps[number] for number in sorted(steps)]
    return lambda obj: b"".join([step(obj) for step in ordered])


def _by_number(members: list[Field], depth: int) -> dict[int, list[Field]]:
    groups: dict[int, list[Field]] = {}
    for field in members:
        inside = len(field.inlined) > depth
        groups.setdefault(field.inlined[depth][1] if inside else field.number, []).append(field)
    return groups


def _inlined(number: int, plan: Encode) -> Encode:
    return lambda obj: chunk(number, plan(obj))


def _member(field: Field) -> Encode:
    name, number, shape, pointer = field.attribute, field.number, field.shape, field.pointer
    if shape.kind == "list":
        item = _value(number, shape.element or Shape.ANY)
        return lambda obj: b"".join(map(item, getattr(obj, name) or ()))
    if _is_empty_message(shape):
        return lambda obj: b"" if getattr(obj, name) is None else chunk(number, b"")
    if shape.kind == "map":
        entry = _entry(number, shape)
        return lambda obj: b"".join([entry(pair) for pair in sorted((getattr(obj, name) or {}).items())])
    write = _value(number, shape)
    if shape.kind in ("bytes", "any", "raw", "union"):
        return lambda obj: b"" if (value := getattr(obj, name)) is None or value == b"" else write(value)
    if pointer and not _is_time_value(field):
        return lambda obj: b"" if (value := getattr(obj, name)) is None else write(value)
    return lambda obj: write(getattr(obj, name))


def _is_empty_message(shape: Shape) -> bool:
    """Say whether a field is there or not and holds nothing (`subresources.status` of a CRD)."""
    return shape.kind == "map" and shape.element is not None and shape.element.kind == "any"


def _is_time_value(field: Field) -> bool:
    """Say whether Go holds a time itself here, no pointer to one: None is its zero, which is written."""
    return field.nulled and field.shape.kind in ("time", "micro-time")


def _entry(number: int, shape: Shape) -> Encode:
    value = _value(2, shape.element or Shape.ANY)
    return lambda pair: chunk(number, chunk(1, pair[0].encode()) + value(pair[1]))


def _value(number: int, shape: Shape) -> Encode:
    """Return what writes one value with its tag."""
    if shape.kind in ("int32", "int64", "uint32", "bool"):
        tag = varint(number << 3 | _VARINT)
        return lambda value: tag + varint(int(value))
    if shape.kind == "float":
        tag = varint(number << 3 | _FIXED64)
        return lambda value: tag + binary.pack("<d", value)
    payload = _payload(shape)
    tag = varint(number << 3 | _BYTES)

    def write(value: Any) -> bytes:
        inner = payload(value)
        return tag + varint(len(inner)) + inner

    return write


def _payload(shape: Shape) -> Encode:
    if shape.struct is not None:
        struct = shape.struct
        return lambda value: _encoder(struct)(value)  # noqa: PLW0108 - made when first used: types can hold themselves
    if shape.kind == "list":  # the value of a map: a message that wraps the list (ExtraValue)
        item = _value(1, shape.element or Shape.ANY)
        return lambda values: b"".join(map(item, values))
    if shape.kind == "union":
        return _union_payload(shape)
    return _PAYLOADS[shape.kind]


def _union_payload(shape: Shape) -> Encode:
    """Write JSONSchemaPropsOrArray {schema, schemas}, OrStringArray {schema, strings}, OrBool {allows, schema}."""
    listed = next((option for option in shape.options if option.kind == "list"), None)
    schema = next(option for option in shape.options if option.kind == "object")
    write = _value(1 if listed else 2, schema)
    if listed is None:
        return lambda value: b"\x08" + (_SMALL[value] if isinstance(value, bool) else b"\x01" + write(value))
    item = _value(2, listed.element or Shape.ANY)
    return lambda value: b"".join(map(item, value)) if isinstance(value, list) else write(value)


def _time_payload(text: str | None) -> bytes:
    if not text:
        return b""
    moment = parse_time(text)
    seconds = int(moment.replace(microsecond=0).timestamp())
    return b"\x08" + varint(seconds) + b"\x10" + varint(moment.microsecond * 1000)


def _int_or_string_payload(value: int | str) -> bytes:
    if isinstance(value, int):
        return b"\x08\x00\x10" + varint(value) + b"\x1a\x00"
    return b"\x08\x01\x10\x00" + chunk(3, value.encode())


_PAYLOADS: dict[str, Encode] = {
    "string": str.encode,
    "bytes": bytes,
    "quantity": lambda value: chunk(1, (value or "0").encode()),
    "time": _time_payload,
    "micro-time": _time_payload,
    "int-or-string": _int_or_string_payload,
    "any": lambda value: chunk(1, _json(value)),
    "raw": lambda value: chunk(1, bytes(value)),
}


# Reading: each Struct has a table from field numbers to functions that put one value into the object under construction.

_Put = Callable[[dict[str, Any], Any], None]


@functools.cache
def _decoder(struct: type[ApiStruct]) -> Decode:
    numbered = [field for field in shape_of(struct).fields.values() if field.number]
    table = _table(numbered, 0)

    def read(data: memoryview) -> Any:
        values: dict[str, Any] = {}
        _fill(values, data, table)
        return struct(**values)

    return read


def _fill(values: dict[str, Any], data: memoryview, table: dict[int, _Put]) -> None:
    for number, raw in fields(data):
        put = table.get(number)
        if put is not None:
            put(values, raw)


def _table(members: list[Field], depth: int) -> dict[int, _Put]:
    table: dict[int, _Put] = {}
    for number, inside in _by_number(members, depth).items():
        nested = len(inside[0].inlined) > depth
        table[number] = _put_inlined(_table(inside, depth + 1)) if nested else _put(inside[0])
    return table


def _put_inlined(table: dict[int, _Put]) -> _Put:
    return lambda values, raw: _fill(values, raw, table)


def _put(field: Field) -> _Put:
    name, shape = field.attribute, field.shape
    if shape.kind == "list":
        item = _read(shape.element or Shape.ANY)
        return lambda values, raw: values.setdefault(name, []).append(item(raw))
    if _is_empty_message(shape):
        return lambda values, _: values.__setitem__(name, {})
    if shape.kind == "map":
        value = _read(shape.element or Shape.ANY)
        zero = _map_zero(shape.element or Shape.ANY)

        def put(values: dict[str, Any], raw: Any) -> None:
            entry = dict(fields(raw))
            key = bytes(entry.get(1, b"")).decode("utf-8", "replace")
            values.setdefault(name, {})[key] = value(entry[2]) if 2 in entry else zero()  # noqa: PLR2004 - the entry's value

        return put
    read = _read(shape)
    if field.pointer and shape.kind in ("time", "micro-time"):
        return lambda values, raw: values.__setitem__(name, read(raw) or None)

    def set_value(values: dict[str, Any], raw: Any) -> None:
        values[name] = read(raw)

    return set_value


def _map_zero(shape: Shape) -> Callable[[], Any]:
    zeros: dict[str, Callable[[], Any]] = {"string": str, "bytes": bytes, "list": list}
    return shape.struct or zeros.get(shape.kind, int)


def _read(shape: Shape) -> Decode:
    if shape.struct is not None:
        struct = shape.struct
        return lambda raw: _decoder(struct)(raw)  # noqa: PLW0108 - as in _payload
    if shape.kind == "list":
        item = _read(shape.element or Shape.ANY)
        return lambda raw: [item(value) for number, value in fields(raw) if number == 1]
    if shape.kind == "union":
        return _read_union(shape)
    return _READERS[shape.kind]


def _read_union(shape: Shape) -> Decode:
    listed = next((option for option in shape.options if option.kind == "list"), None)
    schema = _read(next(option for option in shape.options if option.kind == "object"))
    item = _read(listed.element or Shape.ANY) if listed else None

    def read(raw: memoryview) -> Any:
        found = list(fields(raw))
        for number, value in found:
            if number == (1 if item else 2):
                return schema(value)
        return [item(value) for number, value in found if number != 1] if item else bool(dict(found).get(1))

    return read


def _read_time(raw: memoryview, *, micro: bool) -> str:
    parts = dict(fields(raw))
    if not parts:
        return ""
    moment = datetime.fromtimestamp(_signed(parts.get(1, 0)), UTC)
    return format_micro_time(moment.replace(microsecond=parts.get(2, 0) // 1000)) if micro else format_time(moment)


def _whole(value: float) -> int | float:
    return int(value) if value.is_integer() else value


def _read_int_or_string(raw: memoryview) -> int | str:
    parts = dict(fields(raw))
    return _text(parts[3]) if parts.get(1) == 1 and 3 in parts else _signed(parts.get(2, 0))  # noqa: PLR2004 - {type, int, string}


def _text(raw: memoryview) -> str:
    return bytes(raw).decode("utf-8", "replace")


def _inner(raw: memoryview) -> bytes:
    return bytes(dict(fields(raw)).get(1, b""))


_READERS: dict[str, Decode] = {
    "string": _text,
    "bytes": bytes,
    "bool": bool,
    "int32": _signed,
    "int64": _signed,
    "uint32": int,
    "float": lambda raw: _whole(binary.unpack("<d", raw.to_bytes(8, "little"))[0]),
    "quantity": lambda raw: _inner(raw).decode(),
    "time": lambda raw: _read_time(raw, micro=False),
    "micro-time": lambda raw: _read_time(raw, micro=True),
    "int-or-string": _read_int_or_string,
    "any": lambda raw: _parse(inner) if (inner := _inner(raw)) else None,
    "raw": lambda raw: msgspec.Raw(_inner(raw) or b"{}"),
}
