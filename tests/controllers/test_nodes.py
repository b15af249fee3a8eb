"""node-lifecycle, taint-eviction, node-ipam, pod-garbage-collector, ttl: silence noticed, pods moved, networks given, leftovers gone."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from tests.controllers.world import World, meta, node, set_ready

from sagong.api.clock import format_micro_time, format_time
from sagong.api.errors import NotFoundError
from sagong.api.types.coordination import Lease, LeaseSpec
from sagong.api.types.core import Node, NodeCondition, Pod, Taint, Toleration
from sagong.api.types.meta import ObjectMeta
from sagong.client.plan import Delete, Plan
from sagong.controllers import node_ipam, node_ttl, pod_gc, taint_eviction
from sagong.controllers.declaration import Controller, Key
from sagong.controllers.node_lifecycle.loop import controller
from sagong.controllers.node_lifecycle.taints import Ration, no_schedule
from sagong.controllers.view import finished

NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"


class Nodes:
    """Nodes with kubelets that renew their leases until told to be silent."""

    def __init__(self, *names: str) -> None:
        self.world = World(*(node(name) for name in names))
        self.controller: Controller = controller()
        self.silent: set[str] = set()
        self.look()

    def look(self) -> None:
        """Deliver what informers would, then look at every node."""
        for found in self.world.list(Node):
            name = found.metadata.name
            if name not in self.silent:
                spec = LeaseSpec(renewTime=format_micro_time(self.world.now))
                lease = Lease(metadata=ObjectMeta(name=name, namespace="kube-node-lease"), spec=spec)
                list(self.controller.watches[1].keys(self.world, lease))
            list(self.controller.watches[0].keys(self.world, found))
        for found in self.world.list(Node):
            self.world.reconcile(self.controller, found.metadata.name, "")

    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds // 10):
            self.world.pass_time(10)
            self.look()

    def taints(self, name: str) -> set[tuple[str, str]]:
        return {(taint.key, taint.effect) for taint in self.world.one(Node, name).spec.taints}

    def ready(self, name: str) -> tuple[str, str]:
        found = next(c for c in self.world.one(Node, name).status.conditions if c.type == "Ready")
        return found.status, found.reason


def test_a_silent_node_is_unknown_after_fifty_seconds() -> None:
    nodes = Nodes("a", "b")
    nodes.silent.add("a")
    nodes.pass_time(50)
    assert nodes.ready("a")[0] == "True"
    nodes.pass_time(10)
    assert nodes.ready("a") == ("Unknown", "NodeStatusUnknown")
    assert nodes.taints("a") == {(UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")}
    assert nodes.ready("b")[0] == "True"
    assert ("NodeNotReady", "Node a status is now: NodeNotReady") in nodes.world.events


def test_a_node_that_never_reported_gets_a_minute() -> None:
    nodes = Nodes("a")
    fresh = node("b")
    fresh.status.conditions = []
    nodes.silent.add("b")
    nodes.world.add(fresh)
    nodes.pass_time(60)
    assert nodes.world.one(Node, "b").status.conditions == []
    nodes.pass_time(10)
    assert nodes.ready("b") == ("Unknown", "NodeStatusNeverUpdated")


def test_a_node_that_comes_back_loses_its_taints() -> None:
    nodes = Nodes("a", "b")
    nodes.silent.add("a")
    nodes.pass_time(60)
    nodes.silent.clear()
    back = nodes.world.one(Node, "a").copy()
    back.status.conditions = [NodeCondition(type="Ready", status="True", lastHeartbeatTime=format_time(nodes.world.now))]
    nodes.world.replace(back)
    nodes.look()
    assert nodes.taints("a") == set()


def test_pods_of_a_silent_node_are_not_ready() -> None:
    nodes = Nodes("a", "b")
    pod = set_ready(nodes.world, nodes.world.add(Pod(metadata=meta("web"))), on="a")
    nodes.silent.add("a")
    nodes.pass_time(60)
    assert nodes.world.one(Pod, pod.metadata.name).status.conditions[0].status == "False"
    assert ("NodeNotReady", "Node is not ready") in nodes.world.events


def test_when_every_node_is_silent_nobody_is_to_leave() -> None:
    nodes = Nodes("a", "b")
    nodes.silent |= {"a", "b"}
    nodes.pass_time(120)
    assert nodes.taints("a") == nodes.taints("b") == {(UNREACHABLE, "NoSchedule")}


def test_nodes_are_tainted_one_in_ten_seconds() -> None:
    world = World(*(node(f"n{i}", "Unknown" if i < 3 else "True") for i in range(8)))
    ration, every = Ration(), world.list(Node)
    assert ration.wait(every[0], every, world.now) == 0
    assert ration.wait(every[1], every, world.now) == pytest.approx(10)
    assert ration.wait(every[1], every, world.now + timedelta(seconds=10)) == 0


def test_a_small_zone_that_is_mostly_silent_is_left_alone() -> None:
    world = World(*(node(f"n{i}", "Unknown" if i < 6 else "True") for i in range(10)))
    every = world.list(Node)
    assert Ration().wait(every[0], every, world.now) is None


def test_conditions_and_cordons_become_taints_and_back() -> None:
    found = node("a", "False")
    found.status.conditions.append(NodeCondition(type="DiskPressure", status="True"))
    found.spec.unschedulable = True
    found.spec.taints = [Taint(key="node.kubernetes.io/memory-pressure", effect="NoSchedule"), Taint(key="mine", effect="NoSchedule")]
    keys = [taint.key for taint in no_schedule(found, World().now)]
    assert keys == ["mine", NOT_READY, "node.kubernetes.io/disk-pressure", "node.kubernetes.io/unschedulable"]


def test_labels_of_old_names_follow() -> None:
    nodes = Nodes()
    nodes.world.add(node("a", **{"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "beta.kubernetes.io/arch": "x"}))
    nodes.look()
    labels = nodes.world.one(Node, "a").metadata.labels
    assert (labels["beta.kubernetes.io/os"], labels["beta.kubernetes.io/arch"]) == ("linux", "amd64")


def tainted(seconds: int | None = None, *, tolerates: bool = True) -> tuple[World, Controller]:
    where = node("a")
    where.spec.taints = [Taint(key="gone", effect="NoExecute")]
    pod = Pod(metadata=meta("web"))
    pod.spec.nodeName = "a"
    if tolerates:
        pod.spec.tolerations = [Toleration(key="gone", operator="Exists", effect="NoExecute", tolerationSeconds=seconds)]
    return World(where, pod), taint_eviction.controller()


def test_pods_that_do_not_tolerate_leave_at_once_and_are_told_why() -> None:
    world, loop = tainted(tolerates=False)
    plan = world.reconcile(loop, "web")
    assert any(isinstance(action, Delete) for action in plan.actions)
    assert not world.list(Pod)
    assert world.events == [("TaintManagerEviction", "Marking for deletion Pod default/web")]


def test_pods_that_tolerate_for_a_while_leave_after_it() -> None:
    world, loop = tainted(300)
    assert world.reconcile(loop, "web").requeue_after == pytest.approx(300)
    world.pass_time(299)
    assert world.reconcile(loop, "web").requeue_after == pytest.approx(1)
    world.pass_time(1)
    world.reconcile(loop, "web")
    assert not world.list(Pod)


def test_pods_that_tolerate_for_ever_stay() -> None:
    world, loop = tainted(None)
    assert world.reconcile(loop, "web").actions == ()


def test_an_eviction_is_called_off_when_the_taint_goes() -> None:
    world, loop = tainted(300)
    world.reconcile(loop, "web")
    clean = world.one(Node, "a").copy()
    clean.spec.taints = []
    world.replace(clean)
    world.reconcile(loop, "web")
    assert world.events == [("TaintManagerEviction", "Cancelling deletion of Pod default/web")]
    world.pass_time(1000)
    world.reconcile(loop, "web")
    assert len(world.list(Pod)) == 1


def test_nodes_get_networks_that_nobody_has() -> None:
    loop = node_ipam.controller("10.244.0.0/22,fd00::/62", "10.96.0.0/12")
    world = World(*(node(f"n{i}") for i in range(5)))
    for i in range(5):
        world.reconcile(loop, f"n{i}", "")
    found = [world.one(Node, f"n{i}").spec.podCIDRs for i in range(5)]
    assert found[:4] == [[f"10.244.{i}.0/24", f"fd00:0:0:{i:x}::/64".replace("fd00:0:0:0::", "fd00::")] for i in range(4)]
    assert found[4] == []
    assert world.events == [("CIDRNotAvailable", "Node n4 status is now: CIDRNotAvailable")]
    world.remove(world.one(Node, "n1"))
    world.reconcile(loop, "n4", "")
    assert world.one(Node, "n4").spec.podCIDR == "10.244.1.0/24"


def test_networks_avoid_services() -> None:
    plan = node_ipam.plan(node("a"), [ip_network("10.0.0.0/24")], [ip_network("10.0.0.0/16")], [24])
    assert plan.actions[0].patch["spec"]["podCIDR"] == "10.0.1.0/24"  # type: ignore[union-attr]


@pytest.mark.parametrize(("count", "seconds"), [(1, "0"), (100, "0"), (101, "15"), (1500, "60"), (5000, "300")])
def test_kubelets_may_cache_longer_in_large_clusters(count: int, seconds: str) -> None:
    assert node_ttl.plan(node("a"), count).actions[0].patch["metadata"]["annotations"] == {node_ttl.ANNOTATION: seconds}  # type: ignore[union-attr]


@pytest.mark.parametrize(("before", "concerned"), [(1, 1), (50, 1), (99, 1), (100, 100), (101, 101), (102, 1), (501, 501)])
def test_all_nodes_are_looked_at_only_where_a_step_is_near(before: int, concerned: int) -> None:
    (watch,) = node_ttl.CONTROLLER.watches
    world = World(*(node(f"n{i}") for i in range(before)))
    assert len(list(watch.keys(world, world.one(Node, "n0")))) == concerned


class LiveWorld:
    """A world that can also be asked over a client: nodes that it has are found."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.client = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    async def _get(self, kind: type, name: str) -> Any:
        found = self._world.get(kind, "", name)
        if found is None:
            raise NotFoundError(name)
        return found


def collect(world: World, loop: Controller, key: Key) -> float | None:
    live = LiveWorld(world)

    class Asked:
        get = live._get

    live.client = Asked()  # type: ignore[assignment]
    assert loop.reconcile_live is not None
    live_view: Any = live  # as much of a Live as is asked of it

    async def look() -> Plan:
        assert loop.reconcile_live is not None
        return await loop.reconcile_live(live_view, key)

    plan = asyncio.run(look())
    world.carry_out(plan, loop)
    return plan.requeue_after


def test_pods_of_a_lost_node_go_after_forty_seconds() -> None:
    world, loop = World(), pod_gc.controller()
    set_ready(world, world.add(Pod(metadata=meta("web"))), on="gone")
    assert collect(world, loop, Key("", "node:gone")) == pytest.approx(40)
    world.pass_time(40)
    collect(world, loop, Key("", "node:gone"))
    assert not world.list(Pod)


def test_pods_that_are_deleted_before_they_have_a_node_go_at_once() -> None:
    world, loop = World(), pod_gc.controller()
    world.add(Pod(metadata=meta("web", deletionTimestamp=format_time(world.now))))
    collect(world, loop, Key("default", "web"))
    assert not world.list(Pod)


def test_the_oldest_finished_pods_go_when_there_are_too_many() -> None:
    world = World()
    for i in range(5):
        pod = world.add(Pod(metadata=meta(f"p{i}", creationTimestamp=f"2025-12-0{i + 1}T00:00:00Z")))
        pod.status.phase = "Succeeded"
    world.one(Pod, "p4").status.reason = "Evicted"
    world.add(Pod(metadata=meta("running", creationTimestamp="2025-11-01T00:00:00Z"))).status.phase = "Running"
    world.carry_out(pod_gc.plan_finished(finished(world), threshold=3))
    assert [pod.metadata.name for pod in world.list(Pod)] == ["p1", "p2", "p3", "running"]
