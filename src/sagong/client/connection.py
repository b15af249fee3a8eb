"""One HTTP/1.1 connection (RFC 9112) on the loop: bytes out, a head, then chunks or, after an upgrade, raw bytes."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import Any, cast

import httptools

HIGH_WATER = 256 * 1024
SWITCHING_PROTOCOLS = 101


class ServerUnreachableError(ConnectionError):
    """The API server cannot be reached, or the connection broke before the answer was complete."""


class Connection(asyncio.Protocol):
    """Carries one exchange at a time. `reusable` says whether another may follow."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.status = 0
        self.headers: dict[str, str] = {}
        self.answered = False  # whether a byte of the present answer has come
        self.closed = False
        self._parser = httptools.HttpResponseParser(self)
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._paused = False
        self._head_done = self._complete = self._upgraded = False
        self._keep = True
        self._waiter: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._error: Exception | None = None

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Find dead peers within about half a minute: a watch may be silent for long."""
        self.transport = cast("asyncio.Transport", transport)
        sock: socket.socket | None = transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)

    def data_received(self, data: bytes) -> None:
        """Parse, or pass on what follows an upgrade."""
        self.answered = True
        if self._upgraded:
            self._push(data)
        else:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                self._push(data[upgrade.args[0] :])
            except httptools.HttpParserError as error:
                self._error = ServerUnreachableError(f"the server does not speak HTTP: {error}")
                self.transport.abort()
        self._wake()

    def eof_received(self) -> bool:
        """Let the transport close."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what waits, unless the end of the connection is the end of the body."""
        self.closed = True
        until_close = self._head_done and "content-length" not in self.headers and "transfer-encoding" not in self.headers
        if exc is None and (self._upgraded or until_close):
            self._complete = True
        if not self._complete and self._error is None:
            self._error = ServerUnreachableError(str(exc) if exc else "the server closed the connection")
        self._writable.set()
        self._wake()

    def pause_writing(self) -> None:
        """Hold writers back."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let writers go on."""
        self._writable.set()

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; names are lower case, repeated ones are joined."""
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        """Note the status; an interim answer is dropped when it completes."""
        self.status = self._parser.get_status_code()
        self._head_done = self.status >= 200 or self.status == SWITCHING_PROTOCOLS  # noqa: PLR2004 - 1xx are interim
        self._upgraded = self.status == SWITCHING_PROTOCOLS

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        self._push(body)

    def on_message_complete(self) -> None:
        """End the exchange."""
        if not self._head_done:
            self.headers.clear()
        elif not self._upgraded:
            self._keep = self._parser.should_keep_alive()
            self._complete = True

    # What the pool calls.

    @property
    def reusable(self) -> bool:
        """Whether the answer is complete and the connection stays."""
        return self._complete and self._keep and not self.closed and not self._upgraded and not self._chunks

    def send(self, request: bytes) -> None:
        """Begin an exchange."""
        self.status, self.headers = 0, {}
        self.answered = self._head_done = self._complete = False
        self._error = None
        self._chunks.clear()
        self._buffered = 0
        self.transport.write(request)

    async def wait_head(self) -> None:
        """Wait for status and headers. Raises ServerUnreachableError."""
        while not self._head_done:
            await self._wait()

    async def read(self) -> bytes:
        """Return the next piece; empty at the end. Raises ServerUnreachableError."""
        while not self._chunks:
            if self._complete:
                return b""
            await self._wait()
        chunk = self._chunks.popleft()
        self._buffered -= len(chunk)
        if self._buffered < HIGH_WATER // 2:
            self._resume()
        return chunk

    async def read_all(self) -> bytes:
        """Return the whole body."""
        while not self._complete:
            self._resume()
            await self._wait()
        self._resume()
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._buffered = 0
        return body

    async def write(self, data: bytes) -> None:
        """Write raw bytes after an upgrade, when there is room."""
        if self.closed:
            raise ServerUnreachableError("the connection is closed")
        self.transport.write(data)
        await self._writable.wait()

    def abort(self) -> None:
        """Drop the connection at once."""
        self.transport.abort()

    async def _wait(self) -> None:
        if self._error is not None:
            raise self._error
        if self.closed:
            raise ServerUnreachableError("the connection is closed")
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _resume(self) -> None:
        """Read on, also after the last piece: the next answer comes on the same connection."""
        if self._paused and not self.closed:
            self._paused = False
            self.transport.resume_reading()

    def _push(self, data: bytes) -> None:
        if not data:
            return
        self._chunks.append(data)
        self._buffered += len(data)
        if self._buffered > HIGH_WATER and not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def connect(host: str, port: int, **tls: Any) -> Connection:
    """Open a connection. Raises ServerUnreachableError for whatever the network or TLS says."""
    loop = asyncio.get_running_loop()
    try:
        _, connection = await loop.create_connection(Connection, host, port, **tls)
    except OSError as error:
        raise ServerUnreachableError(f"cannot reach {host}:{port}: {error}") from error
    return connection
