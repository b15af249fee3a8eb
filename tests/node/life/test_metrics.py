"""The kubelet's page of metrics, and what it says of its process, as a real kubelet with a real containerd serves it."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest
from tests.exposed import exposed
from tests.node.life.node import Node, node
from tests.node.life.rig import Rig

pytestmark = pytest.mark.e2e

SPEC = """
terminationGracePeriodSeconds: 5
containers:
- name: c
  image: sagong.local/hello:1.0
  imagePullPolicy: IfNotPresent
  command: [sh, -c, "trap 'sleep 1; exit 0' TERM; while true; do sleep 0.1; done"]
  readinessProbe: {exec: {command: [sh, -c, ':']}, periodSeconds: 1}
  volumeMounts: [{name: v, mountPath: /v}]
volumes: [{name: v, emptyDir: {}}]
"""


async def ask(port: int, path: str) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    assert head.startswith("HTTP/1.1 200"), head
    return body


async def test_a_life_of_a_pod_is_on_the_page(rig: Rig) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    open_door = {"anonymous": {"enabled": True}, "webhook": {"enabled": False}}
    options = {"enableServer": True, "address": "127.0.0.1", "port": port, "healthzPort": 0}
    async with node(rig, **options, authentication=open_door, authorization={"mode": "AlwaysAllow"}) as here:
        here.put("a", SPEC)
        await here.ready("a")
        await restart(here)
        _, samples = exposed(await ask(port, "/metrics"))
        _, probes = exposed(await ask(port, "/metrics/probes"))
        status, flags = await ask(port, "/statusz"), await ask(port, "/flagz")
    assert status.rstrip().endswith("/configz /flagz /healthz /metrics")
    assert any(line.startswith("port") and line.endswith(str(port)) for line in flags.splitlines())
    plugin = 'plugin_name="kubernetes.io/empty-dir"'
    for state in ("actual", "desired"):
        assert samples[f'volume_manager_total_volumes{{{plugin},state="{state}_state_of_world"}}'] == 1
    assert samples['kubelet_restarted_pods_total{static="true"}'] == 1
    assert samples["kubelet_pod_worker_start_duration_seconds_count"] == 2
    assert samples["kubelet_containers_per_pod_count_sum"] == 2
    assert samples["kubelet_pleg_relist_duration_seconds_count"] >= 1
    assert samples["kubelet_pleg_pod_relist_duration_seconds_count"] > 4
    assert samples["kubelet_pleg_last_seen_seconds"] > 1e9
    for kind in ("create", "update", "destroy"):
        assert samples.get(f'kubelet_cgroup_manager_duration_seconds_count{{operation_type="{kind}"}}', 0) >= (kind != "update"), kind
    mount = 'migrated="false",operation_name="volume_{}",status="success",volume_plugin="kubernetes.io/empty-dir"'
    assert samples[f"storage_operation_duration_seconds_count{{{mount.format('mount')}}}"] == 2
    assert samples[f"storage_operation_duration_seconds_count{{{mount.format('unmount')}}}"] == 1
    labels = 'long_running="false",method="GET",path="metrics",server_type="readwrite"'
    assert samples[f"kubelet_http_inflight_requests{{{labels}}}"] == 1, "this one"
    probe = 'container="c",namespace="test",pod="a-testnode",probe_type="Readiness"'
    assert probes[f"prober_probe_duration_seconds_count{{{probe}}}"] >= 1


async def restart(here: Node) -> None:
    """Take the manifest away and put the same one back while the pod still ends."""
    before = here.container("a").containerID
    here.drop("a")
    worker = here.kubelet.pods.find("test", "a-testnode")
    assert worker is not None
    await here.until(lambda: worker.state.value == "terminating")
    here.put("a", SPEC)
    await here.until(lambda: here.condition("a", "Ready") == "True" and here.container("a").containerID not in ("", before), 40)
