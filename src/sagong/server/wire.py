"""The bytes of HTTP/1.1 answers: status lines, heads, chunk frames."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus

LAST_CHUNK = b"0\r\n\r\n"
GZIPPED = (("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
GZIP_WINDOW = 31  # zlib's number for the largest window, in gzip's frame
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_CONTENT_TYPES: dict[str, bytes] = {}
_CONTROL = re.compile("[\x00-\x1f\x7f]")  # bytes above are left to the reader (RFC 9110, 5.5): UTF-8 has them


def status_line(status: int) -> bytes:
    """Return `HTTP/1.1 200 OK` with its line end."""
    return _STATUS_LINES.get(status) or f"HTTP/1.1 {status} Unknown\r\n".encode()


def head(status: int, content_type: str, headers: Sequence[tuple[str, str]], date: bytes, *, length: int | None, close: bool) -> bytes:
    """Return the head of an answer; `length` None announces chunks, unless the connection closes behind the answer.

    `date` is a whole Date header line.
    """
    media = _CONTENT_TYPES.get(content_type)
    if media is None:
        media = f"Content-Type: {_clean(content_type)}\r\n".encode("latin-1") if content_type else b""
        if len(_CONTENT_TYPES) < 100:  # noqa: PLR2004 - a bound, so that clients cannot grow it by what they ask for
            _CONTENT_TYPES[content_type] = media
    parts = [status_line(status), date, media]
    parts += [f"{name}: {_clean(value)}\r\n".encode("latin-1", "replace") for name, value in headers]
    if length is not None:
        parts.append(b"Content-Length: %d\r\n" % length)
    elif not close:
        parts.append(b"Transfer-Encoding: chunked\r\n")
    parts.append(b"Connection: close\r\n\r\n" if close else b"\r\n")
    return b"".join(parts)


def upgrade_head(status: int, headers: Sequence[tuple[str, str]]) -> bytes:
    """Return the head that hands the connection over to another protocol."""
    lines = [f"{name}: {_clean(value)}\r\n".encode("latin-1", "replace") for name, value in headers]
    return b"".join([status_line(status), *lines, b"\r\n"])


def chunk(data: bytes) -> bytes:
    """Frame one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def unframed(data: bytes) -> bytes:
    """Return a chunk as it is sent where the end of the connection ends the answer."""
    return data


def _clean(value: str) -> str:
    """Keep a value on its line: a line end in it would let its writer forge headers."""
    return value if value.isprintable() else _CONTROL.sub(" ", value)
