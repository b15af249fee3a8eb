"""Statistics of a node whose runtime is a list of numbers and whose cgroups and files are real."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tests.node.builders import HandClock, pod

from sagong.api.clock import format_time
from sagong.api.exposition import Metric, exposition
from sagong.api.types.core import ContainerState, ContainerStateRunning, ContainerStatus, Pod
from sagong.node import cgroup_fs, machine, usage
from sagong.node.cgroups import Cgroups
from sagong.node.cri import api_pb2 as cri
from sagong.node.cri import labels
from sagong.node.stats import NodeStatistics
from sagong.node.volumes.layout import Mounted, NodeFiles


class World:
    node_name = "n1"

    def __init__(self) -> None:
        self.pod = pod("{containers: [{name: c}], volumes: [{name: v, emptyDir: {}}]}")
        running = ContainerState(running=ContainerStateRunning(startedAt="2026-01-02T03:00:00Z"))
        self.pod.status.containerStatuses = [ContainerStatus(name="c", state=running)]
        self.pod.status.phase = "Running"
        self.cpu = 5_000_000_000
        self.volumes: dict[str, Mounted] = {}

    def mounted(self, uid: str) -> dict[str, Mounted]:
        return self.volumes if uid == "u1" else {}

    def pods(self) -> list[Pod]:
        return [self.pod]

    async def list_stats(self) -> list[cri.ContainerStats]:
        attributes = cri.ContainerAttributes(id="1", metadata=cri.ContainerMetadata(name="c"), labels={labels.POD_UID: "u1"})
        cpu = cri.CpuUsage(usage_core_nano_seconds=cri.UInt64Value(value=self.cpu))
        memory = cri.MemoryUsage(working_set_bytes=cri.UInt64Value(value=1 << 20))
        layer = cri.FilesystemUsage(used_bytes=cri.UInt64Value(value=4096))
        return [cri.ContainerStats(attributes=attributes, cpu=cpu, memory=memory, writable_layer=layer)]

    async def image_filesystems(self) -> cri.ImageFsInfoResponse:
        return cri.ImageFsInfoResponse()


@pytest.fixture
def world() -> World:
    return World()


def statistics(world: Any, folder: Path, clock: HandClock) -> NodeStatistics:
    cgroups = Cgroups(cgroup_fs.detect(), f"/sagong-none-{os.getpid()}")
    return NodeStatistics(world, world, cgroups, machine.read_machine(), NodeFiles(folder), folder / "logs", world.mounted, clock)


async def test_a_summary_of_node_and_pods(world: World, tmp_path: Path) -> None:
    volume = tmp_path / "pods/u1/volumes/kubernetes.io~empty-dir/v"
    volume.mkdir(parents=True)
    (volume / "file").write_bytes(bytes(100_000))
    world.volumes = {"v": Mounted(volume)}
    clock = HandClock()
    found = statistics(world, tmp_path, clock)
    await found.summary(only_cpu_and_memory=False)
    world.cpu += 2_000_000_000
    clock.move(4)
    summary: Any = await found.summary(only_cpu_and_memory=False)
    container = summary["pods"][0]["containers"][0]
    assert container["cpu"] == {"time": "2026-01-02T03:04:09Z", "usageNanoCores": 500_000_000, "usageCoreNanoSeconds": 7_000_000_000}
    assert container["memory"] == {"time": "2026-01-02T03:04:09Z", "workingSetBytes": 1 << 20}
    assert summary["pods"][0]["volume"][0]["usedBytes"] >= 100_000
    assert summary["pods"][0]["ephemeral-storage"]["usedBytes"] >= 104_096
    assert summary["node"]["nodeName"] == "n1"
    assert summary["node"]["memory"]["workingSetBytes"] > 0
    assert summary["node"]["fs"]["capacityBytes"] > 0
    booted = machine.booted()
    assert booted is not None
    assert summary["node"]["startTime"] == format_time(booted)
    assert set(summary["node"]["runtime"]) == {"imageFs", "containerFs"}
    few: Any = await found.summary(only_cpu_and_memory=True)
    assert set(few["node"]) == {"nodeName", "startTime", "systemContainers", "cpu", "memory"}


async def test_what_is_in_memory_or_a_claims_is_not_ephemeral_storage(world: World, tmp_path: Path) -> None:
    own = pod(
        "{containers: [{name: c}], volumes: [{name: disk, emptyDir: {}}, {name: memory, emptyDir: {medium: Memory}},"
        " {name: words, configMap: {}}, {name: key, secret: {}}, {name: data, persistentVolumeClaim: {claimName: c1}},"
        " {name: scratch, ephemeral: {}}, {name: log, hostPath: {path: /var/log}}, {name: program, image: {reference: i}},"
        " {name: raw, persistentVolumeClaim: {claimName: c2}}]}"
    )
    own.status = world.pod.status
    world.pod = own
    for name in ("disk", "memory", "words", "key", "data", "scratch"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(bytes(100_000))
        world.volumes[name] = Mounted(tmp_path / name)
    world.volumes |= {
        "log": Mounted(Path("/var/log")),
        "program": Mounted(Path(), image=cri.ImageSpec()),
        "raw": Mounted(Path("/dev/null"), block=True),
    }
    found = statistics(world, tmp_path, HandClock())
    summary: Any = (await found.summary(only_cpu_and_memory=False))["pods"]
    listed = {entry["name"]: entry for entry in summary[0]["volume"]}
    assert list(listed) == ["disk", "memory", "words", "key", "data", "scratch"]
    claims = {name: entry["pvcRef"] for name, entry in listed.items() if "pvcRef" in entry}
    assert claims == {"data": {"name": "c1", "namespace": "ns"}, "scratch": {"name": "p-scratch", "namespace": "ns"}}
    assert listed["data"]["usedBytes"] > listed["disk"]["usedBytes"], "what its file system says, not what its files come to"
    assert 204_096 <= summary[0]["ephemeral-storage"]["usedBytes"] < 300_000
    shown = await found.metrics("")
    assert 'kubelet_volume_stats_capacity_bytes{namespace="ns",persistentvolumeclaim="c1"} ' in shown
    assert 'kubelet_volume_stats_inodes_free{namespace="ns",persistentvolumeclaim="p-scratch"} ' in shown
    assert 'persistentvolumeclaim="c2"' not in shown


async def test_metrics_are_prometheus_text(world: World, tmp_path: Path) -> None:
    found = statistics(world, tmp_path, HandClock())
    resource = await found.metrics("resource")
    assert 'container_cpu_usage_seconds_total{container="c",namespace="ns",pod="p"} 5\n' in resource
    assert "# TYPE node_memory_working_set_bytes gauge\n" in resource
    assert 'container_start_time_seconds{container="c",namespace="ns",pod="p"} 1767322800\n' in resource
    cadvisor = await found.metrics("cadvisor")
    assert 'container_memory_working_set_bytes{container="c",id="/sagong-none' in cadvisor
    assert 'image="",name="1",namespace="ns",pod="p"} 1048576\n' in cadvisor
    assert 'container_memory_working_set_bytes{container="",id="/",image="",name="",namespace="",pod=""}' in cadvisor
    log = tmp_path / "logs/ns_p_u1/c"
    log.mkdir(parents=True)
    (log / "0.log").write_bytes(bytes(9000))
    own = await found.metrics("")
    assert "kubelet_running_pods 1\n" in own
    assert 'kubelet_metrics_provider{provider="cri"} 1\n' in own
    used = own.partition('kubelet_container_log_filesystem_used_bytes{container="c",namespace="ns",pod="p",uid="u1"} ')[2]
    assert int(used.partition("\n")[0]) >= 9000


LOST = "some avg10=1.50 avg60=0.25 avg300=0.00 total=2500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n"


async def test_the_time_that_tasks_wait_is_told_where_cgroups_are_v2(world: World, tmp_path: Path) -> None:
    for folder in ("", "kubepods", "kubepods/besteffort/podu1", "kubepods/besteffort/podu1/1"):
        (tmp_path / "v2" / folder).mkdir(parents=True, exist_ok=True)
        for name in ("cpu", "io"):
            (tmp_path / "v2" / folder / f"{name}.pressure").write_text(LOST)
    found = statistics(world, tmp_path, HandClock())
    found.cgroups = Cgroups(cgroup_fs.CgroupV2(tmp_path / "v2"))
    summary: Any = await found.summary(only_cpu_and_memory=False)
    pod_stats = summary["pods"][0]
    wanted = {
        "some": {"avg10": 1.5, "avg60": 0.25, "avg300": 0.0, "total": 2500000},
        "full": {"avg10": 0.0, "avg60": 0.0, "avg300": 0.0, "total": 1000000},
    }
    for part in (summary["node"], summary["node"]["systemContainers"][0], pod_stats, pod_stats["containers"][0]):
        assert (part["cpu"]["psi"], part["io"]["psi"]) == (wanted, wanted)
        assert "psi" not in part["memory"]
    few: Any = await found.summary(only_cpu_and_memory=True)
    assert ("psi" in few["node"]["cpu"], "io" in few["node"]) == (True, False)
    cadvisor = await found.metrics("cadvisor")
    container = 'container="c",id="/kubepods/besteffort/podu1/1",image="",name="1",namespace="ns",pod="p"'
    assert f"container_pressure_cpu_waiting_seconds_total{{{container}}} 2.5\n" in cadvisor
    assert f"container_pressure_io_stalled_seconds_total{{{container}}} 1\n" in cadvisor
    assert "container_pressure_memory_stalled_seconds_total{" not in cadvisor


async def test_a_container_that_has_ended_does_not_hide_the_one_that_runs(world: World, tmp_path: Path) -> None:
    running = await world.list_stats()
    attributes = cri.ContainerAttributes(id="0", metadata=cri.ContainerMetadata(name="c"), labels={labels.POD_UID: "u1"})
    ended = cri.ContainerStats(attributes=attributes, cpu=cri.CpuUsage(timestamp=1), memory=cri.MemoryUsage(timestamp=1))

    async def both() -> list[cri.ContainerStats]:
        return [*running, ended]

    world.list_stats = both  # type: ignore[method-assign]  # what the runtime says after a container's restart
    found = statistics(world, tmp_path, HandClock())
    resource = await found.metrics("resource")
    assert [line for line in resource.splitlines() if line.startswith("container_cpu")] == [
        'container_cpu_usage_seconds_total{container="c",namespace="ns",pod="p"} 5'
    ]
    summary: Any = await found.summary(only_cpu_and_memory=True)
    assert [container["cpu"]["usageCoreNanoSeconds"] for container in summary["pods"][0]["containers"]] == [5_000_000_000]


def test_label_values_are_escaped() -> None:
    metric = Metric("m", "gauge", "help")
    metric.add(1.5, a='q"\\\n')
    assert exposition([metric, Metric("empty", "gauge", "")]) == '# HELP m help\n# TYPE m gauge\nm{a="q\\"\\\\\\n"} 1.5\n'


def test_disk_usage_counts_each_file_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(8192))
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    (tmp_path / "c").symlink_to("/usr")
    found = usage.disk_usage(tmp_path)
    assert found.inodes == 3
    assert 8192 <= found.used < 8192 * 4
    assert usage.disk_usage(tmp_path / "none") == usage.Disk()
