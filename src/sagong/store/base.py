"""The waist of the system: a revisioned key-value log. Both engines (SQLite, etcd) stand behind it.

One store revision is one resourceVersion. Reads and watches are answered from memory (`store/log.py`); only writes wait.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from msgspec import Struct


class Entry(Struct, frozen=True, gc=False):
    """The live value of a key. `revision` wrote it, `created` is the revision of its creation."""

    key: str
    value: bytes
    revision: int
    created: int


class Event(Struct, frozen=True, gc=False):
    """One change. `value` is None for a deletion; `previous` is the value before, None for a creation.

    `previous_revision` is 0 for a creation.
    """

    key: str
    value: bytes | None
    revision: int
    previous: bytes | None
    previous_revision: int


class Write(Struct, frozen=True, gc=False):
    """One compare-and-swap: `value` None deletes.

    `expected` is the revision that must be live now; 0: the key must be absent.
    """

    key: str
    value: bytes | None
    expected: int


class RevisionMismatchError(Exception):
    """A write expected another revision than the one that is live; `current` is the live entry, None if absent."""

    def __init__(self, key: str, current: Entry | None) -> None:
        super().__init__(key)
        self.key, self.current = key, current


class CompactedError(Exception):
    """The revision asked for is older than what the log keeps; `oldest` is the oldest that can be read."""

    def __init__(self, oldest: int) -> None:
        super().__init__(f"compacted, oldest kept revision is {oldest}")
        self.oldest = oldest


class FutureRevisionError(Exception):
    """The revision asked for has not been written yet; `current` is the newest."""

    def __init__(self, current: int) -> None:
        super().__init__(f"future revision, the current one is {current}")
        self.current = current


class StoreOpenError(Exception):
    """The store cannot be opened; the message is one line that names the cause and the fix. Nothing was changed."""


class StoreWriteError(Exception):
    """The medium refused the write (a full disk): nothing of it is kept, nothing acknowledged is lost, later writes may succeed."""


class StoreClosedError(Exception):
    """The store is closed, or its medium failed; no write after this is acknowledged."""


class SealError(Exception):
    """A value on the medium cannot be read with the keys that there are."""


class Seal(Protocol):
    """Encryption at rest: what is kept on the medium is not what is in memory."""

    def seal(self, key: str, value: bytes | None) -> bytes | None:
        """Return what the medium keeps; None is a deletion, and stays None. May be called on another thread."""
        ...

    def open(self, key: str, data: bytes) -> bytes:
        """Return the value of what the medium kept. Raises SealError."""
        ...


class Interest(NamedTuple):
    """What a watch is interested in: changes for which `trigger` names `value`.

    A trigger says what a change is about, such as the nodes that a pod was and is on. All watches with the same trigger are found
    with one question to it, however many they are.
    """

    trigger: Callable[[Event], Iterable[str]]
    value: str


class Watch(Protocol):
    """A stream of batches of events, in revision order, none missed."""

    def __aiter__(self) -> AsyncIterator[Sequence[Event]]:
        """Iterate batches; each is non-empty. Ends when closed; raises SlowWatcherError if the reader fell behind."""
        ...

    def take(self, most: int = 0) -> Sequence[Event]:
        """Return what is queued now, in order, without waiting; about `most` bytes of values, 0: all. Raises SlowWatcherError."""
        ...

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        ...

    @property
    def pending(self) -> bool:
        """Whether events that are visible already wait to be read; when none do, the reader has seen all up to `Store.revision`."""
        ...

    def notify(self, wake: Callable[[], None]) -> None:
        """Let `wake` be called, in the middle of a publication, whenever events wait or the stream has ended: it must not take long."""
        ...

    def close(self) -> None:
        """End the stream."""
        ...


class SlowWatcherError(Exception):
    """The watcher's bounded queue overflowed; the client lists again."""


class Store(Protocol):
    """What the server needs of a store. All keys under one prefix `/registry/`."""

    @property
    def revision(self) -> int:
        """The newest revision that is durable and visible."""
        ...

    @property
    def oldest(self) -> int:
        """The oldest revision from which a watch or a snapshot read can start (the compaction revision)."""
        ...

    def get(self, key: str) -> Entry | None:
        """Return the live entry."""
        ...

    def list(self, prefix: str, *, start: str = "", limit: int = 0) -> Sequence[Entry]:
        """Return live entries under `prefix` in key order, from key `start` on, `limit` at most (0: all)."""
        ...

    def count(self, prefix: str, *, start: str = "", revision: int = 0) -> int:
        """Return how many entries stand under `prefix`, from key `start` on; now, or at an earlier revision as `list_at`."""
        ...

    def list_at(self, prefix: str, revision: int, *, start: str = "", limit: int = 0) -> Sequence[Entry]:
        """As `list`, at an earlier revision. Raises CompactedError, FutureRevisionError."""
        ...

    async def write(self, key: str, value: bytes | None, expected: int) -> int:
        """Compare, swap, make durable; return the new revision.

        Raises RevisionMismatchError at once when the newest accepted write (durable or on its way) is not `expected`,
        StoreWriteError, StoreClosedError. Writes that wait at the same time share one fsync. The `current` of a
        mismatch may be on its way: `wait_revision` it before telling a client of it without a write of one's own.
        """
        ...

    async def write_all(self, writes: Sequence[Write]) -> int:
        """Do all the writes in one revision-ordered atomic batch, or none; return the last revision."""
        ...

    def watch(self, prefix: str, since: int, *, capacity: int = 10_000, interest: Interest | None = None) -> Watch:
        """Watch changes after revision `since`, the kept log first. Raises CompactedError, FutureRevisionError.

        With an interest, other changes may be left out.
        """
        ...

    async def wait_revision(self, revision: int) -> None:
        """Wait until `revision` is visible. Raises StoreWriteError when the write that was to make it fails."""
        ...

    async def compact(self, revision: int) -> None:
        """Forget history before `revision`; live entries stay."""
        ...

    async def close(self) -> None:
        """Finish the writes under way and release the medium."""
        ...


@runtime_checkable
class Sized(Protocol):
    """A store that knows what it takes on a disk."""

    cluster_id: str
    """What it is called in metrics."""

    async def size(self) -> int | None:
        """Return how many bytes that is now; None when that cannot be said."""
        ...
