from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from sagong.store.compactor import compact_regularly
from sagong.store.sqlite import SqliteStore


class StepClock:
    """Sleeps until the test lets it go on."""

    def __init__(self) -> None:
        self.steps = asyncio.Semaphore(0)
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 5, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self.steps.acquire()


async def test_history_is_kept_for_one_to_two_intervals(tmp_path: Path) -> None:
    store, clock = await SqliteStore.open(tmp_path / "store", durable=False), StepClock()
    task = asyncio.create_task(compact_regularly(store, clock))
    revision, oldest = 0, []
    for _ in range(4):
        await asyncio.sleep(0.01)
        for _ in range(5):
            revision = await store.write("/registry/x/a", b"", revision)
        clock.steps.release()
        await asyncio.sleep(0.01)
        oldest.append(store.oldest)
    assert oldest == [0, 5, 10, 15]
    assert set(clock.slept) == {300.0}
    task.cancel()
    await store.close()
