"""Leases: one leads at a time, whatever clocks and networks do. The next takes over when the lease has run out, or is given back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from tests.virtual import loop
from tests.virtual.loop import SeededRandom, VirtualClock

from sagong.api.errors import AlreadyExistsError, ConflictError, NotFoundError
from sagong.api.types.coordination import Lease
from sagong.api.types.meta import ObjectMeta
from sagong.client.client import Client
from sagong.client.connection import ServerUnreachableError
from sagong.client.leader import JITTER, LeaderElector, LeadershipLostError, LeaseTimes

TIMES = LeaseTimes(duration=15, renew_deadline=10, retry_period=2)
RETRY = TIMES.retry_period * (1 + JITTER)
"""the longest pause of one who waits"""


class Skewed:
    """A clock that is set wrong."""

    def __init__(self, true: VirtualClock, skew: timedelta) -> None:
        self._true, self._skew = true, skew

    def now(self) -> datetime:
        return self._true.now() + self._skew

    def monotonic(self) -> float:
        return self._true.monotonic() + self._skew.total_seconds()

    async def sleep(self, seconds: float) -> None:
        await self._true.sleep(seconds)


class Server:
    """Keeps the lease."""

    def __init__(self) -> None:
        self.lease: Lease | None = None
        self._revision = 0

    def write(self, lease: Lease, *, create: bool) -> Lease:
        if create and self.lease is not None:
            raise AlreadyExistsError("leases already exists")
        if not create and (self.lease is None or lease.metadata.resourceVersion != self.lease.metadata.resourceVersion):
            raise ConflictError("the object has been modified")
        self._revision += 1
        self.lease = lease.copy()
        self.lease.metadata.resourceVersion = str(self._revision)
        return self.lease.copy()

    @property
    def holder(self) -> str:
        return (self.lease.spec.holderIdentity or "") if self.lease is not None else ""


class Line:
    """One process's way to the server, as much of a client as an elector uses."""

    def __init__(self, server: Server, clock: Any, random: SeededRandom) -> None:
        self._server, self.clock, self.random = server, clock, random
        self.down = self.loses_answers = False
        self.delay = 0.0

    async def get(self, _kind: type[Lease], name: str, _namespace: str) -> Lease:
        await self._pass()
        if self._server.lease is None:
            raise NotFoundError(f'leases "{name}" not found')
        return self._server.lease.copy()

    async def create(self, lease: Lease) -> Lease:
        return await self._write(lease, create=True)

    async def update(self, lease: Lease) -> Lease:
        return await self._write(lease, create=False)

    async def _write(self, lease: Lease, *, create: bool) -> Lease:
        await self._pass()
        written = self._server.write(lease, create=create)
        if self.loses_answers:
            raise ServerUnreachableError("the server closed the connection")
        return written

    async def _pass(self) -> None:
        await asyncio.sleep(self.delay)
        if self.down:
            raise ServerUnreachableError("nobody is there")


class Process:
    """One who wants to lead."""

    def __init__(self, world: World, name: str, skew: timedelta) -> None:
        self.world, self.name = world, name
        self.line = Line(world.server, Skewed(world.clock, skew), world.random)
        self.elector = LeaderElector(cast("Client", cast("Any", self.line)), "it", name, times=TIMES)
        self.began: list[float] = []
        self.stop_leading = asyncio.Event()
        self.lost: LeadershipLostError | None = None
        self.lost_at = 0.0
        self.task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        try:
            await self.elector.run(self._lead)
        except LeadershipLostError as error:
            self.lost, self.lost_at = error, self.world.clock.monotonic()

    async def _lead(self) -> None:
        self.began.append(self.world.clock.monotonic())
        self.elector.guard()
        await self.stop_leading.wait()


class World:
    """A server and those who compete."""

    def __init__(self, seed: int = 1) -> None:
        self.clock, self.random, self.server = VirtualClock(asyncio.get_running_loop()), SeededRandom(seed), Server()
        self.processes: list[Process] = []

    def start(self, name: str, skew: timedelta = timedelta()) -> Process:
        self.processes.append(Process(self, name, skew))
        return self.processes[-1]

    @property
    def leading(self) -> list[str]:
        return [process.name for process in self.processes if process.elector.leading]

    async def watch(self, seconds: float) -> None:
        """Let time pass; at no moment may two lead."""
        until = self.clock.monotonic() + seconds
        while self.clock.monotonic() < until:
            assert len(self.leading) <= 1, f"{self.leading} at {self.clock.monotonic()}"
            await self.clock.sleep(0.25)

    async def end(self) -> None:
        for process in self.processes:
            process.task.cancel()
            with suppress(asyncio.CancelledError):
                await process.task


def run(main: Callable[[World], Coroutine[Any, Any, None]], seed: int = 1) -> None:
    async def whole() -> None:
        world = World(seed)
        try:
            await main(world)
        finally:
            await world.end()

    loop.run(whole())


SKEWS = [timedelta(), timedelta(days=-1), timedelta(days=1), timedelta(seconds=7)]


@pytest.mark.parametrize("skew", SKEWS, ids=str)
def test_the_other_takes_over_when_the_lease_has_run_out_by_its_own_clock(skew: timedelta) -> None:
    async def main(world: World) -> None:
        first = world.start("first")
        await world.watch(1)
        second = world.start("second", skew)
        await world.watch(60)
        assert (world.leading, second.began) == (["first"], [])
        struck = world.clock.monotonic()
        first.line.down = True
        await world.watch(60)
        assert world.leading == ["second"]
        after = second.began[0] - struck
        assert TIMES.duration - TIMES.retry_period <= after <= TIMES.duration + 2 * RETRY
        assert first.lost_at < second.began[0], "the first has stopped before"
        assert world.server.lease is not None
        assert (world.server.holder, world.server.lease.spec.leaseTransitions) == ("second", 1)

    run(main)


@pytest.mark.parametrize(
    ("seconds", "loses"),
    [(1.0, False), (5.0, False), (9.0, False), (14.0, True), (60.0, True)],
)
def test_renewals_that_fail_for_a_while(seconds: float, *, loses: bool) -> None:
    async def main(world: World) -> None:
        first = world.start("first")
        await world.watch(20.5)  # between two renewals
        struck = world.clock.monotonic()
        first.line.down = True
        await world.watch(seconds)
        first.line.down = False
        await world.watch(60)
        assert (first.lost is not None) == loses
        if first.lost is None:
            assert world.leading == ["first"]
            assert first.began == [first.began[0]], "it has led all the time"
        else:
            assert "was not renewed in 10 s" in str(first.lost)
            assert TIMES.renew_deadline <= first.lost_at - struck <= TIMES.renew_deadline + TIMES.retry_period
            assert world.leading == [], "a process that has lost ends; it does not begin anew"

    run(main)


def test_a_renewal_whose_answer_is_lost_is_found_to_have_been_done() -> None:
    async def main(world: World) -> None:
        first, second = world.start("first"), world.start("second")
        await world.watch(1)
        leader = first if world.leading == ["first"] else second
        leader.line.loses_answers = True
        await world.watch(7)
        leader.line.loses_answers = False
        await world.watch(60)
        assert world.leading == [leader.name]
        assert leader.lost is None
        assert world.server.lease is not None
        assert world.server.lease.spec.leaseTransitions == 0

    run(main)


def test_a_slow_server_is_not_waited_for_longer_than_the_lease_holds() -> None:
    async def main(world: World) -> None:
        first = world.start("first")
        await world.watch(5)
        world.start("second")
        await world.watch(5)
        first.line.delay = 30.0
        await world.watch(100)
        assert world.leading == ["second"]
        assert first.lost is not None

    run(main)


def test_who_finds_that_another_holds_the_lease_stops_at_once() -> None:
    async def main(world: World) -> None:
        first = world.start("first")
        await world.watch(5)
        assert world.server.lease is not None
        taken = world.server.lease.copy()
        taken.spec.holderIdentity = "somebody"
        world.server.write(taken, create=False)
        await world.clock.sleep(TIMES.retry_period + 0.1)
        assert "is held by somebody" in str(first.lost)
        assert world.server.holder == "somebody", "it is not ours to release"

    run(main)


def test_a_lease_that_is_given_back_is_taken_within_a_retry() -> None:
    async def main(world: World) -> None:
        first = world.start("first")
        await world.watch(1)
        second = world.start("second")
        await world.watch(30)
        first.stop_leading.set()
        ended = world.clock.monotonic()
        await world.watch(RETRY)
        assert world.leading == ["second"]
        assert second.began[0] - ended <= RETRY
        assert first.task.done()
        assert first.lost is None

    run(main)


def test_one_that_is_stopped_while_it_leads_gives_the_lease_back() -> None:
    async def main(world: World) -> None:
        first = world.start("first")
        await world.watch(5)
        first.task.cancel()
        with suppress(asyncio.CancelledError):
            await first.task
        assert world.server.lease is not None
        assert (world.server.holder, world.server.lease.spec.leaseDurationSeconds) == ("", 1)
        with pytest.raises(LeadershipLostError):
            first.elector.guard()

    run(main)


def test_one_that_comes_back_under_its_name_goes_on_at_once() -> None:
    async def main(world: World) -> None:
        first = world.start("first")
        await world.watch(5)
        first.line.down = True
        first.task.cancel()  # it cannot give the lease back
        with suppress(asyncio.CancelledError):
            await first.task
        again, now = world.start("first"), world.clock.monotonic()
        await world.watch(1)
        assert again.began == [now]
        assert world.server.lease is not None
        assert world.server.lease.spec.leaseTransitions == 0

    run(main)


def test_a_lease_that_nobody_renews_is_taken_only_after_it_was_seen_unchanged_for_as_long_as_it_holds() -> None:
    async def main(world: World) -> None:
        lease = Lease(metadata=ObjectMeta(name="it", namespace="kube-system"))
        lease.spec.holderIdentity, lease.spec.leaseDurationSeconds, lease.spec.renewTime = "dead", 40, "2001-01-01T00:00:00.000000Z"
        world.server.write(lease, create=True)
        first = world.start("first")
        await world.watch(100)
        assert 40 <= first.began[0] <= 40 + RETRY, "how old it says it is does not count: clocks differ"

    run(main)


def test_the_guard_knows_by_the_clock_alone_that_a_lease_has_run_out() -> None:
    async def main(world: World) -> None:
        first = world.start("first")
        await world.clock.sleep(1)
        first.elector.guard()
        first.line.delay = 1000.0
        await world.clock.sleep(TIMES.duration - TIMES.retry_period - 1)
        first.elector.guard()
        assert world.leading == ["first"]
        await world.clock.sleep(TIMES.retry_period + 1)
        with pytest.raises(LeadershipLostError):
            first.elector.guard()
        assert world.server.holder == "first", "the server has not been asked"

    run(main)


@pytest.mark.parametrize("seed", range(10))
def test_never_do_two_lead(seed: int) -> None:
    async def main(world: World) -> None:
        for number, skew in enumerate(SKEWS):
            world.start(f"p{number}", skew)
        led = 0
        for _ in range(200):
            process = world.processes[int(world.random.uniform() * len(world.processes))]
            process.line.down = world.random.uniform() < 0.3
            process.line.loses_answers = world.random.uniform() < 0.3
            process.line.delay = 12 * world.random.uniform() if world.random.uniform() < 0.3 else 0.0
            for number, found in enumerate(world.processes):
                if found.task.done():
                    world.processes[number] = Process(world, found.name + "'", SKEWS[number])
            await world.watch(10 * world.random.uniform())
            led += len(world.leading)
        assert led > 50, "most of the time one does"

    run(main, seed)


@pytest.mark.parametrize(
    ("times", "problem"),
    [
        (LeaseTimes(10, 10, 2), "leaseDuration must be greater than renewDeadline"),
        (LeaseTimes(15, 2.4, 2), "renewDeadline must be greater than retryPeriod*JitterFactor"),
        (LeaseTimes(0.9, 0.5, 0.1), "leaseDuration must be at least 1s"),
        (LeaseTimes(15, 10, 0.0001), "retryPeriod must be at least 0.001s"),
    ],
)
def test_times_that_cannot_work(times: LeaseTimes, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        times.check()
