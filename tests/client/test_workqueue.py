"""The queue's contract: a key is in it once, one worker has it at a time, no change is lost, and a resting key gathers changes."""

from __future__ import annotations

import asyncio

from tests.virtual import loop
from tests.virtual.loop import VirtualClock

from sagong.client.workqueue import WorkQueue


def _queue() -> tuple[VirtualClock, WorkQueue[str]]:
    clock = VirtualClock(asyncio.get_running_loop())
    return clock, WorkQueue(clock)


def test_a_key_added_while_it_is_processed_is_queued_when_that_is_done() -> None:
    async def main() -> None:
        _, queue = _queue()
        queue.add("a")
        queue.add("a")
        assert len(queue) == 1
        assert await queue.get() == "a"
        queue.add("a")
        assert len(queue) == 0
        queue.done("a")
        assert len(queue) == 1

    loop.run(main())


def test_changes_of_a_resting_key_are_one_piece_of_work() -> None:
    async def main() -> None:
        clock, queue = _queue()
        queue.add("a")
        await queue.get()
        queue.add("a")
        queue.done("a", 0.5)
        for _ in range(3):
            await clock.sleep(0.1)
            queue.add("a")
        queue.add("b")
        assert await queue.get() == "b", "others are not held up"
        assert await queue.get() == "a"
        assert clock.monotonic() == 0.5
        queue.done("a", 0.5)
        await clock.sleep(1)
        assert len(queue) == 0, "nothing changed"
        queue.add("a")
        assert len(queue) == 1, "it has rested"

    loop.run(main())


def test_a_queue_that_shuts_down_waits_for_no_rest() -> None:
    async def main() -> None:
        _, queue = _queue()
        queue.add("a")
        await queue.get()
        queue.add("a")
        queue.done("a", 100)
        queue.shut_down()
        assert await queue.get() == "a"

    loop.run(main())
