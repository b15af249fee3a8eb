"""Kubernetes' protobuf encoding of objects (application/vnd.kubernetes.protobuf): a message in a runtime.Unknown, after a magic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from sagong.api.protobuf_wire import BYTES, WireError, chunk, chunk_head, decode_message, fields
from sagong.api.protobuf_write import Head, encode_message
from sagong.api.types.base import ApiStruct

PROTOBUF = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"
_LENGTH, _ITEMS, _PIECE = 4, 2, 64
_item_head = Head(_ITEMS, BYTES)
_UNENCODED = b"\x1a\x00\x22\x00"  # contentEncoding and contentType, empty

__all__ = ["MAGIC", "PROTOBUF", "Envelope", "WireError", "decode", "encode", "encode_message", "encode_watch_event", "open_envelope"]


class Envelope(NamedTuple):
    """What stands around an object: its type, and the message."""

    api_version: str
    kind: str
    raw: memoryview


def encode(obj: ApiStruct, api_version: str = "", kind: str = "") -> bytes:
    """Write an object; its type is its own unless given (items of lists have none)."""
    held: Any = obj
    type_meta = chunk(1, (api_version or held.apiVersion).encode()) + chunk(2, (kind or held.kind).encode())
    return MAGIC + chunk(1, type_meta) + chunk(2, encode_message(obj)) + _UNENCODED


def with_items(empty: bytes, items: Sequence[bytes]) -> Iterator[bytes]:
    """Yield a list with items in pieces; the list, still empty, is as `encode` wrote it, the items as `encode_message` did."""
    envelope = open_envelope(empty)
    type_meta = chunk(1, envelope.api_version.encode()) + chunk(2, envelope.kind.encode())
    heads = [_item_head[len(item)] for item in items]
    yield MAGIC + chunk(1, type_meta) + chunk_head(2, sum(map(len, (envelope.raw, *heads, *items)))) + bytes(envelope.raw)
    for at in range(0, len(items), _PIECE):
        yield b"".join(chain.from_iterable(zip(heads[at : at + _PIECE], items[at : at + _PIECE], strict=True)))
    yield _UNENCODED


def open_envelope(data: bytes) -> Envelope:
    """Read the type of an encoded object. Raises WireError."""
    if not data.startswith(MAGIC):
        raise WireError("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    parts = dict(fields(memoryview(data)[len(MAGIC) :]))
    names = {number: bytes(value).decode("utf-8", "replace") for number, value in fields(parts.get(1, memoryview(b"")))}
    return Envelope(names.get(1, ""), names.get(2, ""), parts.get(2, memoryview(b"")))


def decode(data: bytes, struct: type[ApiStruct]) -> ApiStruct:
    """Read an object of a known kind, its type included. Raises WireError."""
    envelope = open_envelope(data)
    obj: Any = decode_message(struct, envelope.raw)
    obj.apiVersion, obj.kind = envelope.api_version, envelope.kind
    found: ApiStruct = obj
    return found


def encode_watch_event(kind: str, obj: bytes) -> bytes:
    """Frame a watch event: four bytes of length, then the event around an object that `encode` wrote."""
    event = chunk(1, kind.encode()) + chunk(2, chunk(1, obj))
    return len(event).to_bytes(_LENGTH, "big") + event
