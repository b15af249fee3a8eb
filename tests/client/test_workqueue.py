"""The queue's contract: a key is in it once, one worker has it at a time, no change is lost, and a resting key gathers changes."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress

import pytest
from tests.virtual import loop
from tests.virtual.loop import SeededRandom, VirtualClock

from sagong.client.workqueue import BURST, RATE, QueueShutDownError, RateLimiter, WorkQueue


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


def test_keys_are_taken_in_the_order_in_which_they_came() -> None:
    async def main() -> None:
        _, queue = _queue()
        for key in "abcab":
            queue.add(key)
        assert [await queue.get() for _ in range(2)] == ["a", "b"]
        queue.add("a")
        queue.add("d")
        queue.done("a")
        queue.done("b")
        assert [await queue.get() for _ in range(3)] == ["c", "d", "a"], "who comes back stands behind those who wait"

    loop.run(main())


@pytest.mark.parametrize("workers", [1, 3, 10])
@pytest.mark.parametrize("seed", range(5))
def test_no_key_is_processed_twice_at_a_time_no_change_is_lost_and_none_starves(seed: int, workers: int) -> None:
    async def main() -> None:
        clock, queue = _queue()
        random = SeededRandom(seed)
        state, seen = Counter[str](), Counter[str]()
        busy: set[str] = set()
        waited: list[float] = []

        async def work() -> None:
            while True:
                key = await queue.get()
                assert key not in busy
                busy.add(key)
                looked = state[key]
                await clock.sleep(random.uniform() / 10)
                seen[key] = looked
                busy.remove(key)
                queue.done(key, random.uniform() if random.uniform() < 0.2 else 0.0)

        tasks = [asyncio.ensure_future(work()) for _ in range(workers)]
        for _ in range(300):
            key = "abcdefgh"[int(random.uniform() ** 2 * 8)]
            state[key] += 1
            queue.add(key)
            await clock.sleep(random.uniform() / 20)
            waited.append(len(queue))
        await clock.sleep(10)
        assert seen == state
        assert max(waited) <= 8, "each is in it once"
        for task in tasks:
            task.cancel()

    loop.run(main())


def test_of_several_delays_the_earliest_counts_and_what_comes_at_once_comes_also_later() -> None:
    async def main() -> None:
        clock, queue = _queue()
        for seconds in (5, 2, 8):
            queue.add_after("a", seconds)
        assert len(queue) == 0
        assert await queue.get() == "a"
        assert clock.monotonic() == 2
        queue.done("a")
        queue.add_after("a", 3)
        queue.add_after("a", 0)
        assert await queue.get() == "a"
        queue.done("a")
        assert clock.monotonic() == 2
        assert await queue.get() == "a"
        assert clock.monotonic() == 5
        queue.done("a")
        await clock.sleep(100)
        assert len(queue) == 0

    loop.run(main())


def test_a_worker_that_is_cancelled_takes_nothing_with_it() -> None:
    async def main() -> None:
        _, queue = _queue()
        first, second = (asyncio.ensure_future(queue.get()) for _ in range(2))
        await asyncio.sleep(0)
        queue.add("a")
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        assert await second == "a"

    loop.run(main())


def test_workers_end_when_a_queue_that_was_shut_down_is_empty() -> None:
    async def main() -> None:
        clock, queue = _queue()
        idle = asyncio.ensure_future(queue.get())
        await asyncio.sleep(0)
        queue.add("a")
        queue.add_after("later", 1)
        assert await idle == "a"
        queue.add("b")
        queue.shut_down()
        queue.add("too late")
        queue.add_after("too late", 1)
        assert await queue.get() == "b"
        await clock.sleep(10)
        for _ in range(3):
            with pytest.raises(QueueShutDownError):
                await queue.get()

    loop.run(main())


# Retries.


@pytest.mark.parametrize(
    ("failures", "delay"),
    [(0, 0.005), (1, 0.01), (2, 0.02), (10, 5.12), (17, 655.36), (18, 1000.0), (40, 1000.0), (2000, 1000.0)],
)
def test_a_key_waits_twice_as_long_each_time(failures: int, delay: float) -> None:
    async def main() -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        limiter: RateLimiter[str] = RateLimiter(clock)
        for _ in range(failures):
            limiter.delay("a")
            await clock.sleep(1)
        assert limiter.delay("a") == pytest.approx(delay)
        assert limiter.failures("a") == failures + 1
        assert limiter.delay("b") == pytest.approx(0.005), "others have nothing to do with it"
        limiter.forget("a")
        assert limiter.delay("a") == pytest.approx(0.005)

    loop.run(main())


def test_all_keys_together_are_tried_ten_times_a_second_after_a_burst() -> None:
    async def main() -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        limiter: RateLimiter[int] = RateLimiter(clock)
        delays = [limiter.delay(number) for number in range(BURST + 30)]
        assert delays[:BURST] == [0.005] * BURST
        assert delays[BURST:] == pytest.approx([(number + 1) / RATE for number in range(30)])
        await clock.sleep(1000)
        delays = [limiter.delay(-number) for number in range(1, BURST + 2)]
        assert delays == pytest.approx([0.005] * BURST + [1 / RATE]), "a long rest is good for one burst"

    loop.run(main())


def test_a_key_that_failed_comes_back_when_its_time_has_come() -> None:
    async def main() -> None:
        clock, queue = _queue()
        for wanted in (0.005, 0.015, 0.035):
            queue.add_rate_limited("a")
            assert await queue.get() == "a"
            assert clock.monotonic() == pytest.approx(wanted)
            queue.done("a")
        assert queue.failures("a") == 3
        queue.forget("a")
        assert queue.failures("a") == 0

    loop.run(main())
