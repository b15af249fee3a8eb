"""The runtime is told the pods' range when the node gets it, and again when it changes."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from tests.node.builders import HandClock

from sagong.node.cri.client import CriError
from sagong.node.pod_network import PodNetwork


class Recorder:
    def __init__(self, failures: int = 0) -> None:
        self.told: list[str] = []
        self.failures = failures

    async def update_pod_cidr(self, pod_cidr: str) -> None:
        if self.failures:
            self.failures -= 1
            raise CriError("UNAVAILABLE", "not yet")
        self.told.append(pod_cidr)


async def told(runtime: Recorder, *steps: list[str]) -> list[str]:
    """Let the node have these ranges, one after another."""
    now = steps[0]
    network = PodNetwork(runtime, HandClock(), lambda: now)
    task = asyncio.ensure_future(network.run())
    for step in steps:
        now = step
        network.look()
        for _ in range(5):
            await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return runtime.told


async def test_a_node_without_a_range_says_nothing() -> None:
    assert await told(Recorder(), [], []) == []


async def test_each_range_is_told_once() -> None:
    assert await told(Recorder(), [], ["10.244.1.0/24"], ["10.244.1.0/24"], ["10.244.2.0/24"]) == ["10.244.1.0/24", "10.244.2.0/24"]


async def test_both_families_are_told_together() -> None:
    assert await told(Recorder(), ["10.244.1.0/24", "fd00::/64"]) == ["10.244.1.0/24,fd00::/64"]


async def test_a_runtime_that_does_not_answer_is_asked_again() -> None:
    assert await told(Recorder(failures=2), ["10.244.1.0/24"]) == ["10.244.1.0/24"]
