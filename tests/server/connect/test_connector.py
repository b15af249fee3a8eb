"""The connector between a real HTTP server in front and a real TLS kubelet (or a plain pod) behind."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sagong.api.errors import ApiError, BadRequestError, ForbiddenError, InvalidError, NotFoundError, ServiceUnavailableError
from sagong.api.types.core import (
    Container,
    ContainerPort,
    DaemonEndpoint,
    EndpointAddress,
    EndpointPort,
    Endpoints,
    EndpointSubset,
    Node,
    NodeAddress,
    NodeDaemonEndpoints,
    NodeStatus,
    ObjectReference,
    Pod,
    PodIP,
    PodSpec,
    PodStatus,
    Service,
    ServicePort,
    ServiceSpec,
)
from sagong.api.types.meta import ObjectMeta
from sagong.cluster.clock import RealClock, RealRandom
from sagong.server.connect.connector import KubeletConnector
from sagong.server.connect.tls import tls_sides
from sagong.server.contract import Attributes, Decision, T, User
from sagong.server.http import HttpServer
from sagong.server.messages import Answer, Peer, Request, Response

Handler = Callable[[str, dict[str, str], asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
JANE = User("jane")
PLURALS = {"Pod": "pods", "Service": "services", "Node": "nodes"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One self-signed certificate for both ends, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node-1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    signed = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(signed + private)
    return path


@asynccontextmanager
async def backend(handler: Handler, certificate: Path | None = None) -> AsyncIterator[int]:
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.load_verify_locations(certificate)
        context.verify_mode = ssl.CERT_REQUIRED

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        try:
            await handler(head[0], headers, reader, writer)
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


class World:
    """Objects by kind and name, and the connector on them."""

    def __init__(self, certificate: Path, kubelet_port: int = 1) -> None:
        endpoint = NodeDaemonEndpoints(kubeletEndpoint=DaemonEndpoint(Port=kubelet_port))
        status = NodeStatus(addresses=[NodeAddress(type="InternalIP", address="127.0.0.1")], daemonEndpoints=endpoint)
        self.objects: dict[Any, Any] = {(Node, "node-1"): Node(metadata=ObjectMeta(name="node-1"), status=status)}
        self.allowed = True
        path = str(certificate)
        self.connector = KubeletConnector(self, self, tls_sides(path, path, path), RealRandom())

    def get(self, kind: type[T], name: str, namespace: str = "") -> T | None:
        found: T | None = self.objects.get((kind, name))
        return found

    async def authorize(self, attributes: Attributes) -> Decision:
        assert attributes.verb == "create"
        return Decision(self.allowed)

    async def ask(self, target: str, subresource: str, parent: Any, *, verb: str = "create", name: str = "web", rest: str = "") -> Answer:
        resource = PLURALS[type(parent).__name__]
        asked = Request("GET", target, {"connection": ["Upgrade"], "upgrade": ["SPDY/3.1"]}, b"", Peer("127.0.0.1"))
        attributes = Attributes(JANE, verb, resource=resource, subresource=subresource, namespace="ns", name=name)
        return await self.connector.connect(asked, attributes, parent, rest)


def pod(*containers: str, node: str = "node-1") -> Pod:
    made = [Container(name=name, ports=[ContainerPort(containerPort=8080)]) for name in containers or ("app",)]
    return Pod(
        metadata=ObjectMeta(name="web", namespace="ns"),
        spec=PodSpec(nodeName=node, containers=made),
        status=PodStatus(podIP="10.1.2.3", podIPs=[PodIP(ip="10.1.2.3")]),
    )


@asynccontextmanager
async def front(world: World, subresource: str, parent: Any, *, name: str = "web", rest: str = "") -> AsyncIterator[int]:
    """The connector behind the server's own HTTP layer."""

    async def handle(request: Request) -> Answer:
        resource = PLURALS[type(parent).__name__]
        attributes = Attributes(JANE, "create", resource=resource, subresource=subresource, namespace="ns", name=name)
        try:
            return await world.connector.connect(request, attributes, parent, rest)
        except ApiError as error:
            return Response(error.message.encode(), error.code)

    server = HttpServer(handle, RealClock())
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve(listener, None))
        yield listener.getsockname()[1]
        server.stop()


async def exchange(port: int, request: str, then: bytes = b"") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.replace("\n", "\r\n").encode() + then)
    data = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return data


async def test_a_log_is_streamed_from_the_nodes_kubelet(certificate: Path) -> None:
    seen = []

    async def kubelet(line: str, headers: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(line)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\none\n2\r\n3\r\nwo\n\r\n0\r\n\r\n")

    async with backend(kubelet, certificate) as port, front(World(certificate, port), "log", pod()) as front_port:
        target = "/api/v1/namespaces/ns/pods/web/log?follow=true&tailLines=5&timestamps=false"
        answer = await exchange(front_port, f"GET {target} HTTP/1.1\nHost: x\nConnection: close\n\n")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"Content-Type: text/plain" in answer
    assert answer.endswith(b"\r\n\r\none\n2wo\n")
    assert seen == ["GET /containerLogs/ns/web/app?follow=true&stream=All&tailLines=5 HTTP/1.1"]


@pytest.mark.parametrize(
    ("target", "made", "error", "message"),
    [
        ("/log", pod("a", "b"), BadRequestError, r"a container name must be specified for pod web, choose one of: \[a b\]"),
        ("/log?container=x", pod(), BadRequestError, "container x is not valid for pod web"),
        ("/log?tailLines=-1", pod(), InvalidError, 'PodLogOptions "web" is invalid: tailLines: Invalid value: -1: must be greater'),
        ("/log?tailLines=x", pod(), BadRequestError, 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("/log?stream=Both", pod(), InvalidError, 'stream: Unsupported value: "Both"'),
        ("/log", pod(node="other"), NotFoundError, 'pods "other" not found'),
        ("/log", pod(), ApiError, r'Get "https://127.0.0.1:1/containerLogs/ns/web/app\?stream=All": dial tcp 127.0.0.1:1: .* refused'),
    ],
)
async def test_logs_that_cannot_be_had(certificate: Path, target: str, made: Pod, error: type[ApiError], message: str) -> None:
    with pytest.raises(error, match=message):
        await World(certificate).ask(target, "log", made)


async def test_a_pod_that_is_not_scheduled_has_an_empty_log(certificate: Path) -> None:
    answer = await World(certificate).ask("/log", "log", pod(node=""))
    assert isinstance(answer, Response)
    assert answer.body == b""


async def test_what_the_kubelet_refuses_the_client_hears(certificate: Path) -> None:
    async def kubelet(line: str, headers: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        text = b'container "app" in pod "web" is waiting to start: ContainerCreating'
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))

    async with backend(kubelet, certificate) as port:
        with pytest.raises(BadRequestError, match='container "app" in pod "web" is waiting to start'):
            await World(certificate, port).ask("/log", "log", pod())


async def test_an_upgrade_is_passed_on_byte_by_byte(certificate: Path) -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    async def kubelet(line: str, headers: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((line, headers))
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n")
        writer.write(b"X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\nhello ")
        writer.write((await reader.readexactly(6)).upper())
        writer.write((await reader.readexactly(100_000)).upper())

    async with backend(kubelet, certificate) as port, front(World(certificate, port), "exec", pod()) as front_port:
        reader, writer = await asyncio.open_connection("127.0.0.1", front_port)
        writer.write(b"POST /exec?command=sh&command=-c&command=a%20b&stdin=true&stdout=1&tty=false HTTP/1.1\r\nHost: api\r\n")
        writer.write(b"Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\nearly,")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        assert await asyncio.wait_for(reader.readexactly(12), 20) == b"hello EARLY,"
        writer.write(b"x" * 100_000)
        assert await asyncio.wait_for(reader.read(-1), 20) == b"X" * 100_000
        writer.close()
    assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"X-Stream-Protocol-Version: v4.channel.k8s.io" in head
    line, headers = seen[0]
    assert line == "POST /exec/ns/web/app?command=sh&command=-c&command=a+b&input=1&output=1 HTTP/1.1"
    assert (headers["upgrade"], headers["host"], headers["x-forwarded-for"]) == ("SPDY/3.1", "api", "127.0.0.1")


async def test_a_client_that_goes_away_ends_the_session_on_the_node(certificate: Path) -> None:
    ended = asyncio.Event()

    async def kubelet(line: str, headers: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
        await reader.read()
        ended.set()

    async with backend(kubelet, certificate) as port, front(World(certificate, port), "portforward", pod()) as front_port:
        reader, writer = await asyncio.open_connection("127.0.0.1", front_port)
        writer.write(b"POST /portforward?ports=80 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await asyncio.wait_for(ended.wait(), 20)


async def test_upgrades_that_are_none(certificate: Path) -> None:
    async def kubelet(line: str, headers: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nno")

    world = World(certificate)
    with pytest.raises(ApiError, match=r"error dialing backend: dial tcp 127.0.0.1:1: connect: connection refused"):
        await world.ask("/exec?command=x", "exec", pod())
    with pytest.raises(BadRequestError, match="pod web does not have a host assigned"):
        await world.ask("/exec", "exec", pod(node=""))
    plain = Request("POST", "/exec", {}, b"", Peer("127.0.0.1"))
    attributes = Attributes(JANE, "create", resource="pods", subresource="exec", namespace="ns", name="web")
    with pytest.raises(BadRequestError, match="Upgrade request required"):
        await world.connector.connect(plain, attributes, pod(), "")
    world.allowed = False
    with pytest.raises(ForbiddenError, match='User "jane" cannot create resource "pods/exec"'):
        await world.ask("/exec", "exec", pod(), verb="get")
    async with backend(kubelet, certificate) as port:
        answer = await World(certificate, port).ask("/exec", "exec", pod())
    assert isinstance(answer, Response)
    assert (answer.status, answer.body) == (403, b"no")


async def test_a_kubelet_that_is_not_ours_is_not_believed(certificate: Path, tmp_path: Path) -> None:
    async def kubelet(line: str, headers: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nlines")

    world = World(certificate)
    other = tmp_path / "other.pem"
    other.write_bytes(certificate.read_bytes())
    async with backend(kubelet, certificate) as port:
        world = World(certificate, port)
        sides = tls_sides("/etc/ssl/certs/ca-certificates.crt", str(other), str(other))
        world.connector = KubeletConnector(world, world, sides, RealRandom())
        with pytest.raises(ApiError, match="tls: failed to verify certificate: x509"):
            await world.ask("/log", "log", pod())
        answer = await world.ask("/log?insecureSkipTLSVerifyBackend=true", "log", pod())
        assert not isinstance(answer, Response)


async def test_a_service_is_reached_at_an_endpoint_that_is_a_pod(certificate: Path) -> None:
    world = World(certificate)
    ports = [ServicePort(name="http", port=80)]
    service = Service(metadata=ObjectMeta(name="web", namespace="ns"), spec=ServiceSpec(ports=ports))
    path = "/api/v1/namespaces/ns/services/web:http/proxy/x"
    with pytest.raises(NotFoundError, match='endpoints "web" not found'):
        await world.ask(path, "proxy", service, name="web:http", rest="x")
    world.objects[Endpoints, "web"] = Endpoints(metadata=ObjectMeta(name="web"))
    with pytest.raises(ServiceUnavailableError, match='no endpoints available for service "web"'):
        await world.ask(path, "proxy", service, name="web:http", rest="x")
    with pytest.raises(ServiceUnavailableError, match='no service port 81 found for service "web"'):
        await world.ask(path, "proxy", service, name="web:81", rest="x")
    with pytest.raises(BadRequestError, match='invalid service request "a:b:c:d"'):
        await world.ask(path, "proxy", service, name="a:b:c:d", rest="x")
    target = ObjectReference(kind="Pod", name="web", namespace="ns")
    subset = EndpointSubset(addresses=[EndpointAddress(ip="127.0.0.1", targetRef=target)], ports=[EndpointPort(name="http", port=1)])
    world.objects[Endpoints, "web"] = Endpoints(metadata=ObjectMeta(name="web"), subsets=[subset])
    world.objects[Pod, "web"] = pod()
    with pytest.raises(ServiceUnavailableError, match='no endpoints available for service "web:80"'):
        await world.ask(path, "proxy", service, name="web:80", rest="x")


async def test_a_page_is_proxied_with_its_links(certificate: Path) -> None:
    seen: list[tuple[str, dict[str, str], bytes]] = []

    async def web(line: str, headers: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((line, headers, await reader.read(int(headers.get("content-length", 0))) if "content-length" in headers else b""))
        page = b'<a href="/next">x</a> <img src="rel.png"><a href="https://else.where/">y</a>'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: %d\r\n" % len(page))
        writer.write(b"X-Own: 1\r\n\r\n" + page)

    async with backend(web) as port:
        world = World(certificate)
        service = Service(metadata=ObjectMeta(name="web", namespace="ns"), spec=ServiceSpec(ports=[ServicePort(name="", port=80)]))
        reference = ObjectReference(kind="Pod", name="web", namespace="ns")
        subset = EndpointSubset(addresses=[EndpointAddress(ip="127.0.0.1", targetRef=reference)], ports=[EndpointPort(port=port)])
        world.objects[Endpoints, "web"] = Endpoints(subsets=[subset])
        local = pod()
        local.status.podIPs = [PodIP(ip="127.0.0.1")]
        world.objects[Pod, "web"] = local
        async with front(world, "proxy", service, rest="a/b") as front_port:
            target = "/api/v1/namespaces/ns/services/web/proxy/a/b?q=1"
            answer = await exchange(
                front_port,
                f"POST {target} HTTP/1.1\nHost: api:6443\nConnection: close\nContent-Length: 4\nKeep-Alive: 5\n\n",
                b"body",
            )
        async with front(world, "proxy", service) as front_port:
            moved = await exchange(front_port, "GET /api/v1/namespaces/ns/services/web/proxy?x=1 HTTP/1.1\nHost: a\nConnection: close\n\n")
        async with front(world, "proxy", service, rest="a") as front_port:
            target = "/api/v1/namespaces/ns/services/web/proxy/a"
            bare = await exchange(front_port, f"HEAD {target} HTTP/1.1\nHost: a\nConnection: close\n\n")
    assert bare.startswith(b"HTTP/1.1 200 OK")
    assert bare.endswith(b"\r\n\r\n")
    assert seen[-1][0] == "HEAD /a HTTP/1.1"
    head, _, page = answer.partition(b"\r\n\r\n")
    prefix = "/api/v1/namespaces/ns/services/web/proxy"
    assert page.decode() == f'<a href="{prefix}/next">x</a> <img src="rel.png"><a href="https://else.where/">y</a>'
    assert b"X-Own: 1" in head
    assert b"Access-Control" not in head
    line, headers, body = seen[0]
    assert (line, body) == ("POST /a/b?q=1 HTTP/1.1", b"body")
    assert headers["x-forwarded-uri"] == "/api/v1/namespaces/ns/services/web/proxy/a/b"
    assert "keep-alive" not in headers
    assert moved.startswith(b"HTTP/1.1 301")
    assert b"Location: /api/v1/namespaces/ns/services/web/proxy/?x=1" in moved


async def test_addresses_that_lead_elsewhere_are_refused(certificate: Path) -> None:
    world = World(certificate)
    local = pod()
    local.status.podIPs = [PodIP(ip="127.0.0.1")]
    with pytest.raises(BadRequestError, match="address not allowed"):
        await world.ask("/proxy/x", "proxy", local, rest="x")
    with pytest.raises(BadRequestError, match="address not allowed"):
        await world.ask("/proxy/x", "proxy", world.objects[Node, "node-1"], name="node-1", rest="x")
