"""Configuration files that are read again when they change, while the server runs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from sagong.api.clock import Clock

log = logging.getLogger(__name__)

INTERVAL = 10.0


class ReloadedFile:
    """One file. `load` is called with each new content's path; what it refuses (OSError, ValueError) leaves everything as it was."""

    def __init__(self, path: str, clock: Clock, load: Callable[[], None]) -> None:
        self._path, self._clock, self._load = Path(path), clock, load
        self._content = self._read()

    async def run(self) -> None:
        """Look at the file now and then, until cancelled."""
        while True:
            await self._clock.sleep(INTERVAL)
            self.look()

    def look(self) -> None:
        """Load the file if it has changed."""
        content = self._read()
        if content is None or content == self._content:
            return
        self._content = content
        try:
            self._load()
        except (OSError, ValueError) as error:
            log.error("%s is not used, the configuration stays as it was: %s", self._path, error)  # noqa: TRY400 - the message says all
        else:
            log.info("%s has been read again", self._path)

    def _read(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except OSError:
            return None  # on its way to be replaced
