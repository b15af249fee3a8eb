"""The queue's contract, in virtual time."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from sagong.api.types.core import Pod, PodSchedulingGate, PodSpec
from sagong.api.types.meta import ObjectMeta
from sagong.cluster.clock import RealClock
from sagong.scheduler.framework import Change
from sagong.scheduler.queue import SchedulingQueue


def pod(name: str, priority: int = 0, *, gates: int = 0) -> Pod:
    spec = PodSpec(priority=priority, schedulingGates=[PodSchedulingGate(name=f"g{n}") for n in range(gates)])
    return Pod(metadata=ObjectMeta(name=name, uid=name, generation=1), spec=spec)


def queue(clock: RealClock | None = None) -> SchedulingQueue:
    def may_help(_pod: Pod, rejected_by: frozenset[str], change: Change) -> bool:
        return change.kind in rejected_by

    return SchedulingQueue(clock or RealClock(), may_help, lambda p: "gated" if p.spec.schedulingGates else None)


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


async def nothing_to_pop(q: SchedulingQueue) -> bool:
    try:
        async with asyncio.timeout(0.05):
            await q.pop()
    except TimeoutError:
        return True
    return False


class Later(RealClock):
    """A clock that can be moved on."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


def test_the_most_urgent_first_then_the_oldest() -> None:
    async def main() -> None:
        q = queue()
        for p in (pod("a"), pod("b"), pod("urgent", 10)):
            q.put(p)
        assert [(await q.pop()).pod.metadata.name for _ in range(3)] == ["urgent", "a", "b"]

    run(main())


def test_a_rejected_pod_waits_for_a_change_that_may_help() -> None:
    async def main() -> None:
        clock = Later()
        q = queue(clock)
        q.put(pod("a"))
        await q.pop()
        q.failed("a", frozenset({"Node"}))
        clock.ahead = 60
        q.changed(Change("Pod", None, None))
        assert await nothing_to_pop(q)
        q.changed(Change("Node", None, None))
        assert (await q.pop()).attempts == 2

    run(main())


def test_a_change_during_the_attempt_counts() -> None:
    async def main() -> None:
        q = queue()
        q.put(pod("a"))
        await q.pop()
        q.changed(Change("Node", None, None))
        q.failed("a", frozenset({"Node"}))
        assert await nothing_to_pop(q), "backs off first"
        async with asyncio.timeout(5):
            assert (await q.pop()).attempts == 2

    run(main())


def test_gates_keep_a_pod_out_until_the_last_is_gone() -> None:
    async def main() -> None:
        q = queue()
        q.put(pod("a", gates=2))
        assert await nothing_to_pop(q)
        q.changed(Change("Node", None, None))
        q.put(pod("a", gates=1))
        assert await nothing_to_pop(q)
        q.put(pod("a"))
        assert (await q.pop()).pod.metadata.name == "a"

    run(main())


def test_a_dropped_pod_never_comes() -> None:
    async def main() -> None:
        q = queue()
        q.put(pod("a"))
        q.put(pod("b"))
        q.drop("a")
        assert (await q.pop()).pod.metadata.name == "b"
        assert len(q) == 1

    run(main())


def test_an_error_is_tried_again_after_the_pause() -> None:
    async def main() -> None:
        q = queue()
        q.put(pod("a"))
        await q.pop()
        q.failed("a", frozenset())
        assert await nothing_to_pop(q)
        async with asyncio.timeout(5):
            await q.pop()

    run(main())
