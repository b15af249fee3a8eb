"""The log backend: a line of JSON for each event, in a file that is renamed when it is full, as upstream names them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec

from sagong.api.clock import Clock

MEGABYTE = 1024 * 1024
DEFAULT_MEGABYTES = 100


class Rotation(NamedTuple):
    """When a file is full (MB, 0: 100), how many old ones are kept (0: all), and for how many days (0: for ever)."""

    megabytes: int = 0
    backups: int = 0
    days: int = 0


class LogFile:
    """Writes at once; an answer goes out after its event is in the file. Path `-` is standard output."""

    def __init__(self, path: str, rotation: Rotation, clock: Clock) -> None:
        """Open. Raises OSError."""
        self._path, self._rotation, self._clock = Path(path), rotation, clock
        self._encode = msgspec.json.Encoder().encode
        self._most = (rotation.megabytes or DEFAULT_MEGABYTES) * MEGABYTE
        self._to_file = path != "-"
        self._file: BinaryIO = self._open() if self._to_file else sys.stdout.buffer
        self._size = self._path.stat().st_size if self._to_file else 0

    def send(self, events: Iterable[dict[str, Any]]) -> None:
        """Write events. Raises OSError."""
        for event in events:
            line = self._encode(event) + b"\n"
            if self._to_file and self._size and self._size + len(line) > self._most:
                self._rotate()
            self._file.write(line)
            self._size += len(line)
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._to_file:
            self._file.close()

    def _open(self) -> BinaryIO:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = self._path.open("ab")
        self._path.chmod(0o600)
        return file

    def _rotate(self) -> None:
        self._file.close()
        stamp = self._clock.now().isoformat(timespec="milliseconds")[:23].replace(":", "-")
        self._path.rename(self._path.with_name(f"{self._path.stem}-{stamp}{self._path.suffix}"))
        self._file, self._size = self._open(), 0
        for path in self._needless():
            with contextlib.suppress(OSError):
                path.unlink()

    def _needless(self) -> list[Path]:
        old = sorted(self._path.parent.glob(f"{self._path.stem}-*{self._path.suffix}"), reverse=True)
        gone = old[self._rotation.backups :] if self._rotation.backups else []
        if self._rotation.days:
            limit = (self._clock.now() - timedelta(days=self._rotation.days)).isoformat()[:19].replace(":", "-")
            gone += [path for path in old if path.stem.removeprefix(f"{self._path.stem}-") < limit]
        return gone
