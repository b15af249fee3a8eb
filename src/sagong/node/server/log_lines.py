"""Lines of CRI log files: `2026-01-02T03:04:05.123456789Z stdout F text`, where P instead of F is a part of a longer line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO

from sagong.api.clock import parse_time

_BLOCK = 64 << 10
_PARTS = 4
_SURELY_LATER = timedelta(seconds=1)
"""by which lines of two streams never come out of order"""
_PLAIN = frozenset((b" stdout F ", b" stderr F "))
"""what follows the time of whole lines; both are as long, and runtimes write times of one length"""


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

    @property
    def done(self) -> bool:
        """Return whether the limit of bytes is reached."""
        return self._left == 0

    def render(self, lines: bytes) -> bytes:
        """Return what to send for lines of the file: all at once where they are plain, else one after the other."""
        shown = self._at_once(lines)
        return b"".join(map(self._line, lines.splitlines(keepends=True))) if shown is None else self._cut(shown)

    def _at_once(self, lines: bytes) -> bytes | None:
        """Return the lines without their heads; None when each has to be looked at."""
        rows = lines.split(b"\n")
        end = lines.find(b" ")
        head = end + 10
        if rows.pop() or self._stream or not self._fresh or not {row[end:head] for row in rows} <= _PLAIN:
            return None
        if self._options.since is not None and parse_time(lines[:end].decode()) < self._options.since + _SURELY_LATER:
            return None
        rows = [row[: end + 1] + row[head:] for row in rows] if self._options.timestamps else [row[head:] for row in rows]
        return b"\n".join((*rows, b""))

    def _line(self, line: bytes) -> bytes:
        """Return what to send for one line of the file, with its newline; empty for a line that is not wanted or no log line."""
        parts = line.rstrip(b"\n").split(b" ", _PARTS - 1)
        if len(parts) < _PARTS - 1:
            return b""
        stamp, stream, tags = parts[:3]
        if self._stream and stream.decode() != self._stream:
            return b""
        if self._options.since is not None and parse_time(stamp.decode()) < self._options.since:
            return b""
        text = parts[3] if len(parts) == _PARTS else b""
        shown = stamp + b" " if self._options.timestamps and self._fresh else b""
        partial = tags.split(b":")[0] == b"P"
        self._fresh = not partial
        return self._cut(shown + text + (b"" if partial else b"\n"))

    def _cut(self, data: bytes) -> bytes:
        if self._left is None:
            return data
        data = data[: self._left]
        self._left -= len(data)
        return data


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
