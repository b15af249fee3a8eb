"""Lines of CRI log files: `2026-01-02T03:04:05.123456789Z stdout F text`, where P instead of F is a part of a longer line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from sagong.api.clock import parse_time

_BLOCK = 64 << 10
_PARTS = 4
_SURELY_LATER = timedelta(seconds=1)
"""by which lines of two streams never come out of order"""
_TAGS = {stream: b" %b F " % stream.encode() for stream in ("stdout", "stderr")}
"""what follows the time of whole lines"""
_TAG = 10
_USUAL = len("2026-01-02T03:04:05.123456789Z")
_NEVER = datetime.min.replace(tzinfo=UTC)


class _OddError(Exception):
    """A row is not the whole line of a wanted stream that those around it are."""


@dataclass(frozen=True, slots=True)
class Options:
    """What of a log is wanted (PodLogOptions). None means no bound."""

    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail: int | None = None
    since: datetime | None = None
    limit: int | None = None
    stream: str = "All"


def options(query: Mapping[str, list[str]], now: datetime) -> Options:
    """Read the query of a log request. Raises ValueError."""

    def first(name: str) -> str:
        return query.get(name, [""])[0]

    tail = first("tailLines") or first("tail")
    since = parse_time(first("sinceTime")) if first("sinceTime") else None
    if first("sinceSeconds"):
        since = now - timedelta(seconds=_natural(first("sinceSeconds")))
    return Options(
        follow=first("follow").lower() in ("true", "1"),
        previous=first("previous").lower() in ("true", "1"),
        timestamps=first("timestamps").lower() in ("true", "1"),
        tail=_natural(tail) if tail and tail != "all" else None,
        since=since,
        limit=_natural(first("limitBytes")) if first("limitBytes") else None,
        stream=first("stream") or "All",
    )


class Renderer:
    """Turns log lines into what the client asked for, until the limit is reached."""

    def __init__(self, wanted: Options) -> None:
        self._options = wanted
        self._left = wanted.limit
        self._fresh = True
        self._stream = "" if wanted.stream == "All" else wanted.stream.lower()
        self._tags = frozenset(tag for stream, tag in _TAGS.items() if self._stream in ("", stream))
        self._width = _USUAL

    @property
    def done(self) -> bool:
        """Return whether the limit of bytes is reached."""
        return self._left == 0

    def render(self, lines: bytes) -> bytes:
        """Return what to send for lines of the file: many at once where they are whole, else one after the other."""
        rows = lines.split(b"\n")
        last = rows.pop()
        texts = self._at_once(rows) if rows else ()
        shown = b"".join(map(self._line, rows)) if texts is None else b"\n".join((*texts, b""))
        return self._cut(shown + self._line(last) if last else shown)

    def _at_once(self, rows: Sequence[bytes]) -> Sequence[bytes] | None:
        """Return what rows show, their newlines aside; None when each has to be looked at."""
        if not self._fresh or not self._surely_wanted(rows[0]):
            return None
        tags = self._tags
        end = self._width = max(self._width, rows[0].find(b" "))
        head = end + _TAG
        try:
            if self._options.timestamps:
                return [row[: end + 1] + row[head:] if row[end:head] in tags else b" ".join(self._parts(row)) for row in rows]
            return [row[head:] if row[end:head] in tags else self._parts(row)[1] for row in rows]
        except _OddError:
            return None

    def _parts(self, row: bytes) -> tuple[bytes, bytes]:
        """Return time and text of a row whose time is shorter or longer than others': runtimes leave zeros at its end away."""
        end = row.find(b" ")
        if row[end : end + _TAG] not in self._tags:
            raise _OddError
        return row[:end], row[end + _TAG :]

    def _surely_wanted(self, row: bytes) -> bool:
        """Tell whether the row and what comes after it are not older than what is wanted."""
        since = self._options.since
        return since is None or (_time(row[: row.find(b" ")]) or _NEVER) >= since + _SURELY_LATER

    def _line(self, line: bytes) -> bytes:
        """Return what to send for one row of the file, with its newline; empty for one that is not wanted or no log line."""
        parts = line.split(b" ", _PARTS - 1)
        if len(parts) < _PARTS - 1:
            return b""
        stamp, stream, tags = parts[:3]
        if self._stream and stream.decode() != self._stream:
            return b""
        if self._options.since is not None and (_time(stamp) or _NEVER) < self._options.since:
            return b""
        text = parts[3] if len(parts) == _PARTS else b""
        shown = stamp + b" " if self._options.timestamps and self._fresh else b""
        partial = tags.split(b":")[0] == b"P"
        self._fresh = not partial
        return shown + text + (b"" if partial else b"\n")

    def _cut(self, data: bytes) -> bytes:
        if self._left is None:
            return data
        data = data[: self._left]
        self._left -= len(data)
        return data


def _time(stamp: bytes) -> datetime | None:
    """Return the time that a line begins with; None when it does not."""
    try:
        return parse_time(stamp.decode())
    except ValueError:
        return None


def tail_start(file: BinaryIO, lines: int) -> int:
    """Return the offset at which the last `lines` lines of the file begin; a last line may lack its newline."""
    end = file.seek(0, os.SEEK_END)
    if lines <= 0 or end == 0:
        return end
    at = end - 1  # the newline that ends the last line begins no other
    while at > 0:
        start = max(at - _BLOCK, 0)
        file.seek(start)
        block = file.read(at - start)
        for offset in _newlines_backwards(block):
            lines -= 1
            if lines == 0:
                return start + offset + 1
        at = start
    return 0


def _newlines_backwards(block: bytes) -> Iterator[int]:
    at = block.rfind(b"\n")
    while at >= 0:
        yield at
        at = block.rfind(b"\n", 0, at)


def _natural(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError(f"{value} is negative")
    return value
