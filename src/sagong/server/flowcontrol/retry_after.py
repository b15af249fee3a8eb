"""What Retry-After says: it doubles while a level goes on turning requests away, and comes down by one when it does not."""

from __future__ import annotations

from collections import Counter

_MOST = 32
_BUSY = 3


class RetryAfter:
    """One level's advice, in seconds."""

    def __init__(self) -> None:
        self.seconds = 1
        self._second = 0
        self._raised = 0
        self._dropped: Counter[int] = Counter()

    def dropped(self, now: float) -> int:
        """Note that a request is turned away; return what to advise."""
        second = int(now)
        if second != self._second:
            self._second = second
            self._revise(second)
        self._dropped[second] += 1
        return self.seconds

    def _revise(self, now: int) -> None:
        self._dropped = Counter({at: count for at, count in self._dropped.items() if now - at <= min(2 * self.seconds, _MOST)})
        recent = sum(count for at, count in self._dropped.items() if now - self.seconds <= at < now)
        if now - self._raised >= self.seconds and recent >= _BUSY * self.seconds:
            self.seconds = min(self.seconds * 2, _MOST)
            self._raised = now
        elif recent < self.seconds and self.seconds > 1:
            self.seconds -= 1
