"""The writer thread: takes what has gathered while the last batch was synced, makes it durable with one fsync, reports once.

The event loop is woken once for a batch, not for a write.
"""

from __future__ import annotations

import sqlite3
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Thread

from msgspec import Struct

from sagong.store.base import StoreClosedError, StoreWriteError
from sagong.store.sqlite_file import Row, SqliteFile

_BATCH_ROWS = 2048
_DELETE_ROWS = 512
_MANY_NEEDLESS = 20_000  # so many are not left to an idle moment
# What a full or read-only medium says before anything of the batch is kept. After any other failure, a failed fsync above all,
# nobody knows what the medium holds.
_REFUSALS = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_TOOBIG}


class Unit(Struct, eq=False):
    """Rows that become durable together, and who waits for them. `epoch` counts the failures that the loop has dealt with."""

    rows: Sequence[Row]
    future: Future[int]
    epoch: int


class Compaction(Struct, frozen=True):
    """Forget rows; `revision` becomes the oldest."""

    revision: int
    needless: Sequence[int]
    future: Future[None]


Report = Callable[[Sequence[Unit], Exception | None], None]
Job = list[Unit] | Compaction | None


class Writer:
    """Owns the file from `start` to `stop`. `report` is called on the loop, in the order of the batches."""

    def __init__(self, file: SqliteFile, loop: AbstractEventLoop, report: Report) -> None:
        self._file, self._loop, self._report = file, loop, report
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._failed_epoch = -1
        self._needless: list[int] = []
        self._broken: Exception | None = None
        self._thread = Thread(target=self._run, name="store-writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, job: Job) -> None:
        """Hand work over; None stops the thread after all that was handed over before."""
        self._jobs.put(job)

    def join(self) -> None:
        """Wait until the thread has ended and the file is closed."""
        self._thread.join()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            units, compactions, stopping = self._gather()
            if units:
                self._write(units)
            for compaction in compactions:
                self._compact(compaction)
            if len(self._needless) > _MANY_NEEDLESS:
                self._delete()
        while self._needless and self._broken is None:
            self._delete()
        self._file.close()

    def _gather(self) -> tuple[list[Unit], list[Compaction], bool]:
        """Wait for work, take all of it up to a batch."""
        units: list[Unit] = []
        compactions: list[Compaction] = []
        rows = 0
        job = self._next()
        while True:
            if job is None:
                return units, compactions, True
            if isinstance(job, Compaction):
                compactions.append(job)
            else:
                units += job
                rows += sum(len(unit.rows) for unit in job)
            if rows >= _BATCH_ROWS:
                return units, compactions, False
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return units, compactions, False

    def _next(self) -> Job:
        while self._needless and self._jobs.empty() and self._broken is None:
            self._delete()
        return self._jobs.get()

    def _delete(self) -> None:
        chunk, self._needless = self._needless[:_DELETE_ROWS], self._needless[_DELETE_ROWS:]
        try:
            self._file.delete(chunk)
        except sqlite3.Error:
            self._needless = []  # the next opening finds them again

    def _write(self, units: Sequence[Unit]) -> None:
        error = self._broken or self._append([row for unit in units if unit.epoch > self._failed_epoch for row in unit.rows])
        if error is not None:
            # What waits behind a failed write was accepted on the strength of it, and fails with it.
            self._failed_epoch = max(unit.epoch for unit in units)
        done = [unit for unit in units if unit.epoch > self._failed_epoch]
        refused = [unit for unit in units if unit.epoch <= self._failed_epoch]
        if done:
            self._loop.call_soon_threadsafe(self._report, done, None)
        if refused:
            self._loop.call_soon_threadsafe(self._report, refused, error or StoreWriteError("a write before this one failed: try again"))

    def _append(self, rows: Sequence[Row]) -> Exception | None:
        try:
            if rows:
                self._file.append(rows)
        except sqlite3.Error as cause:
            return self._failure(cause)
        return None

    def _failure(self, cause: sqlite3.Error) -> Exception:
        code = getattr(cause, "sqlite_errorcode", 0)
        if code in _REFUSALS:
            return StoreWriteError(f"store {self._file.path} refuses writes ({cause}): free some space")
        self._broken = StoreClosedError(f"store {self._file.path} failed ({cause}): restart on a healthy disk")
        return self._broken

    def _compact(self, job: Compaction) -> None:
        try:
            self._file.record_compaction(job.revision)
        except sqlite3.Error as cause:
            self._loop.call_soon_threadsafe(_settle, job.future, self._failure(cause))
            return
        self._needless += job.needless
        self._loop.call_soon_threadsafe(_settle, job.future, None)


def _settle(future: Future[None], error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
