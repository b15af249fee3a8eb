"""A queue of keys with client-go's contract, and its rate limiter.

Three sets tell the whole story. `dirty` holds keys that need work, `processing` those a worker has now, and `queue` the order
of the dirty ones that no worker has. A key added while it is processed is dirty only: it joins the queue when the worker is
done. So a key is in the queue once, one worker has it at a time, and no change is lost. A worker may say how long the key is to
rest: until then it counts as processed, so that many changes are one piece of work.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from sagong.api.clock import Clock
from sagong.client.queue_metrics import QueueMetrics

K = TypeVar("K", bound=Hashable)
BASE_DELAY, MAX_DELAY = 0.005, 1000.0
RATE, BURST = 10.0, 100


class QueueShutDownError(Exception):
    """The queue is shut down and empty: the worker ends."""


class RateLimiter(Generic[K]):
    """Returns the delay of a retry: 5 ms doubled for each failure of the key, 1000 s at most; 10 a second over all, after 100."""

    def __init__(self, clock: Clock, *, base: float = BASE_DELAY, longest: float = MAX_DELAY) -> None:
        self._clock, self._base, self._longest = clock, base, longest
        self._failures: dict[K, int] = {}
        self._tokens = float(BURST)
        self._at = clock.monotonic()

    def delay(self, key: K) -> float:
        """Count a failure; return the seconds to wait."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        now = self._clock.monotonic()
        self._tokens = min(float(BURST), self._tokens + (now - self._at) * RATE) - 1
        self._at = now
        own = self._longest if failures > 30 else min(self._base * 2**failures, self._longest)  # noqa: PLR2004 - 2**30 is past any limit
        return max(own, -self._tokens / RATE)

    def forget(self, key: K) -> None:
        """Forget the key's failures."""
        self._failures.pop(key, None)

    def failures(self, key: K) -> int:
        """Return how often the key failed since it was forgotten."""
        return self._failures.get(key, 0)


class WorkQueue(Generic[K]):
    """Keys waiting for workers. Use it from one event loop."""

    def __init__(self, clock: Clock, limiter: RateLimiter[K] | None = None, *, name: str = "") -> None:
        self._limiter = limiter or RateLimiter(clock)
        self.metrics: QueueMetrics[K] = QueueMetrics(name, clock.monotonic)
        self._queue: deque[K] = deque()
        self._dirty: set[K] = set()
        self._processing: set[K] = set()
        self._delayed: dict[K, asyncio.TimerHandle] = {}
        self._resting: dict[K, asyncio.TimerHandle] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed = False

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, key: K) -> None:
        """Mark the key as needing work."""
        if self._closed or key in self._dirty:
            return
        self._dirty.add(key)
        self.metrics.added(key)
        if key not in self._processing:
            self._enqueue(key)

    def add_after(self, key: K, seconds: float) -> None:
        """Add the key later; of several delays of one key the earliest counts."""
        if self._closed:
            return
        self.metrics.retries += 1
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        pending = self._delayed.get(key)
        if pending is not None:
            if pending.when() <= loop.time() + seconds:
                return
            pending.cancel()
        self._delayed[key] = loop.call_later(seconds, self._ripe, key)

    def add_rate_limited(self, key: K) -> None:
        """Add the key after its back-off."""
        self.add_after(key, self._limiter.delay(key))

    def forget(self, key: K) -> None:
        """Reset the key's back-off."""
        self._limiter.forget(key)

    def failures(self, key: K) -> int:
        """Return how often the key was added rate-limited since it was forgotten."""
        return self._limiter.failures(key)

    async def get(self) -> K:
        """Wait for a key and take it; `done` must follow. Raises QueueShutDownError."""
        while not self._queue:
            if self._closed:
                raise QueueShutDownError
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self._wake()
                raise
        key = self._queue.popleft()
        self._processing.add(key)
        self._dirty.discard(key)
        self.metrics.taken(key)
        return key

    def done(self, key: K, rest: float = 0.0) -> None:
        """Give the key back; when it was added meanwhile, or is within `rest` seconds, it is queued again, after these seconds."""
        self.metrics.finished(key)
        if rest > 0 and not self._closed:
            self._resting[key] = asyncio.get_running_loop().call_later(rest, self._rested, key)
        else:
            self._free(key)

    def shut_down(self) -> None:
        """Take no more keys; workers end when the queue is empty."""
        self._closed = True
        for handle in self._delayed.values():
            handle.cancel()
        self._delayed.clear()
        for key, handle in tuple(self._resting.items()):
            handle.cancel()
            self._rested(key)
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    def _ripe(self, key: K) -> None:
        del self._delayed[key]
        self.add(key)

    def _rested(self, key: K) -> None:
        del self._resting[key]
        self._free(key)

    def _free(self, key: K) -> None:
        self._processing.discard(key)
        if key in self._dirty:
            self._enqueue(key)

    def _enqueue(self, key: K) -> None:
        self._queue.append(key)
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
