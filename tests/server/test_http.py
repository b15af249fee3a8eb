"""The HTTP layer alone, over plain TCP: bytes in, bytes out, among them those that a careful client would not send."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sagong.cluster.clock import RealClock
from sagong.server.http import HttpServer
from sagong.server.http_limits import Limits
from sagong.server.messages import Answer, Duplex, Request, Response, Stream, Upgrade

GET = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"


class Handler:
    """Echoes; `/stream` streams, `/upgrade` upgrades, `/slow` takes its time."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.stream_ended = asyncio.Event()
        self.proceed, self.begun = asyncio.Event(), asyncio.Event()

    async def __call__(self, request: Request) -> Answer:
        self.seen.append(f"{request.method} {request.path}")
        if request.path == "/stream":
            return Stream(self.chunks(), content_type="text/plain")
        if request.path == "/upgrade":
            return Upgrade(self.echo, [("Connection", "Upgrade"), ("Upgrade", "echo")])
        if request.path == "/flood":
            return Stream(self.flood(), content_type="text/plain")
        if request.path == "/slow":
            self.begun.set()
            await self.proceed.wait()
        text = f"{request.method} {request.path} {request.query_string} {len(request.body)}"
        return Response(text.encode(), content_type="text/plain")

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            for part in (b"one", b"two"):
                yield part
            await self.proceed.wait()
        finally:
            self.stream_ended.set()

    async def flood(self) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 100_000
        finally:
            self.stream_ended.set()

    async def echo(self, duplex: Duplex) -> None:
        while data := await duplex.read():
            duplex.write(data.upper())
            await duplex.drain()


class Line:
    """A raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> bytes:
        async with asyncio.timeout(20):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def answer(self) -> tuple[int, bytes]:
        head = await self.head()
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        return int(head.split(b" ")[1]), await self.reader.readexactly(length)

    async def ended(self) -> bool:
        async with asyncio.timeout(20):
            return await self.reader.read() == b""


@asynccontextmanager
async def serving(limits: Limits | None = None) -> AsyncIterator[tuple[HttpServer, Handler, Line]]:
    handler = Handler()
    server = HttpServer(handler, RealClock(), limits=limits)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0)
    port = listener.getsockname()[1]
    started = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve(listener, None, started=started))
        await started.wait()
        line = Line(*await asyncio.open_connection("127.0.0.1", port))
        try:
            yield server, handler, line
        finally:
            line.writer.close()
            handler.proceed.set()
            server.stop()


async def test_requests_on_one_connection_are_answered_in_order() -> None:
    async with serving() as (_, handler, line):
        body = b"POST /b?q=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
        chunked = b"PUT /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        line.send(GET % b"/a" + body + chunked)
        assert [await line.answer() for _ in range(3)] == [(200, b"GET /a  0"), (200, b"POST /b q=1 3"), (200, b"PUT /c  5")]
        for piece in (b"GET /d", b" HTTP/1.1\r\nHo", b"st: x\r\n\r", b"\n"):
            line.send(piece)
            await asyncio.sleep(0)
        assert await line.answer() == (200, b"GET /d  0")
        line.send((GET % b"/n") * 50)
        assert [await line.answer() for _ in range(50)] == [(200, b"GET /n  0")] * 50
        assert len(handler.seen) == 54


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
        b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc",
        b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\nabc",
        b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /a HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 40\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /a HTTP/1.1\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: x\r\n folded: yes\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: x\r\nBad\x00Name: y\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_doubtful_framing_is_refused_and_the_connection_closed(request_: bytes) -> None:
    async with serving() as (_, handler, line):
        line.send(request_ + GET % b"/smuggled")
        assert (await line.answer())[0] == 400
        assert await line.ended()
        assert handler.seen == []


async def test_sizes_are_bounded() -> None:
    limits = Limits(head=1000, body=1000)
    for request, code in (
        (b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n", 413),
        (b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001, 413),
        (b"GET /a HTTP/1.1\r\nHost: x\r\nFiller: " + b"x" * 2000, 431),
    ):
        async with serving(limits) as (_, handler, line):
            line.send(request)
            assert (await line.answer())[0] == code
            assert await line.ended()
            assert handler.seen == []


async def test_slow_clients_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagong.server.http.SWEEP_SECONDS", 0.02)
    limits = Limits(head_seconds=0.1, body_seconds=0.1, idle_seconds=0.1)
    for request, code in ((b"GET /a HT", 408), (b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc", 408), (b"", 0)):
        async with serving(limits) as (_, _, line):
            if request:
                line.send(request)
                assert (await line.answer())[0] == code
            assert await line.ended()


async def test_a_client_that_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagong.server.http.SWEEP_SECONDS", 0.02)
    async with serving(Limits(write_seconds=0.1)) as (_, handler, line):
        line.reader._transport.pause_reading()  # type: ignore[attr-defined] # the client stops reading
        line.send(GET % b"/flood")
        async with asyncio.timeout(20):
            await handler.stream_ended.wait()


async def test_a_cautious_client_is_told_to_go_on() -> None:
    async with serving() as (_, _, line):
        line.send(b"POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert await line.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.send(b"abc")
        assert await line.answer() == (200, b"POST /a  3")


async def test_head_old_clients_and_absolute_targets() -> None:
    async with serving() as (_, _, line):
        line.send(b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n" + b"GET http://x/b%20c?d HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"Content-Length: 10\r\n" in await line.head()
        assert await line.answer() == (200, b"GET /b c d 0")
        line.send(b"GET /old HTTP/1.0\r\n\r\n")
        assert b"Connection: close" in await line.head()
        assert await line.reader.read() == b"GET /old  0"


async def test_streams_come_in_chunks_and_end_when_the_client_goes() -> None:
    async with serving() as (_, handler, line):
        line.send(GET % b"/stream")
        assert b"Transfer-Encoding: chunked" in await line.head()
        assert await line.reader.readexactly(16) == b"3\r\none\r\n3\r\ntwo\r\n"
        line.writer.close()
        async with asyncio.timeout(20):
            await handler.stream_ended.wait()
    async with serving() as (_, handler, line):
        line.send(GET % b"/stream")
        await line.head()
        handler.proceed.set()
        assert await line.reader.readuntil(b"0\r\n\r\n")
        line.send(GET % b"/next")
        assert await line.answer() == (200, b"GET /next  0"), "the connection is kept"


async def test_an_upgrade_hands_over_the_connection_and_what_came_behind() -> None:
    async with serving() as (_, handler, line):
        line.send(b"GET /upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nleft")
        assert (await line.head()).startswith(b"HTTP/1.1 101 ")
        assert await line.reader.readexactly(4) == b"LEFT"
        line.send(b" over")
        assert await line.reader.readexactly(5) == b" OVER"
        assert handler.seen == ["GET /upgrade"]


async def test_an_upgrade_that_nobody_wants_is_an_ordinary_request() -> None:
    async with serving() as (_, _, line):
        offer = b"GET /plain HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"
        line.send(offer + GET % b"/next")
        assert await line.answer() == (200, b"GET /plain  0")
        assert await line.answer() == (200, b"GET /next  0")


async def test_shutting_down_finishes_what_is_under_way() -> None:
    async with serving() as (server, handler, line):
        line.send(GET % b"/slow")
        await handler.begun.wait()
        server.stop()
        await asyncio.sleep(0.01)
        handler.proceed.set()
        assert await line.answer() == (200, b"GET /slow  0")
        assert await line.ended()
