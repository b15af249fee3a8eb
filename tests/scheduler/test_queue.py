"""The queue's contract."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from sagong.api.types.core import Pod, PodSchedulingGate, PodSpec
from sagong.api.types.meta import ObjectMeta
from sagong.cluster.clock import RealClock
from sagong.scheduler.events import ADD, DELETE, POD_GATES, Change, pod_changes
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.queue import Backoff, QueuedPod, SchedulingQueue

NODE_CAME, POD_WENT = Change("Node", ADD, None, None), Change("Pod", DELETE, Pod(), None)


def pod(name: str, priority: int = 0, *, gates: int = 0) -> PodInfo:
    spec = PodSpec(priority=priority, schedulingGates=[PodSchedulingGate(name=f"g{n}") for n in range(gates)])
    return PodInfo.of(Pod(metadata=ObjectMeta(name=name, uid=name, generation=1), spec=spec))


class Clock(RealClock):
    """A clock that stands still unless it is moved on."""

    def __init__(self) -> None:
        self.time = 1000.0

    def monotonic(self) -> float:
        return self.time


class Asked:
    """Plugins that are named by the kind they wait for, and one named gates."""

    def gate_of(self, info: PodInfo) -> str:
        return "gates" if info.pod.spec.schedulingGates else ""

    concerns: Collection[str] | None = None

    def concerned(self, gate: str, change: Change) -> Collection[str] | None:
        return self.concerns if change.action == POD_GATES else ()

    def listens(self, rejected_by: Collection[str], change: Change) -> bool:
        return change.kind in rejected_by or change.action == POD_GATES

    def may_help(self, info: PodInfo, rejected_by: Collection[str], change: Change) -> bool:
        return self.listens(rejected_by, change)


def queue(clock: Clock | None = None, backoff: Backoff | None = None) -> SchedulingQueue:
    """A queue where a plugin's name is the kind it waits for."""
    return SchedulingQueue(clock or Clock(), Asked(), backoff)


async def take(q: SchedulingQueue) -> QueuedPod | None:
    """Pop, if there is anything to pop now."""
    try:
        async with asyncio.timeout(0.05):
            return await q.pop()
    except TimeoutError:
        return None


async def reject(q: SchedulingQueue, by: str) -> QueuedPod:
    queued = await q.pop()
    q.failed(queued, frozenset({by} if by else ()))
    return queued


async def test_the_most_urgent_first_then_the_oldest() -> None:
    clock = Clock()
    q = queue(clock)
    for info in (pod("a"), pod("b"), pod("urgent", 10)):
        q.add(info)
        clock.time += 1
    assert [(await q.pop()).info.name for _ in range(3)] == ["urgent", "a", "b"]


async def test_a_rejected_pod_waits_for_a_change_that_may_help() -> None:
    q = queue()
    q.add(pod("a"))
    await reject(q, "Node")
    q.changed(POD_WENT)
    assert await take(q) is None
    assert q.pending()["unschedulable"] == 1
    q.changed(NODE_CAME)
    again = await take(q)
    assert again is not None
    assert again.attempts == 2


async def test_a_change_during_the_attempt_counts() -> None:
    q = queue()
    q.add(pod("a"))
    queued = await q.pop()
    q.changed(NODE_CAME)
    q.failed(queued, frozenset({"Node"}))
    assert await take(q) is queued


async def test_after_done_changes_are_no_longer_kept_but_the_pod_can_come_back() -> None:
    q = queue()
    q.add(pod("a"))
    queued = await q.pop()
    q.done("a")
    q.changed(NODE_CAME)
    q.failed(queued, frozenset())
    assert q.pending()["backoff"] == 1


async def test_pauses_double_up_to_ten_seconds_and_end_on_whole_seconds() -> None:
    clock, backoff = Clock(), Backoff()
    queued = QueuedPod(pod("a"), clock.time + 0.5)
    assert backoff.until(queued) == 0
    for rejections, until in ((1, 1001), (2, 1002), (3, 1004), (4, 1008), (5, 1010), (9, 1010)):
        queued.rejections = rejections
        assert backoff.until(queued) == until
    queued.errors = 1
    assert backoff.until(queued) == 1001, "errors pause by themselves"


async def test_what_pauses_is_taken_early_when_nothing_else_is_to_do() -> None:
    q = queue()
    q.add(pod("a"))
    await reject(q, "Node")
    q.changed(NODE_CAME)
    assert q.pending()["backoff"] == 1
    q.add(pod("b"))
    assert (await q.pop()).info.name == "b"
    assert (await q.pop()).info.name == "a"


async def test_after_an_error_the_pause_is_kept() -> None:
    clock = Clock()
    q = queue(clock)
    q.add(pod("a"))
    await reject(q, "")
    assert await take(q) is None
    clock.time += 2.1
    assert (await q.pop()).attempts == 2


async def test_nobody_waits_longer_than_five_minutes() -> None:
    clock = Clock()
    q = queue(clock)
    q.add(pod("a"))
    await reject(q, "Node")
    clock.time += 299
    assert await take(q) is None
    clock.time += 31
    again = await q.pop()
    assert again.flushed


async def test_gates_keep_a_pod_out_until_the_last_is_gone() -> None:
    q = queue()
    two, one, none = pod("a", gates=2), pod("a", gates=1), pod("a")
    q.add(two)
    assert q.pending()["gated"] == 1
    q.changed(NODE_CAME)
    q.update(one, pod_changes(two, one))
    assert await take(q) is None
    q.update(none, pod_changes(one, none))
    assert (await q.pop()).info is none


async def test_a_dropped_pod_never_comes() -> None:
    q = queue()
    q.add(pod("a"))
    q.add(pod("b"))
    q.drop("a")
    assert (await q.pop()).info.name == "b"
    assert len(q) == 1


async def test_an_activated_pod_is_tried_at_once_also_when_it_is_in_an_attempt() -> None:
    q = queue()
    q.add(pod("a"))
    queued = await reject(q, "Node")
    q.activate("a")
    assert await q.pop() is queued
    q.activate("a")
    q.failed(queued, frozenset({"Node"}))
    assert await take(q) is queued


async def test_an_updated_pod_is_seen_in_its_new_version() -> None:
    q = queue()
    old, new = pod("a"), pod("a", 5)
    q.add(old)
    q.update(new, pod_changes(old, new))
    assert (await q.pop()).info is new


async def test_a_waiting_pop_wakes_for_a_new_pod() -> None:
    q = queue()
    waiting = asyncio.create_task(q.pop())
    await asyncio.sleep(0)
    q.add(pod("a"))
    assert (await waiting).info.name == "a"


async def test_only_those_are_moved_that_a_change_is_meant_for() -> None:
    q = queue()
    q.add(pod("low"))
    q.add(pod("high", 10))
    await reject(q, "Pod")
    await reject(q, "Pod")
    q.changed(POD_WENT, lambda info: info.priority <= 5)
    assert (await q.pop()).info.name == "low"
    assert await take(q) is None


GATES_GONE = Change("Pod", POD_GATES, Pod(), Pod())


async def test_a_change_reaches_only_the_gated_pods_that_it_concerns() -> None:
    q = queue()
    for name in "ab":
        q.add(pod(name, gates=1))
    for queued in q._pods.values():
        queued.info = pod(queued.info.name)
    q._asked.concerns = {"b"}  # type: ignore[attr-defined]  # the test's own
    q.changed(GATES_GONE)
    assert q.pending() == {"active": 1, "backoff": 0, "gated": 1, "unschedulable": 0}
    assert (await q.pop()).info.name == "b"


async def test_a_gate_is_asked_again_when_something_else_than_a_change_opens_it() -> None:
    q = queue()
    for name in "ab":
        q.add(pod(name, gates=1))
        q.reopen(name, again=True)
    assert q.pending()["gated"] == 2, "it is still closed"
    for queued in q._pods.values():
        queued.info = pod(queued.info.name)
    q.reopen("a", again=True)
    q.reopen("b", again=False)
    assert q.pending() == {"active": 1, "backoff": 0, "gated": 0, "unschedulable": 1}
