"""/statusz and /flagz of real processes: each tells what it was started with."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.control_plane import control_plane, free_port

from sagong.api.clock import parse_time
from sagong.cluster import kube_proxy, process
from sagong.cluster.zpages import PATHS, Zpages
from sagong.network.http import Answer, listen


def anybody() -> ssl.SSLContext:
    """Return TLS without credentials, which believes every server."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def ask(port: int, path: str, *lines: str, context: ssl.SSLContext | None = None) -> tuple[str, str]:
    """Return head and body of an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write("\r\n".join([f"GET {path} HTTP/1.1", "Host: x", "Connection: close", *lines, "", ""]).encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return head, body


async def document(port: int, path: str, version: str = "v1beta1", context: ssl.SSLContext | None = None) -> Any:
    kind = path.strip("/").capitalize()
    head, body = await ask(port, path, f"Accept: application/json;g=config.k8s.io;v={version};as={kind}", context=context)
    assert head.startswith("HTTP/1.1 200 OK")
    assert ("Warning: 299" in head) == (version == "v1alpha1")
    return json.loads(body)


async def answering(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await ask(port, "/healthz", context=anybody())
                break
            except OSError:
                await asyncio.sleep(0.05)


async def test_processes_tell_what_they_were_started_with(tmp_path: Path) -> None:
    began = time.time()
    async with control_plane(tmp_path) as plane:
        manager = plane.start(
            "controller-manager", "--controllers=-job,*", "--leader-elect-retry-period=500ms", "--service-cidr=10.0.0.0/24"
        )
        scheduler = plane.start("scheduler", "--leader-elect=false")
        for name, port in (("kube-controller-manager", manager.port), ("kube-scheduler", scheduler.port)):
            await answering(port)
            status = await document(port, "/statusz", context=anybody())
            assert status["metadata"] == {"name": name}
            assert began - 2 < parse_time(status["startTime"]).timestamp() < time.time() + 2
            assert status["paths"] == ["/flagz", "/healthz", "/livez", "/metrics", "/readyz"]
            assert (await ask(port, "/flagz", context=anybody()))[1].startswith(f"\n{name} flagz\nWarning: ")
            assert (await ask(port, "/statusz", "Accept: text/css", context=anybody()))[0].startswith("HTTP/1.1 406 Not Acceptable")
        flags = (await document(manager.port, "/flagz", "v1alpha1", anybody()))["flags"]
        wanted = {
            "controllers": "-job,*",
            "leader-elect": "true",
            "leader-elect-lease-duration": "15s",
            "leader-elect-retry-period": "500ms",
            "leader-elect-resource-name": "kube-controller-manager",
            "pki": str(tmp_path),
            "secure-port": str(manager.port),
            "service-cluster-ip-range": "10.0.0.0/24",
            "use-service-account-credentials": "true",
        }
        assert {key: flags.get(key) for key in wanted} == wanted
        assert "election" not in flags
        assert (await document(scheduler.port, "/flagz", context=anybody()))["flags"]["leader-elect"] == "false"
        admin = ssl.create_default_context(cafile=f"{tmp_path}/ca.crt")
        admin.load_cert_chain(f"{tmp_path}/admin.crt", f"{tmp_path}/admin.key")
        flags = (await document(plane.api_port, "/flagz", context=admin))["flags"]
        assert (flags["store"], flags["secure-port"]) == (f"{tmp_path}/store", str(plane.api_port))
        status = await document(plane.api_port, "/statusz", context=admin)
        assert began - 2 < parse_time(status["startTime"]).timestamp() < time.time() + 2


async def test_the_proxys_are_on_the_port_of_its_metrics() -> None:
    options = kube_proxy._parser().parse_args(["--node-name", "n1", "--cluster-cidr", "10.244.0.0/16"])
    pages = {"/metrics": Answer, "/proxyMode": lambda: Answer("nftables")}
    port = free_port()
    async with await listen(pages, "127.0.0.1", port, kube_proxy._zpages(options, pages)):
        assert (await document(port, "/statusz"))["paths"] == ["/flagz", "/metrics", "/proxyMode"]
        flags = (await document(port, "/flagz", "v1alpha1"))["flags"]
        assert (flags["hostname-override"], flags["cluster-cidr"], flags["metrics-port"]) == ("n1", "10.244.0.0/16", "10249")
        assert (await ask(port, "/flagz"))[1].startswith("\nkube-proxy flagz\n")
        assert (await ask(port, "/proxyMode"))[1] == "nftables"


@pytest.mark.parametrize("path", PATHS)
async def test_headers_that_are_said_again_count_too(path: str) -> None:
    port = free_port()
    kind = path.strip("/").capitalize()
    zpages = Zpages("kube-x", (), dict)
    async with await process.serve_health(process.HealthPort(port), lambda _: None, zpages):
        document = f"ACCEPT: application/json;g=config.k8s.io;v=v1beta1;as={kind}"
        assert f'"kind":"{kind}"' in (await ask(port, path, "accept: application/xml", document))[1]
        assert (await ask(port, path, document, "User-Agent: curl/8"))[1].startswith("{\n")
        assert (await ask(port, "/livez"))[1] == "ok"
        assert (await ask(port, "/none"))[0].startswith("HTTP/1.1 404 Not Found")
