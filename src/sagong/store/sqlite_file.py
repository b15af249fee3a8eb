"""The SQLite file: its schema, its lock, and the statements on the log table. Everything here blocks.

`log` holds one row for each change: value NULL is a tombstone, `previous` the revision that it replaced (0: none), `created`
that of the object's creation. Compaction at R deletes every row that a row of at most R replaced, and tombstones up to R;
what is left of those rows is the state at R. `meta` keeps R, so that no revision is used twice even when all rows are gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import IO

from sagong.store.base import Seal, SealError, StoreOpenError

SCHEMA_VERSION = 1
_APPLICATION_ID = 0x53414749
_MAGIC = b"SQLite format 3\x00"
_ROWS_PER_STATEMENT = 128
_CORRUPT = "restore it from a backup, or move it away to start with an empty cluster"

# revision, key, value, previous, created
Row = tuple[int, str, bytes | None, int, int]

_CREATE = f"""
BEGIN;
CREATE TABLE log (revision INTEGER PRIMARY KEY, key TEXT NOT NULL, value BLOB, previous INTEGER NOT NULL, created INTEGER NOT NULL);
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('compacted', 0);
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""  # noqa: S608 - made of constants


class SqliteFile:
    """One open file. Opened on one thread, then used by one writer thread alone."""

    def __init__(self, path: Path, *, durable: bool = True, seal: Seal | None = None) -> None:
        """Open or create. Raises StoreOpenError; then nothing was changed."""
        self.path, self._seal = path, seal
        self._lock = _lock(path)
        try:
            _check_header(path)
            self._connection = _connect(path, durable=durable)
        except BaseException:
            self._lock.close()
            raise

    def compacted(self) -> int:
        """Return the compaction revision."""
        with self._reading():
            return int(self._connection.execute("SELECT value FROM meta WHERE name = 'compacted'").fetchone()[0])

    def size(self) -> int:
        """Return how many bytes the file and what was written beside it take. May be called on another thread."""
        found = 0
        for name in (self.path.name, f"{self.path.name}-wal"):
            with contextlib.suppress(FileNotFoundError):
                found += self.path.with_name(name).stat().st_size
        return found

    def rows(self) -> Iterator[Row]:
        """Iterate all rows in revision order. Raises StoreOpenError when the file turns out to be damaged."""
        with self._reading():
            rows: Iterator[Row] = self._connection.execute("SELECT revision, key, value, previous, created FROM log ORDER BY revision")
            yield from rows if self._seal is None else self._opened(rows)

    def append(self, rows: Sequence[Row]) -> None:
        """Make rows durable, all or none. Raises sqlite3.Error.

        A batch is one statement where it can be: each return from SQLite waits for the interpreter's lock, which a busy event loop
        gives back only every 5 ms.
        """
        if len(rows) <= _ROWS_PER_STATEMENT:
            self._insert(rows)
            return
        with self._transaction():
            for at in range(0, len(rows), _ROWS_PER_STATEMENT):
                self._insert(rows[at : at + _ROWS_PER_STATEMENT])

    def record_compaction(self, revision: int) -> None:
        """Make `revision` the oldest that can be read; the rows it makes needless are deleted after that."""
        self._connection.execute("UPDATE meta SET value = ? WHERE name = 'compacted'", (revision,))

    def delete(self, revisions: Sequence[int]) -> None:
        """Delete rows. A crash in between leaves rows that the next opening finds to be needless."""
        self._connection.execute("DELETE FROM log WHERE revision IN (SELECT value FROM json_each(?))", (json.dumps(revisions),))

    def close(self) -> None:
        """Release the file."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        self._lock.close()

    def unreadable_until(self) -> int:
        """Return the revision up to which history holds values whose key is gone, 0 when all can be read.

        Raises StoreOpenError when a live value is among them.
        """
        if self._seal is None:
            return 0
        until, lost = 0, dict[str, SealError]()
        with self._reading():
            for revision, key, value in self._connection.execute("SELECT revision, key, value FROM log ORDER BY revision"):
                if lost.pop(key, None) is not None:
                    until = revision
                try:
                    self._unsealed(key, value)
                except SealError as error:
                    lost[key] = error
        for failure in lost.values():
            raise StoreOpenError(f"store {self.path} cannot be decrypted ({failure}): add the key it was written with") from failure
        return until

    def _opened(self, rows: Iterator[Row]) -> Iterator[Row]:
        for revision, key, value, previous, created in rows:
            try:
                yield revision, key, self._unsealed(key, value), previous, created
            except SealError:
                yield revision, key, b"", previous, created  # not live, see `unreadable_until`

    def _unsealed(self, key: str, value: bytes | None) -> bytes | None:
        return value if value is None or self._seal is None else self._seal.open(key, value)

    def _insert(self, rows: Sequence[Row]) -> None:
        if self._seal is not None:
            rows = [(row[0], row[1], self._seal.seal(row[1], row[2]), *row[3:]) for row in rows]
        values = ",".join(("(?,?,?,?,?)",) * len(rows))
        self._connection.execute(f"INSERT INTO log VALUES {values}", tuple(chain.from_iterable(rows)))  # noqa: S608 - only ? marks

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, TypeError, ValueError) as error:
            raise StoreOpenError(f"store {self.path} is damaged ({error}): {_CORRUPT}") from error


def damaged(path: Path, what: str) -> StoreOpenError:
    """Return the error for a log that contradicts itself."""
    return StoreOpenError(f"store {path} is damaged ({what}): {_CORRUPT}")


def _lock(path: Path) -> IO[str]:
    """Hold `<path>.lock` for this process; the operating system frees it however the process ends."""
    try:
        lock = Path(f"{path}.lock").open("a+", encoding="utf-8")  # noqa: SIM115 - held until close
    except FileNotFoundError as error:
        raise StoreOpenError(f"store {path} cannot be opened, there is no directory {path.parent}: create it") from error
    except OSError as error:
        raise StoreOpenError(f"store {path} cannot be opened ({error.strerror}): give this user write access to {path.parent}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        holder = lock.read().strip()
        lock.close()
        raise StoreOpenError(f"store {path} is in use by process {holder or 'unknown'}: stop that one first") from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _check_header(path: Path) -> None:
    """Judge the file by its first bytes, before SQLite may touch it."""
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreOpenError(f"store {path} cannot be read ({error.strerror}): give this user access to it") from error
    if not header:
        return
    version, application = int.from_bytes(header[60:64], "big"), int.from_bytes(header[68:72], "big")
    if not header.startswith(_MAGIC):
        raise damaged(path, "it is not a SQLite file")
    if application != _APPLICATION_ID:
        raise StoreOpenError(f"store {path} is a SQLite file of another program: choose another path for the store")
    if version > SCHEMA_VERSION:
        raise StoreOpenError(
            f"store {path} is from a newer Sagong (format {version}, this one reads up to {SCHEMA_VERSION}): upgrade Sagong, "
            "or choose an empty data directory"
        )


def _connect(path: Path, *, durable: bool) -> sqlite3.Connection:
    fresh = not path.exists() or not path.stat().st_size
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=2 * _ROWS_PER_STATEMENT)
        # Exclusive: the index of the write-ahead log then lives on the heap, and nobody else may write behind our back.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        if fresh:
            connection.executescript(_CREATE)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute(f"PRAGMA journal_size_limit = {64 << 20}")
    except sqlite3.OperationalError as error:
        raise StoreOpenError(f"store {path} cannot be opened ({error}): free some space, or give this user write access to it") from error
    except sqlite3.DatabaseError as error:
        raise damaged(path, str(error)) from error
    return connection
