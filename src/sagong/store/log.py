"""The log in memory: the live entries, the kept history, and the watches. What is in here is durable already.

Worked through, with /a written at 1 and 3, /b written at 2 and deleted at 4, compacted at 2:

    live     /a -> (value of 3, revision 3, created 1)
    history  3: /a, before it (value of 1)    4: /b deleted, before it (value of 2)
    list_at(2) = live with the changes after 2 undone = /a of 1, /b of 2;  watch(2) begins with 3, 4;  watch(1): CompactedError
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import islice
from operator import attrgetter

from sagong.store.base import CompactedError, Entry, Event, FutureRevisionError, Interest
from sagong.store.fanout import Fanout, LogWatch
from sagong.store.index import KeyIndex, prefix_end

_revision = attrgetter("revision")
_MOST_COUNTS = 32
"""Prefixes whose count is kept up to date: each write asks whether there are any webhooks, policies, quotas and limits."""


class Log:
    """State as of `revision`; history reaches back to `oldest`. Not thread-safe: one event loop owns it."""

    def __init__(self, oldest: int = 0, live: Iterable[Entry] = ()) -> None:
        self.revision = self.oldest = oldest
        self._live = {entry.key: entry for entry in live}
        self._keys = KeyIndex(self._live)
        self._counts: dict[str, int] = {}
        self._events: list[Event] = []
        self._before: list[Entry | None] = []  # the live entry that _events[i] replaced
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self.fanout = Fanout()
        self.history_bytes = 0

    @property
    def history_length(self) -> int:
        """How many changes are kept."""
        return len(self._events)

    def get(self, key: str) -> Entry | None:
        """Return the live entry."""
        return self._live.get(key)

    def list(self, prefix: str, *, start: str = "", limit: int = 0) -> Sequence[Entry]:
        """Return live entries under `prefix` in key order, from key `start` on."""
        keys = self._keys.range(max(prefix, start), prefix_end(prefix))
        return [self._live[key] for key in (islice(keys, limit) if limit else keys)]

    def count(self, prefix: str, start: str = "", revision: int = 0) -> int:
        """Count entries under `prefix` from key `start` on, now or as of `revision`."""
        if start:
            live = self._keys.count(max(prefix, start), prefix_end(prefix))
        elif (known := self._counts.get(prefix)) is not None:
            live = known
        else:
            live = self._count(prefix)
        if not revision or revision == self.revision:
            return live
        past = self._past(prefix, revision, start)
        return live + sum((entry is not None) - (key in self._live) for key, entry in past.items())

    def _count(self, prefix: str) -> int:
        """Count, and keep the count up to date from now on."""
        if len(self._counts) >= _MOST_COUNTS:
            self._counts.clear()
        count = self._counts[prefix] = self._keys.count(prefix, prefix_end(prefix))
        return count

    def _recount(self, key: str, change: int) -> None:
        for prefix in self._counts:
            if key.startswith(prefix):
                self._counts[prefix] += change

    def list_at(self, prefix: str, revision: int, *, start: str = "", limit: int = 0) -> Sequence[Entry]:
        """List as of `revision`: the live entries with every later change undone."""
        past = self._past(prefix, revision, start)
        live = self.list(prefix, start=start, limit=limit + len(past) if limit else 0)
        if not past:
            return live
        merged = [entry for entry in live if entry.key not in past]
        merged += [entry for entry in past.values() if entry is not None]
        merged.sort(key=attrgetter("key"))
        return merged[:limit] if limit else merged

    def _past(self, prefix: str, revision: int, start: str) -> dict[str, Entry | None]:
        """Return what was at `revision` at the keys that have changed since."""
        self._check(revision)
        past: dict[str, Entry | None] = {}
        for at in range(bisect_right(self._events, revision, key=_revision), len(self._events)):
            key = self._events[at].key
            if key.startswith(prefix) and key >= start:
                past.setdefault(key, self._before[at])
        return past

    def watch(self, prefix: str, since: int, capacity: int, interest: Interest | None = None) -> LogWatch:
        """Watch changes after `since`."""
        self._check(since)
        later = islice(self._events, bisect_right(self._events, since, key=_revision), None)
        return self.fanout.attach(prefix, [event for event in later if event.key.startswith(prefix)], capacity, interest)

    def apply(self, key: str, value: bytes | None, revision: int) -> Event:
        """Record one change; `publish` tells of it."""
        before = self._live.get(key)
        if value is not None:
            self._live[key] = Entry(before.key if before else key, value, revision, before.created if before else revision)
            if before is None:
                self._keys.add(key)
                self._recount(key, 1)
        elif before is not None:
            del self._live[key]
            self._keys.remove(key)
            self._recount(key, -1)
        event = Event(key, value, revision, before.value if before else None, before.revision if before else 0)
        self._events.append(event)
        self._before.append(before)
        self.history_bytes += len(value or b"")
        self.revision = revision
        return event

    def publish(self, events: Sequence[Event]) -> None:
        """Hand applied events to the watches, wake who waits for their revision."""
        self.fanout.publish(events)
        if self._waiters:
            due = [waiter for waiter in self._waiters if waiter[0] <= self.revision]
            self._waiters = [waiter for waiter in self._waiters if waiter[0] > self.revision]
            for _, future in due:
                if not future.done():
                    future.set_result(None)

    async def wait_revision(self, revision: int) -> None:
        """Wait until `revision` is visible."""
        if revision > self.revision:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append((revision, future))
            await future

    def fail_waiters(self, upto: int | None, error: Exception) -> None:
        """Tell who waits for a revision of at most `upto` (None: any) that it will not come."""
        failed = [waiter for waiter in self._waiters if upto is None or waiter[0] <= upto]
        self._waiters = [waiter for waiter in self._waiters if waiter not in failed]
        for _, future in failed:
            if not future.done():
                future.set_exception(error)

    def hand_waiters_to(self, successor: Log) -> None:
        """Let those who wait for a revision wait for it in the log that takes this one's place."""
        successor._waiters += self._waiters
        self._waiters = []
        successor.publish(())

    def forget(self, revision: int) -> Sequence[Event]:
        """Drop history up to `revision`, and return it. Raises FutureRevisionError."""
        if revision > self.revision:
            raise FutureRevisionError(self.revision)
        at = bisect_right(self._events, revision, key=_revision)
        dropped = self._events[:at]
        del self._events[:at], self._before[:at]
        self.history_bytes -= sum(len(event.value or b"") for event in dropped)
        self.oldest = max(self.oldest, revision)
        return dropped

    def revision_at(self, share: float) -> int:
        """Return the revision at that share of the kept history: compacting there drops the share."""
        at = int(len(self._events) * share)
        return self._events[at - 1].revision if at else self.oldest

    def _check(self, revision: int) -> None:
        if revision < self.oldest:
            raise CompactedError(self.oldest)
        if revision > self.revision:
            raise FutureRevisionError(self.revision)
