"""Kept connections: a burst is answered over those that an earlier one has left, and dead ones are not kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sagong.client.client import Client
from sagong.client.config import ClientConfig
from sagong.client.pool import MAX_IDLE
from sagong.client.transport import MAX_REQUESTS
from sagong.cluster.clock import RealClock, RealRandom

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Answers when as many ask as it waits for; counts connections."""

    def __init__(self) -> None:
        self.made, self.open = 0, list[asyncio.StreamWriter]()
        self.asking, self.wanted = 0, 1
        self.all_ask = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.made += 1
        self.open.append(writer)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.asking += 1
                if self.asking == self.wanted:
                    self.all_ask.set()
                await self.all_ask.wait()
                writer.write(OK)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def expect(self, wanted: int) -> None:
        self.asking, self.wanted = 0, wanted
        self.all_ask.clear()


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Server, Client]]:
    server = Server()
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        async with Client(ClientConfig(f"http://127.0.0.1:{port}"), clock=RealClock(), random=RealRandom()) as client:
            yield server, client


async def burst(server: Server, client: Client, count: int) -> None:
    server.expect(count)
    async with asyncio.timeout(20):
        await asyncio.gather(*(client.raw("GET", "/x") for _ in range(count)))


async def test_a_burst_leaves_its_connections_to_the_next() -> None:
    async with served() as (server, client):
        for _ in range(3):
            await burst(server, client, MAX_REQUESTS)
        assert server.made == MAX_REQUESTS == MAX_IDLE


async def test_what_the_server_has_closed_is_neither_used_nor_kept() -> None:
    async with served() as (server, client):
        await burst(server, client, 10)
        for writer in server.open[:9]:  # some that rested longest among them
            writer.close()
        await asyncio.sleep(0.05)
        await burst(server, client, 1)
        await burst(server, client, 10)
        kept = client.transport.pool._idle
        assert len(kept) == 10
        assert not any(connection.closed for connection in kept)
