"""daemonset: one pod on every node that fits, replaced within limits when the template changes."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from tests.controllers.world import World, meta, node, run_pods, selector, set_ready, template

from sagong.api.clock import format_time
from sagong.api.types.apps import ControllerRevision, DaemonSet, DaemonSetSpec, DaemonSetUpdateStrategy, RollingUpdateDaemonSet
from sagong.api.types.core import Node, Pod, Taint, Toleration
from sagong.api.types.meta import ObjectMeta, OwnerReference
from sagong.controllers.daemonset.loop import controller
from sagong.controllers.daemonset.placement import should_run, target_node
from sagong.controllers.declaration import Key
from sagong.controllers.history import template_of
from sagong.controllers.view import View

CONTROLLER = controller()


def daemon_set(unavailable: int | str | None = 1, surge: int | str | None = None, **spec: Any) -> DaemonSet:
    rolling = RollingUpdateDaemonSet(maxUnavailable=unavailable, maxSurge=surge)
    strategy = DaemonSetUpdateStrategy(type="RollingUpdate", rollingUpdate=rolling)
    fields = {"updateStrategy": strategy, "revisionHistoryLimit": 10, "template": template(), **spec}
    return DaemonSet(metadata=meta("agent"), spec=DaemonSetSpec(selector=selector(), **fields))


def bind(world: World) -> None:
    """Be the scheduler too: daemon pods go where their affinity says."""
    for pod in world.list(Pod):
        if not pod.spec.nodeName and pod.metadata.deletionTimestamp is None:
            set_ready(world, pod, on=target_node(pod))
    run_pods(world, [pod for pod in world.list(Pod) if pod.metadata.deletionTimestamp is not None])


def world_of(ds: DaemonSet, nodes: int = 3) -> World:
    world = World(ds, *(node(f"n{i}") for i in range(nodes)))
    world.settle(CONTROLLER, each=lambda: bind(world))
    return world


def images(world: World) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for pod in world.list(Pod):
        found.setdefault(target_node(pod), []).append(pod.spec.containers[0].image)
    return found


def test_every_node_gets_a_pod_pinned_to_it() -> None:
    world = world_of(daemon_set())
    assert images(world) == {"n0": ["app:1"], "n1": ["app:1"], "n2": ["app:1"]}
    status = world.one(DaemonSet, "agent").status
    assert (status.desiredNumberScheduled, status.numberReady, status.updatedNumberScheduled, status.numberUnavailable) == (3, 3, 3, 0)
    keys = {toleration.key for toleration in world.list(Pod)[0].spec.tolerations}
    assert {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable", "node.kubernetes.io/unschedulable"} <= keys
    assert "node.kubernetes.io/network-unavailable" not in keys


def test_nodes_come_and_go() -> None:
    world = world_of(daemon_set())
    world.add(node("n3"))
    world.remove(world.one(Node, "n0"))
    world.settle(CONTROLLER, each=lambda: bind(world))
    assert set(images(world)) == {"n0", "n1", "n2", "n3"}, "pods of a node that is gone are the pod collector's"
    assert world.one(DaemonSet, "agent").status.desiredNumberScheduled == 3


@pytest.mark.parametrize(
    ("taint", "tolerated", "expected"),
    [
        (None, False, (True, True)),
        (Taint(key="x", effect="NoSchedule"), False, (False, True)),
        (Taint(key="x", effect="NoExecute"), False, (False, False)),
        (Taint(key="x", effect="NoExecute"), True, (True, True)),
        (Taint(key="x", effect="PreferNoSchedule"), False, (True, True)),
        (Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule"), False, (True, True)),
    ],
)
def test_taints_decide_who_may_start_and_who_may_stay(taint: Taint | None, tolerated: bool, expected: tuple[bool, bool]) -> None:  # noqa: FBT001
    ds = daemon_set()
    if tolerated:
        ds.spec.template.spec.tolerations = [Toleration(key="x", operator="Exists")]
    where = node("n")
    where.spec.taints = [taint] if taint else []
    assert should_run(where, ds) == expected


def test_node_selectors_count() -> None:
    ds = daemon_set()
    ds.spec.template.spec.nodeSelector = {"disk": "ssd"}
    assert should_run(node("n"), ds) == (False, False)
    assert should_run(node("n", disk="ssd"), ds) == (True, True)


def test_a_rolling_update_takes_one_node_at_a_time() -> None:
    world = world_of(daemon_set())
    world.change(world.one(DaemonSet, "agent"), template=template("app:2"))
    for _ in range(30):
        world.reconcile(CONTROLLER, "agent")
        running = [pod for pod in world.list(Pod) if pod.status.phase == "Running"]
        assert len(running) >= 2
        bind(world)
    assert images(world) == {"n0": ["app:2"], "n1": ["app:2"], "n2": ["app:2"]}
    assert sorted(found.revision for found in world.list(ControllerRevision)) == [1, 2]


def test_an_update_by_surge_starts_the_new_pod_first() -> None:
    world = world_of(daemon_set(unavailable=0, surge=1))
    world.change(world.one(DaemonSet, "agent"), template=template("app:2"))
    seen_two = False
    for _ in range(30):
        world.reconcile(CONTROLLER, "agent")
        assert all(len(found) <= 2 for found in images(world).values())
        assert sum(len(found) == 2 for found in images(world).values()) <= 1
        seen_two |= any(len(found) == 2 for found in images(world).values())
        ready = {target_node(pod) for pod in world.list(Pod) if pod.status.phase == "Running"}
        assert ready == {"n0", "n1", "n2"}, "no node is ever without a ready pod"
        bind(world)
    assert seen_two
    assert images(world) == {"n0": ["app:2"], "n1": ["app:2"], "n2": ["app:2"]}


def test_on_delete_waits_for_the_user() -> None:
    world = world_of(daemon_set(updateStrategy=DaemonSetUpdateStrategy(type="OnDelete")))
    world.change(world.one(DaemonSet, "agent"), template=template("app:2"))
    world.settle(CONTROLLER, each=lambda: bind(world))
    assert images(world)["n0"] == ["app:1"]
    world.remove(next(pod for pod in world.list(Pod) if target_node(pod) == "n0"))
    world.settle(CONTROLLER, each=lambda: bind(world))
    assert images(world) == {"n0": ["app:2"], "n1": ["app:1"], "n2": ["app:1"]}


def test_failed_pods_are_replaced_with_growing_pauses() -> None:
    fresh = controller()
    world = World(daemon_set(), node("n0"))
    world.settle(fresh, each=lambda: bind(world))
    waits: list[float] = []
    for _ in range(4):
        set_ready(world, world.list(Pod)[0], "False", "Failed")
        plan = world.reconcile(fresh, "agent")
        if plan.requeue_after:
            waits.append(plan.requeue_after)
            world.pass_time(plan.requeue_after)
            world.reconcile(fresh, "agent")
        world.reconcile(fresh, "agent")
        bind(world)
    assert waits == [1.0, 2.0, 4.0]
    assert [reason for reason, _ in world.events].count("FailedDaemonPod") == 4


def test_revisions_restore_templates_and_are_told_apart_by_meaning() -> None:
    world = world_of(daemon_set())
    found = world.list(ControllerRevision)[0]
    assert found.data["spec"]["template"]["$patch"] == "replace"
    assert template_of(found) == template()
    assert json.dumps(found.data) == json.dumps(found.data, sort_keys=True), "upstream's clients compare the bytes"
    written_by_go = found.copy()
    written_by_go.data["spec"]["template"]["metadata"]["creationTimestamp"] = None
    world.replace(written_by_go)
    world.settle(CONTROLLER, each=lambda: bind(world))
    assert len(world.list(ControllerRevision)) == 1, "Go's null is no other template"


def test_history_is_limited_but_never_loses_a_revision_in_use() -> None:
    world = world_of(daemon_set(revisionHistoryLimit=1))
    for image in ("app:2", "app:3", "app:4"):
        world.change(world.one(DaemonSet, "agent"), template=template(image))
        world.settle(CONTROLLER, each=lambda: bind(world))
    assert sorted(found.revision for found in world.list(ControllerRevision)) == [3, 4]


def test_misplaced_pods_are_deleted_and_counted() -> None:
    world = world_of(daemon_set())
    tainted = world.one(Node, "n1").copy()
    tainted.spec.taints = [Taint(key="x", effect="NoSchedule")]
    world.replace(tainted)
    world.reconcile(CONTROLLER, "agent")
    assert world.one(DaemonSet, "agent").status.numberMisscheduled == 1
    tainted.spec.taints = [Taint(key="x", effect="NoExecute")]
    world.replace(tainted)
    world.settle(CONTROLLER, each=lambda: bind(world))
    assert set(images(world)) == {"n0", "n2"}


def test_a_set_being_deleted_is_left_to_the_garbage_collector() -> None:
    ds = daemon_set()
    ds.metadata.deletionTimestamp, ds.metadata.finalizers = format_time(World().now), ["foregroundDeletion"]
    world = World(ds, node("n0"))
    world.reconcile(CONTROLLER, "agent")
    assert not world.list(Pod)


def test_a_revision_that_is_added_by_hand_is_not_taken_away_at_once() -> None:
    watch = next(found for found in controller().watches if found.kind is ControllerRevision)
    assert watch.changed is not None
    owner = OwnerReference(apiVersion="apps/v1", kind="DaemonSet", name="ds", uid="1", controller=True)
    revision = ControllerRevision(metadata=ObjectMeta(name="r", namespace="ns", ownerReferences=[owner]))
    assert [watch.changed(*change) for change in ((None, revision), (revision, revision), (revision, None))] == [False, True, True]
    view = cast("View", None)
    assert list(watch.keys(view, revision)) == [Key("ns", "ds")]
    assert list(watch.keys(view, ControllerRevision(metadata=ObjectMeta(name="r", namespace="ns")))) == []
