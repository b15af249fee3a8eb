"""A client's transport whose other end is a server in the same process: no sockets, no TLS, and faults on the way if wanted."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, cast
from urllib.parse import quote, urlencode

from tests.virtual.faults import GONE, Faults

from sagong.api.cause import HEADER, cause_id
from sagong.api.clock import Clock
from sagong.client.config import ClientConfig
from sagong.client.connection import ServerUnreachableError
from sagong.client.credentials import Bearer
from sagong.client.transport import REQUEST_TIMEOUT, Request, Response, Stream, Transport, error_of
from sagong.server import messages
from sagong.server.messages import Handler, Peer

MOST_UNREAD = 100
"""pieces that wait to be read before the server is told to wait"""


class WiredTransport(Transport):
    """Speaks for whom a certificate (DER) or a token names. What a Transport does around one exchange, it does too; nobody leads there."""

    def __init__(
        self,
        handler: Handler,
        clock: Clock,
        *,
        certificate: bytes | None = None,
        bearer: Bearer | None = None,
        faults: Faults | None = None,
    ) -> None:
        super().__init__(ClientConfig("http://server.invalid"), clock, bearer=bearer)
        self._handler, self._peer, self._faults = handler, Peer("127.0.0.1", certificate), faults

    async def _exchange(self, request: Request, time_limit: float) -> Response:
        async with asyncio.timeout(time_limit):
            faults = self._faults
            if faults is not None and (refused := await self._trouble(faults, request)):
                return refused
            answer = await self._ask(request)
            assert isinstance(answer, messages.Response)
            if faults is not None and faults.loses_answer(request):
                raise ServerUnreachableError("the server closed the connection")
            headers = {name.lower(): value for name, value in answer.headers}
            return Response(answer.status, headers, answer.complete())

    @asynccontextmanager
    async def stream(self, request: Request, *, time_limit: float = REQUEST_TIMEOUT) -> AsyncIterator[Stream]:
        async with asyncio.timeout(time_limit):
            refused = await self._trouble(self._faults, request) if self._faults is not None else None
            answer = None if refused else await self._ask(request)
        if refused is None and isinstance(answer, messages.Response):
            refused = Response(answer.status, {}, answer.complete())
        if refused is not None:
            raise error_of(refused)
        assert isinstance(answer, messages.Stream)
        pipe = _Pipe()
        if answer.attach is not None:
            answer.attach(pipe)
        filling = asyncio.ensure_future(pipe.fill(answer.chunks))
        try:
            yield _WiredStream(answer, pipe, self._faults)
        finally:
            filling.cancel()
            with suppress(asyncio.CancelledError):
                await filling
            answer.ended()

    async def _trouble(self, faults: Faults, request: Request) -> Response | None:
        if delay := faults.delay():
            await asyncio.sleep(delay)
        if faults.unreachable():
            raise ServerUnreachableError("cannot reach the server: injected")
        return faults.refusal(request)

    async def _ask(self, request: Request) -> messages.Answer:
        target = quote(request.path, safe="/:@!$&'()*+,;=~-._")
        if request.query:
            target += "?" + urlencode(request.query, doseq=True)
        headers = {name.lower(): [value] for name, value in request.headers.items()}
        headers["user-agent"] = ["virtual"]
        if token := await self._bearer.token():
            headers["authorization"] = [f"Bearer {token}"]
        if cause := cause_id.get():
            headers[HEADER.lower()] = [cause]
        asked = messages.Request(request.method, target, headers, request.body, self._peer)
        # a task of its own, as on a connection: the server finishes what was asked although the client has lost interest
        return await asyncio.shield(asyncio.ensure_future(self._handler(asked)))


class _Pipe:
    """What the server has written and the client has not read yet. A `messages.Sink`, as a connection has one."""

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._over = False
        self._readable, self._writable = asyncio.Event(), asyncio.Event()
        self._writable.set()

    async def fill(self, chunks: AsyncIterator[bytes]) -> None:
        """Write what a stream brings, no faster than it is read."""
        try:
            async with aclosing(cast("Any", chunks)) as stream:
                async for chunk in stream:
                    self.write(chunk)
                    await self.wait_open()
        finally:
            self._over = True
            self._readable.set()

    @property
    def closed(self) -> bool:
        return not self._writable.is_set()

    @staticmethod
    def framing(data: bytes) -> bytes:
        return data

    def write(self, framed: bytes) -> None:
        self._chunks.append(framed)
        self._readable.set()
        if len(self._chunks) >= MOST_UNREAD:
            self._writable.clear()

    async def wait_open(self) -> None:
        await self._writable.wait()

    async def read(self) -> bytes:
        """Return the next piece; empty at the end."""
        while not self._chunks:
            if self._over:
                return b""
            self._readable.clear()
            await self._readable.wait()
        chunk = self._chunks.popleft()
        if not self._chunks:
            self._writable.set()
        return chunk


class _WiredStream(Stream):
    """The body of a watch or a log."""

    def __init__(self, answer: messages.Stream, pipe: _Pipe, faults: Faults | None) -> None:
        self.status, self.headers = answer.status, {name.lower(): value for name, value in answer.headers}
        self._pipe, self._faults = pipe, faults

    async def read(self) -> bytes:
        """Return the next piece; empty at the end."""
        return await self._pipe.read()

    async def _pieces(self) -> AsyncIterator[bytes]:
        while chunk := await self._pipe.read():
            if self._faults is not None:
                if self._faults.cuts_watch():
                    raise ServerUnreachableError("the server closed the connection")
                if self._faults.expires_watch():
                    yield GONE
                    return
            yield chunk

    def close(self) -> None:
        """Do nothing: who reads it lets go of it."""
