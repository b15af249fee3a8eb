"""D-Bus' wire format (D-Bus specification, "Message Protocol"): bytes in, messages out. No sockets here.

Values by their signature: s o g are str, b is bool, y n q i u x t h are int, d is float, a list, (...) a tuple, v a `Variant`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
_FIXED = {"y": "B", "b": "I", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d", "h": "I"}
_ALIGN = {**{code: struct.calcsize(form) for code, form in _FIXED.items()}, "s": 4, "o": 4, "g": 1, "v": 1, "a": 4, "(": 8, "{": 8}
_HEAD = 16  # bytes up to and with the length of the header's fields
_LARGEST = 1 << 27
# the header's fields: code, attribute, type
_FIELDS = (
    (1, "path", "o"),
    (2, "interface", "s"),
    (3, "member", "s"),
    (4, "error", "s"),
    (5, "reply_to", "u"),
    (6, "destination", "s"),
    (7, "sender", "s"),
    (8, "signature", "g"),
    (9, "files", "u"),
)


class ProtocolError(Exception):
    """Bytes that are no message."""


class Variant(NamedTuple):
    """A value that brings its type along."""

    signature: str
    value: Any


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `files` is how many file descriptors came with it, to which values of type h are indexes."""

    kind: int
    serial: int = 0
    path: str = ""
    interface: str = ""
    member: str = ""
    error: str = ""
    reply_to: int = 0
    destination: str = ""
    sender: str = ""
    signature: str = ""
    files: int = 0
    body: tuple[Any, ...] = ()


def encode(message: Message) -> bytes:
    """Return the message's bytes, little endian."""
    body = _Writer()
    for code, value in zip(_types(message.signature), message.body, strict=True):
        body.value(code, value)
    fields = [(code, Variant(kind, getattr(message, name))) for code, name, kind in _FIELDS if getattr(message, name)]
    head = _Writer()
    for code, value in (("y", ord("l")), ("y", message.kind), ("y", 0), ("y", 1), ("u", len(body.data)), ("u", message.serial)):
        head.value(code, value)
    head.value("a(yv)", fields)
    head.pad(8)
    return bytes(head.data + body.data)


@dataclass
class Decoder:
    """Takes bytes as they come."""

    _buffer: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take bytes; yield the messages that are complete. Raises ProtocolError."""
        self._buffer += data
        while len(self._buffer) >= _HEAD:
            order = {ord("l"): "<", ord("B"): ">"}.get(self._buffer[0])
            if order is None:
                raise ProtocolError(f"no byte order is called {self._buffer[0]}")
            body, _, fields = struct.unpack_from(f"{order}III", self._buffer, 4)
            begin = _padded(_HEAD + fields, 8)
            if begin + body > _LARGEST:
                raise ProtocolError("a message is too long")
            if len(self._buffer) < begin + body:
                return
            whole = bytes(self._buffer[: begin + body])
            del self._buffer[: begin + body]
            yield _message(whole, order, begin)


def _message(data: bytes, order: str, begin: int) -> Message:
    try:
        kind, serial = data[1], struct.unpack_from(f"{order}I", data, 8)[0]
        known = {code: name for code, name, _ in _FIELDS}
        listed = _Reader(data, order, 12).value("a(yv)")
        found = {known[code]: variant.value for code, variant in listed if code in known}
        body = _Reader(data[begin:], order, 0)
        return Message(kind, serial, **found, body=tuple(body.value(code) for code in _types(found.get("signature", ""))))
    except (struct.error, IndexError, UnicodeDecodeError, ValueError) as error:
        raise ProtocolError(f"a message cannot be read: {error}") from error


class _Writer:
    def __init__(self) -> None:
        self.data = bytearray()

    def pad(self, size: int) -> None:
        self.data += bytes(_padded(len(self.data), size) - len(self.data))

    def value(self, code: str, value: Any) -> None:
        self.pad(_ALIGN[code[0]])
        if code in _FIXED:
            self.data += struct.pack("<" + _FIXED[code], value)
        elif code in "so":
            self.data += struct.pack("<I", len(value.encode())) + value.encode() + b"\0"
        elif code == "g":
            self.data += bytes([len(value)]) + value.encode() + b"\0"
        elif code == "v":
            self.value("g", value.signature)
            self.value(value.signature, value.value)
        elif code[0] == "a":
            self._array(code[1:], value)
        else:
            for inner, part in zip(_types(code[1:-1]), value, strict=True):
                self.value(inner, part)

    def _array(self, code: str, values: Sequence[Any]) -> None:
        at = len(self.data)
        self.data += bytes(4)
        self.pad(_ALIGN[code[0]])
        begin = len(self.data)
        for value in values:
            self.value(code, value)
        struct.pack_into("<I", self.data, at, len(self.data) - begin)


class _Reader:
    def __init__(self, data: bytes, order: str, at: int) -> None:
        self._data, self._order, self._at = data, order, at

    def value(self, code: str) -> Any:
        self._at = _padded(self._at, _ALIGN[code[0]])
        if code in _FIXED:
            found = struct.unpack_from(self._order + _FIXED[code], self._data, self._at)[0]
            self._at += _ALIGN[code]
            return bool(found) if code == "b" else found
        if code in "sog":
            return self._text(self.value("y" if code == "g" else "u"))
        if code == "v":
            signature = self.value("g")
            return Variant(signature, self.value(signature))
        if code[0] == "a":
            return self._array(code[1:])
        return tuple(self.value(inner) for inner in _types(code[1:-1]))

    def _text(self, length: int) -> str:
        found = self._data[self._at : self._at + length].decode()
        self._at += length + 1
        return found

    def _array(self, code: str) -> list[Any]:
        length = self.value("u")
        self._at = _padded(self._at, _ALIGN[code[0]])
        end = self._at + length
        if end > len(self._data):
            raise ValueError("an array is longer than its message")
        found = []
        while self._at < end:
            found.append(self.value(code))
        return found


def _types(signature: str) -> Iterator[str]:
    """Yield the complete types of a signature: `sa(yv)u` has s, a(yv) and u."""
    at = 0
    while at < len(signature):
        end = _end(signature, at)
        yield signature[at:end]
        at = end


def _end(signature: str, at: int) -> int:
    code = signature[at]
    if code == "a":
        return _end(signature, at + 1)
    if code not in "({":
        return at + 1
    depth = 0
    for index in range(at, len(signature)):
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(signature[index], 0)
        if depth == 0:
            return index + 1
    raise ValueError(f"signature {signature} is not complete")


def _padded(at: int, size: int) -> int:
    return -(-at // size) * size
