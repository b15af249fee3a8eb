"""Watches: each has a bounded queue, so that a slow reader costs itself its stream and nobody else anything.

Watches stand in buckets by the directory part of their prefix, `/registry/pods/default/` for that prefix as for
`/registry/pods/default/web-1`. A change visits the buckets of its key's directories only: four, however many watches there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

from sagong.store.base import Event, Interest, SlowWatcherError

Trigger = Callable[[Event], Iterable[str]]


class LogWatch:
    """One stream. What the log already held when the watch began does not count against `capacity`."""

    def __init__(
        self, prefix: str, backlog: Sequence[Event], capacity: int, detach: Callable[[LogWatch], None], interest: Interest | None = None
    ) -> None:
        self.prefix, self.interest = prefix, interest
        self._queue: list[Event] = list(backlog)
        self._limit = capacity + len(self._queue)
        self._capacity = capacity
        self._detach = detach
        self._waiter: asyncio.Future[None] | None = None
        self._wake: Callable[[], None] | None = None
        self._closed = False
        self._error: Exception | None = None

    def __aiter__(self) -> AsyncIterator[Sequence[Event]]:
        return self

    async def __anext__(self) -> Sequence[Event]:
        while not (batch := self.take()):
            if self._closed:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return batch

    def take(self, most: int = 0) -> Sequence[Event]:
        """Return what is queued now."""
        if not self._queue:
            if self._error is not None:
                raise self._error
            return ()
        count = _count(self._queue, most) if most else len(self._queue)
        if count == len(self._queue):
            batch, self._queue = self._queue, []
            self._limit = self._capacity
            return batch
        batch = self._queue[:count]
        del self._queue[:count]
        self._limit = max(self._capacity, self._limit - count)
        return batch

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._closed and not self._queue

    @property
    def pending(self) -> bool:
        """Whether visible events wait to be read."""
        return bool(self._queue)

    def notify(self, wake: Callable[[], None]) -> None:
        """Let `wake` be called whenever events wait or the stream has ended."""
        self._wake = wake

    def close(self) -> None:
        """End the stream; what was queued is dropped."""
        self._queue = []
        self._end()

    def offer(self, event: Event) -> None:
        """Queue an event; an overflow ends the stream."""
        self._queue.append(event)
        if len(self._queue) > self._limit:
            self._queue = []
            self.fail(SlowWatcherError(f"watcher of {self.prefix} is more than {self._limit} events behind"))
        elif self._wake is not None:
            self._wake()
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def fail(self, error: Exception) -> None:
        """End the stream with an error, after what is queued."""
        self._error = error
        self._end()

    def _end(self) -> None:
        if not self._closed:
            self._closed = True
            self._detach(self)
            if self._wake is not None:
                self._wake()
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_result(None)


def _directories(key: str) -> Iterator[str]:
    at = key.find("/") + 1
    while at:
        yield key[:at]
        at = key.find("/", at) + 1


def _count(events: Sequence[Event], most: int) -> int:
    """Return how many events have about so many bytes of values; one at least."""
    size = 0
    for count, event in enumerate(events, 1):
        size += len(event.previous or b"") if event.value is None else len(event.value)
        if size >= most:
            return count
    return len(events)


class Fanout:
    """All watches of one log: buckets by directory, and in each those with an interest by what it is."""

    def __init__(self) -> None:
        self._buckets: dict[str, set[LogWatch]] = {}
        self._interested: dict[str, dict[Trigger, dict[str, set[LogWatch]]]] = {}

    def attach(self, prefix: str, backlog: Sequence[Event], capacity: int, interest: Interest | None = None) -> LogWatch:
        """Begin a watch that gives `backlog` first."""
        watch = LogWatch(prefix, backlog, capacity, self._detach, interest)
        directory = _directory(watch)
        if interest is None:
            self._buckets.setdefault(directory, set()).add(watch)
        else:
            triggers = self._interested.setdefault(directory, {})
            triggers.setdefault(interest.trigger, {}).setdefault(interest.value, set()).add(watch)
        return watch

    def publish(self, events: Sequence[Event]) -> None:
        """Hand events to the watches that they concern."""
        for event in events:
            key = event.key
            for directory in _directories(key):
                for watch in tuple(self._buckets.get(directory, ())):
                    if key.startswith(watch.prefix):
                        watch.offer(event)
                for trigger, watches in tuple(self._interested.get(directory, {}).items()):
                    for value in set(trigger(event)):
                        for watch in tuple(watches.get(value, ())):
                            if key.startswith(watch.prefix):
                                watch.offer(event)

    def fail(self, error: Exception) -> None:
        """End every watch with an error."""
        for watch in self._all():
            watch.fail(error)

    def close(self) -> None:
        """End every watch."""
        for watch in self._all():
            watch.close()

    def _all(self) -> list[LogWatch]:
        buckets = [*self._buckets.values()]
        buckets += [bucket for triggers in self._interested.values() for by in triggers.values() for bucket in by.values()]
        return [watch for bucket in buckets for watch in bucket]

    def _detach(self, watch: LogWatch) -> None:
        directory, interest = _directory(watch), watch.interest
        if interest is None:
            _leave(self._buckets, directory, watch)
            return
        triggers = self._interested.get(directory, {})
        watches = triggers.get(interest.trigger, {})
        _leave(watches, interest.value, watch)
        if not watches:
            triggers.pop(interest.trigger, None)
        if not triggers:
            self._interested.pop(directory, None)


def _directory(watch: LogWatch) -> str:
    return watch.prefix[: watch.prefix.rfind("/") + 1]


def _leave(buckets: dict[str, set[LogWatch]], name: str, watch: LogWatch) -> None:
    bucket = buckets.get(name, set())
    bucket.discard(watch)
    if not bucket:
        buckets.pop(name, None)
