"""disruption: how many pods of a budget may be evicted, and what it says of pods that nobody manages."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from tests.controllers.world import World, meta, owned_by, selector, set_ready, template

from sagong.api.types.apps import ReplicaSet, ReplicaSetSpec
from sagong.api.types.core import Pod
from sagong.api.types.policy import PodDisruptionBudget, PodDisruptionBudgetSpec
from sagong.controllers.declaration import Key
from sagong.controllers.disruption import CONTROLLER, reconcile


def budgeted(*, ready: int, of: int, unmanaged: int = 0, **spec: Any) -> World:
    world = World()
    owner = world.add(ReplicaSet(metadata=meta("web"), spec=ReplicaSetSpec(replicas=of, selector=selector(), template=template())))
    for number in range(of):
        pod = world.add(Pod(metadata=meta(f"web-{number}", labels={"app": "web"}, ownerReferences=owned_by(owner))))
        set_ready(world, pod, "True" if number < ready else "False")
    for number in range(unmanaged):
        set_ready(world, world.add(Pod(metadata=meta(f"bare-{number}", labels={"app": "web"}))))
    set_ready(world, world.add(Pod(metadata=meta("other", labels={"app": "other"}))))
    world.add(PodDisruptionBudget(metadata=meta("web"), spec=PodDisruptionBudgetSpec(selector=selector(), **spec)))
    world.carry_out(asyncio.run(_planned(world)), CONTROLLER)
    return world


async def _planned(world: World) -> Any:
    return await reconcile(cast("Any", world), Key("default", "web"))


@pytest.mark.parametrize(
    ("ready", "spec", "allowed", "desired"),
    [
        (3, {"maxUnavailable": 1}, 1, 2),
        (2, {"maxUnavailable": 1}, 0, 2),
        (3, {"minAvailable": "50%"}, 1, 2),
        (3, {"minAvailable": 1}, 2, 1),
    ],
)
def test_what_may_be_evicted(ready: int, spec: dict[str, Any], allowed: int, desired: int) -> None:
    status = budgeted(ready=ready, of=3, **spec).one(PodDisruptionBudget, "web").status
    assert (status.disruptionsAllowed, status.currentHealthy, status.desiredHealthy, status.expectedPods) == (allowed, ready, desired, 3)


def test_pods_that_nobody_manages_are_told_of() -> None:
    world = budgeted(ready=3, of=3, unmanaged=1, maxUnavailable=1)
    assert [reason for reason, _ in world.events] == ["UnmanagedPods"]
    status = world.one(PodDisruptionBudget, "web").status
    assert (status.currentHealthy, status.expectedPods) == (4, 3)
