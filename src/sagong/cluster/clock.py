"""Real time and real chance: the only implementations, handed down to every component."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import time
from datetime import UTC, datetime

from sagong.api.clock import SUFFIX_ALPHABET


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

    def uid(self) -> str:
        """Return a version 4 UUID."""
        raw = bytearray(os.urandom(16))
        raw[6], raw[8] = raw[6] & 0x0F | 0x40, raw[8] & 0x3F | 0x80  # version and variant (RFC 9562); uuid.UUID takes five times as long
        text = raw.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def suffix(self, length: int = 5) -> str:
        """Return a name suffix of upstream's alphabet."""
        return "".join(random.choices(SUFFIX_ALPHABET, k=length))  # noqa: S311 - a name, not a secret

    def uniform(self) -> float:
        """Return a float in [0, 1)."""
        return random.random()  # noqa: S311 - jitter, not a secret

    def token(self, size: int) -> bytes:
        """Return bytes fit for secrets."""
        return secrets.token_bytes(size)
