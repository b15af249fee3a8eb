"""Requests over a pool of kept connections: credentials, time limits, the one retry that is safe, errors as ApiError."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from sagong.api.cause import HEADER, cause_id
from sagong.api.clock import Clock
from sagong.api.errors import ApiError, from_status
from sagong.api.types.meta import Status
from sagong.client.config import ClientConfig
from sagong.client.connection import Connection, ServerUnreachableError, connect
from sagong.client.tls import ResumingContext, client_context

REQUEST_TIMEOUT = 60.0
CONNECT_TIMEOUT = 10.0
MAX_IDLE = 16
MAX_REQUESTS = 64
TOKEN_LIFE = 60.0
MAX_RETRIES = 10  # as client-go's, of answers that carry Retry-After
IDEMPOTENT = frozenset({"GET", "PUT", "DELETE"})
BODILESS = frozenset({"GET", "DELETE"})

Query = Mapping[str, str | list[str]]


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
    """Speaks for one identity to one server. Idle connections are reused, the newest first."""

    def __init__(self, config: ClientConfig, clock: Clock) -> None:
        parts = urlsplit(config.server if "://" in config.server else f"https://{config.server}")
        self.config = config
        self._clock = clock
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (443 if self._secure else 80)
        self._prefix = parts.path.rstrip("/")
        self._static = f"Host: {parts.netloc}\r\nUser-Agent: {config.user_agent}\r\n"
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._slots = asyncio.Semaphore(MAX_REQUESTS)
        self._tls: ResumingContext | None = None
        self._tls_stamp: tuple[float, ...] = ()
        self._token = ""
        self._token_until = float("-inf")

    async def request(self, request: Request, time_limit: float = REQUEST_TIMEOUT) -> Response:
        """Ask and read the whole answer. Raises ApiError, OSError (ServerUnreachableError, TimeoutError)."""
        async with self._slots:
            for attempt in range(MAX_RETRIES + 1):
                response = await self._exchange(request, time_limit)
                pause = _retry_after(response)
                if pause is None or attempt == MAX_RETRIES:
                    break
                await self._clock.sleep(pause)
        return self._checked(response)

    @asynccontextmanager
    async def stream(self, request: Request, *, time_limit: float = REQUEST_TIMEOUT) -> AsyncIterator[Stream]:
        """Ask and hand out the answer as it comes; `time_limit` is for its head. Raises as `request`."""
        async with asyncio.timeout(time_limit):
            connection = await self._send(request)
        try:
            if connection.status >= 400:  # noqa: PLR2004 - HTTP's border between success and failure
                async with asyncio.timeout(time_limit):
                    body = await connection.read_all()
                self._checked(Response(connection.status, connection.headers, body))
            yield Stream(connection)
        finally:
            self._release(connection)

    async def close(self) -> None:
        """Drop all connections."""
        for connection in [*self._idle, *self._busy]:
            connection.abort()
        self._idle.clear()

    async def _exchange(self, request: Request, time_limit: float) -> Response:
        async with asyncio.timeout(time_limit):
            connection = await self._send(request)
            try:
                content = await connection.read_all()
                return Response(connection.status, connection.headers, content)
            finally:
                self._release(connection)

    async def _send(self, request: Request) -> Connection:
        """Send on a kept connection; when the server has closed it meanwhile, once more on a new one."""
        encoded = self._encode(request)
        while self._idle:
            connection = self._idle.pop()
            if connection.closed:
                continue
            try:
                return await self._begin(connection, encoded)
            except ServerUnreachableError:
                if connection.answered or request.method not in IDEMPOTENT:
                    raise
        return await self._begin(await self._connect(), encoded)

    async def _begin(self, connection: Connection, encoded: bytes) -> Connection:
        self._busy.add(connection)
        try:
            connection.send(encoded)
            await connection.wait_head()
        except BaseException:
            self._busy.discard(connection)
            connection.abort()
            raise
        if self._tls is not None:  # TLS 1.3 tickets come after the handshake, with the first answer
            ssl_object = connection.transport.get_extra_info("ssl_object")
            if ssl_object is not None and ssl_object.session is not None:
                self._tls.session = ssl_object.session
        return connection

    async def _connect(self) -> Connection:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            if not self._secure:
                return await connect(self._host, self._port)
            name = self.config.server_name or self._host
            return await connect(self._host, self._port, ssl=self._context(), server_hostname=name)

    def _context(self) -> ResumingContext:
        """Build the TLS context when a certificate file is new, as after a rotation."""
        stamp = tuple(Path(file).stat().st_mtime for file in self.config.cert or ())
        if self._tls is None or stamp != self._tls_stamp:
            self._tls, self._tls_stamp = client_context(self.config), stamp
        return self._tls

    def _release(self, connection: Connection) -> None:
        self._busy.discard(connection)
        if connection.reusable and len(self._idle) < MAX_IDLE:
            self._idle.append(connection)
        else:
            connection.abort()

    def _encode(self, request: Request) -> bytes:
        target = quote(self._prefix + request.path, safe="/:@!$&'()*+,;=~-._")
        if request.query:
            target += "?" + urlencode(request.query, doseq=True)
        lines = [f"{request.method} {target} HTTP/1.1\r\n", self._static]
        if bearer := self._bearer():
            lines.append(f"Authorization: Bearer {bearer}\r\n")
        if cause := cause_id.get():
            lines.append(f"{HEADER}: {cause}\r\n")
        lines += [f"{name}: {value}\r\n" for name, value in request.headers.items()]
        if request.body or request.method not in BODILESS:
            lines.append(f"Content-Length: {len(request.body)}\r\n")
        lines.append("\r\n")
        return "".join(lines).encode("latin-1") + request.body

    def _bearer(self) -> str:
        """Return the token; a token file is read again once a minute, as client-go does it."""
        if not self.config.token_file:
            return self.config.token
        now = self._clock.monotonic()
        if now >= self._token_until:
            self._token_until = now + TOKEN_LIFE
            try:
                self._token = Path(self.config.token_file).read_text(encoding="ascii").strip()
            except OSError:
                if not self._token:
                    raise
        return self._token

    def _checked(self, response: Response) -> Response:
        if response.status < 400:  # noqa: PLR2004 - HTTP's border between success and failure
            return response
        if response.status == 401:  # noqa: PLR2004 - the token may have been renewed a moment ago
            self._token_until = float("-inf")
        raise error_of(response)


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
