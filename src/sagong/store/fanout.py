"""Watches: each has a bounded queue, so that a slow reader costs itself its stream and nobody else anything.

Watches stand in buckets by the directory part of their prefix, `/registry/pods/default/` for that prefix as for
`/registry/pods/default/web-1`. A change visits the buckets of its key's directories only: four, however many watches there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from sagong.store.base import Event, SlowWatcherError


class LogWatch:
    """One stream. What the log already held when the watch began does not count against `capacity`."""

    def __init__(self, prefix: str, backlog: Sequence[Event], capacity: int, detach: Callable[[LogWatch], None]) -> None:
        self.prefix = prefix
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

    def take(self) -> Sequence[Event]:
        """Return what is queued now."""
        if not self._queue:
            if self._error is not None:
                raise self._error
            return ()
        batch, self._queue = self._queue, []
        self._limit = self._capacity
        return batch

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


class Fanout:
    """All watches of one log."""

    def __init__(self) -> None:
        self._buckets: dict[str, set[LogWatch]] = {}

    def attach(self, prefix: str, backlog: Sequence[Event], capacity: int) -> LogWatch:
        """Begin a watch that gives `backlog` first."""
        watch = LogWatch(prefix, backlog, capacity, self._detach)
        self._buckets.setdefault(prefix[: prefix.rfind("/") + 1], set()).add(watch)
        return watch

    def publish(self, events: Sequence[Event]) -> None:
        """Hand events to the watches that they concern."""
        for event in events:
            key = event.key
            for directory in _directories(key):
                for watch in tuple(self._buckets.get(directory, ())):
                    if key.startswith(watch.prefix):
                        watch.offer(event)

    def fail(self, error: Exception) -> None:
        """End every watch with an error."""
        for watch in [watch for bucket in self._buckets.values() for watch in bucket]:
            watch.fail(error)

    def close(self) -> None:
        """End every watch."""
        for watch in [watch for bucket in self._buckets.values() for watch in bucket]:
            watch.close()

    def _detach(self, watch: LogWatch) -> None:
        directory = watch.prefix[: watch.prefix.rfind("/") + 1]
        bucket = self._buckets.get(directory, set())
        bucket.discard(watch)
        if not bucket:
            self._buckets.pop(directory, None)
