"""Real time and real chance: the only implementations, handed down to every component."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from sagong.api.clock import SUFFIX_ALPHABET

_UIDS = 64
"""How many are drawn at once; a forked process must not go on with its parent's, and nothing here forks."""


class RealClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the wall-clock time in UTC."""
        return datetime.now(UTC)

    monotonic = staticmethod(time.monotonic)
    """Return seconds that never go back. A write asks thirty times: nothing of ours stands between."""

    async def sleep(self, seconds: float) -> None:
        """Wait on the running loop."""
        await asyncio.sleep(seconds)


_VARIANTS = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


def _uuids(digits: str) -> Iterator[str]:
    """Yield UUIDs of 32 random digits each: version and variant (RFC 9562) take the place of some; uuid.UUID takes ten times as long."""
    for at in range(0, len(digits), 32):
        one = digits[at : at + 32]
        yield f"{one[:8]}-{one[8:12]}-4{one[13:16]}-{_VARIANTS[one[16]]}{one[17:20]}-{one[20:]}"


class RealRandom:
    """The machine's randomness."""

    def __init__(self) -> None:
        self._drawn: list[str] = []

    def uid(self) -> str:
        """Return a version 4 UUID."""
        if not self._drawn:
            self._drawn = list(_uuids(os.urandom(16 * _UIDS).hex()))  # asked of the kernel at once: each request has one
        return self._drawn.pop()

    def suffix(self, length: int = 5) -> str:
        """Return a name suffix of upstream's alphabet."""
        return "".join(random.choices(SUFFIX_ALPHABET, k=length))  # noqa: S311 - a name, not a secret

    def uniform(self) -> float:
        """Return a float in [0, 1)."""
        return random.random()  # noqa: S311 - jitter, not a secret

    def token(self, size: int) -> bytes:
        """Return bytes fit for secrets."""
        return secrets.token_bytes(size)
