"""WebSocket (RFC 6455) without I/O: bytes in, events out; each method that sends returns the bytes."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache

from msgspec import Struct

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_FIN, _RESERVED, _MASKED = 0x80, 0x70, 0x80
_MAX_CONTROL = 125
_SHORT, _LONG = 126, 127

NORMAL, GOING_AWAY, PROTOCOL_ERROR, UNSUPPORTED, NO_STATUS, BAD_DATA, TOO_BIG, INTERNAL = 1000, 1001, 1002, 1003, 1005, 1007, 1009, 1011
DEFAULT_LIMIT = 32 << 20


class WebSocketError(Exception):
    """The peer breaks the protocol; `code` is what a close frame says then."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Message(Struct, frozen=True):
    """A whole message, its fragments joined."""

    data: bytes
    text: bool = False


class Ping(Struct, frozen=True):
    """Answer with `pong`."""

    data: bytes


class Pong(Struct, frozen=True):
    """The answer to a ping, or a sign of life."""

    data: bytes


class Closed(Struct, frozen=True):
    """The peer closes; answer with `close` if that was not sent yet."""

    code: int = NO_STATUS
    reason: str = ""


Event = Message | Ping | Pong | Closed


def accept_key(key: str) -> str:
    """Return Sec-WebSocket-Accept for a Sec-WebSocket-Key (section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()


class WebSocket:
    """One end of a connection after the handshake."""

    def __init__(self, *, mask: Callable[[], bytes] | None = None, limit: int = DEFAULT_LIMIT) -> None:
        """Start after the handshake; a client gives `mask`, four fresh random bytes a call. `limit` bounds messages, in bytes."""
        self._mask = mask
        self._limit = limit
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._kind: int | None = None

    def feed(self, data: bytes) -> Sequence[Event]:
        """Take what came in; return what it means. Raises WebSocketError."""
        came: bytes | bytearray = data
        if self._buffer:
            self._buffer += data
            came = self._buffer
        events: list[Event] = []
        at = 0
        with memoryview(came) as view:
            while (frame := self._frame(view, at)) is not None:
                kind, fin, payload, at = frame
                event = self._event(kind, fin, payload)
                if event is not None:
                    events.append(event)
        if self._buffer:
            del self._buffer[:at]
        elif at < len(data):
            self._buffer += memoryview(data)[at:]
        return events

    def message(self, data: bytes, *, text: bool = False, first: bytes = b"") -> bytes:
        """Send a message in one frame; `first` is what comes before the data in it."""
        return self._pack(_TEXT if text else _BINARY, data, first)

    def ping(self, data: bytes = b"") -> bytes:
        """Ask for a sign of life."""
        return self._pack(_PING, data)

    def pong(self, data: bytes) -> bytes:
        """Answer a ping with what it carried."""
        return self._pack(_PONG, data)

    def close(self, code: int = NORMAL, reason: str = "") -> bytes:
        """Say goodbye."""
        return self._pack(_CLOSE, struct.pack(">H", code) + reason.encode()[: _MAX_CONTROL - 2])

    def _pack(self, kind: int, data: bytes, first: bytes = b"") -> bytes:
        size = len(first) + len(data)
        masked = _MASKED if self._mask else 0
        if size < _SHORT:
            head = struct.pack(">BB", _FIN | kind, masked | size)
        elif size < 1 << 16:
            head = struct.pack(">BBH", _FIN | kind, masked | _SHORT, size)
        else:
            head = struct.pack(">BBQ", _FIN | kind, masked | _LONG, size)
        if self._mask is None:
            return b"".join((head, first, data))
        key = self._mask()
        return b"".join((head, key, _masked(first + data, key)))

    def _frame(self, buffer: memoryview, at: int) -> tuple[int, bool, bytes, int] | None:
        """Read the frame that begins there: opcode, whether it ends its message, payload, its end; None when it is not whole."""
        if len(buffer) < at + 2:
            return None
        first, second = buffer[at], buffer[at + 1]
        size, start = second & ~_MASKED, at + 2
        if size in (_SHORT, _LONG):
            form = ">H" if size == _SHORT else ">Q"
            if len(buffer) < start + struct.calcsize(form):
                return None
            size, start = struct.unpack_from(form, buffer, start)[0], start + struct.calcsize(form)
        self._check(first, second, size)
        key_size = 4 if second & _MASKED else 0
        end = start + key_size + size
        if len(buffer) < end:
            return None
        key, payload = bytes(buffer[start : start + key_size]), bytes(buffer[start + key_size : end])
        return first & 0x0F, bool(first & _FIN), _masked(payload, key) if key else payload, end

    def _check(self, first: int, second: int, size: int) -> None:
        kind = first & 0x0F
        if first & _RESERVED or kind not in (_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG):
            raise WebSocketError(PROTOCOL_ERROR, "reserved bits or opcode")
        if bool(second & _MASKED) != (self._mask is None):
            raise WebSocketError(PROTOCOL_ERROR, "clients mask their frames, servers do not")
        if kind >= _CLOSE and (size > _MAX_CONTROL or not first & _FIN):
            raise WebSocketError(PROTOCOL_ERROR, "control frames are short and whole")
        if size + sum(map(len, self._parts)) > self._limit:
            raise WebSocketError(TOO_BIG, f"message is longer than {self._limit} bytes")

    def _event(self, kind: int, fin: bool, payload: bytes) -> Event | None:  # noqa: FBT001 - a frame's own parts
        if kind == _PING:
            return Ping(payload)
        if kind == _PONG:
            return Pong(payload)
        if kind == _CLOSE:
            return _closed(payload)
        if (kind == _CONTINUATION) == (self._kind is None):
            raise WebSocketError(PROTOCOL_ERROR, "a message's frames are out of order")
        self._kind = self._kind if kind == _CONTINUATION else kind
        self._parts.append(payload)
        if not fin:
            return None
        whole, text = b"".join(self._parts) if len(self._parts) > 1 else self._parts[0], self._kind == _TEXT
        self._parts, self._kind = [], None
        if text:
            _checked_text(whole)
        return Message(whole, text)


def _closed(payload: bytes) -> Closed:
    if not payload:
        return Closed()
    if len(payload) == 1:
        raise WebSocketError(PROTOCOL_ERROR, "a close code has two bytes")
    return Closed(struct.unpack_from(">H", payload)[0], _checked_text(payload[2:]))


def _checked_text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise WebSocketError(BAD_DATA, "text is not UTF-8") from error


def _masked(data: bytes, key: bytes) -> bytes:
    # one XOR of two long integers is far quicker than a loop over bytes
    size, words = len(data), len(data) // 4 + 1
    mask = int.from_bytes(key, "little") * _ones(words)
    return (int.from_bytes(data, "little") ^ mask).to_bytes(4 * words, "little")[:size]


@lru_cache(16)
def _ones(words: int) -> int:
    """Return a number that repeats another of 32 bits so often when it is multiplied by it."""
    return int.from_bytes(b"\1\0\0\0" * words, "little")
