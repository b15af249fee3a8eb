"""Real time and real chance: the only implementations, handed down to every component."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
import uuid
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
        return str(uuid.uuid4())

    def suffix(self, length: int = 5) -> str:
        """Return a name suffix of upstream's alphabet."""
        return "".join(random.choices(SUFFIX_ALPHABET, k=length))  # noqa: S311 - a name, not a secret

    def uniform(self) -> float:
        """Return a float in [0, 1)."""
        return random.random()  # noqa: S311 - jitter, not a secret

    def token(self, size: int) -> bytes:
        """Return bytes fit for secrets."""
        return secrets.token_bytes(size)
