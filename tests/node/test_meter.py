"""What the kubelet counts, against upstream's names, types and labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.exposed import Exposed, exposed
from tests.node.builders import HandClock, pod

from sagong.api.exposition import exposition
from sagong.api.types.core import ContainerState, ContainerStateTerminated, ContainerStatus, PodStatus
from sagong.node.cgroup_fs import CgroupV1, CgroupV2, Details, Io
from sagong.node.cri import api_pb2 as cri
from sagong.node.cri.client import CriError, Runtime
from sagong.node.cri.metered import Metered
from sagong.node.meter import KubeletMeter

TABLE: dict[str, Exposed] = {
    "kubelet_started_pods_total": ("counter", set()),
    "kubelet_started_pods_errors_total": ("counter", set()),
    "kubelet_terminated_containers_total": ("counter", {"container_type", "exit_code", "reason"}),
    "kubelet_pod_start_duration_seconds": ("histogram", set()),
    "kubelet_pod_start_sli_duration_seconds": ("histogram", set()),
    "kubelet_runtime_operations_total": ("counter", {"operation_type"}),
    "kubelet_runtime_operations_duration_seconds": ("histogram", {"operation_type"}),
    "kubelet_runtime_operations_errors_total": ("counter", {"operation_type"}),
    "kubelet_run_podsandbox_duration_seconds": ("histogram", {"runtime_handler"}),
    "kubelet_run_podsandbox_errors_total": ("counter", {"runtime_handler"}),
    "kubelet_image_pull_duration_seconds": ("histogram", {"image_size_in_bytes"}),
    "kubelet_image_volume_requested_total": ("counter", set()),
    "kubelet_image_volume_mounted_succeed_total": ("counter", set()),
    "kubelet_image_volume_mounted_errors_total": ("counter", set()),
}


class Refusing:
    """A runtime that has no room for sandboxes."""

    async def unary(self, path: str, request: Any, answer: Any, timeout: Any, metadata: Any = ()) -> Any:  # noqa: ASYNC109 - as the channel
        if path.endswith("RunPodSandbox"):
            raise CriError("UNAVAILABLE", "no")
        return answer()


async def test_the_families(tmp_path: Path) -> None:
    clock = HandClock()
    meter = KubeletMeter(clock)
    runtime = Runtime(Metered(Refusing(), meter, clock))  # type: ignore[arg-type]  # the part of a channel that is used
    await runtime.list_stats()
    with pytest.raises(CriError):
        await runtime.run_sandbox(cri.PodSandboxConfig(), "kata")
    one = pod("{containers: [{name: c}]}")
    one.metadata.creationTimestamp = "2026-01-02T03:04:00Z"
    meter.status_changed(one, None, PodStatus(phase="Pending"))
    meter.pulled("u1", 2 << 20, 1.0)
    clock.move(3)
    meter.status_changed(one, PodStatus(phase="Pending"), PodStatus(phase="Running"))
    ended = ContainerState(terminated=ContainerStateTerminated(exitCode=139, reason="Error"))
    after = PodStatus(phase="Failed", containerStatuses=[ContainerStatus(name="c", state=ended)])
    meter.status_changed(one, PodStatus(phase="Running"), after)
    meter.status_changed(one, after, after)
    found, samples = exposed(exposition(meter.families()))
    assert {name: found.get(name) for name in TABLE} == TABLE
    assert samples['kubelet_terminated_containers_total{container_type="container",exit_code="139",reason="Error"}'] == 1
    assert samples["kubelet_pod_start_duration_seconds_sum"] == 3
    assert samples["kubelet_pod_start_sli_duration_seconds_sum"] == samples["kubelet_pod_start_total_duration_seconds_sum"] - 1
    assert samples['kubelet_run_podsandbox_errors_total{runtime_handler="kata"}'] == 1
    assert samples['kubelet_runtime_operations_errors_total{operation_type="run_podsandbox"}'] == 1
    assert samples['kubelet_runtime_operations_total{operation_type="list_container_stats"}'] == 1


def test_how_fast_pods_start_leaves_out_init_containers_and_pods_with_storage() -> None:
    clock = HandClock()
    meter = KubeletMeter(clock)
    ended = ContainerState(
        terminated=ContainerStateTerminated(startedAt="2026-01-02T03:04:05Z", finishedAt="2026-01-02T03:04:07Z"),
    )
    after = PodStatus(phase="Running", initContainerStatuses=[ContainerStatus(name="i", state=ended)])
    specs = ("volumes: [{name: v, hostPath: {path: /}}]", "hostNetwork: true", "volumes: [{name: v, emptyDir: {}}]")
    for number, spec in enumerate(specs):
        one = pod(spec)
        one.metadata.uid, one.metadata.creationTimestamp = f"u{number}", f"{clock.now():%Y-%m-%dT%H:%M:%SZ}"
        meter.status_changed(one, None, PodStatus(phase="Pending"))
        clock.move(5 + number)
        meter.status_changed(one, PodStatus(phase="Pending"), after)
    _, samples = exposed(exposition(meter.families()))
    assert samples["kubelet_pod_start_total_duration_seconds_sum"] == 5 + 6 + 7
    assert samples["kubelet_pod_start_sli_duration_seconds_sum"] == 4 + 5
    assert samples["kubelet_first_network_pod_start_sli_duration_seconds"] == 5


async def test_sandboxes_with_users_of_their_own_are_counted_apart() -> None:
    clock = HandClock()
    meter = KubeletMeter(clock)
    runtime = Runtime(Metered(Refusing(), meter, clock))  # type: ignore[arg-type]  # the part of a channel that is used
    config = cri.PodSandboxConfig()
    config.linux.security_context.namespace_options.userns_options.mode = cri.POD
    for wanted in (config, cri.PodSandboxConfig()):
        with pytest.raises(CriError):
            await runtime.run_sandbox(wanted, "")
    _, samples = exposed(exposition(meter.families()))
    names = ("started_pods_total", "started_user_namespaced_pods_total", "started_user_namespaced_pods_errors_total")
    assert [samples[f"kubelet_{name}"] for name in names] == [2, 1, 1]


def test_probes_are_counted_until_their_pod_is_gone() -> None:
    meter = KubeletMeter(HandClock())
    one = pod("{containers: [{name: c}]}")
    for passed in (True, False, None):
        meter.probed(one, "c", "liveness", passed, 0.02)
    found, samples = exposed(exposition([meter.probes]))
    assert found == {"prober_probe_total": ("counter", {"probe_type", "result", "container", "pod", "namespace", "pod_uid"})}
    labels = 'container="c",namespace="ns",pod="p",pod_uid="u1",probe_type="Liveness",result="failed"'
    assert samples[f"prober_probe_total{{{labels}}}"] == 1
    meter.forget("u1")
    assert exposition([meter.probes]) == ""


def test_details_of_a_cgroup_of_either_version(tmp_path: Path) -> None:
    def write(folder: Path, **files: str) -> None:
        folder.mkdir(parents=True)
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(text)

    second = tmp_path / "2"
    write(
        second / "a",
        memory__stat="file 7\n",
        cpu__stat="nr_periods 5\nnr_throttled 2\nthrottled_usec 3\n",
        cpu__weight="100\n",
        cpu__max="50000 100000\n",
        memory__max="4096\n",
        memory__events="oom_kill 1\n",
        io__stat="8:0 rbytes=1 wbytes=2 rios=3 wios=4\n",
    )
    wanted = Details(5, 2, 3000, 7, 0, 1, 50_000, 1024, 4096, {"8:0": Io(3, 4, 1, 2)})
    found = CgroupV2(second).details("/a")
    assert found is not None
    assert abs(found.cpu_shares - 1024) < 32  # the kernel keeps another scale
    assert found == Details(*(5, 2, 3000, 7, 0, 1, 50_000, found.cpu_shares, 4096), wanted.io)
    first = tmp_path / "1"
    write(first / "memory/a", memory__stat="total_cache 7\n", memory__limit_in_bytes="4096\n", memory__oom_control="oom_kill 1\n")
    throttled = "nr_periods 5\nnr_throttled 2\nthrottled_time 3000\n"
    write(first / "cpu/a", cpu__stat=throttled, cpu__shares="1024\n", cpu__cfs_quota_us="50000\n")
    io = {"blkio__throttle__io_serviced": "8:0 Read 3\n8:0 Write 4\n", "blkio__throttle__io_service_bytes": "8:0 Read 1\n8:0 Write 2\n"}
    write(first / "blkio/a", **io)
    assert CgroupV1(first).details("/a") == wanted
    assert CgroupV1(first).details("/none") is None
