"""The end of a pod, in virtual time: whose hook begins when, whose signal comes when, and how long each container has."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.node.observed import observed, pod, run
from tests.node.test_probes import VirtualClock

from sagong.node.cri.client import CriError
from sagong.node.events import PodEvents
from sagong.node.kills import Killer

HOOK = "lifecycle: {preStop: {sleep: {seconds: 3}}}"
WITH_SIDECARS = (
    "terminationGracePeriodSeconds: 30\n"
    f"initContainers: [{{name: s, restartPolicy: Always, {HOOK}}}, {{name: i}}, {{name: t, restartPolicy: Always}}]\n"
    f"containers: [{{name: a}}, {{name: b, {HOOK}}}]\n"
    "ephemeralContainers: [{name: e}]\n"
)


@dataclass
class Bench:
    """A runtime whose containers take their time, hooks that sleep, and a recorder."""

    clock: VirtualClock
    takes: dict[str, float] = field(default_factory=dict)
    broken: str = ""
    stops: dict[str, tuple[float, int]] = field(default_factory=dict)
    killing: dict[str, float] = field(default_factory=dict)

    async def stop_container(self, run_id: str, grace: int) -> None:
        name = run_id.split("-", maxsplit=1)[0]
        self.stops[name] = (self.clock.seconds, grace)
        if name == self.broken:
            raise CriError("UNKNOWN", "no")
        await self.clock.sleep(self.takes.get(name, 0.0))

    async def stop_sandbox(self, sandbox: str) -> None:
        self.stops[sandbox] = (self.clock.seconds, 0)

    async def before_stop(self, of: Any, container: Any, run_id: str, pod_ip: str, grace: int) -> tuple[int, None]:
        del of, run_id, pod_ip
        seconds = container.lifecycle.preStop.sleep.seconds
        await self.clock.sleep(seconds)
        return grace - seconds, None

    def event(self, obj: Any, kind: str, reason: str, message: str) -> None:
        del obj, kind
        if reason == "Killing":
            self.killing[message.rsplit(maxsplit=1)[-1]] = self.clock.seconds


async def ended(bench: Bench, text: str, names: str, grace: int | None = None, until: float = 60) -> None:
    of = pod(text)
    killer = Killer(bench, bench, PodEvents(bench), bench.clock)  # type: ignore[arg-type]  # the bench plays runtime and hooks
    async with asyncio.TaskGroup() as group:
        task = group.create_task(killer.kill_pod(of, observed(*(run(of, name) for name in names)), grace))
        await bench.clock.run_until(until)
        await task


async def test_hooks_begin_at_once_and_sidecars_are_told_to_end_after_the_rest_in_reverse() -> None:
    bench = Bench(VirtualClock(), takes={"a": 5, "b": 4, "t": 2})
    await ended(bench, WITH_SIDECARS, "stab")
    assert set(bench.killing.values()) == {0}
    assert bench.stops == {"a": (0, 30), "b": (3, 27), "t": (7, 23), "s": (9, 21), "sb0": (9, 0)}


async def test_nothing_waits_for_an_init_or_ephemeral_container() -> None:
    bench = Bench(VirtualClock(), takes={"i": 20, "e": 20})
    await ended(bench, WITH_SIDECARS, "sie")
    assert bench.stops["s"] == (3, 27)


async def test_a_container_that_does_not_stop_leaves_its_sidecars_waiting_and_is_told_of() -> None:
    bench = Bench(VirtualClock(), broken="a")
    with pytest.raises(ExceptionGroup) as raised:
        await ended(bench, "initContainers: [{name: s, restartPolicy: Always}]\ncontainers: [{name: a}]", "sa", grace=0)
    assert isinstance(raised.value.exceptions[0], CriError)
    assert bench.stops == {"a": (0, 2), "s": (0, 2)}
