"""The runtime's end of a stream: over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sagong.node.server.ends import SocketEnd


class Server:
    """The other side."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[SocketEnd, Server]]:
    server, there = Server(), asyncio.Event()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.reader, server.writer = reader, writer
        there.set()

    listening = await asyncio.start_server(accepted, "127.0.0.1", 0, limit=1 << 22)
    async with listening:
        end = await SocketEnd.connect("127.0.0.1", listening.sockets[0].getsockname()[1])
        await there.wait()
        try:
            yield end, server
        finally:
            end.close()
            server.writer.close()


async def test_a_little_is_passed_on_at_once_and_the_end_is_seen() -> None:
    async with connected() as (end, server):
        server.writer.write(b"hello")
        assert await end.read() == b"hello"
        server.writer.write(b"again")
        assert await end.read() == b"again"
        server.writer.close()
        assert await end.read() == b""


async def test_much_comes_whole() -> None:
    async with connected() as (end, server):
        data = bytes(range(256)) * 8192
        server.writer.write(data)
        server.writer.write_eof()
        came = [await end.read()]
        while came[-1]:
            came.append(await end.read())
        assert b"".join(came) == data


async def test_what_comes_behind_a_head_is_kept() -> None:
    async with connected() as (end, server):
        server.writer.write(b"HTTP/1.1 101 x\r\n\r\nrest")
        assert await end.read_until(b"\r\n\r\n", 1000) == b"HTTP/1.1 101 x\r\n\r\n"
        assert await end.read() == b"rest"
        server.writer.write(b"x" * 100)
        with pytest.raises(EOFError):
            await end.read_until(b"\r\n\r\n", 10)


async def test_two_who_write_at_the_same_time_do_not_mix() -> None:
    async with connected() as (end, server):
        size = 1 << 23
        async with asyncio.TaskGroup() as group:
            for letter in (b"a", b"b"):
                group.create_task(end.write(letter * size))
            came = await server.reader.readexactly(2 * size)
        assert came == b"a" * size + b"b" * size


async def test_a_server_that_does_not_read_keeps_the_writer_waiting() -> None:
    async with connected() as (end, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await end.write(b"x" * (1 << 26))
