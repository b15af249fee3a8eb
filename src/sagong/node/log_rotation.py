"""Keeps container logs within bounds: a log that is too long is renamed and a new one begun; older ones are compressed, then removed.

0.log                        the runtime writes here
0.log.20260102-030405        the last rotated one, plain, so that readers can finish it
0.log.20260101-030405.gz     older ones
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sagong.api.clock import Clock
from sagong.node.cri import api_pb2 as cri
from sagong.node.cri.client import CriError, Runtime

_EVERY = 10.0
_GZIP = ".gz"
_LEVEL = 6  # upstream's; the highest, Python's own choice, takes several times as long for little
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LogRotator:
    """Rotates the logs of one node."""

    runtime: Runtime
    folder: Path
    """the folder of pods' logs"""
    max_size: int
    """bytes; 0 or less turns rotation off"""
    max_files: int
    """of one container run, the one that is written included"""
    clock: Clock

    async def run(self) -> None:
        """Look every ten seconds, for ever."""
        while self.max_size > 0:
            await self.clock.sleep(_EVERY)
            try:
                await self.rotate_all()
            except (OSError, CriError) as error:
                _log.warning("container logs not rotated: %s", error)

    async def rotate_all(self) -> None:
        """Rotate every log that is too long and still written. Raises OSError, CriError."""
        long = list(self._too_long())
        if not long:
            return
        writers = await self._writers()
        for path in long:
            if str(path) in writers:
                await self._rotate(path, writers[str(path)])

    def _too_long(self) -> Iterator[Path]:
        return (path for path in self.folder.glob("*/*/*.log") if path.stat().st_size > self.max_size)

    async def _writers(self) -> dict[str, str]:
        running = [known.id for known in await self.runtime.list_containers() if known.state == cri.CONTAINER_RUNNING]
        statuses = [await self.runtime.container_status(container) for container in running]
        return {status.log_path: status.id for status in statuses}

    async def _rotate(self, path: Path, container: str) -> None:
        older = rotated(path)
        for extra in older[: max(len(older) - (self.max_files - 2), 0)]:
            extra.unlink(missing_ok=True)
        for plain in (log for log in rotated(path) if log.suffix != _GZIP):
            await asyncio.to_thread(_compress, plain)
        aside = _set_aside(path, f"{self.clock.now():%Y%m%d-%H%M%S}")
        try:
            await self.runtime.reopen_log(container)
        except CriError:
            _put_back(aside, path)
            raise


def rotated(path: Path) -> Sequence[Path]:
    """Return the rotated logs of a log, the oldest first."""
    return sorted(other for other in path.parent.glob(f"{path.name}.*") if not other.name.endswith(".tmp"))


def _set_aside(path: Path, stamp: str) -> Path:
    return path.rename(path.with_name(f"{path.name}.{stamp}"))


def _put_back(aside: Path, path: Path) -> None:
    aside.rename(path)


def _compress(path: Path) -> None:
    unfinished = path.with_name(path.name + ".tmp")
    with path.open("rb") as source, gzip.open(unfinished, "wb", _LEVEL) as target:
        shutil.copyfileobj(source, target)
    unfinished.rename(path.with_name(path.name + _GZIP))
    path.unlink()
