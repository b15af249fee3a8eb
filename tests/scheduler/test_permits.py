"""Permit, Bind and PostBind, with plugins of the test's own beside the default ones, against a real API server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.scheduler.rig import scheduling, unscheduled

from sagong.scheduler.configuration import KubeSchedulerConfiguration, PluginRef, Plugins, PluginSet, ProfileConfig
from sagong.scheduler.events import on
from sagong.scheduler.framework import State, Unfit, Wait
from sagong.scheduler.plugins import REGISTRY, Tools, profiles_of
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.profile import Profile


class Guard:
    """Permit and PostBind: lets pods labelled `wait` wait so many seconds, refuses those labelled `refuse`."""

    name = "Guard"
    events = on()

    def __init__(self, tools: Tools) -> None:
        self.waiting = tools.waiting
        self.bound: list[tuple[str, str]] = []

    def permit(self, state: State, pod: PodInfo, node: str) -> Unfit | Wait | None:
        if "refuse" in pod.labels:
            return Unfit(self.name, ("guarded",))
        return Wait(float(pod.labels["wait"])) if "wait" in pod.labels else None

    def post_bind(self, state: State, pod: PodInfo, node: str) -> None:
        self.bound.append((pod.name, node))


class Guarded:
    """Two profiles, one of them with the guard."""

    def __init__(self) -> None:
        self.guards: list[Guard] = []

    def __call__(self, tools: Tools) -> list[Profile]:
        def make(_: Tools, __: Any) -> Guard:
            self.guards.append(Guard(tools))
            return self.guards[-1]

        guarded = Plugins(multiPoint=PluginSet(enabled=[PluginRef(name="Guard")]))
        profiles = [ProfileConfig(), ProfileConfig(schedulerName="guarded", plugins=guarded)]
        return profiles_of(tools, KubeSchedulerConfiguration(profiles=profiles), {**REGISTRY, "Guard": (make, 0)})

    @property
    def guard(self) -> Guard:
        return self.guards[0]


async def test_permits(tmp_path: Path) -> None:
    profiles = Guarded()
    async with scheduling(tmp_path, profiles) as rig:
        await rig.nodes("a")
        await rig.pod("free", labels={"refuse": "x"})
        assert await rig.bound("free") == "a", "the other profile has no guard"
        await rig.pod("refused", labels={"refuse": "x"}, schedulerName="guarded")
        assert await rig.refused("refused") == "0/1 nodes are available: 1 guarded."
        await rig.pod("late", labels={"wait": "0.1"}, schedulerName="guarded")
        assert await rig.refused("late") == "0/1 nodes are available: 1 rejected due to timeout after waiting 0.1s at plugin Guard."
        await rig.pod("allowed", cpu="2", labels={"wait": "60"}, schedulerName="guarded")
        uid = (await rig.wait("allowed", lambda pod: pod.status.nominatedNodeName == "a")).metadata.uid
        await rig.pod("behind", cpu="1")
        assert (await rig.refused("behind")).startswith("0/1 nodes are available: 1 Insufficient cpu."), "who waits holds its room"
        waiting = profiles.guard.waiting.get(uid)
        assert waiting is not None
        assert [(other.info.name, other.node, other.pending) for other in profiles.guard.waiting] == [("allowed", "a", {"Guard"})]
        waiting.allow("Guard")
        assert await rig.bound("allowed") == "a"
        for _ in range(1000):  # the API shows the binding before the scheduler has its answer
            if profiles.guard.bound:
                break
            await asyncio.sleep(0.01)
        assert profiles.guard.bound == [("allowed", "a")]


async def test_a_pod_that_is_rejected_while_it_waits_gives_its_room_back(tmp_path: Path) -> None:
    profiles = Guarded()
    async with scheduling(tmp_path, profiles) as rig:
        await rig.nodes("a")
        await rig.pod("held", cpu="2", labels={"wait": "60"}, schedulerName="guarded")
        uid = (await rig.wait("held", lambda pod: pod.status.nominatedNodeName == "a")).metadata.uid
        await rig.pod("behind", cpu="1")
        await rig.refused("behind")
        waiting = profiles.guard.waiting.get(uid)
        assert waiting is not None
        waiting.reject("Guard", "not today")
        assert await rig.bound("behind") == "a"
        held = await rig.wait("held", unscheduled)
        assert unscheduled(held).message == "0/1 nodes are available: 1 not today."


async def test_a_waiting_pod_is_preempted_in_memory(tmp_path: Path) -> None:
    profiles = Guarded()
    async with scheduling(tmp_path, profiles) as rig:
        await rig.priority("high", 1000)
        await rig.nodes("a")
        await rig.pod("held", cpu="2", labels={"wait": "60"}, schedulerName="guarded")
        await rig.wait("held", lambda pod: pod.status.nominatedNodeName == "a")
        await rig.pod("urgent", cpu="2", priorityClassName="high")
        assert await rig.bound("urgent") == "a"
        assert (await rig.get("held")).metadata.deletionTimestamp is None
        assert (await rig.events("held", "Preempted"))[0].endswith("(in kube-scheduler memory).")
