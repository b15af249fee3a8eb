"""Streams over WebSocket: watches by a real server, and what logs need by the sender alone."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from tests.server.harness import Client, running

from sagong.api.streams.websocket import Closed, Event, Message, Ping, WebSocket
from sagong.server import websockets
from sagong.server.messages import TEXT, Peer, Request, Stream

HANDSHAKE = {
    "Connection": "keep-alive, Upgrade",
    "Upgrade": "websocket",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec_WebSocket_Version": "13",
}


class Peering:
    """The client's end of a WebSocket."""

    def __init__(self, client: Client) -> None:
        self.client, self.socket = client, WebSocket(mask=lambda: b"abcd")
        self.events: list[Event] = []

    async def next(self) -> Event:
        while not self.events:
            data = await self.client.reader.read(65536)
            assert data, "the server closed the connection"
            self.events += self.socket.feed(data)
        return self.events.pop(0)

    async def send(self, data: bytes) -> None:
        self.client.writer.write(data)
        await self.client.writer.drain()


async def opened(client: Client, path: str, **headers: str) -> tuple[str, Peering]:
    await client.send("GET", path, **HANDSHAKE, **headers)
    head = (await client.reader.readuntil(b"\r\n\r\n")).decode()
    return head, Peering(client)


async def test_a_watch_sends_one_event_a_message(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        maps = "/api/v1/namespaces/default/configmaps"
        for name in "ab":
            await api.ok("POST", maps, {"metadata": {"name": name}})
        head, peer = await opened(await api.connect(), f"{maps}?watch=1", Sec_WebSocket_Protocol="json.k8s.io")
        assert head.startswith("HTTP/1.1 101 ")
        assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        assert "Sec-WebSocket-Protocol: json.k8s.io" in head
        for name in "ab":
            event = await peer.next()
            assert isinstance(event, Message)
            assert event.text
            assert json.loads(event.data)["object"]["metadata"]["name"] == name
        await api.ok("DELETE", f"{maps}/a")
        event = await peer.next()
        assert isinstance(event, Message)
        assert json.loads(event.data)["type"] == "DELETED"
        await peer.send(peer.socket.ping(b"there?"))
        assert (await peer.next()).data == b"there?"  # type: ignore[union-attr]  # a pong
        await peer.send(peer.socket.close())
        assert isinstance(await peer.next(), Closed)
        assert await peer.client.reader.read() == b""


async def test_a_refused_request_is_answered_as_without_websocket(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        head, _ = await opened(await api.connect(), "/api/v1/namespaces/default/configmaps?watch=1&labelSelector=%3D%3D")
        assert head.startswith("HTTP/1.1 400 ")
        head, _ = await opened(await api.connect(""), "/api/v1/namespaces/default/configmaps?watch=1")
        assert head.startswith("HTTP/1.1 403 ")


class Pipe:
    """A `Duplex` in memory: what the client sends is queued, what the server writes is kept."""

    def __init__(self) -> None:
        self.sent, self.written, self.closed = asyncio.Queue[bytes](), b"", False

    async def read(self) -> bytes:
        return await self.sent.get()

    def write(self, data: bytes) -> None:
        self.written += data

    @property
    def congested(self) -> bool:
        return False

    async def drain(self) -> None:
        await asyncio.sleep(0)

    def close(self) -> None:
        self.closed = True

    def messages(self) -> Sequence[Event]:
        return WebSocket(mask=lambda: b"abcd").feed(self.written)


def request(protocol: str) -> Request:
    headers = {"sec-websocket-key": ["x"], "sec-websocket-protocol": [f"base64url.bearer.authorization.k8s.io.dG9rZW4, {protocol}"]}
    return Request("GET", "/log", headers, b"", Peer())


async def lines(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


@pytest.mark.parametrize(
    ("protocol", "chosen", "data"), [("binary.k8s.io", True, b"a\nb\n"), ("base64.binary.k8s.io", True, b"a\nb\n"), ("", False, b"a\nb\n")]
)
async def test_a_log_sends_bytes_or_base64(protocol: str, chosen: bool, data: bytes) -> None:  # noqa: FBT001 - a table's column
    answer = websockets.upgrade(request(protocol), Stream(lines(data, b"\xff"), content_type=TEXT), events=False)
    assert (("Sec-WebSocket-Protocol", protocol) in answer.headers) is chosen
    pipe = Pipe()
    await answer.run(pipe)
    first, *found, last = pipe.messages()
    assert first == Message(b"", text=protocol.startswith("base64"))
    text = protocol.startswith("base64")
    assert found == [Message(base64.b64encode(part) if text else part, text=text) for part in (data, b"\xff")]
    assert isinstance(last, Closed)
    assert pipe.closed


async def test_a_client_that_goes_ends_the_stream() -> None:
    ended = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            yield b"a"
            await asyncio.Event().wait()
        finally:
            ended.set()

    pipe = Pipe()
    running_ = asyncio.ensure_future(websockets.upgrade(request("binary.k8s.io"), Stream(endless()), events=False).run(pipe))
    client = WebSocket(mask=lambda: b"abcd")
    await pipe.sent.put(client.ping(b"x"))
    await pipe.sent.put(b"")
    await running_
    assert ended.is_set()
    assert not any(isinstance(event, Ping) for event in pipe.messages())


async def test_what_breaks_the_protocol_ends_the_stream() -> None:
    pipe = Pipe()
    await pipe.sent.put(WebSocket().message(b"not masked"))
    await websockets.upgrade(request(""), Stream(lines(*[b"x"] * 100)), events=False).run(pipe)
    assert pipe.closed
