"""SPDY/3.1 without I/O: bytes in, events out; each method that sends returns the bytes.

kubectl, containerd and client-go multiplex exec, attach and port-forward over it (draft-mbelshe-httpbis-spdy-00, section 2).
Neither end of those grants or awaits flow-control windows: TCP's own back-pressure is the flow control, and windows are only
reported here, so that a peer that tells them is understood.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_VERSION = 3
_HEAD = struct.Struct(">II")
_MAX_FRAME = (1 << 24) - 1
_ID_MASK = 0x7FFFFFFF
_CONTROL = 0x80000000
_FIN = 1

_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _HEADERS, _WINDOW_UPDATE = 1, 2, 3, 4, 6, 7, 8, 9

PROTOCOL_ERROR, INVALID_STREAM, REFUSED_STREAM, UNSUPPORTED_VERSION, CANCEL, INTERNAL_ERROR = range(1, 7)

# the dictionary that both ends prime zlib with: words with their lengths before them, then plain text (section 2.6.10.1)
_WORDS = (
    "options|head|post|put|delete|trace|accept|accept-charset|accept-encoding|accept-language|accept-ranges|age|allow|authorization|"
    "cache-control|connection|content-base|content-encoding|content-language|content-length|content-location|content-md5|content-range|"
    "content-type|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since|last-modified|"
    "location|max-forwards|pragma|proxy-authenticate|proxy-authorization|range|referer|retry-after|server|te|trailer|transfer-encoding|"
    "upgrade|user-agent|vary|via|warning|www-authenticate|method|get|status|200 OK|version|HTTP/1.1|url|public|set-cookie|keep-alive|origin"
)
_TEXT = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information"
    "204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error"
    "501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 "
    "Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,"
    "text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = b"".join(struct.pack(">I", len(word)) + word.encode() for word in _WORDS.split("|")) + _TEXT.encode()

Headers = Mapping[str, str]


class SpdyError(Exception):
    """The peer breaks the protocol; the connection cannot go on."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The peer opened a stream (or, with `parent`, a stream of its own in answer to one) and waits for a reply."""

    stream: int
    headers: Headers
    fin: bool = False
    parent: int = 0


@dataclass(frozen=True, slots=True)
class Replied:
    """The peer accepted a stream."""

    stream: int
    headers: Headers
    fin: bool = False


@dataclass(frozen=True, slots=True)
class MoreHeaders:
    """The peer sent further headers."""

    stream: int
    headers: Headers
    fin: bool = False


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes on a stream; `fin` says that the peer sends no more there."""

    stream: int
    data: bytes
    fin: bool = False


@dataclass(frozen=True, slots=True)
class Reset:
    """The peer gave a stream up."""

    stream: int
    code: int


@dataclass(frozen=True, slots=True)
class Ping:
    """A ping: answer the peer's with `pong`; `own` ones are answers to ours."""

    id: int
    own: bool


@dataclass(frozen=True, slots=True)
class GoneAway:
    """The peer opens and takes no more streams after `last`."""

    last: int
    code: int


@dataclass(frozen=True, slots=True)
class Settings:
    """Values by setting number (section 2.6.4)."""

    values: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Window:
    """The peer can take `delta` more bytes on a stream, or on the whole connection for stream 0."""

    stream: int
    delta: int


Event = Opened | Replied | MoreHeaders | Data | Reset | Ping | GoneAway | Settings | Window


class Spdy:
    """One end of a connection. A client's streams and pings have odd numbers, a server's even ones."""

    def __init__(self, *, client: bool) -> None:
        self._buffer = bytearray()
        self._deflate = zlib.compressobj(zlib.Z_BEST_COMPRESSION, zdict=DICTIONARY)
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._parity = 1 if client else 0
        self._next_stream = 1 if client else 2
        self._next_ping = 1 if client else 2
        self._last_opened = 0

    def feed(self, data: bytes) -> Sequence[Event]:
        """Take what came in; return what it means. Raises SpdyError."""
        came: bytes | bytearray = data
        if self._buffer:
            self._buffer += data
            came = self._buffer
        events: list[Event] = []
        at, size = 0, len(came)
        with memoryview(came) as view:
            while size - at >= _HEAD.size:
                first, second = _HEAD.unpack_from(view, at)
                end = at + _HEAD.size + (second & _MAX_FRAME)
                if size < end:
                    break
                body, at = bytes(view[at + _HEAD.size : end]), end
                flags = second >> 24
                if not first & _CONTROL:
                    events.append(Data(first, body, bool(flags & _FIN)))
                elif (event := self._control(first, flags, body)) is not None:
                    events.append(event)
        if self._buffer:
            del self._buffer[:at]
        elif at < size:
            self._buffer += memoryview(data)[at:]
        return events

    def open(self, headers: Headers, *, fin: bool = False) -> tuple[int, bytes]:
        """Open a stream; return its number and the bytes."""
        stream = self._next_stream
        self._next_stream += 2
        body = struct.pack(">IIBB", stream, 0, 0, 0) + self._pack(headers)
        return stream, _control(_SYN_STREAM, body, fin=fin)

    def reply(self, stream: int, headers: Headers | None = None, *, fin: bool = False) -> bytes:
        """Accept a stream that the peer opened."""
        return _control(_SYN_REPLY, struct.pack(">I", stream) + self._pack(headers or {}), fin=fin)

    def more_headers(self, stream: int, headers: Headers, *, fin: bool = False) -> bytes:
        """Send further headers."""
        return _control(_HEADERS, struct.pack(">I", stream) + self._pack(headers), fin=fin)

    def data(self, stream: int, payload: bytes, *, fin: bool = False) -> bytes:
        """Send bytes; `fin` says that no more come on the stream."""
        parts = [payload[at : at + _MAX_FRAME] for at in range(0, len(payload), _MAX_FRAME)] or [b""]
        heads = (_HEAD.pack(stream, (_FIN << 24 if fin and part is parts[-1] else 0) | len(part)) for part in parts)
        return b"".join(piece for pair in zip(heads, parts, strict=True) for piece in pair)

    def reset(self, stream: int, code: int = CANCEL) -> bytes:
        """Give a stream up."""
        return _control(_RST_STREAM, struct.pack(">II", stream, code))

    def ping(self) -> bytes:
        """Ask for a sign of life."""
        number, self._next_ping = self._next_ping, self._next_ping + 2
        return self.pong(number)

    def pong(self, number: int) -> bytes:
        """Answer a ping."""
        return _control(_PING, struct.pack(">I", number))

    def go_away(self, code: int = 0) -> bytes:
        """Tell the peer that no further streams are taken."""
        return _control(_GOAWAY, struct.pack(">II", self._last_opened, code))

    def window(self, stream: int, delta: int) -> bytes:
        """Let a peer that awaits windows send `delta` more bytes."""
        return _control(_WINDOW_UPDATE, struct.pack(">II", stream, delta))

    def _control(self, first: int, flags: int, body: bytes) -> Event | None:
        version, kind = first >> 16 & 0x7FFF, first & 0xFFFF
        if version != _VERSION:
            raise SpdyError(f"SPDY version {version} is not 3")
        fin = bool(flags & _FIN)
        try:
            if kind == _SYN_STREAM:
                stream, parent = _ids(body, 2)
                self._last_opened = stream
                return Opened(stream, self._unpack(body[10:]), fin, parent)
            if kind == _SYN_REPLY:
                return Replied(_ids(body, 1)[0], self._unpack(body[4:]), fin)
            if kind == _HEADERS:
                return MoreHeaders(_ids(body, 1)[0], self._unpack(body[4:]), fin)
            return self._simple(kind, body)
        except (struct.error, zlib.error, UnicodeDecodeError) as error:
            raise SpdyError(f"malformed frame of type {kind}: {error}") from error

    def _simple(self, kind: int, body: bytes) -> Event | None:
        if kind == _RST_STREAM:
            return Reset(*_ids(body, 2))
        if kind == _GOAWAY:
            return GoneAway(*_ids(body, 2))
        if kind == _WINDOW_UPDATE:
            return Window(*_ids(body, 2))
        if kind == _PING:
            number = struct.unpack_from(">I", body)[0]
            return Ping(number, own=number % 2 == self._parity)
        if kind == _SETTINGS:
            count = struct.unpack_from(">I", body)[0]
            pairs = (struct.unpack_from(">II", body, 4 + 8 * index) for index in range(count))
            return Settings({key & 0xFFFFFF: value for key, value in pairs})
        return None  # frames of unknown types are skipped (section 2.2.1)

    def _pack(self, headers: Headers) -> bytes:
        words = [word.encode() for name, value in headers.items() for word in (name.lower(), value)]
        block = struct.pack(">I", len(headers)) + b"".join(struct.pack(">I", len(word)) + word for word in words)
        return self._deflate.compress(block) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def _unpack(self, packed: bytes) -> Headers:
        block = self._inflate.decompress(packed, _MAX_FRAME)
        if self._inflate.unconsumed_tail:
            raise SpdyError("headers are too long")
        words: list[str] = []
        at = 4
        for _ in range(2 * struct.unpack_from(">I", block)[0]):
            size = struct.unpack_from(">I", block, at)[0]
            words.append(block[at + 4 : at + 4 + size].decode())
            at += 4 + size
        return dict(zip(words[::2], words[1::2], strict=True))


def _control(kind: int, body: bytes, *, fin: bool = False) -> bytes:
    return _HEAD.pack(_CONTROL | _VERSION << 16 | kind, (_FIN << 24 if fin else 0) | len(body)) + body


def _ids(body: bytes, count: int) -> tuple[int, ...]:
    return tuple(number & _ID_MASK for number in struct.unpack_from(f">{count}I", body))
