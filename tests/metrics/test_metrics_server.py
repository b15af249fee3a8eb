"""metrics-server between a real API server, which finds it by an APIService, and a kubelet of the test's."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.server.harness import TABLE, Api, running

from sagong.client.client import Client
from sagong.client.config import load_kubeconfig
from sagong.cluster.clock import RealClock, RealRandom
from sagong.metrics import app, kubelets
from sagong.metrics.app import MetricsServer, Options

GROUP = "/apis/metrics.k8s.io/v1beta1"
SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"


class Kubelet:
    """Answers /metrics/resource: one container that uses half a core."""

    def __init__(self) -> None:
        self.began = RealClock().now().timestamp() - 100
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            self.asked.append(head.decode())
            body = self._text().encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()

    def _text(self) -> str:
        cpu = (RealClock().now().timestamp() - self.began) * 0.5
        named = 'container="app",namespace="default",pod="web"'
        lines = [f"node_cpu_usage_seconds_total {cpu}", "node_memory_working_set_bytes 1073741824"]
        lines += [f"container_cpu_usage_seconds_total{{{named}}} {cpu}", f"container_memory_working_set_bytes{{{named}}} 20971520"]
        return "\n".join([*lines, f"container_start_time_seconds{{{named}}} {self.began}", ""])


@asynccontextmanager
async def kubelet(api: Api) -> AsyncIterator[tuple[Kubelet, int]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(api.pki.path("server.crt"), api.pki.path("server.key"))
    served = Kubelet()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await served.serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    try:
        yield served, server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def cluster(directory: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Api, Kubelet]]:
    """Run all of it: one node, one pod, metrics-server registered and available."""
    monkeypatch.setattr(kubelets, "FIRST_RESOLUTION", 0.2)
    async with running(directory) as api, kubelet(api) as (node, port):
        await populate(api, port)
        api.pki.issue("metrics-server", server=True, dns="metrics-server.kube-system.svc")
        config = load_kubeconfig(api.kubeconfig())
        async with Client(config, clock=RealClock(), random=RealRandom()) as client, asyncio.TaskGroup() as group:
            started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            files = Options("127.0.0.1", 0, api.pki.path("metrics-server.crt"), api.pki.path("metrics-server.key"))
            task = group.create_task(MetricsServer(client, config, started=started.set_result).run(files))
            await register(api, await started)
            yield api, node
            task.cancel()


async def populate(api: Api, port: int) -> None:
    await api.ok("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "default"}})
    node = await api.ok("POST", "/api/v1/nodes", {"metadata": {"name": "n1", "labels": {"role": "worker"}}})
    addresses = [{"type": "InternalIP", "address": "127.0.0.1"}]
    node["status"] |= {
        "addresses": addresses,
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        "capacity": {"cpu": "2", "memory": "4Gi"},
    }
    node["status"]["allocatable"] = node["status"]["capacity"]
    await api.ok("PUT", "/api/v1/nodes/n1/status", node)
    pod = {"metadata": {"name": "web", "labels": {"app": "web"}}, "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "a"}]}}
    made = await api.ok("POST", "/api/v1/namespaces/default/pods", pod)
    made["status"]["phase"] = "Running"
    await api.ok("PUT", "/api/v1/namespaces/default/pods/web/status", made)


async def register(api: Api, port: int) -> None:
    service = {"metadata": {"name": "metrics-server"}, "spec": {"type": "ExternalName", "externalName": "localhost"}}
    await api.ok("POST", "/api/v1/namespaces/kube-system/services", service)
    spec = {
        "group": "metrics.k8s.io",
        "version": "v1beta1",
        "service": {"name": "metrics-server", "namespace": "kube-system", "port": port},
        "caBundle": base64.b64encode(Path(api.pki.path("ca.crt")).read_bytes()).decode(),
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
    }
    await api.ok("POST", SERVICES, {"metadata": {"name": "v1beta1.metrics.k8s.io"}, "spec": spec})
    async with asyncio.timeout(20):
        for _ in range(1000):
            answer = await api("GET", f"{GROUP}/nodes")
            if answer.status == 200 and answer.body["items"]:
                return
            await asyncio.sleep(0.05)


async def test_nodes_and_pods_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with cluster(tmp_path, monkeypatch) as (api, node):
        (found,) = (await api.ok("GET", f"{GROUP}/nodes"))["items"]
        assert found["metadata"]["name"] == "n1"
        assert found["metadata"]["labels"] == {"role": "worker"}
        assert found["usage"]["memory"] == "1Gi"
        assert found["usage"]["cpu"].endswith("n")
        assert abs(int(found["usage"]["cpu"][:-1]) - 500_000_000) < 50_000_000
        pods = await api.ok("GET", f"{GROUP}/pods")
        assert (pods["kind"], pods["items"][0]["containers"][0]["name"]) == ("PodMetricsList", "app")
        assert pods["items"][0]["containers"][0]["usage"]["memory"] == "20Mi"
        one = await api.ok("GET", f"{GROUP}/namespaces/default/pods/web")
        assert (one["kind"], one["apiVersion"]) == ("PodMetrics", "metrics.k8s.io/v1beta1")
        shown = await api.ok("GET", f"{GROUP}/pods", Accept=TABLE)
        assert (shown["kind"], shown["apiVersion"], shown["rows"][0]["cells"][0]) == ("Table", "meta.k8s.io/v1", "web")
        assert node.asked[0].startswith("GET /metrics/resource HTTP/1.1\r\n")


async def test_selectors_and_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with cluster(tmp_path, monkeypatch) as (api, _):
        for query, count in (
            ("labelSelector=app%3Dweb", 1),
            ("labelSelector=app%3Dother", 0),
            ("fieldSelector=metadata.name%3Dweb", 1),
            ("fieldSelector=metadata.name%3Dx", 0),
        ):
            assert len((await api.ok("GET", f"{GROUP}/namespaces/default/pods?{query}"))["items"]) == count, query
        assert (await api.ok("GET", f"{GROUP}/namespaces/kube-system/pods"))["items"] == []
        assert (await api("GET", f"{GROUP}/pods?labelSelector=%3D%3D")).status == 400
        for path, text in (
            (f"{GROUP}/namespaces/default/pods/none", 'pods "default/none" not found'),
            (f"{GROUP}/nodes/none", 'nodes "none" not found'),
        ):
            answer = await api("GET", path)
            assert (answer.status, answer.body["message"]) == (404, text)
        assert (await api("DELETE", f"{GROUP}/nodes/n1")).status == 405
        assert (await api("GET", f"{GROUP}/nodes?watch=true")).status == 405


async def test_a_pod_that_is_not_measured_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with cluster(tmp_path, monkeypatch) as (api, _):
        pod = {"metadata": {"name": "young"}, "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "a"}]}}
        made = await api.ok("POST", "/api/v1/namespaces/default/pods", pod)
        made["status"]["phase"] = "Running"
        await api.ok("PUT", "/api/v1/namespaces/default/pods/young/status", made)
        wanted = 'podmetrics.metrics.k8s.io "default/young" not found'
        async with asyncio.timeout(20):
            for _ in range(200):
                answer = await api("GET", f"{GROUP}/namespaces/default/pods/young")
                if answer.body["message"] == wanted:
                    break
                await asyncio.sleep(0.02)
        assert (answer.status, answer.body["message"]) == (404, wanted)


async def test_users_are_authorized_by_the_api_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with cluster(tmp_path, monkeypatch) as (api, _):
        assert (await api("GET", f"{GROUP}/nodes", user="jane")).status == 403
        role = {"metadata": {"name": "reader"}, "rules": [{"apiGroups": ["metrics.k8s.io"], "resources": ["nodes"], "verbs": ["list"]}]}
        await api.ok("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", role)
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader"}
        subjects = [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "jane"}]
        binding = {"metadata": {"name": "reader"}, "roleRef": reference, "subjects": subjects}
        await api.ok("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
        assert (await api("GET", f"{GROUP}/nodes", user="jane")).status == 200
        assert (await api("GET", f"{GROUP}/nodes/n1", user="jane")).status == 403


async def test_whoever_comes_without_the_front_proxy_is_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with cluster(tmp_path, monkeypatch) as (api, _):
        port = (await api.ok("GET", f"{SERVICES}/v1beta1.metrics.k8s.io"))["spec"]["service"]["port"]
        context = ssl.create_default_context(cafile=api.pki.path("ca.crt"))
        for certificate, status in (("", 403), ("front-proxy/front-proxy-client", 200)):
            if certificate:
                context.load_cert_chain(api.pki.path(f"{certificate}.crt"), api.pki.path(f"{certificate}.key"))
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="metrics-server.kube-system.svc")
            said = "X-Remote-User: admin\r\nX-Remote-Group: system:masters\r\n"
            writer.write(f"GET {GROUP}/nodes HTTP/1.1\r\nHost: x\r\n{said}\r\n".encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            assert int(head.split()[1]) == status, body
            writer.close()


async def test_it_registers_itself_when_it_can_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "_RETRY", 0.05)
    async with running(tmp_path) as api:
        api.pki.issue("metrics-server", server=True, dns="metrics-server.kube-system.svc")
        config = load_kubeconfig(api.kubeconfig())
        path = f"{SERVICES}/v1beta1.metrics.k8s.io"
        async with Client(config, clock=RealClock(), random=RealRandom()) as client, asyncio.TaskGroup() as group:
            pem = api.pki.path("metrics-server.crt"), api.pki.path("metrics-server.key")
            files = Options("127.0.0.1", 0, *pem, register="kube-system/metrics-server")
            task = group.create_task(MetricsServer(client, config).run(files))
            async with asyncio.timeout(10):
                for _ in range(400):
                    if (await api("GET", path)).status == 200:
                        break
                    await asyncio.sleep(0.02)
            task.cancel()
        spec = (await api.ok("GET", path))["spec"]
        assert spec["service"] == {"namespace": "kube-system", "name": "metrics-server", "port": 443}
        assert base64.b64decode(spec["caBundle"]) == Path(api.pki.path("ca.crt")).read_bytes()


async def test_discovery_and_openapi_pass_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with cluster(tmp_path, monkeypatch) as (api, _):
        accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        group = (await api.ok("GET", "/apis", Accept=accept))["items"][-1]
        assert group["metadata"]["name"] == "metrics.k8s.io"
        assert [one["resource"] for one in group["versions"][0]["resources"]] == ["nodes", "pods"]
        url = (await api.ok("GET", "/openapi/v3"))["paths"][GROUP[1:]]["serverRelativeURL"]
        document: dict[str, Any] = await api.ok("GET", url)
        kinds = [
            one["x-kubernetes-group-version-kind"][0]["kind"]
            for one in document["components"]["schemas"].values()
            if "x-kubernetes-group-version-kind" in one
        ]
        assert {"NodeMetrics", "PodMetrics", "PodMetricsList"} <= set(kinds)
        assert f"{GROUP}/namespaces/{{namespace}}/pods" in (await api.ok("GET", "/openapi/v2"))["paths"]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
async def test_kubectl_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with cluster(tmp_path, monkeypatch) as (api, _):
        home = {"HOME": str(tmp_path), "PATH": "/usr/local/bin:/usr/bin:/bin"}

        async def kubectl(*arguments: str) -> list[str]:
            command = ["kubectl", "--kubeconfig", api.kubeconfig(), *arguments]
            done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, env=home, check=False)
            assert done.returncode == 0, done.stderr
            return done.stdout.splitlines()

        header, line = await kubectl("top", "nodes")
        assert header.split() == ["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"]
        assert (line.split()[0], line.split()[3:]) == ("n1", ["1024Mi", "25%"])
        assert (await kubectl("top", "pods", "--containers", "--sort-by=cpu", "-l", "app=web"))[1].split()[:2] == ["web", "app"]
        assert (await kubectl("get", "podmetrics"))[1].split()[0] == "web"
        assert json.loads("\n".join(await kubectl("get", "--raw", f"{GROUP}/nodes/n1")))["kind"] == "NodeMetrics"
