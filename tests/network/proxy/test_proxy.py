"""The whole proxy between a real API server and a model of the kernel."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.network.api import api, background, until
from tests.network.builders import endpoint, service, slice_of
from tests.network.proxy.model import ModelKernel, ModelTable

from sagong.api.types.core import Container, ContainerPort, Pod, PodSpec, Service, ServiceAccount
from sagong.api.types.discovery import EndpointSlice
from sagong.api.types.meta import ObjectMeta
from sagong.client.client import Client
from sagong.network.proxy.proxy import Proxy, ProxyConfig
from sagong.network.proxy.settings import Settings

PLACE = "ip sagong-proxy"


def make(client: Client, kernel: ModelKernel) -> Proxy:
    settings = Settings("ip", ("10.244.0.0/16",), ("10.96.0.0/12",))
    return Proxy(client, kernel, ProxyConfig("here", (settings,)), clock=client.clock)


async def test_services_come_change_and_go(tmp_path: Path) -> None:
    kernel = ModelKernel()
    async with api(tmp_path) as client, background((proxy := make(client, kernel)).run()):
        await proxy.synced.wait()
        first: ModelTable = kernel.tables[PLACE]
        assert "10.96.0.1 . tcp . 443" in first.containers["service-ips"]
        assert kernel.routes == {"10.96.0.0/12"}

        await client.create(service("web", "10.96.0.9"))
        await until(lambda: "10.96.0.9 . tcp . 80" in first.containers["no-endpoint-services"])
        made = await client.create(slice_of("web", endpoint("10.244.0.5", node="here"), endpoint("10.244.1.5")))
        await until(lambda: "10.96.0.9 . tcp . 80" in first.containers["service-ips"])
        assert first.containers["hairpin-connections"] == {"10.244.0.5 . 10.244.0.5 . tcp . 8080": ""}

        made.endpoints = (made.endpoints or [])[1:]
        made = await client.update(made)
        await until(lambda: "mod 1" in str(first.chains["cluster/default/web/tcp/http"]))
        await client.delete(EndpointSlice, made.metadata.name, "default")
        await until(lambda: "10.96.0.9 . tcp . 80" in first.containers["no-endpoint-services"])
        await client.delete(Service, "web", "default")
        await until(lambda: "10.96.0.9" not in first.containers["cluster-ips"])
        await until(lambda: "cluster/default/web/tcp/http" not in first.chains)
        assert kernel.tables[PLACE] is first
        page = proxy.metrics.page().body
        assert 'kubeproxy_sync_full_proxy_rules_duration_seconds_count{ip_family="IPv4"} 1' in page
        assert "kubeproxy_sync_proxy_rules_service_changes_total 3" in page


async def test_services_of_another_proxy_are_left_to_it(tmp_path: Path) -> None:
    kernel = ModelKernel()
    async with api(tmp_path) as client:
        theirs = service("theirs", "10.96.0.8")
        theirs.metadata.labels["service.kubernetes.io/service-proxy-name"] = "other"
        await client.create(theirs)
        await client.create(service("ours", "10.96.0.9"))
        async with background((proxy := make(client, kernel)).run()):
            await proxy.synced.wait()
            assert set(kernel.tables[PLACE].containers["cluster-ips"]) == {"10.96.0.1", "10.96.0.9"}


async def test_host_ports_follow_this_nodes_pods(tmp_path: Path) -> None:
    kernel = ModelKernel()
    async with api(tmp_path) as client, background((proxy := make(client, kernel)).run()):
        await proxy.synced.wait()
        await client.create(ServiceAccount(metadata=ObjectMeta(name="default", namespace="default")))
        container = Container(name="c", image="x", ports=[ContainerPort(containerPort=80, hostPort=8080)])
        spec = PodSpec(nodeName="here", containers=[container], automountServiceAccountToken=False)
        pod = await client.create(Pod(metadata=ObjectMeta(name="web", namespace="default"), spec=spec))
        pod.status.phase, pod.status.podIP = "Running", "10.244.0.7"
        pod.status.podIPs = []
        await client.update(pod, "status")
        elements = kernel.tables[PLACE].containers["host-ports"]
        await until(lambda: elements == {"tcp . 8080": "10.244.0.7 . 80"})
        await client.delete(Pod, "web", "default", grace_period_seconds=0)
        await until(lambda: not elements)


async def test_many_changes_share_transactions_and_quiet_means_quiet(tmp_path: Path) -> None:
    kernel = ModelKernel()
    kernel.seconds = 0.02
    async with api(tmp_path) as client, background((proxy := make(client, kernel)).run()):
        await proxy.synced.wait()
        for number in range(20, 60):
            await client.create(service(f"web{number}", f"10.96.0.{number}"))
        await until(lambda: len(kernel.tables[PLACE].containers["cluster-ips"]) == 41)
        count = len(kernel.transactions)
        assert count < 30
        await asyncio.sleep(0.2)
        assert len(kernel.transactions) == count


async def test_refused_rules_are_tried_again(tmp_path: Path) -> None:
    kernel = ModelKernel()
    kernel.broken = True
    async with api(tmp_path) as client, background((proxy := make(client, kernel)).run()):
        await until(lambda: 'sync_failures_total{ip_family="IPv4"} 1' in proxy.metrics.page().body)
        kernel.broken = False
        await proxy.synced.wait()
        assert PLACE in kernel.tables
