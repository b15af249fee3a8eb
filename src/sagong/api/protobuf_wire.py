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
from typing import Any, NamedTuple

import msgspec

from sagong.api.clock import format_micro_time, format_time
from sagong.api.schema import Field, Shape, shape_of
from sagong.api.types.base import ApiStruct

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_MASK = 2**64 - 1
_SEVEN_BITS = 0x7F

Bytes = bytes | memoryview
Decode = Callable[[Any], Any]
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
    return varint(number << 3 | BYTES) + varint(size)


def fields(data: Bytes) -> Iterator[tuple[int, Any]]:
    """Yield field numbers and raw values: int for numbers, a part of `data` for what is length-delimited. Raises WireError."""
    at, end = 0, len(data)
    try:
        while at < end:
            key, at = _read_varint(data, at)
            kind = key & 7
            if kind == VARINT:
                value, at = _read_varint(data, at)
                yield key >> 3, value
            elif kind == BYTES:
                size, at = _read_varint(data, at)
                if at + size > end:
                    raise WireError("unexpected EOF")
                yield key >> 3, data[at : at + size]
                at += size
            else:
                value, at = _read_fixed(data, at, kind)
                yield key >> 3, value
    except IndexError:
        raise WireError("unexpected EOF") from None


def _read_fixed(data: Bytes, at: int, kind: int) -> tuple[int, int]:
    if kind not in (FIXED64, FIXED32):
        raise WireError(f"proto: illegal wireType {kind}")
    end = at + (8 if kind == FIXED64 else 4)
    return int.from_bytes(data[at:end], "little"), end


def _read_varint(data: Bytes, at: int) -> tuple[int, int]:
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


def decode_message(struct: type[ApiStruct], data: memoryview) -> ApiStruct:
    """Read a message into a Struct; unknown fields are skipped. Raises WireError."""
    try:
        obj: ApiStruct = _decoder(struct)(bytes(data))
    except (AttributeError, TypeError) as error:  # a number where bytes belong, or the other way round
        raise WireError(f"proto: wrong wireType: {error}") from error
    return obj


def by_number(members: list[Field], depth: int) -> dict[int, list[Field]]:
    """Return fields by the number that stands for them in a message whose inlined messages down to `depth` are already open."""
    groups: dict[int, list[Field]] = {}
    for field in members:
        inside = len(field.inlined) > depth
        groups.setdefault(field.inlined[depth][1] if inside else field.number, []).append(field)
    return groups


def is_empty_message(shape: Shape) -> bool:
    """Say whether a field is there or not and holds nothing (`subresources.status` of a CRD)."""
    return shape.kind == "map" and shape.element is not None and shape.element.kind == "any"


# Reading: each Struct has a table from field numbers to what becomes of a value: it is set, as read, or put otherwise.

_Put = Callable[[dict[str, Any], Any], None]


class _Row(NamedTuple):
    name: str
    read: Decode
    put: _Put | None = None


@functools.cache
def _decoder(struct: type[ApiStruct]) -> Decode:
    numbered = [field for field in shape_of(struct).fields.values() if field.number]
    table = _table(numbered, 0)

    def read(data: bytes) -> Any:
        values: dict[str, Any] = {}
        _fill(values, data, table)
        return struct(**values)

    return read


def _fill(values: dict[str, Any], data: bytes, table: dict[int, _Row]) -> None:
    """Read the fields of a message: as `fields` does, without a generator, since this is where all the time goes."""
    value: Any
    at, end = 0, len(data)
    try:
        while at < end:
            key, at = data[at], at + 1
            if key > _SEVEN_BITS:
                key, at = _read_varint(data, at - 1)
            kind = key & 7
            if kind not in (VARINT, BYTES):
                value, at = _read_fixed(data, at, kind)
            else:
                value, at = data[at], at + 1
                if value > _SEVEN_BITS:
                    value, at = _read_varint(data, at - 1)
                if kind == BYTES:
                    start, at = at, at + value
                    value = data[start:at]
            if at > end:
                raise WireError("unexpected EOF")
            row = table.get(key >> 3)
            if row is not None:
                name, read, put = row
                if put is None:
                    values[name] = read(value)
                else:
                    put(values, value)
    except IndexError:
        raise WireError("unexpected EOF") from None


def _table(members: list[Field], depth: int) -> dict[int, _Row]:
    table: dict[int, _Row] = {}
    for number, inside in by_number(members, depth).items():
        nested = len(inside[0].inlined) > depth
        table[number] = _inlined(_table(inside, depth + 1)) if nested else _row(inside[0])
    return table


def _inlined(table: dict[int, _Row]) -> _Row:
    return _Row("", _whole_bytes, lambda values, raw: _fill(values, raw, table))


def _row(field: Field) -> _Row:
    name, shape = field.attribute, field.shape
    if is_empty_message(shape):
        return _Row(name, lambda _: {})
    if shape.kind == "list":
        item = _read(shape.element or Shape.ANY)
        return _Row(name, item, lambda values, raw: values.setdefault(name, []).append(item(raw)))
    read = _read(shape.element or Shape.ANY) if shape.kind == "map" else _read(shape)
    if shape.kind != "map":
        return _Row(name, (lambda raw: read(raw) or None) if field.pointer and shape.kind in ("time", "micro-time") else read)
    zero = _map_zero(shape.element or Shape.ANY)

    def put(values: dict[str, Any], raw: Any) -> None:
        entry = dict(fields(raw))
        key = _text(entry.get(1, b""))
        values.setdefault(name, {})[key] = read(entry[2]) if 2 in entry else zero()  # noqa: PLR2004 - the entry's value

    return _Row(name, read, put)


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

    def read(raw: bytes) -> Any:
        found = list(fields(raw))
        for number, value in found:
            if number == (1 if item else 2):
                return schema(value)
        return [item(value) for number, value in found if number != 1] if item else bool(dict(found).get(1))

    return read


def _read_time(raw: bytes, *, micro: bool) -> str:
    parts = dict(fields(raw))
    if not parts:
        return ""
    moment = datetime.fromtimestamp(_signed(parts.get(1, 0)), UTC)
    return format_micro_time(moment.replace(microsecond=parts.get(2, 0) // 1000)) if micro else format_time(moment)


def _whole(value: float) -> int | float:
    return int(value) if value.is_integer() else value


def _read_int_or_string(raw: bytes) -> int | str:
    parts = dict(fields(raw))
    return _text(parts[3]) if parts.get(1) == 1 and 3 in parts else _signed(parts.get(2, 0))  # noqa: PLR2004 - {type, int, string}


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _inner(raw: bytes) -> bytes:
    return _whole_bytes(dict(fields(raw)).get(1, b""))


def _whole_bytes(raw: bytes) -> bytes:
    return raw[:]  # not bytes(raw), which makes as many zeros of a number


_READERS: dict[str, Decode] = {
    "string": _text,
    "bytes": _whole_bytes,
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
