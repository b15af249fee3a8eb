"""Reading many objects: what a selector finds, and how little it looks at for that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from tests.controllers.world import World, meta
from tests.virtual import loop
from tests.virtual.loop import SeededRandom, VirtualClock

from sagong.api.selectors import NOTHING, Selector, parse
from sagong.api.types.core import (
    EphemeralVolumeSource,
    ObjectReference,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PersistentVolumeClaimVolumeSource,
    PersistentVolumeSpec,
    Pod,
    PodSpec,
    Volume,
)
from sagong.client.client import Client
from sagong.client.config import ClientConfig
from sagong.controllers.runner import Informers, InformerView
from sagong.controllers.view import claimed, finished, seeking, selected, using

PODS = [
    Pod(metadata=meta("one", labels={"app": "a", "tier": "x"})),
    Pod(metadata=meta("two", labels={"app": "a"})),
    Pod(metadata=meta("three", labels={"app": "b", "tier": "x"})),
    Pod(metadata=meta("elsewhere", namespace="other", labels={"app": "a", "tier": "x"})),
    Pod(metadata=meta("bare")),
]


def names(pods: Sequence[Pod]) -> set[str]:
    return {pod.metadata.name for pod in pods}


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        (parse("app=a"), {"one", "two"}),
        (parse("app=a,tier=x"), {"one"}),
        (parse("tier"), {"one", "three"}),
        (parse("app=a,!tier"), {"two"}),
        (parse("app in (a,b)"), {"one", "two", "three"}),
        (parse(""), {"one", "two", "three", "bare"}),
        (NOTHING, set()),
    ],
)
def test_what_is_selected(selector: Selector, found: set[str]) -> None:
    assert names(selected(World(*PODS), Pod, "default", selector)) == found


def test_finished_pods_are_found_without_looking_at_the_others() -> None:
    async def main() -> None:
        made = Informers(
            Client(ClientConfig("http://server.invalid"), clock=VirtualClock(asyncio.get_running_loop()), random=SeededRandom(1))
        )
        pods, view = made.of(Pod), InformerView(made, made._client)
        for number, phase in enumerate(("Running", "Succeeded", "Failed", "Pending")):
            pod = Pod(metadata=meta(f"p{number}", resourceVersion=f"{number + 1}"))
            pod.status.phase = phase
            pods._put(pod, pods.endpoint.identity(pod))
        assert names(finished(view)) == {"p1", "p2"}
        last = pods.list()[0].copy()
        last.metadata.resourceVersion, last.status.phase = "9", "Failed"
        pods._put(last, pods.endpoint.identity(last))
        assert names(finished(view)) == {"p0", "p1", "p2"}

    loop.run(main())


def test_a_demanded_label_is_looked_up() -> None:
    class Watched(World):
        def list(self, kind: type[Any], namespace: str = "") -> Sequence[Any]:
            raise AssertionError("all were looked at")

        def by_index(self, kind: type[Any], index: str, value: str) -> Sequence[Any]:
            asked.append((index, value))
            return PODS[:2]

    asked: list[tuple[str, str]] = []
    assert names(selected(Watched(), Pod, "default", parse("app=a"))) == {"one", "two"}
    assert asked == [("label", "default/app=a")]


def test_pods_are_found_by_the_claims_that_they_mount() -> None:
    shared = Volume(name="data", persistentVolumeClaim=PersistentVolumeClaimVolumeSource(claimName="c"))
    own = Volume(name="scratch", ephemeral=EphemeralVolumeSource())
    world = World(
        Pod(metadata=meta("one"), spec=PodSpec(volumes=[shared])),
        Pod(metadata=meta("two"), spec=PodSpec(volumes=[shared, own])),
        Pod(metadata=meta("three", namespace="other"), spec=PodSpec(volumes=[shared])),
        Pod(metadata=meta("four")),
    )
    assert names(using(world, "default", "c")) == {"one", "two"}
    assert names(using(world, "default", "two-scratch")) == {"two"}


def test_volumes_and_claims_find_each_other() -> None:
    reference = ObjectReference(namespace="default", name="c")
    world = World(
        PersistentVolume(metadata=meta("v", namespace=""), spec=PersistentVolumeSpec(claimRef=reference)),
        PersistentVolume(metadata=meta("free", namespace="")),
        *(_asking(name, volume, phase) for name, volume, phase in (("any", "", "Pending"), ("that", "v", ""), ("has", "v", "Bound"))),
    )
    assert [volume.metadata.name for volume in claimed(world, "default", "c")] == ["v"]
    assert [claim.metadata.name for claim in seeking(world, "")] == ["any"]
    assert [claim.metadata.name for claim in seeking(world, "v")] == ["that"]


def _asking(name: str, volume: str, phase: str) -> PersistentVolumeClaim:
    claim = PersistentVolumeClaim(metadata=meta(name), spec=PersistentVolumeClaimSpec(volumeName=volume))
    claim.status.phase = phase
    return claim
