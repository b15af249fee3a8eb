"""Who ends when, and what the node says meanwhile."""

from __future__ import annotations

import asyncio

import pytest
from tests.node.builders import HandClock
from tests.node.observed import pod

from sagong.api.types.core import Pod
from sagong.node.shutdown.manager import Shutdown
from sagong.node.shutdown.order import CRITICAL, Period, grace, groups, periods


def named(name: str, priority: int = 0, seconds: int = 30) -> Pod:
    found = pod(f"priority: {priority}\nterminationGracePeriodSeconds: {seconds}")
    found.metadata.name = found.metadata.uid = name
    return found


def test_critical_pods_have_the_last_part_of_the_time() -> None:
    assert periods(30, 10) == [Period(0, 20), Period(CRITICAL, 10)]
    assert periods(0, 0) == []
    listed = [Period(100, 5), Period(-10, 7)]
    assert periods(0, 0, listed) == [Period(-10, 7), Period(100, 5)]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([(0, 20), (CRITICAL, 10)], ["low zero high", "system static"]),
        ([(0, 20), (100, 5), (CRITICAL, 10)], ["low zero", "high", "system static"]),
        ([(50, 1), (CRITICAL + 1, 2)], ["low zero high static", "system"]),
        ([(CRITICAL + 2000, 2)], ["low zero high system static"]),
    ],
)
def test_pods_end_in_groups(rules: list[tuple[int, float]], expected: list[str]) -> None:
    static = named("static")
    static.metadata.annotations["kubernetes.io/config.source"] = "file"
    pods = [named("low", -5), named("zero"), named("high", 100), named("system", CRITICAL + 1000), static]
    found = groups(pods, [Period(*rule) for rule in rules])
    assert [" ".join(member.metadata.name for member in members) for _, members in found] == expected


def test_a_pod_has_its_own_grace_period_or_the_groups() -> None:
    assert [grace(named("p", seconds=seconds), Period(0, 20)) for seconds in (5, 20, 60)] == [5, 20, 20]


class World:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.pods = [named("slow", seconds=60), named("quick"), named("system", CRITICAL)]
        self.log: list[str] = []
        self.gone: set[str] = set()

    def end(self, wanted: Pod, seconds: int) -> None:
        self.log.append(f"{wanted.metadata.name} {seconds}")
        if wanted.metadata.name != "slow":
            self.gone.add(wanted.metadata.uid)

    async def run(self) -> Shutdown:
        shutdown = Shutdown(
            [Period(0, 0.05), Period(CRITICAL, 9)],
            lambda: self.pods,
            self.end,
            self.gone.__contains__,
            RealSleep(),
            lambda: self.log.append("!"),
        )
        assert (list(shutdown.problems()), shutdown.refuse()) == ([], None)
        assert shutdown.seconds == pytest.approx(9.05)
        await shutdown.begin()
        return shutdown


class RealSleep(HandClock):
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0.001)


async def test_a_group_is_waited_for_no_longer_than_its_time() -> None:
    world = World()
    shutdown = await world.run()
    assert world.log == ["!", "slow 0", "quick 0", "system 9"]
    assert shutdown.problems() == ["node is shutting down"]
    refused = shutdown.refuse()
    assert refused is not None
    assert (refused.reason, refused.message) == ("NodeShutdown", "Pod was rejected as the node is shutting down.")
    shutdown.cancel()
    assert (shutdown.problems(), shutdown.refuse(), world.log[-1]) == ([], None, "!")
