"""Time and chance as values handed down from `cluster/`, so that every race can be replayed and a day take milliseconds."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """A source of time."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long on this clock."""
        ...


class Random(Protocol):
    """A source of chance."""

    def uid(self) -> str:
        """Return a fresh RFC 4122 version 4 UUID, as metadata.uid has it."""
        ...

    def suffix(self, length: int = 5) -> str:
        """Return a name suffix of upstream's alphabet (no vowels, no 0, 1, 3)."""
        ...

    def uniform(self) -> float:
        """Return a float in [0, 1)."""
        ...

    def token(self, size: int) -> bytes:
        """Return `size` bytes fit for secrets."""
        ...


_EPOCH, _SECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(seconds=1)
SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def format_time(moment: datetime) -> str:
    """Return metav1.Time's form: RFC 3339, UTC, whole seconds."""
    return _second((moment - _EPOCH) // _SECOND)


@functools.lru_cache(maxsize=16)
def _second(since_1970: int) -> str:
    """Return the text of a second; a server asks for that of the same one again and again."""
    return (_EPOCH + since_1970 * _SECOND).isoformat(timespec="seconds")[:19] + "Z"


def format_micro_time(moment: datetime) -> str:
    """Return metav1.MicroTime's form: RFC 3339, UTC, six digits of a second."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def parse_time(text: str | None) -> datetime:
    """Parse either form; no time at all is the first moment of year 1, as in Go. Raises ValueError."""
    if text is None:
        return datetime.min.replace(tzinfo=UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
