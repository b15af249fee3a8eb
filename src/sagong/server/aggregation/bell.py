"""Rings when something under a prefix of the store changes; how often it rang in between does not matter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from sagong.store.base import CompactedError, Event, SlowWatcherError, Store


def anything(_: Event) -> bool:
    """Care for every change."""
    return True


class Bell:
    """`run` it beside whoever waits."""

    def __init__(self, store: Store, *prefixes: str, matters: Callable[[Event], bool] = anything) -> None:
        self._store, self._prefixes, self._matters = store, prefixes, matters
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake whoever waits."""
        self._rung.set()

    async def wait(self, seconds: float | None = None) -> None:
        """Wait for the next change, `seconds` at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        self._rung.clear()

    async def run(self) -> None:
        """Follow all prefixes until cancelled. What changed before it began is not missed."""
        async with asyncio.TaskGroup() as group:
            for prefix in self._prefixes:
                group.create_task(self._follow(prefix))

    async def _follow(self, prefix: str) -> None:
        while await self._once(prefix):
            pass

    async def _once(self, prefix: str) -> bool:
        """Follow one watch to its end; tell whether another one is to follow."""
        watch = self._store.watch(prefix, self._store.revision)
        self.ring()
        try:
            async for batch in watch:
                if any(self._matters(event) for event in batch):
                    self.ring()
        except (SlowWatcherError, CompactedError):
            return True
        finally:
            watch.close()
        return False
