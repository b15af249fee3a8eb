"""Registration, status and heartbeat of a node, against an API in memory."""

from __future__ import annotations

import asyncio
import ipaddress
import os
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from tests.node.builders import HandClock, MemoryApi

from sagong.api.errors import AlreadyExistsError, ConflictError
from sagong.api.types.coordination import Lease
from sagong.api.types.core import Node, NodeCondition, NodeStatus
from sagong.api.types.meta import ObjectMeta
from sagong.node import machine, node_status, resources
from sagong.node.cri import api_pb2 as cri
from sagong.node.lease import NodeLease
from sagong.node.machine import FileSystem, Machine
from sagong.node.node_reporter import NodeReporter
from sagong.node.node_status import NodeFacts, NodeSettings
from sagong.node.resources import Reservations

T = TypeVar("T")
GIB = 1 << 30
BOX = Machine(cpus=2, memory=4 * GIB, swap=0, huge_pages={"2Mi": 0}, architecture="amd64", kernel="6.1")
DISK = FileSystem(capacity=100 * GIB, available=50 * GIB, inodes=1000, inodes_free=900)
SETTINGS = NodeSettings("n1", ["192.168.0.2"], labels={"zone": "a"})


def runtime_status(*, network: bool = True) -> cri.StatusResponse:
    conditions = [
        cri.RuntimeCondition(type="RuntimeReady", status=True),
        cri.RuntimeCondition(type="NetworkReady", status=network, reason="NetworkPluginNotReady", message="cni plugin not initialized"),
    ]
    return cri.StatusResponse(status=cri.RuntimeStatus(conditions=conditions))


def facts(**changes: Any) -> NodeFacts:
    reserved = Reservations(eviction={"memory.available": "100Mi", "nodefs.available": "10%"})
    known: dict[str, Any] = {
        "machine": BOX,
        "capacity": resources.capacity(BOX, DISK, reserved),
        "allocatable": resources.allocatable(BOX, DISK, reserved),
        "runtime": "containerd://1.6.20",
        "status": runtime_status(),
    }
    return NodeFacts(**{**known, **changes})


def test_capacity_and_allocatable_are_written_as_upstream_writes_them() -> None:
    assert facts().capacity == {"cpu": "2", "ephemeral-storage": "100Gi", "hugepages-2Mi": "0", "memory": "4Gi", "pods": "110"}
    assert facts().allocatable == {
        "cpu": "2",
        "ephemeral-storage": "96636764160",
        "hugepages-2Mi": "0",
        "memory": "3996Mi",
        "pods": "110",
    }
    reserved = Reservations(kube={"cpu": "100m", "memory": "1Gi"}, max_pods=110, pods_per_core=10)
    assert resources.allocatable(BOX, DISK, reserved)["cpu"] == "1900m"
    assert resources.for_pods(BOX, reserved)[0] == 1900
    assert resources.capacity(BOX, DISK, reserved)["pods"] == "20"


def test_extended_resources_that_others_advertise_may_be_used() -> None:
    first = node_status.node_status(SETTINGS, facts(), NodeStatus(capacity={"example.com/dongle": "4"}), "t1")
    assert (first.capacity["example.com/dongle"], first.allocatable["example.com/dongle"]) == ("4", "4")
    fewer = first.copy()
    fewer.capacity["example.com/dongle"] = "3"
    assert node_status.node_status(SETTINGS, facts(), fewer, "t2").allocatable["example.com/dongle"] == "3"
    del fewer.capacity["example.com/dongle"]
    assert "example.com/dongle" not in node_status.node_status(SETTINGS, facts(), fewer, "t3").allocatable
    assert first.allocatable["cpu"] == facts().allocatable["cpu"]


def test_conditions_keep_their_transition_times_and_foreign_ones_stay() -> None:
    foreign = NodeCondition(type="NetworkUnavailable", status="False", lastTransitionTime="t0")
    first = node_status.node_status(SETTINGS, facts(), NodeStatus(conditions=[foreign]), "t1")
    assert [(c.type, c.status) for c in first.conditions] == [
        ("NetworkUnavailable", "False"),
        ("MemoryPressure", "False"),
        ("DiskPressure", "False"),
        ("PIDPressure", "False"),
        ("Ready", "True"),
    ]
    second = node_status.node_status(SETTINGS, facts(pressures=frozenset({"DiskPressure"})), first, "t2")
    turned = {c.type: (c.reason, c.lastTransitionTime, c.lastHeartbeatTime) for c in second.conditions}
    assert turned["DiskPressure"] == ("KubeletHasDiskPressure", "t2", "t2")
    assert turned["Ready"] == ("KubeletReady", "t1", "t2")
    assert node_status.changes(first, second) == [("NodeHasDiskPressure", "status is now: NodeHasDiskPressure")]


def test_a_node_whose_network_is_not_up_is_not_ready() -> None:
    status = node_status.node_status(SETTINGS, facts(status=runtime_status(network=False)), NodeStatus(), "t1")
    ready = status.conditions[-1]
    assert (ready.status, ready.reason) == ("False", "KubeletNotReady")
    assert ready.message == (
        "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:cni plugin not initialized"
    )


def test_only_changes_and_old_age_are_reported() -> None:
    clock = HandClock()
    reports = node_status.Reports(clock, 300)
    first = node_status.node_status(SETTINGS, facts(), NodeStatus(), "t1")
    assert reports.due(first, first)
    reports.written()
    later = node_status.node_status(SETTINGS, facts(), first, "t2")
    assert not reports.due(first, later)
    clock.move(300)
    assert reports.due(first, later)


def test_the_patch_has_only_what_differs() -> None:
    first = node_status.node_status(SETTINGS, facts(), NodeStatus(), "t1")
    images = [cri.Image(repo_tags=["a:1"], size=5), cri.Image(repo_tags=["b:1"], repo_digests=["b@sha256:1"], size=9)]
    second = node_status.node_status(SETTINGS, facts(images=images), first, "t1")
    assert node_status.status_patch(first, second) == {
        "status": {"images": [{"names": ["b@sha256:1", "b:1"], "sizeBytes": 9}, {"names": ["a:1"], "sizeBytes": 5}]}
    }


class Api(MemoryApi):
    """Adds writes: create refuses what is there, patch merges the top of a status."""

    def __init__(self, clock: HandClock, *objects: Any) -> None:
        super().__init__(clock, *objects)
        self.patches: list[Any] = []
        self.refuse: Exception | None = None

    async def create(self, obj: T) -> T:
        thing: Any = obj
        key = (type(thing), thing.metadata.namespace, thing.metadata.name)
        if key in self.objects:
            raise AlreadyExistsError("there")
        self.objects[key] = thing
        return obj

    async def update(self, obj: T) -> T:
        if self.refuse is not None:
            error, self.refuse = self.refuse, None
            raise error
        self.put(obj)
        return obj

    async def patch(self, kind: type[T], name: str, namespace: str, patch: Any, *, patch_type: Any = "merge", subresource: str = "") -> T:
        self.patches.append((subresource, patch))
        stored: Any = await self.get(kind, name, namespace)
        if subresource == "status":
            merged = {**msgspec.to_builtins(stored.status), **patch["status"]}
            stored.status = msgspec.convert(merged, NodeStatus)
        else:
            stored.metadata.labels.update(patch["metadata"]["labels"])
        return stored  # type: ignore[no-any-return] # the memory holds objects of any kind


class Observer:
    machine = BOX

    def __init__(self) -> None:
        self.now = facts()

    async def observe(self) -> NodeFacts:
        return self.now


class Recorded:
    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def event(self, obj: Any, type: str, reason: str, message: str) -> None:  # noqa: A002 - the recorder's signature
        self.events.append((reason, message))


def test_a_node_registers_and_reports_changes() -> None:
    clock = HandClock()
    api, observer, recorded = Api(clock), Observer(), Recorded()
    reporter = NodeReporter(api, observer, SETTINGS, recorded, clock)  # type: ignore[arg-type] # looks at no machine

    async def scenario() -> None:
        await reporter.register()
        await reporter.report()
        assert api.patches == []
        observer.now = facts(pressures=frozenset({"MemoryPressure"}))
        await reporter.report()

    asyncio.run(scenario())
    node = api.objects[Node, "", "n1"]
    assert node.metadata.labels["kubernetes.io/hostname"] == "n1"
    assert node.metadata.labels["zone"] == "a"
    assert [address.type for address in node.status.addresses] == ["InternalIP", "Hostname"]
    assert len(api.patches) == 1
    assert ("NodeReady", "Node n1 status is now: NodeReady") in recorded.events
    assert recorded.events[-1][0] == "NodeHasInsufficientMemory"


def test_a_reboot_and_a_cordon_are_told_once_each() -> None:
    clock = HandClock()
    api, observer, recorded = Api(clock), Observer(), Recorded()
    reporter = NodeReporter(api, observer, SETTINGS, recorded, clock)  # type: ignore[arg-type] # looks at no machine

    async def scenario() -> None:
        await reporter.register()
        node = api.objects[Node, "", "n1"]
        node.status.nodeInfo.bootID, node.spec.unschedulable = "another", True
        recorded.events.clear()
        await reporter.report()
        await reporter.report()
        api.objects[Node, "", "n1"].spec.unschedulable = False
        await reporter.report()

    asyncio.run(scenario())
    assert recorded.events == [
        ("NodeNotSchedulable", "Node n1 status is now: NodeNotSchedulable"),
        ("Rebooted", f"Node n1 has been rebooted, boot id: {BOX.boot_id}"),
        ("NodeSchedulable", "Node n1 status is now: NodeSchedulable"),
    ]


def test_a_node_that_is_there_is_adopted() -> None:
    clock = HandClock()
    api = Api(clock, Node(metadata=ObjectMeta(name="n1", labels={"mine": "kept"})))
    reporter = NodeReporter(api, Observer(), SETTINGS, Recorded(), clock)  # type: ignore[arg-type] # looks at no machine
    asyncio.run(reporter.register())
    assert api.objects[Node, "", "n1"].metadata.labels["mine"] == "kept"
    assert api.objects[Node, "", "n1"].metadata.labels["kubernetes.io/os"] == "linux"


def test_the_lease_is_made_renewed_and_survives_a_conflict() -> None:
    clock = HandClock()
    api = Api(clock, Node(metadata=ObjectMeta(name="n1", uid="u")))
    lease = NodeLease(api, clock, "n1")

    def held() -> Lease:
        found: Lease = api.objects[Lease, "kube-node-lease", "n1"]
        return found

    async def scenario() -> None:
        await lease.renew()
        assert held().metadata.ownerReferences[0].uid == "u"
        clock.move(10)
        await lease.renew()
        assert held().spec.renewTime == "2026-01-02T03:04:15.000000Z"
        api.refuse = ConflictError("changed")
        clock.move(10)
        await lease.renew()
        assert held().spec.renewTime == "2026-01-02T03:04:25.000000Z"

    asyncio.run(scenario())
    assert (held().spec.holderIdentity, held().spec.leaseDurationSeconds) == ("n1", 40)


def test_this_machine_can_be_read(tmp_path: Path) -> None:
    found = machine.read_machine()
    assert found.cpus == os.cpu_count()
    assert found.memory > machine.memory_available() > 0
    assert found.architecture in ("amd64", "arm64")
    assert ipaddress.ip_address(machine.node_address())
    assert machine.file_system(tmp_path).capacity > 0
    assert machine.processes() > 0
    with pytest.raises(ValueError, match="does not appear to be"):
        machine.node_address("not-an-address")
