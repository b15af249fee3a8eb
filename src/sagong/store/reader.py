"""What both engines answer from memory: reads and watches, from the log that they keep."""

from __future__ import annotations

from collections.abc import Sequence

from sagong.store.base import Entry, Interest, Watch
from sagong.store.log import Log


class LogReader:
    """The reading half of a `Store`. `_closed`: why nothing more is to be had, once that is so."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._closed: Exception | None = None

    @property
    def revision(self) -> int:
        """The newest revision that is durable and visible."""
        return self._log.revision

    @property
    def oldest(self) -> int:
        """The oldest revision kept in memory."""
        return self._log.oldest

    def get(self, key: str) -> Entry | None:
        """Return the live entry."""
        return self._log.get(key)

    def list(self, prefix: str, *, start: str = "", limit: int = 0) -> Sequence[Entry]:
        """Return live entries in key order."""
        return self._log.list(prefix, start=start, limit=limit)

    def count(self, prefix: str, *, start: str = "", revision: int = 0) -> int:
        """Count entries."""
        return self._log.count(prefix, start, revision)

    def list_at(self, prefix: str, revision: int, *, start: str = "", limit: int = 0) -> Sequence[Entry]:
        """As `list`, at an earlier revision."""
        return self._log.list_at(prefix, revision, start=start, limit=limit)

    def watch(self, prefix: str, since: int, *, capacity: int = 10_000, interest: Interest | None = None) -> Watch:
        """Watch changes after `since`."""
        self._check_open()
        return self._log.watch(prefix, since, capacity, interest)

    async def wait_revision(self, revision: int) -> None:
        """Wait until `revision` is visible."""
        self._check_open()
        await self._log.wait_revision(revision)

    def _check_open(self) -> None:
        if self._closed is not None:
            raise self._closed
