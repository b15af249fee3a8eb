"""The QoS tree on the machine's real cgroups (needs root) and on a folder that looks like v2."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.node.builders import pod

from sagong.node import cgroup_fs
from sagong.node.cgroup_fs import MOUNT, CgroupV1, CgroupV2
from sagong.node.cgroups import Cgroups
from sagong.node.qos import Amounts

LIMITED = "containers: [{name: c, resources: {requests: {cpu: 250m}, limits: {cpu: 500m, memory: 64Mi}}}]"


@pytest.fixture
def tree() -> Iterator[Cgroups]:
    cgroups = Cgroups(cgroup_fs.detect(), f"/sagong-test-{os.getpid()}")
    yield cgroups
    cgroups.remove_all()
    cgroup_fs.remove(cgroup_fs.detect(), f"/sagong-test-{os.getpid()}")


def writable() -> bool:
    return os.geteuid() == 0 and any(os.access(folder, os.W_OK) for folder in (MOUNT, MOUNT / "memory"))


@pytest.mark.skipif(not writable(), reason="cgroups need root")
def test_a_pods_cgroup_holds_its_processes_and_goes_with_them(tree: Cgroups) -> None:
    tree.ensure_node(2000, 1 << 30)
    wanted = pod(LIMITED)
    tree.ensure_pod(wanted)
    assert tree.parent(wanted).endswith("/kubepods/burstable/podu1")
    assert list(tree.pod_uids()) == ["u1"]
    with subprocess.Popen(["sleep", "60"]) as process:
        for folder in cgroup_fs.detect().folders(tree.parent(wanted)):
            (folder / "cgroup.procs").write_text(str(process.pid))
        usage = tree.pod_usage("u1")
        assert (usage.processes, usage.memory_limit) == (1, 64 << 20)
        tree.remove_pod("u1")
        assert process.wait(5) == -9
    tree.remove_pod("u1")
    assert list(tree.pod_uids()) == []


@pytest.mark.skipif(not writable(), reason="cgroups need root")
def test_burstable_shares_are_the_sum_of_requests(tree: Cgroups) -> None:
    fs = cgroup_fs.detect()
    if not isinstance(fs, CgroupV1):
        pytest.skip("reads a file of v1")
    tree.ensure_node(2000, 1 << 30)
    shares = MOUNT / f"cpu/sagong-test-{os.getpid()}/kubepods/burstable/cpu.shares"
    first, second = pod(LIMITED), pod(LIMITED)
    second.metadata.uid = "u2"
    tree.ensure_pod(first)
    tree.ensure_pod(second)
    assert shares.read_text() == "512\n"
    tree.remove_pod("u1")
    assert shares.read_text() == "256\n"


def test_v2_passes_controllers_on_and_writes_its_own_files(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "kubepods", tmp_path / "kubepods/podu1"):
        folder.mkdir(exist_ok=True)
        (folder / "cgroup.controllers").write_text("cpu memory pids rdma")
        (folder / "cgroup.subtree_control").write_text("")
        for name in ("cpu.weight", "cpu.max", "memory.max", "pids.max"):
            (folder / name).write_text("")
    fs = CgroupV2(tmp_path)
    fs.make("/kubepods/podu1")
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    fs.limit("/kubepods/podu1", Amounts(1024, 50_000, 1 << 20), pids=100)
    found = {name: (tmp_path / "kubepods/podu1" / name).read_text() for name in ("cpu.weight", "cpu.max", "memory.max", "pids.max")}
    assert found == {"cpu.weight": "100", "cpu.max": "50000 100000", "memory.max": "1048576", "pids.max": "100"}


@pytest.mark.parametrize(("shares", "weight"), [(2, 1), (102, 17), (1024, 100), (262144, 10000)])
def test_weights_follow_the_runtimes_curve(shares: int, weight: int) -> None:
    assert cgroup_fs.cpu_weight(shares) == weight


@pytest.mark.parametrize("shares", [2, 3, 102, 1024, 5000, 262144])
def test_shares_are_read_back_near_enough(shares: int) -> None:
    assert cgroup_fs.cpu_weight(cgroup_fs.cpu_shares(cgroup_fs.cpu_weight(shares))) == cgroup_fs.cpu_weight(shares)


@pytest.mark.skipif(not writable(), reason="cgroups need root")
def test_a_kubelet_that_starts_anew_reads_limits_back(tree: Cgroups) -> None:
    wanted = pod(LIMITED)
    tree.ensure_pod(wanted)
    young = Cgroups(cgroup_fs.detect(), f"/sagong-test-{os.getpid()}")
    assert young.amounts(wanted) == Amounts(256, 50_000, 64 << 20)
    young.resize_pod(wanted, "memory", Amounts(2, None, 32 << 20))
    assert young.amounts(wanted) == Amounts(256, 50_000, 32 << 20)
    assert tree.pod_usage("u1").memory_limit == 32 << 20


def test_v2_sets_one_resource_at_a_time_and_reads_it_back(tmp_path: Path) -> None:
    folder = tmp_path / "kubepods"
    folder.mkdir()
    for name, text in (("cpu.weight", "100"), ("cpu.max", "max 100000"), ("memory.max", "max")):
        (folder / name).write_text(text)
    fs = CgroupV2(tmp_path)
    assert fs.amounts("/kubepods") == Amounts(1012)  # the least that stand for weight 100
    fs.resize("/kubepods", "memory", Amounts(2, 1, 1 << 20))
    assert fs.amounts("/kubepods") == Amounts(1012, None, 1 << 20)
    fs.resize("/kubepods", "cpu", Amounts(2, 5000))
    assert fs.amounts("/kubepods") == Amounts(2, 5000, 1 << 20)


def test_what_the_runtime_makes_in_an_unused_v2_tree_is_removed_with_the_rest(tmp_path: Path) -> None:
    """On a hybrid machine: controllers in v1, and runc makes each cgroup in v2 as well."""
    for tree in ("memory", "unified"):
        (tmp_path / tree / "kubepods/besteffort/podu1/c1").mkdir(parents=True)
    cgroups = Cgroups(CgroupV1(tmp_path))
    assert list(cgroups.pod_uids()) == ["u1"]
    cgroups.remove_pod("u1")
    assert [path.name for path in tmp_path.glob("*/kubepods/besteffort/*")] == []
