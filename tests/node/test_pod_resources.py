"""What monitoring agents are told, over a real socket."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest
from tests.exposed import exposed
from tests.node.builders import HandClock
from tests.node.observed import pod

from sagong.api.exposition import exposition
from sagong.node.cri import api_pb2 as cri
from sagong.node.cri.client import Channel, CriError
from sagong.node.meter import KubeletMeter
from sagong.node.pod_resources import PodResources

SERVICE = "/v1.PodResourcesLister/"


async def test_containers_are_listed_by_pod(tmp_path: Path) -> None:
    of = pod("initContainers: [{name: i}, {name: s, restartPolicy: Always}]\ncontainers: [{name: a}]")
    meter = KubeletMeter(HandClock())
    server = PodResources(tmp_path / "pod-resources/kubelet.sock", lambda: [of], meter.agents)
    task = asyncio.create_task(server.run())
    channel = Channel(str(server.socket))
    try:
        while not server.socket.exists():  # noqa: ASYNC110 - the file is the event
            await asyncio.sleep(0.01)
        listed = await channel.unary(SERVICE + "List", cri.Nothing(), cri.ListPodResourcesResponse, 5)
        found = listed.pod_resources[0]
        assert (found.namespace, found.name, [container.name for container in found.containers]) == ("ns", "p", ["s", "a"])
        wanted = cri.GetPodResourcesRequest(pod_name="p", pod_namespace="ns")
        assert (await channel.unary(SERVICE + "Get", wanted, cri.GetPodResourcesResponse, 5)).pod_resources == found
        await channel.unary(SERVICE + "GetAllocatableResources", cri.Nothing(), cri.AllocatableResourcesResponse, 5)
        with pytest.raises(CriError) as caught:
            await channel.unary(SERVICE + "Get", cri.GetPodResourcesRequest(pod_name="q", pod_namespace="ns"), cri.Nothing, 5)
        assert (caught.value.code, caught.value.message) == (grpc.StatusCode.UNKNOWN.name, "pod q in namespace ns not found")
    finally:
        await channel.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert not server.socket.exists()
    found_families, samples = exposed(exposition(meter.families()))
    counts = {"requests_total": 4, "requests_list": 1, "requests_get": 2, "requests_get_allocatable": 1, "errors_get": 1}
    for name, count in counts.items():
        assert found_families[f"kubelet_pod_resources_endpoint_{name}"] == ("counter", {"server_api_version"})
        assert samples[f'kubelet_pod_resources_endpoint_{name}{{server_api_version="v1"}}'] == count, name
    assert "kubelet_pod_resources_endpoint_errors_list" not in found_families
