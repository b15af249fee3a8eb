"""An event loop whose time does not pass but jumps: when nothing is left to do, to the next moment at which something is to happen.

All that waits does so on the loop, whether through a Clock, asyncio.timeout or call_later. So a day takes as long as what happens in it,
and the order of everything is the same each time: what would run in a thread runs at once.
"""

from __future__ import annotations

import asyncio
import gc
import random
import selectors
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sagong.api.clock import SUFFIX_ALPHABET

T = TypeVar("T")
START = datetime(2026, 1, 1, tzinfo=UTC)
GC_THRESHOLD = 50_000
"""objects that are made before a collection: the processes that this stands for have 5,000 each (cluster/process.py)"""


class _Selector(selectors.BaseSelector):
    """Looks at files without waiting for them, and passes time instead."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.time = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing is left that could happen")
        if timeout > 0:
            self.time += timeout
            return self._real.select(0)
        return []  # only the loop's own pipe is there, and nobody writes to it

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    get_debug = staticmethod(bool)  # says no, without a Python frame for each future that asks

    def time(self) -> float:
        return self._virtual.time

    def call_soon_threadsafe(  # type: ignore[override]  # looser than the base's
        self, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]  # at once
        del executor
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is for who waits
            future.set_exception(error)
        return future


class VirtualClock:
    """The loop's time as a Clock; the wall clock begins at START."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.monotonic = loop.time

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SeededRandom:
    """Chance that is the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def uid(self) -> str:
        raw = f"{self._random.getrandbits(128):032x}"
        return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-8{raw[17:20]}-{raw[20:]}"

    def suffix(self, length: int = 5) -> str:
        return "".join(self._random.choices(SUFFIX_ALPHABET, k=length))

    def uniform(self) -> float:
        return self._random.random()

    def token(self, size: int) -> bytes:
        return self._random.randbytes(size)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time, with garbage collected as seldom as in the processes that this stands for."""
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    try:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(main)
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
