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

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the running loop."""
        await asyncio.sleep(seconds)


class RealRandom:
    """The machine's randomness."""

    def __init__(self) -> None:
        self._drawn: Iterator[bytes] = iter(())

    def uid(self) -> str:
        """Return a version 4 UUID."""
        raw = bytearray(next(self._drawn, b"") or self._draw())
        raw[6], raw[8] = raw[6] & 0x0F | 0x40, raw[8] & 0x3F | 0x80  # version and variant (RFC 9562); uuid.UUID takes five times as long
        text = raw.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def _draw(self) -> bytes:
        """Ask the kernel once for many UUIDs: each request has one."""
        raw = os.urandom(16 * _UIDS)
        self._drawn = iter([raw[at : at + 16] for at in range(16, len(raw), 16)])
        return raw[:16]

    def suffix(self, length: int = 5) -> str:
        """Return a name suffix of upstream's alphabet."""
        return "".join(random.choices(SUFFIX_ALPHABET, k=length))  # noqa: S311 - a name, not a secret

    def uniform(self) -> float:
        """Return a float in [0, 1)."""
        return random.random()  # noqa: S311 - jitter, not a secret

    def token(self, size: int) -> bytes:
        """Return bytes fit for secrets."""
        return secrets.token_bytes(size)
