"""Bearer tokens: one that is given, one in a file that is renewed, one that is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from sagong.api.clock import Clock
from sagong.client.config import ClientConfig

FILE_LIFE = 60.0  # seconds until a token file is read again, as client-go does it


class Bearer(Protocol):
    """Where a transport gets its token from."""

    async def token(self) -> str:
        """Return the token, empty for none."""
        ...

    def renew(self) -> bool:
        """Forget the token after it was refused; say whether another may be had."""
        ...


class GivenToken:
    """A token that stays."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self) -> str:
        """Return it."""
        return self._token

    def renew(self) -> bool:
        """There is no other."""
        return False


class FileToken:
    """A token file, as the kubelet keeps it up to date in a pod."""

    def __init__(self, path: str, clock: Clock) -> None:
        self._path, self._clock = Path(path), clock
        self._token, self._until = "", float("-inf")

    async def token(self) -> str:
        """Return what the file says, or said when it was last readable."""
        now = self._clock.monotonic()
        if now >= self._until:
            try:
                self._token = self._path.read_text(encoding="ascii").strip()
            except OSError:
                if not self._token:
                    raise
            self._until = now + FILE_LIFE
        return self._token

    def renew(self) -> bool:
        """Read the file at the next request."""
        self._until = float("-inf")
        return True


class AskedToken:
    """A token that `ask` gets, with the seconds it is good for; asked for again after four fifths of them."""

    def __init__(self, ask: Callable[[], Awaitable[tuple[str, float]]], clock: Clock) -> None:
        self._ask, self._clock = ask, clock
        self._token, self._until = "", float("-inf")
        self._asking = asyncio.Lock()

    async def token(self) -> str:
        """Return a token that is good for a while. Of many who need a new one at the same time one asks."""
        if self._clock.monotonic() >= self._until:
            async with self._asking:
                if self._clock.monotonic() >= self._until:
                    self._token, life = await self._ask()
                    self._until = self._clock.monotonic() + life * 0.8
        return self._token

    def renew(self) -> bool:
        """Ask again at the next request."""
        self._until = float("-inf")
        return True


def bearer_of(config: ClientConfig, clock: Clock) -> Bearer:
    """Return the source that a configuration names."""
    return FileToken(config.token_file, clock) if config.token_file else GivenToken(config.token)
