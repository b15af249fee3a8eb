"""HTTP/1.1 over TLS on httptools and uvloop: the hot path of the API server.

One task serves a connection, request after request in order. Reading stops while requests wait (pipelining costs a client
only itself); answers wait for the peer to take them. One timer sweeps all connections for deadlines, so that a request costs
no timer of its own. A message whose framing is doubtful (RFC 9112 section 6.3) is refused and its connection closed.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import aclosing
from email.utils import format_datetime
from typing import cast

import httptools

from sagong.api.clock import Clock
from sagong.api.exposition import Metric
from sagong.server import wire
from sagong.server.duplex import Gate, TransportDuplex
from sagong.server.http_limits import TOO_LARGE, Framing, Limits, RefusedError, refusal, too_large
from sagong.server.messages import Answer, Handler, Peer, Request, Response, Stream, Upgrade

log = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0
QUEUE_LIMIT = 8
BACKLOG = 2048
COPY_LIMIT = 64 * 1024
WRITE_BUFFER = 256 * 1024


class HttpServer:
    """Listens, and hands every request to `handler`."""

    def __init__(self, handler: Handler, clock: Clock, *, limits: Limits | None = None) -> None:
        self.handler, self.clock, self.limits = handler, clock, limits or Limits()
        self.connections: set[Connection] = set()
        self._shaking: dict[Connection, float] = {}
        self._failed = 0
        self.stopping = False
        self.date = b""
        self._server: asyncio.Server | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._stop = asyncio.Event()

    async def serve(self, listener: socket.socket, tls: ssl.SSLContext | None, *, started: asyncio.Event | None = None) -> None:
        """Serve until `stop`; then finish requests under way."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as self._tasks:
            handshake = self.limits.handshake_seconds if tls else None
            self._server = await loop.create_server(
                self._arrive if tls else lambda: Connection(self), sock=listener, ssl=tls, backlog=BACKLOG, ssl_handshake_timeout=handshake
            )
            sweeper = self._tasks.create_task(self._sweep())
            try:
                if started is not None:
                    started.set()
                await self._stop.wait()
            finally:
                self._server.close()
            for connection in tuple(self.connections):
                connection.shut_down()
            while self.connections:
                await asyncio.wait([connection.task for connection in self.connections if connection.task], timeout=SWEEP_SECONDS)
            sweeper.cancel()

    def stop(self) -> None:
        """Stop listening, end streams, close each connection behind the request it serves."""
        self.stopping = True
        self._stop.set()

    def _arrive(self) -> Connection:
        """Make what will take a connection over when its handshake is done; nobody says so when that fails."""
        connection = Connection(self)
        self._shaking[connection] = asyncio.get_running_loop().time()
        return connection

    def shaken(self, connection: Connection) -> None:
        """Note that a handshake is done."""
        self._shaking.pop(connection, None)

    def families(self) -> Iterator[Metric]:
        """Yield what /metrics shows."""
        failed = Metric(
            "apiserver_tls_handshake_errors_total", "counter", "How many connections ended before their TLS handshake was done."
        )
        failed.add(self._failed)
        yield failed

    def adopt(self, connection: Connection) -> asyncio.Task[None]:
        """Start the task of a new connection."""
        assert self._tasks is not None
        self.connections.add(connection)
        return self._tasks.create_task(connection.run())

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self.date = f"Date: {format_datetime(self.clock.now(), usegmt=True)}\r\n".encode()
            now = loop.time()
            for connection in tuple(self.connections):
                if connection.deadline < now:
                    connection.time_out()
            late = now - self.limits.handshake_seconds - SWEEP_SECONDS
            for connection in [connection for connection, arrived in self._shaking.items() if arrived < late]:
                del self._shaking[connection]
                self._failed += 1
            await self.clock.sleep(SWEEP_SECONDS)


NEVER = float("inf")


class Connection(asyncio.Protocol):
    """One client connection: parses requests, serves them in order."""

    def __init__(self, server: HttpServer) -> None:
        self.server = server
        self.loop = asyncio.get_running_loop()
        self.task: asyncio.Task[None] | None = None
        self.deadline = self.loop.time() + server.limits.head_seconds
        self._gate = Gate()
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[tuple[Request | RefusedError, bool]] = deque()
        self._wakeup: asyncio.Future[None] | None = None
        self._paused = self._busy = self._in_message = self._refused = False
        self._stream_task = False
        self._leftover: bytes | None = None  # bytes behind a request that asks for an upgrade, held until it is answered
        self._duplex: TransportDuplex | None = None
        self._head_size = 0
        self._lingers: asyncio.Future[None] | None = None
        self._taken = 0

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: note the peer, start the task."""
        transport = cast("asyncio.Transport", transport)  # uvloop's do not inherit from it
        self.transport = transport
        self.server.shaken(self)
        if self.server.stopping or len(self.server.connections) >= self.server.limits.connections:
            transport.abort()
            return
        transport.set_write_buffer_limits(high=WRITE_BUFFER)
        endpoint = transport.get_extra_info("socket")
        if endpoint is not None and endpoint.family != socket.AF_UNIX:
            endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        name = transport.get_extra_info("peername")
        tls = transport.get_extra_info("ssl_object")
        self.peer = Peer(name[0] if isinstance(name, tuple) else "", tls.getpeercert(binary_form=True) if tls else None)
        self.task = self.server.adopt(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes: for the parser, or for whoever took the connection over."""
        if self._duplex is not None:
            self._duplex.feed(data)
        elif self._leftover is not None:
            self._leftover += data
            self._pause()
        elif not self._refused:
            self._feed(data)
        elif self._lingers is not None:
            self._taken += len(data)
            if self._taken > self.server.limits.linger_bytes:
                self._end_lingering()

    def eof_received(self) -> None:
        """Take the end of what the client sends."""
        if self._duplex is not None:
            self._duplex.end()
        self._end_lingering()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the reason changes nothing
        """End: streams are cut off, a request under way is finished in silence."""
        self.server.connections.discard(self)
        self._gate.lose()
        self._end_lingering()
        if self._duplex is not None:
            self._duplex.end()
        if self._stream_task and self.task is not None:
            self.task.cancel()
        self._wake()

    def pause_writing(self) -> None:
        """Hold answers back; a client that takes nothing for too long is cut off."""
        self._gate.pause()
        self.deadline = self.loop.time() + self.server.limits.write_seconds

    def resume_writing(self) -> None:
        """Let answers go on."""
        self._gate.resume()
        self.deadline = NEVER

    # --- parsing

    def _feed(self, data: bytes) -> None:
        if not self._in_message:
            self._head_size += len(data)
            if not self._busy and not self._queue:
                self.deadline = min(self.deadline, self.loop.time() + self.server.limits.head_seconds)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._leftover = data[upgrade.args[0] :]
        except httptools.HttpParserCallbackError as error:
            self._refuse(error.__context__ if isinstance(error.__context__, RefusedError) else RefusedError(400, "400 Bad Request"))
        except httptools.HttpParserError as error:
            self._refuse(RefusedError(400, f"400 Bad Request: {error}"))
        else:
            if not self._in_message and self._head_size > self.server.limits.head:
                self._refuse(RefusedError(431, "431 Request Header Fields Too Large"))

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._url = b""
        self._headers: dict[str, list[str]] = {}
        self._body: list[bytes] = []
        self._body_size = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        """Refuse doubtful framing and bodies that are too large; let a cautious client go on."""
        self._in_message = True
        self._head_size = 0
        headers = self._headers
        framing = Framing(self._parser.get_http_version(), self._parser.should_upgrade())
        if (error := refusal(headers, framing, self.server.limits)) is not None:
            raise error
        if "transfer-encoding" in headers or "content-length" in headers:
            self.deadline = self.loop.time() + self.server.limits.body_seconds
            if headers.get("expect", [""])[0].lower() == "100-continue":
                self.transport.write(wire.CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._body_size += len(body)
        if self._body_size > self.server.limits.body:
            raise too_large(self.server.limits.body)
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Queue the request."""
        self._in_message = False
        self.deadline = NEVER
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        target = self._url.decode("latin-1")
        if not target.startswith("/"):
            target = _origin_form(target)
        request = Request(self._parser.get_method().decode(), target, self._headers, body, self.peer)
        self._queue.append((request, self._parser.should_keep_alive()))
        if len(self._queue) >= QUEUE_LIMIT:
            self._pause()
        self._wake()

    def _refuse(self, error: RefusedError) -> None:
        self._refused = True
        self.deadline = NEVER
        self._queue.append((error, False))
        self._wake()

    # --- serving

    async def run(self) -> None:
        """Serve requests in order until the connection ends."""
        try:
            while not self._gate.lost and (message := await self._next()) is not None:
                self._busy = True
                if not await self._serve(*message):
                    break
                self._busy = False
        except (ConnectionError, asyncio.CancelledError):
            pass
        except Exception:
            log.exception("connection of %s", self.peer.address)
            self.transport.abort()
        finally:
            self._refused = True
            if not self._gate.lost:
                self._resume()  # a TLS connection whose reading is paused would not end
            self.transport.close()
            self.server.connections.discard(self)

    async def _next(self) -> tuple[Request | RefusedError, bool] | None:
        if not self._queue:
            if self._paused:
                self._paused = False
                self.transport.resume_reading()
            if not self._in_message:
                self.deadline = self.loop.time() + self.server.limits.idle_seconds
            self._wakeup = self.loop.create_future()
            await self._wakeup
            self._wakeup = None
        return self._queue.popleft() if self._queue else None

    async def _serve(self, request: Request | RefusedError, keep_alive: bool) -> bool:  # noqa: FBT001 - a message as queued
        if isinstance(request, RefusedError):
            self._write_response(request.response, close=True, with_body=True)
            if request.response.status == TOO_LARGE:
                await self._linger()
            return False
        answer: Answer = await self.server.handler(request)
        close = not keep_alive or self.server.stopping
        if isinstance(answer, Response):
            if answer.pieces is not None:
                await self._write_pieces(answer, answer.pieces, close=close)
            else:
                self._write_response(answer, close=close, with_body=request.method != "HEAD")
            await self._gate.wait_open()
        elif isinstance(answer, Stream):
            try:
                await self._write_stream(answer, close=close)
            finally:
                answer.ended()
            close = close or self.server.stopping
        else:
            try:
                await self._hand_over(answer)
            finally:
                answer.ended()
            return False
        if self._leftover is not None and not close:
            leftover, self._leftover = self._leftover, None
            self._parser = httptools.HttpRequestParser(self)
            if leftover:
                self._feed(leftover)
        return not close

    async def _linger(self) -> None:
        """Take what the client still sends, for a while: closing at once would reset the connection before it has read the answer."""
        self._resume()
        self._lingers = self.loop.create_future()
        self.deadline = self.loop.time() + self.server.limits.linger_seconds
        await self._lingers

    def _write_response(self, answer: Response, *, close: bool, with_body: bool) -> None:
        body = answer.body
        head = wire.head(answer.status, answer.content_type, answer.headers, self.server.date, length=len(body), close=close)
        if not with_body or not body:
            self.transport.write(head)
        elif len(body) < COPY_LIMIT:
            self.transport.write(head + body)
        else:
            self.transport.writelines((head, body))

    async def _write_pieces(self, answer: Response, pieces: Iterator[bytes], *, close: bool) -> None:
        """Write a body while it is made, no faster than the client takes it; between pieces others have their turn."""
        write, gate, clock = self.transport.write, self._gate, self.server.clock
        close = close or self._parser.get_http_version() == "1.0"
        headers = [*answer.headers, *wire.GZIPPED] if answer.gzip else answer.headers
        write(wire.head(answer.status, answer.content_type, headers, self.server.date, length=None, close=close))
        zipping = zlib.compressobj(1, zlib.DEFLATED, wire.GZIP_WINDOW) if answer.gzip else None
        size = 0
        for piece in pieces:
            data = piece if zipping is None else await asyncio.to_thread(zipping.compress, piece)
            if data:
                size += len(data)
                write(data if close else wire.chunk(data))
            await clock.sleep(0)
            await gate.wait_open()
        if zipping is not None:
            data = zipping.flush()
            size += len(data)
            write(data if close else wire.chunk(data))
        if answer.sent is not None:
            answer.sent(size)
        if not close:
            write(wire.LAST_CHUNK)

    async def _write_stream(self, answer: Stream, *, close: bool) -> None:
        write, gate = self.transport.write, self._gate
        close = close or self._parser.get_http_version() == "1.0"
        write(wire.head(answer.status, answer.content_type, answer.headers, self.server.date, length=None, close=close))
        self._stream_task = True
        if answer.attach is not None:
            answer.attach(_Sink(self.transport, gate, wire.unframed if close else wire.chunk))
        try:
            async with aclosing(answer.chunks) as chunks:  # type: ignore[type-var] # an async generator in practice
                async for data in chunks:
                    write(data if close else wire.chunk(data))
                    await gate.wait_open()
        except asyncio.CancelledError:
            if not self.server.stopping:
                raise
        except ConnectionError:
            raise
        except Exception:
            log.exception("stream to %s", self.peer.address)
            self.transport.abort()
            return
        finally:
            self._stream_task = False
        if not close:
            write(wire.LAST_CHUNK)

    async def _hand_over(self, answer: Upgrade) -> None:
        self._duplex = TransportDuplex(self.transport, self._gate, self._leftover or b"")
        self._resume()
        self._stream_task = True
        self.transport.write(wire.upgrade_head(answer.status, answer.headers))
        await answer.run(self._duplex)

    # --- ends

    def shut_down(self) -> None:
        """End because the server stops: at once when idle or streaming, else behind the answer."""
        if not self._busy:
            self.transport.close()
        elif self._stream_task and self.task is not None:
            self.task.cancel()

    def time_out(self) -> None:
        """End because a deadline passed: an idle client, or one that sends too slowly."""
        self.deadline = NEVER
        if self._lingers is not None:
            self._end_lingering()
        elif self._gate.closed:
            self.transport.abort()
        elif self._in_message or self._head_size:
            self._refuse(RefusedError(408, "408 Request Timeout"))
        else:
            self.transport.close()

    def _end_lingering(self) -> None:
        if self._lingers is not None and not self._lingers.done():
            self._lingers.set_result(None)

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self.transport.resume_reading()

    def _wake(self) -> None:
        if self._wakeup is not None and not self._wakeup.done():
            self._wakeup.set_result(None)


class _Sink:
    """`messages.Sink` of a connection."""

    __slots__ = ("_gate", "framing", "wait_open", "write")

    def __init__(self, transport: asyncio.Transport, gate: Gate, framing: Callable[[bytes], bytes]) -> None:
        self._gate, self.framing = gate, framing
        self.write, self.wait_open = transport.write, gate.wait_open

    @property
    def closed(self) -> bool:
        """Whether the client has not taken what was written before, or is gone."""
        return self._gate.closed or self._gate.lost


def _origin_form(target: str) -> str:
    """Reduce an absolute-form target (RFC 9112 section 3.2.2) to its path and query."""
    _, scheme, rest = target.partition("://")
    return "/" + rest.partition("/")[2] if scheme else "/" + target
