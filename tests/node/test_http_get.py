"""One GET, and the words for what went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sagong.api.types.core import Container, ContainerPort, HTTPGetAction, HTTPHeader
from sagong.node.http_get import GetError, PlainServerError, Target, get, resolve_port, target_of


@asynccontextmanager
async def server(answer: bytes, requests: list[bytes]) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        if answer == b"wait":
            await reader.read()
        else:
            writer.write(answer)
        writer.close()

    found = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with found:
        yield found.sockets[0].getsockname()[1]
    await asyncio.sleep(0.02)  # lets the other ends close


async def test_a_probe_s_request_and_its_answer() -> None:
    requests: list[bytes] = []
    async with server(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", requests) as port:
        action = HTTPGetAction(
            path="healthz", port="web", httpHeaders=[HTTPHeader(name="Host", value="me"), HTTPHeader(name="X", value="1")]
        )
        container = Container(ports=[ContainerPort(name="web", containerPort=port)])
        answer = await get(target_of(action, container, "127.0.0.1", "probe"), 5)
    assert (answer.code, answer.body) == (404, b"no")
    assert requests[0].splitlines() == [
        b"GET /healthz HTTP/1.1",
        b"Host: me",
        b"X: 1",
        b"User-Agent: kube-probe/1.36",
        b"Accept: */*",
        b"Connection: close",
        b"",
    ]


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("", "/"),
        ("a b/é", "/a%20b/%C3%A9"),
        ("/a%20b;v=1(x)", "/a%20b;v=1(x)"),
        ("/q?a=1&b=x y?", "/q?a=1&b=x%20y?"),
        ("/page#part", "/page"),
        ('/"quoted"\r\nX: 1', "/%22quoted%22%0D%0AX:%201"),
    ],
)
def test_a_path_is_sent_as_urls_are_written(path: str, sent: str) -> None:
    assert target_of(HTTPGetAction(path=path, port=80), Container(), "10.0.0.5", "probe").path == sent


async def test_a_server_without_tls_is_told_from_one_that_fails() -> None:
    reader_sees: list[bytes] = []

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader_sees.append(await reader.read(5))
        writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")
        writer.close()

    found = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with found:
        target = Target("https", "127.0.0.1", found.sockets[0].getsockname()[1])
        with pytest.raises(PlainServerError, match="http: server gave HTTP response to HTTPS client"):
            await get(target, 5)


async def test_redirects_on_the_host_are_followed_and_others_returned() -> None:
    async with server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", []) as last:
        moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{last}/there\r\nContent-Length: 0\r\n\r\n".encode()
        async with server(moved, []) as port:
            assert (await get(Target("http", "127.0.0.1", port), 5)).code == 200
    away = b"HTTP/1.1 302 Found\r\nLocation: http://example.com/\r\nContent-Length: 0\r\n\r\n"
    async with server(away, []) as port:
        assert (await get(Target("http", "127.0.0.1", port), 5)).code == 302


async def test_failures_read_as_go_s() -> None:
    async with server(b"", []) as port:
        pass
    with pytest.raises(GetError) as caught:
        await get(Target("http", "127.0.0.1", port), 5)
    assert str(caught.value) == f'Get "http://127.0.0.1:{port}/": dial tcp 127.0.0.1:{port}: connect: connection refused'
    async with server(b"", []) as port:
        with pytest.raises(GetError, match=r'": EOF$'):
            await get(Target("http", "127.0.0.1", port), 5)
    async with server(b"wait", []) as port:
        with pytest.raises(GetError, match=r"context deadline exceeded \(Client.Timeout exceeded while awaiting headers\)$"):
            await get(Target("http", "127.0.0.1", port), 0.05)


def test_ports_by_number_and_name() -> None:
    container = Container(ports=[ContainerPort(name="web", containerPort=8080)])
    assert [resolve_port(port, container) for port in (80, "web", "81")] == [80, 8080, 81]
    with pytest.raises(GetError, match="invalid syntax"):
        resolve_port("absent", container)
    with pytest.raises(GetError, match="invalid port number: 70000"):
        resolve_port(70000, container)
