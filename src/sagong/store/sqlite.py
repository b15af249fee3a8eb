"""The embedded store: the log on SQLite. Reads come from memory, writes are accepted at once and acknowledged once durable.

Accepting: a write is compared with the newest accepted state of its key, durable or on its way, and gets its revision. So
writes to one key can follow each other into the same fsync. Nothing accepted is visible to `get`, `list` or a watch before it is durable.
When a batch fails, everything accepted after it fails too, and its revisions are not used again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from sagong.store.base import Entry, Event, RevisionMismatchError, Seal, StoreClosedError, Write
from sagong.store.log import Log
from sagong.store.reader import LogReader
from sagong.store.sqlite_file import Row, SqliteFile, damaged
from sagong.store.sqlite_writer import Compaction, Unit, Writer

HISTORY_BYTES = 64 << 20
HISTORY_EVENTS = 100_000


class SqliteStore(LogReader):
    """A `Store` in one file. Make it with `open`, on the loop that is to use it."""

    cluster_id = "sqlite-0"

    def __init__(self, file: SqliteFile, log: Log, needless: Sequence[int]) -> None:
        super().__init__(log)
        self._loop = asyncio.get_running_loop()
        self._file = file
        self._next = log.revision + 1
        self._accepted: dict[str, tuple[int, Entry | None]] = {}
        self._outbox: list[Unit] = []
        self._epoch = 0
        self._writer = Writer(file, self._loop, self._report)
        self._writer.start()
        if needless:
            self._writer.put(Compaction(log.oldest, needless, self._loop.create_future()))

    @classmethod
    async def open(cls, path: str | Path, *, durable: bool = True, seal: Seal | None = None) -> SqliteStore:
        """Open or create the store at `path`. `durable` False skips the fsync: for tests; `seal` encrypts. Raises StoreOpenError."""
        file = await asyncio.to_thread(SqliteFile, Path(path), durable=durable, seal=seal)  # a new file waits for the disk
        try:
            log, needless = _load(file)
        except BaseException:
            file.close()
            raise
        return cls(file, log, needless)

    async def write(self, key: str, value: bytes | None, expected: int) -> int:
        """Compare, swap, make durable."""
        return await self.write_all((Write(key, value, expected),))

    async def write_all(self, writes: Sequence[Write]) -> int:
        """Do all the writes or none; return the last revision."""
        self._check_open()
        if not writes:
            return self._log.revision
        unit = Unit(self._accept(writes), self._loop.create_future(), self._epoch)
        if not self._outbox:
            self._loop.call_soon(self._flush)
        self._outbox.append(unit)
        # The write happens even when its caller is cancelled; only the answer is lost, as with a cut connection.
        return await unit.future

    async def size(self) -> int:
        """Return how many bytes the file takes."""
        return self._file.size()

    async def compact(self, revision: int) -> None:
        """Forget history before `revision`."""
        self._check_open()
        await asyncio.shield(self._forget(revision))

    async def close(self) -> None:
        """Finish the writes under way and release the file."""
        if self._closed is None:
            self._flush()
            self._closed = StoreClosedError("the store is closed")
            self._writer.put(None)
        await asyncio.to_thread(self._writer.join)
        self._log.fail_waiters(None, self._closed)
        self._log.fanout.close()

    def _accept(self, writes: Sequence[Write]) -> Sequence[Row]:
        entries = [self._newest(write.key) for write in writes]
        for write, entry in zip(writes, entries, strict=True):
            if (entry.revision if entry else 0) != write.expected:
                raise RevisionMismatchError(write.key, entry)
            if entry is None and write.value is None:
                raise ValueError(f"{write.key} is absent: there is nothing to delete")
        rows: list[Row] = []
        for write, entry in zip(writes, entries, strict=True):
            revision, self._next = self._next, self._next + 1
            created = entry.created if entry else revision
            value = write.value
            self._accepted[write.key] = (revision, None if value is None else Entry(write.key, value, revision, created))
            rows.append((revision, write.key, value, write.expected, created))
        return rows

    def _newest(self, key: str) -> Entry | None:
        accepted = self._accepted.get(key)
        return accepted[1] if accepted else self._log.get(key)

    def _flush(self) -> None:
        if self._outbox:
            self._writer.put(self._outbox)
            self._outbox = []

    def _report(self, units: Sequence[Unit], error: Exception | None) -> None:
        if error is not None:
            self._refuse(units, error)
            return
        events: list[Event] = []
        for unit in units:
            for revision, key, value, _, _ in unit.rows:
                events.append(self._log.apply(key, value, revision))
                if self._accepted[key][0] == revision:
                    del self._accepted[key]
            if not unit.future.done():
                unit.future.set_result(unit.rows[-1][0])
        self._log.publish(events)
        self._bound_history()

    def _refuse(self, units: Sequence[Unit], error: Exception) -> None:
        if isinstance(error, StoreClosedError) and self._closed is None:
            self._closed = error
            self._writer.put(None)
            self._log.fanout.fail(error)
        if units[-1].epoch == self._epoch:
            # First report of this failure. What is still in the outbox, or queued at the writer, stands on it.
            self._epoch += 1
            self._accepted.clear()
            units = [*units, *self._outbox]
            self._outbox = []
            self._log.fail_waiters(self._next - 1, error)
        for unit in units:
            if not unit.future.done():
                unit.future.set_exception(error)

    def _bound_history(self) -> None:
        """Compact on our own when the history has grown beyond memory's bound; a quarter goes at a time."""
        log = self._log
        if log.history_bytes > HISTORY_BYTES or log.history_length > HISTORY_EVENTS:
            self._forget(log.revision_at(0.25))

    def _forget(self, revision: int) -> asyncio.Future[None]:
        dropped = self._log.forget(revision)
        needless = [event.previous_revision for event in dropped if event.previous_revision]
        needless += [event.revision for event in dropped if event.value is None]
        done: asyncio.Future[None] = self._loop.create_future()
        done.add_done_callback(asyncio.Future.exception)  # nobody waits for a compaction of our own
        self._writer.put(Compaction(self._log.oldest, needless, done))
        return done


def _load(file: SqliteFile) -> tuple[Log, Sequence[int]]:
    """Read the file into a log, and name the rows that a compaction cut short has left behind."""
    compacted = max(file.compacted(), file.unreadable_until())
    base: dict[str, Entry] = {}
    needless: list[int] = []
    log: Log | None = None
    for revision, key, value, previous, created in file.rows():
        if revision > compacted:
            log = log or Log(compacted, base.values())
            live = log.get(key)
            if (live.revision if live else 0) != previous:
                raise damaged(file.path, f"revision {revision} of {key} replaces {previous}, which is missing")
            log.apply(key, value, revision)
            continue
        if key in base:
            needless.append(base.pop(key).revision)
        if value is None:
            needless.append(revision)
        else:
            base[key] = Entry(key, value, revision, created)
    return log or Log(compacted, base.values()), needless
