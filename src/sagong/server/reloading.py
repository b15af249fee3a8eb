"""Configuration files that are read again when they change, while the server runs."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from sagong.api.clock import Clock
from sagong.api.exposition import Metric

log = logging.getLogger(__name__)

INTERVAL = 10.0


class ReloadedFile:
    """One file. `load` is called with each new content's path; what it refuses (OSError, ValueError) leaves everything as it was.

    `about` names it in metrics: `counts` and `last` have how often it was read again, and when last, by success and failure.
    """

    def __init__(self, path: str, clock: Clock, load: Callable[[], None], about: str) -> None:
        self._path, self._clock, self._load, self.about = Path(path), clock, load, about
        self.counts: Counter[str] = Counter()
        self.last: dict[str, float] = {}
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
            self._note("failure")
            log.error("%s is not used, the configuration stays as it was: %s", self._path, error)  # noqa: TRY400 - the message says all
        else:
            self._note("success")
            log.info("%s has been read again", self._path)

    def _note(self, status: str) -> None:
        self.counts[status] += 1
        self.last[status] = self._clock.now().timestamp()

    def _read(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except OSError:
            return None  # on its way to be replaced


def families(files: Sequence[ReloadedFile], server: str) -> Iterator[Metric]:
    """Yield upstream's metrics of files; `server` tells one API server from another."""
    identity = f"sha256:{sha256(server.encode()).hexdigest()}"
    for file in files:
        prefix = f"apiserver_{file.about}_config_controller_automatic"
        total = Metric(
            f"{prefix}_reloads_total", "counter", f"How often the {file.about} configuration was read again, by what came of it."
        )
        last = Metric(f"{prefix}_reload_last_timestamp_seconds", "gauge", f"When the {file.about} configuration was last read again.")
        for status, count in file.counts.items():
            total.add(count, status=status, apiserver_id_hash=identity)
            last.add(file.last[status], status=status, apiserver_id_hash=identity)
        yield from (total, last)
