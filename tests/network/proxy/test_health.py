"""Health answers are those that load balancers and kubelets know."""

from __future__ import annotations

import asyncio
import json
import socket

from tests.network.proxy.test_tables import HandClock

from sagong.api.types.core import Node, NodeSpec, Taint
from sagong.network.http import Answer, listen, respond
from sagong.network.proxy.health import HealthCheckPorts, ProxyHealth
from sagong.network.service_table import HealthCheck


def make(node: Node | None = None) -> tuple[ProxyHealth, HandClock]:
    clock = HandClock()
    return ProxyHealth(clock, ["ip"], lambda: node), clock


def test_healthy_until_a_change_waits_too_long() -> None:
    health, clock = make(Node())
    assert health.healthz().status == 200
    health.changed()
    clock.seconds = 119
    assert health.healthz().status == 200
    clock.seconds = 120
    assert (health.healthz().status, health.livez().status) == (503, 503)
    health.updated()
    assert health.healthz().status == 200
    document = json.loads(health.healthz().body)
    assert document == {
        "lastUpdated": "1970-01-01T00:02:00Z",
        "currentTime": "1970-01-01T00:02:00Z",
        "nodeEligible": True,
        "healthy": True,
        "status": {"IPv4": {"lastUpdated": "1970-01-01T00:02:00Z", "healthy": True}},
    }


def test_a_node_that_goes_gets_no_new_connections() -> None:
    health, _ = make(Node(spec=NodeSpec(taints=[Taint(key="ToBeDeletedByClusterAutoscaler", effect="NoSchedule")])))
    assert (health.healthz().status, health.livez().status) == (503, 200)
    assert make(None)[0].healthz().status == 503


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


async def fetch(port: int, path: str = "/") -> tuple[int, dict[str, str], str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    status, *headers = head.split("\r\n")
    return int(status.split()[1]), dict(line.split(": ", 1) for line in headers), body


async def test_health_check_node_ports_open_count_and_close() -> None:
    health, _ = make(Node())
    ports, port = HealthCheckPorts(health), free_port()
    await ports.update([HealthCheck("default", "web", port, 2)])
    status, headers, body = await fetch(port)
    assert (status, headers["X-Load-Balancing-Endpoint-Weight"]) == (200, "2")
    assert json.loads(body) == {"service": {"namespace": "default", "name": "web"}, "localEndpoints": 2, "serviceProxyHealthy": True}
    await ports.update([HealthCheck("default", "web", port, 0)])
    assert (await fetch(port, "/healthz"))[0] == 503
    await ports.update([])
    try:
        await fetch(port)
    except OSError:
        return
    raise AssertionError("still open")


async def test_a_taken_port_is_no_disaster() -> None:
    health, _ = make(Node())
    with socket.create_server(("", 0)) as taken:
        ports = HealthCheckPorts(health)
        await ports.update([HealthCheck("default", "web", taken.getsockname()[1], 2)])
    ports.close()


def test_http() -> None:
    routes = {"/here": lambda: Answer("body")}
    assert respond(b"GET /here?x=1 HTTP/1.1\r\n\r\n", routes).endswith(b"Content-Length: 4\r\nConnection: close\r\n\r\nbody")
    assert respond(b"HEAD /here HTTP/1.1\r\n\r\n", routes).endswith(b"\r\n\r\n")
    assert respond(b"GET /there HTTP/1.1\r\n\r\n", routes).startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert respond(b"POST /here HTTP/1.1\r\n\r\n", routes).startswith(b"HTTP/1.1 405 ")


async def test_nonsense_is_hung_up_on() -> None:
    server = await listen({"": Answer}, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"nonsense\r\n\r\n")
    assert await reader.read() == b""
    writer.close()
    server.close()
