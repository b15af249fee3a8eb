"""What the parts of a node count, each driven by the real event, against upstream's names, types and labels."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.exposed import Exposed, exposed
from tests.node.builders import HandClock, MemoryApi, pod
from tests.node.server.test_requests import RealSleep, Reviewer, World, get
from tests.node.test_status_manager import Server, settle
from tests.node.volumes.test_manager import Node as VolumeNode
from tests.node.volumes.test_manager import config_map

from sagong.api.errors import ServiceUnavailableError
from sagong.api.exposition import exposition
from sagong.api.types.core import Pod, PodStatus
from sagong.node import cgroup_fs
from sagong.node.cgroups import Cgroups
from sagong.node.cri.client import CriError
from sagong.node.ends import Ends
from sagong.node.housekeeping import Housekeeper
from sagong.node.meter import KubeletMeter
from sagong.node.meters.volumes import totals
from sagong.node.observe import Observed, Observer, Sandbox
from sagong.node.server.app import KubeletServer
from sagong.node.server.auth import AuthSettings, Gatekeeper
from sagong.node.status_manager import StatusManager
from sagong.node.volumes.errors import MountError

TABLE: dict[str, Exposed] = {
    "kubelet_pod_worker_start_duration_seconds": ("histogram", set()),
    "kubelet_containers_per_pod_count": ("histogram", set()),
    "kubelet_restarted_pods_total": ("counter", {"static"}),
    "kubelet_pod_status_sync_duration_seconds": ("histogram", set()),
    "kubelet_cgroup_manager_duration_seconds": ("histogram", {"operation_type"}),
    "kubelet_pleg_relist_duration_seconds": ("histogram", set()),
    "kubelet_pleg_relist_interval_seconds": ("histogram", set()),
    "kubelet_pleg_pod_relist_duration_seconds": ("histogram", set()),
    "kubelet_pleg_last_seen_seconds": ("gauge", set()),
    "kubelet_orphaned_runtime_pods_total": ("counter", set()),
    "kubelet_orphan_pod_cleaned_volumes": ("gauge", set()),
    "kubelet_orphan_pod_cleaned_volumes_errors": ("gauge", set()),
    "storage_operation_duration_seconds": ("histogram", {"volume_plugin", "operation_name", "status", "migrated"}),
    "kubelet_volume_metric_collection_duration_seconds": ("histogram", {"metric_source"}),
    "kubelet_http_requests_total": ("counter", {"method", "path", "server_type", "long_running"}),
    "kubelet_http_requests_duration_seconds": ("histogram", {"method", "path", "server_type", "long_running"}),
    "kubelet_http_inflight_requests": ("gauge", {"method", "path", "server_type", "long_running"}),
}


def read(meter: KubeletMeter) -> dict[str, float]:
    """Return the samples; the families that are there must be as upstream has them."""
    found, samples = exposed(exposition(meter.families()))
    assert {name: found[name] for name in TABLE.keys() & found.keys()} == {name: TABLE[name] for name in TABLE.keys() & found.keys()}
    return samples


class Listing:
    """A runtime that answers when it wants to."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.answers = True

    async def list_sandboxes(self, _: object = None) -> list[object]:
        self.clock.move(0.2)
        if not self.answers:
            raise CriError("UNAVAILABLE", "no")
        return []

    async def list_containers(self, _: object = None) -> list[object]:
        return []


class Volumes:
    """Volumes of pods, of which some cannot be taken down."""

    def __init__(self, *uids: str) -> None:
        self.uids = set(uids)

    def pod_uids(self) -> list[str]:
        return sorted(self.uids)

    async def unmount(self, uid: str) -> None:
        if uid == "stuck":
            raise OSError("busy")
        self.uids.discard(uid)


def housekeeper(clock: HandClock, meter: KubeletMeter, runtime: Any, volumes: Volumes, **more: Any) -> Housekeeper:
    async def nothing(*_: object) -> None:
        return None

    ignore: Any = SimpleNamespace(
        prune=nothing, kill_pod=nothing, remove_pod=lambda _: None, pod_uids=list, of_pod=lambda _: (), prune_links=lambda: None
    )
    return Housekeeper(
        runtime=runtime,
        observer=more.get("observer") or Observer(runtime, Ends(Path("/nowhere")), timed=meter.relists.pod),
        killer=ignore,
        leases=ignore,
        shims=ignore,
        volumes=volumes,  # type: ignore[arg-type]  # the part that is used
        cgroups=ignore,
        logs=ignore,
        clock=clock,
        known=lambda uid: uid == "known",
        wake=lambda _uid, _ended: None,
        sources_ready=lambda: True,
        relists=meter.relists,
        volume_meter=meter.volumes,
    )


async def test_relisting_is_timed_and_dated() -> None:
    clock = HandClock()
    meter = KubeletMeter(clock)
    runtime = Listing(clock)
    keeper = housekeeper(clock, meter, runtime, Volumes())
    began = int(clock.now().timestamp())
    await keeper.relist()
    assert read(meter)["kubelet_pleg_relist_interval_seconds_count"] == 0
    clock.move(20)
    runtime.answers = False
    with pytest.raises(CriError):
        await keeper.relist()
    samples = read(meter)
    assert samples["kubelet_pleg_relist_duration_seconds_count"] == 2
    assert samples["kubelet_pleg_relist_duration_seconds_sum"] == pytest.approx(0.4)
    assert samples["kubelet_pleg_relist_interval_seconds_sum"] == pytest.approx(20.2)
    assert samples["kubelet_pleg_last_seen_seconds"] == began, "one that failed has seen nothing"


async def test_pods_without_an_owner_are_counted_with_their_volumes() -> None:
    clock = HandClock()
    meter = KubeletMeter(clock)
    stranger = Observed(uid="stranger", sandboxes=(Sandbox("s", 0, ready=True, created_at=1),))

    async def uids() -> dict[str, Observed]:
        return {"stranger": stranger, "dead": Observed(uid="dead")}

    async def one(uid: str) -> Observed:
        return Observed(uid=uid)

    observer = SimpleNamespace(uids=uids, pod=one)
    volumes = Volumes("known", "stranger", "stuck")
    keeper = housekeeper(clock, meter, None, volumes, observer=observer)
    await keeper.relist()
    samples = read(meter)
    names = ("orphaned_runtime_pods_total", "orphan_pod_cleaned_volumes", "orphan_pod_cleaned_volumes_errors")
    assert [samples[f"kubelet_{name}"] for name in names] == [1, 1, 1]
    volumes.uids.discard("stuck")
    await keeper.relist()
    assert [read(meter)[f"kubelet_{name}"] for name in names[1:]] == [0, 0], "of the last round"


async def test_a_status_is_timed_from_its_first_change_until_the_api_has_it() -> None:
    clock, server = HandClock(), Server(pod("{}"))
    meter = KubeletMeter(clock)
    found = StatusManager(server, clock, lambda _: server.pod, synced=meter.sync_seconds.observe)
    found.set("u1", PodStatus(phase="Pending"))
    clock.move(3)
    found.set("u1", PodStatus(phase="Running"))
    clock.move(1)
    task = asyncio.create_task(found.run())
    await server.patched()
    await settle()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    samples = read(meter)
    assert samples["kubelet_pod_status_sync_duration_seconds_count"] == 1
    assert samples["kubelet_pod_status_sync_duration_seconds_sum"] == 4


@pytest.mark.skipif(os.geteuid() != 0, reason="cgroups need root")
def test_changes_of_cgroups_are_timed() -> None:
    meter = KubeletMeter(HandClock())
    cgroups = Cgroups(cgroup_fs.detect(), f"/sagong-meters-{os.getpid()}", timed=meter.cgroup)
    try:
        cgroups.ensure_node(1000, 1 << 30)
        cgroups.ensure_pod(pod("containers: [{name: c, resources: {requests: {cpu: 100m}}}]"))
        cgroups.ensure_pod(pod("containers: [{name: c, resources: {requests: {cpu: 100m}}}]"))
        cgroups.remove_pod("u1")
    finally:
        cgroups.remove_all()
        cgroup_fs.remove(cgroup_fs.detect(), f"/sagong-meters-{os.getpid()}")
    samples = read(meter)
    counts = {
        kind: samples[f'kubelet_cgroup_manager_duration_seconds_count{{operation_type="{kind}"}}']
        for kind in ("create", "update", "destroy")
    }
    assert counts == {"create": 4, "update": 2, "destroy": 1}


def test_volumes_are_counted_by_plugin_and_their_operations_timed(tmp_path: Path) -> None:
    node = VolumeNode(tmp_path, config_map("settings", a="1"))
    meter = KubeletMeter(node.clock)
    node.volumes._meter = meter.volumes
    wanted = pod("volumes: [{name: a, configMap: {name: settings}}, {name: b, emptyDir: {}}, {name: c, configMap: {name: none}}]")
    with pytest.raises(MountError):
        node.mount(wanted)

    def count() -> dict[str, float]:
        _, samples = exposed(exposition([totals(node.volumes.desired(), node.volumes.actual())]))
        return samples

    def total(plugin: str, state: str) -> str:
        return f'volume_manager_total_volumes{{plugin_name="kubernetes.io/{plugin}",state="{state}_state_of_world"}}'

    assert count() == {
        total("configmap", "desired"): 2,
        total("empty-dir", "desired"): 1,
        total("configmap", "actual"): 1,
        total("empty-dir", "actual"): 1,
    }
    node.unmount()
    assert count() == {}
    samples = read(meter)
    done = {name.partition("{")[2]: value for name, value in samples.items() if name.startswith("storage_operation_duration_seconds_count")}
    text = 'migrated="false",operation_name="{}",status="{}",volume_plugin="kubernetes.io/{}"}}'
    assert done == {
        text.format("volume_mount", "success", "configmap"): 1,
        text.format("volume_mount", "success", "empty-dir"): 1,
        text.format("volume_mount", "fail-unknown", "configmap"): 1,
        text.format("volume_unmount", "success", "configmap"): 1,
        text.format("volume_unmount", "success", "empty-dir"): 1,
    }


def test_the_plugin_of_a_claim_is_known_when_it_is_bound(tmp_path: Path) -> None:
    node = VolumeNode(tmp_path)
    with pytest.raises(MountError):
        node.mount(pod("volumes: [{name: v, persistentVolumeClaim: {claimName: none}}]"))
    assert (node.volumes.desired(), node.volumes.actual()) == (["N/A"], [])
    assert isinstance(node.api, MemoryApi)


async def test_requests_are_counted_by_what_they_ask_for(tmp_path: Path) -> None:
    meter = KubeletMeter(HandClock())
    world: Any = World(tmp_path)
    gate = Gatekeeper(None, "n1", HandClock(), AuthSettings(anonymous=True, always_allow=True))
    server = KubeletServer(world, world, gate, RealSleep(), None, tmp_path, meter=meter.requests)
    listening = await asyncio.start_server(server.connected, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        for path in ("/healthz", "/healthz/ping", "/metrics/cadvisor", "/nothing/here", "/exec/ns/none/c"):
            await get(port, path)
    samples = read(meter)
    expected = {"healthz": ("false", 2), "metrics/cadvisor": ("false", 1), "other": ("false", 1), "exec": ("true", 1)}
    for path, (long, count) in expected.items():
        labels = f'long_running="{long}",method="GET",path="{path}",server_type="readwrite"'
        assert samples[f"kubelet_http_requests_total{{{labels}}}"] == count, path
        assert samples[f"kubelet_http_requests_duration_seconds_count{{{labels}}}"] == count, path
        assert samples[f"kubelet_http_inflight_requests{{{labels}}}"] == 0, path


def test_probes_that_pass_are_timed_until_their_pod_is_gone() -> None:
    meter = KubeletMeter(HandClock())
    one: Pod = pod("{containers: [{name: c}]}")
    for passed, seconds in ((True, 0.02), (False, 9.0), (None, 0.03)):
        meter.probed(one, "c", "readiness", passed, seconds)
    found, samples = exposed(exposition(meter.page_of_probes()))
    assert found["prober_probe_duration_seconds"] == ("histogram", {"probe_type", "container", "pod", "namespace"})
    labels = 'container="c",namespace="ns",pod="p",probe_type="Readiness"'
    assert samples[f"prober_probe_duration_seconds_count{{{labels}}}"] == 2
    assert samples[f"prober_probe_duration_seconds_sum{{{labels}}}"] == pytest.approx(0.05)
    meter.forget("u1")
    assert exposition(meter.page_of_probes()) == ""


async def test_questions_to_the_api_server_are_counted_by_their_answers(tmp_path: Path) -> None:
    clock = HandClock()
    meter = KubeletMeter(clock)
    reviewer = Reviewer("metrics")
    gate = Gatekeeper(reviewer, "n1", clock, AuthSettings(anonymous=False, webhook=True), meter=meter.requests)
    world: Any = World(tmp_path)
    server = KubeletServer(world, world, gate, RealSleep(), None, tmp_path)
    listening = await asyncio.start_server(server.connected, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        for token in ("good", "good", "bad"):
            await get(port, "/metrics/slis", Authorization=f"Bearer {token}")
        reviewer.create = refuse  # type: ignore[method-assign, assignment]  # the server has gone
        await get(port, "/metrics/slis", Authorization="Bearer other")
    found, samples = exposed(exposition(meter.families()))
    for kind, code, count in (("authn", "201", 2), ("authn", "503", 1), ("authz", "201", 1)):
        name = f"apiserver_delegated_{kind}_request"
        assert samples[f'{name}_total{{code="{code}"}}'] == samples[f'{name}_duration_seconds_count{{code="{code}"}}'] == count, (
            kind,
            code,
        )
        assert (found[f"{name}_total"], found[f"{name}_duration_seconds"]) == (("counter", {"code"}), ("histogram", {"code"}))
    cache = 'authentication_token_cache_request_total{{status="{}"}}'
    assert (samples[cache.format("hit")], samples[cache.format("miss")]) == (1, 3)


async def refuse(_: Any) -> Any:
    raise ServiceUnavailableError("gone")
