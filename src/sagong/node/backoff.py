"""Exponential back-off by key, as client-go's flowcontrol.Backoff: doubling from `first` to `longest`, forgotten after twice that.

first failure: no entry, go on at once, the entry becomes 10 s; second: wait until 10 s after its end, then 20 s; ...
a key whose last failure is longer ago than 2 * longest starts anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from sagong.api.clock import Clock


@dataclass(slots=True)
class _Entry:
    delay: float
    updated: float


class Backoff:
    """Delays by key; times are seconds since 1970."""

    def __init__(self, clock: Clock, first: float, longest: float) -> None:
        self._clock = clock
        self._first = first
        self._longest = longest
        self._entries: dict[str, _Entry] = {}

    def delay(self, key: str) -> float:
        """Return the current delay of the key, 0 without one."""
        entry = self._entries.get(key)
        return entry.delay if entry else 0.0

    def until(self, key: str, since: float) -> float:
        """Return the time before which nothing should be tried after a failure at `since`; a past time when there is no wait."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry, since):
            return 0.0
        return since + entry.delay

    def until_update(self, key: str) -> float:
        """Return the same, counted from the last failure that was noted."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry, self._now()):
            return 0.0
        return entry.updated + entry.delay

    def fail(self, key: str, since: float) -> None:
        """Note another failure at `since`: the next delay is twice as long."""
        entry = self._entries.get(key)
        fresh = entry is None or self._expired(entry, since)
        delay = self._first if fresh or entry is None else min(entry.delay * 2, self._longest)
        self._entries[key] = _Entry(delay, self._now())

    def forget(self, prefix: str) -> None:
        """Drop all keys that start so, and those long expired."""
        now = self._now()
        for key in [k for k, e in self._entries.items() if k.startswith(prefix) or now - e.updated > 2 * self._longest]:
            del self._entries[key]

    def _expired(self, entry: _Entry, at: float) -> bool:
        return at - entry.updated > 2 * self._longest

    def _now(self) -> float:
        return self._clock.now().timestamp()
