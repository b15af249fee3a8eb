"""Probes in virtual time: thresholds, order, what is told and what is remembered."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.node.builders import FixedRandom
from tests.node.observed import SECOND, T0, observed, pod, run

from sagong.api.types.core import Container, ContainerStatus, Pod, Probe
from sagong.node.events import PodEvents
from sagong.node.probe_checks import CheckError, Finding
from sagong.node.probes import Prober


class VirtualClock:
    """Time that goes on when everybody waits."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waiting: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return datetime.fromtimestamp(T0, UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self.waiting, (self.seconds + seconds, id(future), future))
        await future

    async def run_until(self, end: float) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        while self.waiting and self.waiting[0][0] <= end:
            at, _, future = heapq.heappop(self.waiting)
            self.seconds = max(self.seconds, at)
            if not future.done():
                future.set_result(None)
            for _ in range(20):
                await asyncio.sleep(0)
        self.seconds = end


Answer = Callable[[str, float], bool | None]


@dataclass
class Bench:
    clock: VirtualClock
    answer: Answer
    checks: list[tuple[str, float]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    changed: list[float] = field(default_factory=list)

    def event(self, obj: Any, type: str, reason: str, message: str) -> None:  # noqa: A002 - the recorder's signature
        self.told.append(f"{reason}: {message}")

    async def check(self, probe: Probe, of: Pod, container: Container, run_id: str, ip: str) -> Finding:
        assert probe.exec is not None
        kind = probe.exec.command[0]
        self.checks.append((kind, self.clock.seconds))
        passed = self.answer(kind, self.clock.seconds)
        if passed is None:
            raise CheckError("cannot look")
        return Finding(passed=passed, output="said so")


@asynccontextmanager
async def prober(answer: Answer) -> AsyncIterator[tuple[Prober, Bench]]:
    clock = VirtualClock()
    bench = Bench(clock, answer)
    found = Prober(bench, PodEvents(bench), clock, FixedRandom(), lambda uid: bench.changed.append(clock.seconds))  # type: ignore[arg-type]  # a checker that answers by table
    task = asyncio.create_task(found.run())
    await asyncio.sleep(0)
    try:
        yield found, bench
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def spec(**probes: str) -> Pod:
    lines = "".join(f", {kind}Probe: {{exec: {{command: [{kind}]}}, {settings}}}" for kind, settings in probes.items())
    return pod(f"containers: [{{name: a{lines}}}]")


async def test_readiness_takes_its_thresholds_and_never_stops() -> None:
    of = spec(readiness="periodSeconds: 1, successThreshold: 2, failureThreshold: 3")
    async with prober(lambda _, at: 3 <= at < 10) as (found, bench):
        found.observe(of, observed(run(of, "a")), "10.0.0.5")
        await bench.clock.run_until(3.5)
        assert not found.probed("u1").ready
        await bench.clock.run_until(4.5)
        assert found.probed("u1").ready == {"a-0"}
        await bench.clock.run_until(11.5)
        assert found.probed("u1").ready
        await bench.clock.run_until(12.5)
        assert not found.probed("u1").ready
        assert bench.changed == [2, 4, 12]
        assert bench.told[0] == "Unhealthy: Readiness probe failed: said so"


async def test_liveness_waits_for_its_delay_and_ends_with_its_verdict() -> None:
    of = spec(liveness="periodSeconds: 2, initialDelaySeconds: 5, failureThreshold: 2")
    async with prober(lambda *_: False) as (found, bench):
        found.observe(of, observed(run(of, "a")), "")
        await bench.clock.run_until(20)
        assert bench.checks == [("liveness", 5), ("liveness", 7)]
        assert found.health("u1").failures == {"a-0": "liveness"}


async def test_startup_comes_first_and_gives_way() -> None:
    of = spec(startup="periodSeconds: 1, failureThreshold: 5", liveness="periodSeconds: 1", readiness="periodSeconds: 1")
    async with prober(lambda kind, at: kind != "startup" or at >= 2) as (found, bench):
        found.observe(of, observed(run(of, "a")), "")
        await bench.clock.run_until(1.5)
        assert {kind for kind, _ in bench.checks} == {"startup"}
        await bench.clock.run_until(3.5)
        assert found.probed("u1").started == {"a-0"}
        assert found.probed("u1").ready == {"a-0"}
        assert [at for kind, at in bench.checks if kind == "startup"] == [0, 1, 2]


async def test_a_startup_probe_that_never_passes_fails_the_container() -> None:
    of = spec(startup="periodSeconds: 1, failureThreshold: 3", liveness="periodSeconds: 1")
    async with prober(lambda *_: False) as (found, bench):
        found.observe(of, observed(run(of, "a")), "")
        await bench.clock.run_until(10)
        assert found.health("u1").failures == {"a-0": "startup"}
        assert len(bench.checks) == 3


async def test_a_check_that_cannot_be_made_is_tried_again_and_decides_nothing() -> None:
    of = spec(liveness="periodSeconds: 1, failureThreshold: 1")
    async with prober(lambda *_: None) as (found, bench):
        found.observe(of, observed(run(of, "a")), "")
        await bench.clock.run_until(0.5)
        assert len(bench.checks) == 3
        assert bench.told == ["Unhealthy: Liveness probe errored and resulted in unknown state: cannot look"]
        assert not found.health("u1").failures


async def test_another_run_is_judged_afresh() -> None:
    of = spec(liveness="periodSeconds: 1, failureThreshold: 1")
    async with prober(lambda _, at: at >= 1) as (found, bench):
        found.observe(of, observed(run(of, "a")), "")
        await bench.clock.run_until(0.5)
        assert found.health("u1").failures
        found.observe(of, observed(run(of, "a", attempt=1)), "")
        await bench.clock.run_until(3)
        assert not found.health("u1").failures


async def test_a_kubelet_that_starts_again_takes_over_what_was_known() -> None:
    of = spec(startup="periodSeconds: 1", readiness="periodSeconds: 10")
    of.status.containerStatuses = [ContainerStatus(name="a", containerID="containerd://a-0", started=True, ready=True)]
    async with prober(lambda *_: True) as (found, bench):
        bench.clock.seconds = 100
        found.observe(of, observed(replace(run(of, "a"), started_at=T0 * SECOND)), "")
        assert found.probed("u1").ready == {"a-0"}
        assert found.probed("u1").started == {"a-0"}
        await bench.clock.run_until(101)
        assert bench.checks == []
        await bench.clock.run_until(106)
        assert bench.checks == [("readiness", 105)]


async def test_an_ending_pod_is_only_asked_whether_it_is_ready() -> None:
    of = spec(liveness="periodSeconds: 1, failureThreshold: 1", readiness="periodSeconds: 1")
    async with prober(lambda kind, at: at < 2) as (found, bench):
        found.observe(of, observed(run(of, "a")), "")
        await bench.clock.run_until(1.5)
        found.quiet("u1")
        await bench.clock.run_until(5.5)
        assert not found.health("u1").failures
        assert not found.probed("u1").ready
        assert max(at for kind, at in bench.checks if kind == "liveness") < 2
        found.forget("u1")
        seen = len(bench.checks)
        await bench.clock.run_until(9)
        assert len(bench.checks) == seen
