"""Who has to go when the node runs short, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.node.builders import HandClock, pod

from sagong.api.types.core import Pod
from sagong.node import machine
from sagong.node.cgroup_fs import Usage
from sagong.node.cri import api_pb2 as cri
from sagong.node.eviction import Met, Observation, PodUse, Threshold, admit_under_pressure, met, over_own_limits, thresholds, victim
from sagong.node.eviction_manager import EvictionManager
from sagong.node.volumes.layout import NodeFiles

MIB = 1 << 20
LOW_MEMORY = Met("memory.available", 100 * MIB, 40 * MIB)


def named(name: str, spec: str = "") -> Pod:
    found = pod(spec or "containers: [{name: c}]")
    found.metadata.name = found.metadata.uid = name
    return found


def limited(name: str, storage: str) -> str:
    return f"{{name: {name}, resources: {{limits: {{ephemeral-storage: {storage}}}}}}}"


def test_thresholds_are_amounts_or_parts_of_the_whole() -> None:
    observed = {"memory.available": Observation(40 * MIB, 1000 * MIB), "nodefs.available": Observation(90, 1000)}
    wanted = thresholds({"nodefs.available": "10%", "memory.available": "100Mi", "pid.available": "10%", "nodefs.inodesFree": "0%"})
    assert len(wanted) == 4
    assert met(observed, wanted) == [LOW_MEMORY, Met("nodefs.available", 100, 90)]
    assert met(observed, thresholds({"memory.available": "10Mi"})) == []


def test_what_pods_may_have_together_is_watched_as_the_nodes_memory_is() -> None:
    wanted = thresholds({"memory.available": "10%"}, reclaim={"memory.available": "50Mi"})
    assert wanted == [Threshold("memory.available", "10%", None, "50Mi"), Threshold("allocatableMemory.available", "10%", None, "50Mi")]
    observed = {"memory.available": Observation(900, 1000), "allocatableMemory.available": Observation(40 * MIB, 500 * MIB)}
    [found] = met(observed, wanted)
    assert (found, found.condition, found.resource) == (
        Met("allocatableMemory.available", 50 * MIB, 40 * MIB),
        "MemoryPressure",
        "memory",
    )


def test_a_threshold_that_was_met_lasts_until_enough_is_reclaimed() -> None:
    wanted = thresholds({"memory.available": "100Mi"}, reclaim={"memory.available": "50Mi"})
    observed = {"memory.available": Observation(120 * MIB, 1000 * MIB)}
    assert met(observed, wanted) == []
    assert met(observed, wanted, wanted) == [Met("memory.available", 100 * MIB, 120 * MIB)]
    assert met({"memory.available": Observation(150 * MIB, 1000 * MIB)}, wanted, wanted) == []


def test_those_who_use_more_than_they_asked_for_go_first_then_low_priority_then_the_greatest_excess() -> None:
    asked = "containers: [{name: c, resources: {requests: {memory: 500Mi}}}]"
    modest = PodUse(named("modest", asked), memory=400 * MIB)
    dear = PodUse(named("dear", "{priority: 10, containers: [{name: c}]}"), memory=300 * MIB)
    small, large = PodUse(named("small"), memory=10 * MIB), PodUse(named("large"), memory=20 * MIB)
    critical = PodUse(named("critical", "{priority: 2000000000, containers: [{name: c}]}"), memory=900 * MIB)
    order = []
    left = [critical, modest, dear, small, large]
    while (eviction := victim(LOW_MEMORY, left)) is not None:
        order.append(eviction.pod.metadata.name)
        left = [use for use in left if use.pod is not eviction.pod]
    assert order == ["large", "small", "dear", "modest"]


def test_where_inodes_run_out_he_goes_who_has_most_of_them() -> None:
    lack = Met("nodefs.inodesFree", 100, 40)
    many, large = PodUse(named("many"), disk=4096, inodes=9000), PodUse(named("large"), disk=900 * MIB, inodes=3)
    eviction = victim(lack, [large, many])
    assert eviction is not None
    assert (eviction.pod.metadata.name, eviction.message) == (
        "many",
        "The node was low on resource: inodes. Threshold quantity: 100, available: 40. ",
    )


def test_a_pod_with_a_request_of_its_own_is_told_of_that_too() -> None:
    eviction = victim(LOW_MEMORY, [PodUse(named("a", "resources: {requests: {memory: 10Mi}}"), memory=50 * MIB)])
    assert eviction is not None
    assert eviction.message.endswith(". Pod a was using 50Mi, request is 10Mi, has larger consumption of memory. ")


def test_the_message_is_upstreams() -> None:
    use = PodUse(named("a"), memory=50 * MIB, containers={"c": (50 * MIB, 0)})
    eviction = victim(LOW_MEMORY, [use])
    assert eviction is not None
    assert eviction.message == (
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 40Mi. "
        "Container c was using 50Mi, request is 0, has larger consumption of memory. "
    )


@pytest.mark.parametrize(
    ("spec", "use", "message"),
    [
        (
            "{volumes: [{name: v, emptyDir: {sizeLimit: 1Mi}}], containers: [{name: c}]}",
            {"volumes": {"v": 2 * MIB}},
            'Usage of EmptyDir volume "v" exceeds the limit "1Mi". ',
        ),
        (
            "containers: [{name: c, resources: {limits: {ephemeral-storage: 1Mi}}}]",
            {"disk": 3 * MIB},
            "Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ",
        ),
        (
            f"containers: [{limited('c', '1Mi')}, {limited('d', '9Mi')}]",
            {"disk": 3 * MIB, "containers": {"c": (0, 2 * MIB)}},
            'Container c exceeded its local ephemeral storage limit "1Mi". ',
        ),
        ("containers: [{name: c}]", {"disk": 3 * MIB}, None),
    ],
)
def test_a_pods_own_disk_limits(spec: str, use: Mapping[str, Any], message: str | None) -> None:
    found = over_own_limits([PodUse(named("a", spec), **use)])
    assert [eviction.message for eviction in found] == ([message] if message else [])


class World:
    """A node that is short of memory until a pod is evicted."""

    def __init__(self) -> None:
        self.known = [named("a"), named("b")]
        self.evicted: list[str] = []
        self.graces: list[int] = []
        self.disrupted: list[bool] = []
        self.for_pods = 0

    async def image_filesystems(self) -> cri.ImageFsInfoResponse:
        return cri.ImageFsInfoResponse()

    async def list_stats(self) -> list[Any]:
        return []

    def pods_usage(self) -> Usage:
        return Usage(working_set=30, memory_limit=self.for_pods)

    def pod_usage(self, uid: str) -> Usage:
        return Usage(working_set={"a": 10, "b": 20}[uid])

    def evict(self, pod: Pod, message: str, grace: int, *, disruption: bool) -> None:
        self.evicted.append(pod.metadata.name)
        self.disrupted.append(disruption)
        self.graces.append(grace)


def managed(world: World, clock: HandClock, tmp_path: Path, wanted: Sequence[Threshold]) -> EvictionManager:
    return EvictionManager(
        runtime=world,  # type: ignore[arg-type] # a runtime in parts
        cgroups=world,  # type: ignore[arg-type] # the usage is all that is asked
        files=NodeFiles(tmp_path),
        logs=tmp_path / "logs",
        machine=machine.read_machine(),
        thresholds=wanted,
        pods=lambda: world.known,
        evict=world.evict,
        clock=clock,
        longest_grace=20,
    )


async def test_one_pod_goes_and_the_pressure_is_told_for_a_while(tmp_path: Path) -> None:
    world, clock = World(), HandClock()
    clock.move(1000)
    manager = managed(world, clock, tmp_path, thresholds({"memory.available": "100%"}))
    ages: list[tuple[str, float]] = []
    manager.aged = lambda signal, seconds: ages.append((signal, seconds))
    manager.reclaiming = world.evicted.append
    assert manager.pressures() == []
    await manager.look(own_limits=True)
    assert ages == [("memory.available", 0.0)]
    assert (world.evicted, world.graces, list(manager.pressures())) == (["memory", "b"], [1], ["MemoryPressure"])
    manager.thresholds = []
    clock.move(299)
    await manager.look(own_limits=False)
    assert (world.evicted, list(manager.pressures())) == (["memory", "b"], ["MemoryPressure"])
    clock.move(2)
    assert manager.pressures() == []


async def test_pods_that_fill_what_they_have_together_are_evicted_before_the_kernel_kills(tmp_path: Path) -> None:
    world, clock = World(), HandClock()
    manager = managed(world, clock, tmp_path, thresholds({"memory.available": "10"}))
    for limit, evicted in ((0, []), (41, []), (39, ["b"])):
        world.for_pods = limit
        await manager.look(own_limits=False)
        assert world.evicted == evicted


async def test_who_breaks_his_own_limit_is_not_disrupted(tmp_path: Path) -> None:
    world, clock = World(), HandClock()
    world.known = [named("a", "{volumes: [{name: v, emptyDir: {sizeLimit: 8Ki}}], containers: [{name: c}]}")]
    files = NodeFiles(tmp_path).pod("a").volume("empty-dir", "v")
    files.mkdir(parents=True)
    (files / "large").write_bytes(bytes(9000))
    manager = managed(world, clock, tmp_path, thresholds({"memory.available": "100%"}))
    await manager.look(own_limits=True)
    assert (world.evicted, world.disrupted, list(manager.pressures())) == (["a"], [False], ["MemoryPressure"])
    (files / "large").unlink()
    await manager.look(own_limits=True)
    assert (world.evicted, world.disrupted) == (["a", "a"], [False, True])


async def test_a_soft_threshold_gives_time_and_grace(tmp_path: Path) -> None:
    world, clock = World(), HandClock()
    world.known[1].spec.terminationGracePeriodSeconds = 30
    manager = managed(world, clock, tmp_path, thresholds({}, {"memory.available": "100%"}, {"memory.available": 60.0}))
    await manager.look(own_limits=False)
    assert (world.evicted, list(manager.pressures())) == ([], ["MemoryPressure"])
    clock.move(59)
    await manager.look(own_limits=False)
    assert world.evicted == []
    clock.move(1)
    await manager.look(own_limits=False)
    assert (world.evicted, world.graces) == (["b"], [20])


@pytest.mark.parametrize(
    ("pressures", "spec", "taken"),
    [
        ([], "containers: [{name: c}]", "taken"),
        (["MemoryPressure"], "containers: [{name: c}]", "refused"),
        (["MemoryPressure"], "containers: [{name: c, resources: {requests: {cpu: 1m}}}]", "taken"),
        (["MemoryPressure", "DiskPressure"], "containers: [{name: c, resources: {requests: {cpu: 1m}}}]", "refused"),
        (["DiskPressure"], "{priority: 2000000000, containers: [{name: c}]}", "taken"),
        (["MemoryPressure"], "{tolerations: [{operator: Exists}], containers: [{name: c}]}", "taken"),
    ],
)
def test_a_node_that_runs_short_takes_few_pods(pressures: list[str], spec: str, taken: str) -> None:
    found = admit_under_pressure(named("a", spec), pressures)
    assert (found is None) == (taken == "taken")
    assert found is None or found.message == f"The node had condition: [{' '.join(pressures)}]. "
