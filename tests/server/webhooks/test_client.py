from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from tests.server.webhooks.webhook_server import WebhookServer, webhook_server

from sagong.api.errors import ApiError
from sagong.api.types.admissionregistration import ServiceReference, WebhookClientConfig
from sagong.api.types.core import Service, ServicePort, ServiceSpec
from sagong.api.types.meta import ObjectMeta
from sagong.cluster.clock import RealClock, RealRandom
from sagong.server.aggregation.resolve import Resolver
from sagong.server.contract import Objects
from sagong.server.webhooks.client import CallError, EndpointError, WebhookClient
from sagong.server.webhooks.resolver import Services


class Known:
    """Services that are there."""

    def __init__(self) -> None:
        self.services: dict[tuple[str, str], Service] = {}

    def get(self, kind: type[Any], name: str, namespace: str = "") -> Any:
        return self.services.get((namespace, name))

    def list(self, kind: type[Any], namespace: str = "") -> Any:
        return []

    def add(self, name: str, port: int, **spec: Any) -> None:
        whole = ServiceSpec(ports=[ServicePort(port=port)], **spec)
        self.services["ns", name] = Service(metadata=ObjectMeta(name=name, namespace="ns"), spec=whole)


@asynccontextmanager
async def client(known: Known | None = None) -> AsyncIterator[WebhookClient]:
    one = WebhookClient(Services(Resolver(cast("Objects", known or Known()), RealRandom(), endpoints=False), ("127.0.0.1", 1)), RealClock())
    async with asyncio.TaskGroup() as group:
        running = group.create_task(one.run())
        yield one
        running.cancel()


def by_url(server: WebhookServer, path: str = "/", *, bundle: str | None = None) -> WebhookClientConfig:
    return WebhookClientConfig(url=server.url(path), caBundle=base64.b64decode(server.bundle if bundle is None else bundle))


async def call(one: WebhookClient, config: WebhookClientConfig, seconds: int = 5) -> bytes:
    return await one.review(one.endpoint(config), {"ask": 1}, seconds)


def echo(path: str, body: Any) -> Any:
    return {"path": path, "body": body}


async def test_connections_are_used_again(tmp_path: Path) -> None:
    async with webhook_server(tmp_path, echo) as server, client() as one:
        for _ in range(3):
            assert b'"path": "/a/b?timeout=5s"' in await call(one, by_url(server, "/a/b/"))
        assert (server.connections, len(server.calls)) == (1, 3)
        await asyncio.gather(*(call(one, by_url(server)) for _ in range(4)))
        assert server.connections <= 5
        server.drop()
        await asyncio.sleep(0.05)
        await call(one, by_url(server))
        server.keep_alive = False
        await call(one, by_url(server))
        before = server.connections
        await call(one, by_url(server))
        assert server.connections == before + 1


async def test_what_comes_unasked_is_no_answer(tmp_path: Path) -> None:
    async with webhook_server(tmp_path, echo) as server, client() as one:
        await call(one, by_url(server))
        for writer in server._writers:
            writer.write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\n\r\nlate")
        (kept,) = (connection for idle in one._idle.values() for connection in idle)
        async with asyncio.timeout(20):
            while kept.alive:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.01)
        assert b'"path": "/?timeout=5s"' in await call(one, by_url(server))
        assert server.connections == 2


async def test_a_service_is_called_at_its_cluster_ip_under_its_name(tmp_path: Path) -> None:
    known = Known()
    async with webhook_server(tmp_path, echo, "hook.ns.svc", host="127.7.0.1") as server, client(known) as one:
        config = WebhookClientConfig(
            service=ServiceReference(namespace="ns", name="hook", path="/x", port=server.port), caBundle=base64.b64decode(server.bundle)
        )
        where = f'Post "https://hook.ns.svc:{server.port}/x?timeout=5s": '
        with pytest.raises(CallError) as found:
            await call(one, config)
        assert str(found.value) == where + 'service "hook" not found'
        known.add("hook", server.port, type="ClusterIP", clusterIP="127.7.0.1")
        assert b"/x?timeout=5s" in await call(one, config)
        for spec, complaint in (
            ({"type": "ClusterIP", "clusterIP": "None"}, 'cannot route to service with ClusterIP "None"'),
            ({"type": "Odd", "clusterIP": "127.7.0.1"}, 'unsupported service type "Odd"'),
        ):
            server.drop()
            await asyncio.sleep(0.05)
            known.add("hook", server.port, **spec)
            with pytest.raises(CallError) as found:
                await call(one, config)
            assert str(found.value) == where + complaint
        known.add("hook", 1, type="ClusterIP", clusterIP="127.7.0.1")
        with pytest.raises(CallError) as found:
            await call(one, config)
        assert str(found.value) == where + f'no service port {server.port} found for service "hook"'
        known.add("hook", 1, type="ExternalName", externalName="127.7.0.1")
        assert b"/x" in await call(one, config)


async def test_what_can_go_wrong_is_told_as_upstream_tells_it(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    async with webhook_server(tmp_path, echo) as server, webhook_server(other, echo, "else.where") as stranger, client() as one:
        url = f'Post "{server.url()}?timeout=5s": '
        with pytest.raises(CallError) as found:
            await call(one, by_url(server, bundle=stranger.bundle))
        assert str(found.value) == url + "tls: failed to verify certificate: x509: certificate signed by unknown authority"
        with pytest.raises(CallError) as found:
            await call(one, by_url(stranger))
        no_address = "cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs"
        assert str(found.value).endswith(f"tls: failed to verify certificate: x509: {no_address}")
        named = by_url(stranger)
        named.url = f"https://localhost:{stranger.port}/"
        with pytest.raises(CallError) as found:
            await call(one, named)
        assert str(found.value).endswith("x509: certificate is valid for else.where, not localhost")
        with pytest.raises(EndpointError):
            one.endpoint(WebhookClientConfig(url="https://x", caBundle=b"nonsense"))
        gone = by_url(server)
        server.hold = lambda _: asyncio.sleep(10)
        with pytest.raises(CallError) as found:
            await call(one, gone, 1)
        assert str(found.value) == f'Post "{server.url()}?timeout=1s": context deadline exceeded'
    async with client() as one:
        with pytest.raises(CallError) as found:
            await call(one, gone)
        assert str(found.value) == f"{url}dial tcp 127.0.0.1:{server.port}: connect: connection refused"


async def test_an_expired_certificate(tmp_path: Path) -> None:
    async with webhook_server(tmp_path, echo, expired=True) as server, client() as one:
        with pytest.raises(CallError) as found:
            await call(one, by_url(server))
        assert "x509: certificate has expired or is not yet valid" in str(found.value)


@pytest.mark.parametrize(
    ("status", "text", "message"),
    [
        (404, "404 page not found", "the server could not find the requested resource"),
        (500, "boom", 'an error on the server ("boom") has prevented the request from succeeding'),
        (503, "", "the server is currently unable to handle the request"),
        (403, "no", "no"),
        (302, "", "the server responded with the status code 302 but did not return more information"),
    ],
)
async def test_an_answer_that_is_not_success(tmp_path: Path, status: int, text: str, message: str) -> None:
    async with webhook_server(tmp_path, lambda _path, _body: (status, text)) as server, client() as one:
        with pytest.raises(ApiError) as found:
            await call(one, by_url(server))
        assert (found.value.message, found.value.code) == (message, status)


async def test_a_status_in_the_answer_speaks_for_itself(tmp_path: Path) -> None:
    body = '{"kind":"Status","apiVersion":"v1","status":"Failure","message":"full","reason":"TooManyRequests","code":429}'
    async with webhook_server(tmp_path, lambda _path, _body: (429, body)) as server, client() as one:
        with pytest.raises(ApiError, match="full"):
            await call(one, by_url(server))
