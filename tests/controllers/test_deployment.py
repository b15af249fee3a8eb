"""deployment: rollouts that keep their promises, history and rollback, scaling in between, and what the status says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.controllers.world import World, meta, run_pods, selector, template

from sagong.api.errors import ForbiddenError
from sagong.api.types.apps import (
    Deployment,
    DeploymentSpec,
    DeploymentStrategy,
    ReplicaSet,
    ReplicaSetSpec,
    RollingUpdateDeployment,
)
from sagong.api.types.core import Pod
from sagong.client.plan import Create
from sagong.controllers.deployment.loop import CONTROLLER
from sagong.controllers.deployment.revisions import REVISION, REVISION_HISTORY, ROLLBACK_TO, new_replica_set
from sagong.controllers.percent import scaled
from sagong.controllers.replicaset import REPLICA_SETS


def deployment(replicas: int = 3, surge: int | str = "25%", unavailable: int | str = "25%", **spec: Any) -> Deployment:
    rolling = RollingUpdateDeployment(maxSurge=surge, maxUnavailable=unavailable)
    fields: dict[str, Any] = {
        "strategy": DeploymentStrategy(type="RollingUpdate", rollingUpdate=rolling),
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
        **spec,
    }
    return Deployment(metadata=meta("web"), spec=DeploymentSpec(replicas=replicas, selector=selector(), template=template(), **fields))


def rolled_out(**spec: Any) -> World:
    world = World(deployment(**spec))
    settle(world)
    return world


def settle(world: World) -> None:
    def later() -> None:
        run_pods(world)
        world.pass_time(1)

    world.settle(CONTROLLER, REPLICA_SETS, each=later)


def sets(world: World) -> dict[str, int]:
    """Images and sizes of the replica sets."""
    return {rs.spec.template.spec.containers[0].image: rs.spec.replicas or 0 for rs in world.list(ReplicaSet)}


def conditions(world: World) -> dict[str, tuple[str, str]]:
    return {found.type: (found.status, found.reason) for found in world.one(Deployment, "web").status.conditions}


def test_makes_a_set_and_reports_progress() -> None:
    world = World(deployment())
    world.reconcile(CONTROLLER, "web")
    rs = world.list(ReplicaSet)[0]
    assert rs.metadata.labels == rs.spec.selector.matchLabels == rs.spec.template.metadata.labels  # type: ignore[union-attr]
    assert rs.metadata.name == f"web-{rs.metadata.labels['pod-template-hash']}"
    assert world.events == [("ScalingReplicaSet", f"Scaled up replica set {rs.metadata.name} from 0 to 3")]
    assert conditions(world) == {"Progressing": ("True", "NewReplicaSetCreated"), "Available": ("False", "MinimumReplicasUnavailable")}
    settle(world)
    found = world.one(Deployment, "web")
    assert conditions(world) == {"Available": ("True", "MinimumReplicasAvailable"), "Progressing": ("True", "NewReplicaSetAvailable")}
    assert found.metadata.annotations[REVISION] == "1"
    assert (found.status.replicas, found.status.updatedReplicas, found.status.readyReplicas, found.status.availableReplicas) == (3, 3, 3, 3)


def test_rolls_a_new_template_out_and_back() -> None:
    world = rolled_out()
    world.change(world.one(Deployment, "web"), template=template("app:2"))
    settle(world)
    assert sets(world) == {"app:1": 0, "app:2": 3}
    assert world.one(Deployment, "web").metadata.annotations[REVISION] == "2"
    world.change(world.one(Deployment, "web"), template=template("app:1"))
    settle(world)
    assert sets(world) == {"app:1": 3, "app:2": 0}
    first = next(rs for rs in world.list(ReplicaSet) if rs.spec.replicas)
    assert (first.metadata.annotations[REVISION], first.metadata.annotations[REVISION_HISTORY]) == ("3", "1")


def test_the_rollback_annotation_restores_template_and_annotations() -> None:
    world = rolled_out()
    world.change(world.one(Deployment, "web"), template=template("app:2"))
    settle(world)
    asked = world.one(Deployment, "web").copy()
    asked.metadata.annotations[ROLLBACK_TO] = "1"
    world.replace(asked)
    settle(world)
    assert sets(world) == {"app:1": 3, "app:2": 0}
    assert ("DeploymentRollback", 'Rolled back deployment "web" to revision 1') in world.events
    assert ROLLBACK_TO not in world.one(Deployment, "web").metadata.annotations


@settings(max_examples=60, deadline=None)
@given(
    desired=st.integers(1, 12),
    surge=st.sampled_from([0, 1, 3, "25%", "100%"]),
    unavailable=st.sampled_from([0, 1, 2, "25%", "50%"]),
    data=st.data(),
)
def test_a_rolling_update_keeps_its_promises(desired: int, surge: int | str, unavailable: int | str, data: st.DataObject) -> None:
    """Whatever order pods become ready in, and whoever is killed: never fewer available than promised, never more than allowed."""
    if surge == 0 and unavailable == 0:
        return
    world = rolled_out(replicas=desired, surge=surge, unavailable=unavailable)

    def share(value: int | str, *, up: bool) -> int:
        part = value if isinstance(value, int) else int(value[:-1]) * desired / 100
        return int(-(-part // 1)) if up else int(part)

    most_missing, most_extra = share(unavailable, up=False), share(surge, up=True)
    if not most_missing and not most_extra:
        most_missing = 1
    world.change(world.one(Deployment, "web"), template=template("app:2"))
    for _ in range(12 * desired + 30):
        world.reconcile(CONTROLLER, "web")
        for rs in world.list(ReplicaSet):
            world.reconcile(REPLICA_SETS, rs.metadata.name)
        pods = world.list(Pod)
        available = sum(any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions) for pod in pods)
        assert available >= desired - most_missing
        assert len(pods) <= desired + most_extra
        waiting = [pod for pod in pods if not pod.status.phase]
        lucky = data.draw(st.lists(st.sampled_from(waiting), unique_by=id)) if waiting else []
        run_pods(world, lucky or waiting[:1])
        if sets(world) == {"app:1": 0, "app:2": desired} and not waiting:
            break
    settle(world)
    assert sets(world) == {"app:1": 0, "app:2": desired}


def test_unhealthy_old_pods_go_first() -> None:
    world = World(deployment(4, surge=1, unavailable=1))
    world.reconcile(CONTROLLER, "web")
    world.settle(REPLICA_SETS)  # the pods never become ready
    world.change(world.one(Deployment, "web"), template=template("app:2"))
    settle(world)
    assert sets(world) == {"app:1": 0, "app:2": 4}


def test_recreate_waits_until_the_old_pods_are_gone() -> None:
    world = rolled_out(strategy=DeploymentStrategy(type="Recreate"))
    world.change(world.one(Deployment, "web"), template=template("app:2"))
    world.reconcile(CONTROLLER, "web")
    assert sets(world) == {"app:1": 0}
    world.reconcile(CONTROLLER, "web")
    assert sets(world) == {"app:1": 0}, "the old pods are still there"
    settle(world)
    assert sets(world) == {"app:1": 0, "app:2": 3}


def test_a_paused_deployment_scales_and_does_not_roll() -> None:
    world = rolled_out()
    world.change(world.one(Deployment, "web"), template=template("app:2"), paused=True, replicas=5)
    settle(world)
    assert sets(world) == {"app:1": 5}
    assert conditions(world)["Progressing"] == ("Unknown", "DeploymentPaused")
    world.change(world.one(Deployment, "web"), paused=False)
    settle(world)
    assert sets(world) == {"app:1": 0, "app:2": 5}


def test_scaling_in_a_rollout_is_proportional() -> None:
    world = rolled_out(replicas=10, surge=3, unavailable=2)
    world.change(world.one(Deployment, "web"), template=template("app:2"))
    for _ in range(5):
        world.reconcile(CONTROLLER, "web")
        for rs in world.list(ReplicaSet):
            world.reconcile(REPLICA_SETS, rs.metadata.name)
    assert sets(world) == {"app:1": 8, "app:2": 5}  # nothing new is ready: as far as it goes
    world.change(world.one(Deployment, "web"), replicas=15)
    world.reconcile(CONTROLLER, "web")
    assert sets(world) == {"app:1": 11, "app:2": 7}  # 18 of 13 in proportion, as upstream's documentation has it


def test_old_sets_beyond_the_history_are_deleted() -> None:
    world = rolled_out(revisionHistoryLimit=1)
    for image in ("app:2", "app:3", "app:4"):
        world.change(world.one(Deployment, "web"), template=template(image))
        settle(world)
    assert sets(world) == {"app:3": 0, "app:4": 3}


def test_a_stuck_rollout_is_reported_when_its_deadline_is_over() -> None:
    world = rolled_out(progressDeadlineSeconds=60)
    world.change(world.one(Deployment, "web"), template=template("app:2"))
    for _ in range(3):
        world.reconcile(CONTROLLER, "web")
        for rs in world.list(ReplicaSet):
            world.reconcile(REPLICA_SETS, rs.metadata.name)
    wait = world.reconcile(CONTROLLER, "web").requeue_after
    assert wait is not None
    assert 55 < wait <= 61
    world.pass_time(wait)
    world.reconcile(CONTROLLER, "web")
    assert conditions(world)["Progressing"] == ("False", "ProgressDeadlineExceeded")


def test_a_refused_replica_set_is_reported() -> None:
    world = World(deployment())
    world.refuse = lambda action: ForbiddenError("no") if isinstance(action, Create) else None
    world.reconcile(CONTROLLER, "web")
    assert conditions(world)["Progressing"] == ("False", "ReplicaSetCreateError")
    assert world.events[0][0] == "ReplicaSetCreateError"


def test_a_name_that_another_template_took_is_counted_as_collision() -> None:
    taken = new_replica_set(deployment(), ())
    taken.spec = ReplicaSetSpec(replicas=0, selector=selector(app="other"), template=template("other:1", app="other"))
    taken.metadata.ownerReferences = []
    taken.metadata.labels = {}
    world = World(deployment(), taken)
    world.reconcile(CONTROLLER, "web")
    assert world.one(Deployment, "web").status.collisionCount == 1
    settle(world)
    assert len(world.list(Pod)) == 3


def test_a_selector_of_everything_is_refused() -> None:
    wrong = deployment()
    wrong.spec.selector = selector()
    wrong.spec.selector.matchLabels = {}
    world = World(wrong)
    world.reconcile(CONTROLLER, "web")
    assert world.events[0][0] == "SelectingAll"
    assert not world.list(ReplicaSet)


def test_annotations_reach_the_new_set_but_not_bookkeeping() -> None:
    annotated = deployment()
    annotated.metadata.annotations = {"kubernetes.io/change-cause": "because", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
    world = World(annotated)
    settle(world)
    found = world.list(ReplicaSet)[0].metadata.annotations
    assert found["kubernetes.io/change-cause"] == "because"
    assert "kubectl.kubernetes.io/last-applied-configuration" not in found
    assert found["deployment.kubernetes.io/max-replicas"] == "4"


@pytest.mark.parametrize(("value", "up", "down"), [("25%", 3, 2), (4, 4, 4), ("100%", 10, 10), (None, 0, 0)])
def test_percentages_round_both_ways(value: int | str | None, up: int, down: int) -> None:
    assert (scaled(value, 10, round_up=True), scaled(value, 10, round_up=False)) == (up, down)
