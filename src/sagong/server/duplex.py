"""A connection after its upgrade, as the handler that took it over sees it."""

from __future__ import annotations

import asyncio
from collections import deque

READ_AHEAD = 256 * 1024


class Gate:
    """Backpressure of a transport: closed while its write buffer is over the high-water mark."""

    __slots__ = ("_lost", "_paused", "_waiters")

    def __init__(self) -> None:
        self._paused = self._lost = False
        self._waiters: set[asyncio.Future[None]] = set()

    def pause(self) -> None:
        """Close the gate."""
        self._paused = True

    def resume(self) -> None:
        """Open it."""
        self._paused = False
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def lose(self) -> None:
        """Let everyone through to find that the peer is gone."""
        self._lost = True
        self.resume()

    @property
    def closed(self) -> bool:
        """Whether writers wait."""
        return self._paused

    @property
    def lost(self) -> bool:
        """Whether the peer is gone."""
        return self._lost

    async def wait_open(self) -> None:
        """Wait until the gate is open. Raises ConnectionResetError when the peer is gone."""
        while self._paused and not self._lost:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)
        if self._lost:
            raise ConnectionResetError("the peer closed the connection")


class TransportDuplex:
    """`messages.Duplex` on an asyncio transport; the connection feeds it what arrives."""

    def __init__(self, transport: asyncio.Transport, gate: Gate, leftover: bytes) -> None:
        self._transport, self._gate = transport, gate
        self._chunks: deque[bytes] = deque([leftover] if leftover else ())
        self._size = len(leftover)
        self._ended = self._paused = False
        self._waiter: asyncio.Future[None] | None = None

    def feed(self, data: bytes) -> None:
        """Take bytes that arrived."""
        self._chunks.append(data)
        self._size += len(data)
        if self._size > READ_AHEAD and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def end(self) -> None:
        """Take the end of the stream."""
        self._ended = True
        self._wake()

    async def read(self) -> bytes:
        """Return the next bytes, b"" at the end."""
        while not self._chunks:
            if self._ended:
                return b""
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = self._chunks.popleft()
        self._size -= len(data)
        if self._paused and self._size <= READ_AHEAD // 2:
            self._paused = False
            if not self._gate.lost:
                self._transport.resume_reading()
        return data

    def write(self, data: bytes) -> None:
        """Queue bytes; dropped when the peer is gone, which `drain` tells."""
        if not self._gate.lost:
            self._transport.write(data)

    @property
    def congested(self) -> bool:
        """Whether the peer has to take something before more is queued."""
        return self._gate.closed

    async def drain(self) -> None:
        """Wait until the peer has taken enough. Raises ConnectionResetError."""
        await self._gate.wait_open()

    def close(self) -> None:
        """Flush and close."""
        self._transport.close()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
