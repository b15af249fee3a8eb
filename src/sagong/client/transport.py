"""Requests over kept connections: credentials, time limits, the retries that are safe, errors as ApiError."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, urlencode

import msgspec

from sagong.api import fence
from sagong.api.cause import HEADER, cause_id
from sagong.api.clock import Clock
from sagong.api.errors import ApiError, UnauthorizedError, from_status
from sagong.api.types.meta import Status
from sagong.client.config import ClientConfig
from sagong.client.connection import Connection
from sagong.client.credentials import Bearer, bearer_of
from sagong.client.pool import MAX_IDLE, Pool, always
from sagong.client.request_metrics import RequestMetrics

REQUEST_TIMEOUT = 60.0
MAX_REQUESTS = MAX_IDLE  # so that a burst leaves all its connections for the next one
MAX_RETRIES = 10  # as client-go's, of answers that carry Retry-After
IDEMPOTENT = frozenset({"GET", "PUT", "DELETE"})
BODILESS = frozenset({"GET", "DELETE"})

Query = Mapping[str, str | list[str]]


class Leadership(Protocol):
    """A lease that is held, on which all writes stand."""

    @property
    def fence(self) -> fence.Fence:
        """What the server checks before it keeps a write."""
        ...

    def guard(self) -> None:
        """Raise OSError when the lease has run out."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """A question. The path is not quoted yet."""

    method: str
    path: str
    query: Query
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer below 400. Header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Stream:
    """An answer whose body is read piece by piece: `async for chunk in stream`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.status, self.headers = connection.status, connection.headers

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces()

    async def read(self) -> bytes:
        """Return the next piece; empty at the end. Raises ServerUnreachableError."""
        return await self._connection.read()

    async def write(self, data: bytes) -> None:
        """Send raw bytes; only after an upgrade."""
        await self._connection.write(data)

    def close(self) -> None:
        """Drop the connection."""
        self._connection.abort()

    async def _pieces(self) -> AsyncIterator[bytes]:
        while chunk := await self._connection.read():
            yield chunk


class Transport:
    """Speaks for one identity. Several may share a pool, if TLS does not name one already."""

    def __init__(
        self,
        config: ClientConfig,
        clock: Clock,
        *,
        pool: Pool | None = None,
        bearer: Bearer | None = None,
        leadership: Leadership | None = None,
    ) -> None:
        """With `leadership`, nothing is written but while a lease is held."""
        self.config = config
        self.pool = pool or Pool(config)
        self._clock, self.leadership = clock, leadership
        self._bearer = bearer or bearer_of(config, clock)
        self._static = f"Host: {self.pool.authority}\r\nUser-Agent: {config.user_agent}\r\n"
        self.metrics = RequestMetrics()
        self._slots = asyncio.Semaphore(MAX_REQUESTS)

    async def request(self, request: Request, time_limit: float = REQUEST_TIMEOUT) -> Response:
        """Ask and read the whole answer. Raises ApiError, OSError (ServerUnreachableError, TimeoutError)."""
        metrics, who, asked = self.metrics, (request.method, self.pool.authority), self._clock.monotonic()
        async with self._slots:
            begun = self._clock.monotonic()
            metrics.waits.observe(begun - asked, who)
            metrics.sent.observe(len(request.body), who)
            try:
                return await self._asked(request, time_limit)
            except UnauthorizedError:
                if not self._bearer.renew():
                    raise
                return await self._asked(request, time_limit)
            finally:
                metrics.seconds.observe(self._clock.monotonic() - begun, who)

    @asynccontextmanager
    async def stream(self, request: Request, *, time_limit: float = REQUEST_TIMEOUT) -> AsyncIterator[Stream]:
        """Ask and hand out the answer as it comes; `time_limit` is for its head. Raises as `request`."""
        async with asyncio.timeout(time_limit):
            connection = await self._send(request)
        try:
            if connection.status >= 400:  # noqa: PLR2004 - HTTP's border between success and failure
                async with asyncio.timeout(time_limit):
                    body = await connection.read_all()
                _checked(Response(connection.status, connection.headers, body))
            yield Stream(connection)
        except UnauthorizedError:
            self._bearer.renew()
            raise
        finally:
            self.pool.release(connection)

    async def _asked(self, request: Request, time_limit: float) -> Response:
        for _ in range(MAX_RETRIES):
            response = await self._exchange(request, time_limit)
            pause = _retry_after(response)
            if pause is None:
                return _checked(response)
            self.metrics.retries.add((str(response.status), request.method, self.pool.authority))
            await self._clock.sleep(pause)
        return _checked(await self._exchange(request, time_limit))

    async def _exchange(self, request: Request, time_limit: float) -> Response:
        async with asyncio.timeout(time_limit):
            connection = await self._send(request)
            try:
                content = await connection.read_all()
                self.metrics.received.observe(len(content), (request.method, self.pool.authority))
                return Response(connection.status, connection.headers, content)
            finally:
                self.pool.release(connection)

    async def _send(self, request: Request) -> Connection:
        leadership = self.leadership if request.method != "GET" else None
        encoded = self._encode(request, await self._bearer.token(), leadership)
        guard = leadership.guard if leadership is not None else always
        code = "<error>"
        try:
            connection = await self.pool.send(encoded, again=request.method in IDEMPOTENT, guard=guard)
            code = str(connection.status)
        finally:
            self.metrics.requests.add((code, request.method, self.pool.authority))
        return connection

    def _encode(self, request: Request, token: str, leadership: Leadership | None) -> bytes:
        target = quote(self.pool.prefix + request.path, safe="/:@!$&'()*+,;=~-._")
        if request.query:
            target += "?" + urlencode(request.query, doseq=True)
        lines = [f"{request.method} {target} HTTP/1.1\r\n", self._static]
        if token:
            lines.append(f"Authorization: Bearer {token}\r\n")
        if cause := cause_id.get():
            lines.append(f"{HEADER}: {cause}\r\n")
        if leadership is not None:
            lines.append(f"{fence.HEADER}: {leadership.fence}\r\n")
        lines += [f"{name}: {value}\r\n" for name, value in request.headers.items()]
        if request.body or request.method not in BODILESS:
            lines.append(f"Content-Length: {len(request.body)}\r\n")
        lines.append("\r\n")
        return "".join(lines).encode("latin-1") + request.body


def _checked(response: Response) -> Response:
    if response.status >= 400:  # noqa: PLR2004 - HTTP's border between success and failure
        raise error_of(response)
    return response


def error_of(response: Response) -> ApiError:
    """Rebuild the error of a Status; of anything else (a proxy's page), one with the code and the text."""
    try:
        status = msgspec.json.decode(response.body, type=Status)
    except msgspec.MsgspecError:
        status = Status()
    if status.kind != "Status":
        text = response.body.decode("utf-8", "replace").strip()
        status = Status(message=text or f"the server answered {response.status}", code=response.status)
    return from_status(status, response.status)


def _retry_after(response: Response) -> float | None:
    """Return the seconds to wait before asking again, when the server says so."""
    if response.status != 429 and response.status < 500:  # noqa: PLR2004 - as client-go: too many requests, server errors
        return None
    header = response.headers.get("retry-after", "")
    return float(header) if header.isdigit() else None
