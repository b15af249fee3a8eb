"""HTTP/1.1 for the kubelet's server: a request, and an exchange on which a handler answers, streams or takes the connection over.

Requests here are few and their answers long, so this is asyncio's streams with httptools for the head, not the API server's hot path.
"""

from __future__ import annotations

import asyncio
import contextlib
import http
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote

import httptools
import msgspec

from sagong.api.errors import ApiError

_MAX_HEAD = 64 << 10
_MAX_BODY = 3 << 20
_READ_SIZE = 64 << 10
_IDLE_SECONDS = 120.0
_log = logging.getLogger(__name__)


class HttpError(Exception):
    """Ends a request with a plain-text answer, as upstream's kubelet does."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Request:
    """What the client asks. Header names are in lower case; repeated headers are joined by commas."""

    method: str = ""
    path: str = ""
    query: Mapping[str, list[str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    keep_alive: bool = True

    def header_list(self, name: str) -> list[str]:
        """Return the elements of a comma-separated header."""
        return [part.strip() for part in self.headers.get(name, "").split(",") if part.strip()]

    def flag(self, name: str) -> bool:
        """Return whether a query parameter says yes."""
        return self.query.get(name, [""])[0].lower() in ("true", "1")

    def first(self, name: str) -> str:
        """Return a query parameter's first value or ""."""
        return self.query.get(name, [""])[0]

    @property
    def upgrade(self) -> str:
        """Return what the client wants to speak from now on: spdy/3.1, websocket or ""."""
        wants = "upgrade" in [part.lower() for part in self.header_list("connection")]
        return self.headers.get("upgrade", "").lower() if wants else ""


class Exchange:
    """One request and the way back."""

    def __init__(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.request = request
        self.reader = reader
        self.writer = writer
        self.started = False
        self.taken = False
        """the connection speaks something else from now on"""

    @property
    def certificate(self) -> Mapping[str, object] | None:
        """Return the client's certificate, which TLS has verified, as ssl describes it; None without one."""
        return self.writer.get_extra_info("peercert") or None

    async def send(
        self, status: int, body: bytes | str, content_type: str = "text/plain; charset=utf-8", headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer at once."""
        data = body.encode() if isinstance(body, str) else body
        self._head(status, {"content-type": content_type, "content-length": str(len(data)), **(headers or {})})
        self.writer.write(data if self.request.method != "HEAD" else b"")
        await self.writer.drain()

    async def send_json(self, value: object) -> None:
        """Answer with JSON."""
        await self.send(200, msgspec.json.encode(value), "application/json")

    async def start(self, content_type: str) -> None:
        """Begin an answer of unknown length."""
        self._head(200, {"content-type": content_type, "transfer-encoding": "chunked"})
        await self.writer.drain()

    async def write(self, data: bytes) -> None:
        """Send a part of it."""
        if data:
            self.writer.write(b"%x\r\n%b\r\n" % (len(data), data))
            await self.writer.drain()

    async def finish(self) -> None:
        """End it."""
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    async def switch(self, headers: Mapping[str, str]) -> None:
        """Answer 101; from now on the connection is the caller's."""
        self.taken = True
        self._head(101, headers)
        await self.writer.drain()

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.started = True
        lines = [f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
        if not self.request.keep_alive and not self.taken:
            lines.append("connection: close")
        self.writer.write("\r\n".join([*lines, "", ""]).encode())


Handler = Callable[[Exchange], Awaitable[None]]


async def serve_connection(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection until either side ends it."""
    try:
        while await _serve_one(handler, reader, writer):
            pass
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, httptools.HttpParserError) as error:
        _log.debug("connection ends: %s", error)
    finally:
        writer.close()


async def _serve_one(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    async with asyncio.timeout(_IDLE_SECONDS):
        request = await read_request(reader)
    exchange = Exchange(request, reader, writer)
    try:
        await handler(exchange)
    except HttpError as error:
        await _fail(exchange, error.status, str(error))
    except ApiError as error:
        await _fail(exchange, error.code, error.message)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - one request's bug must not end the node's server
        _log.exception("request %s %s", request.method, request.path)
        await _fail(exchange, 500, str(error))
    return request.keep_alive and not exchange.taken


async def _fail(exchange: Exchange, status: int, message: str) -> None:
    if exchange.started:
        # the answer is under way: breaking it off is all that can still be said
        exchange.request.keep_alive = False
        return
    await exchange.send(status, message + "\n")


async def read_request(reader: asyncio.StreamReader) -> Request:
    """Read a request with its body. Raises OSError, EOFError, httptools' errors."""
    head = await reader.readuntil(b"\r\n\r\n")
    request = Request()
    parser = httptools.HttpRequestParser(_Collector(request))
    with contextlib.suppress(httptools.HttpParserUpgrade):
        parser.feed_data(head)
    request.method = parser.get_method().decode()
    request.keep_alive = parser.get_http_version() == "1.1" and "close" not in [part.lower() for part in request.header_list("connection")]
    if request.headers.get("transfer-encoding"):
        raise httptools.HttpParserError("requests with a body of unknown length are not served here")
    size = int(request.headers.get("content-length", "0"))
    if size > _MAX_BODY:
        raise httptools.HttpParserError("request body is too long")
    request.body = await reader.readexactly(size)
    return request


class _Collector:
    """Takes what httptools finds in a head."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def on_url(self, url: bytes) -> None:
        parsed = httptools.parse_url(url)
        self._request.path = unquote(parsed.path.decode())
        self._request.query = parse_qs((parsed.query or b"").decode(), keep_blank_values=True)

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode().lower(), value.decode("latin-1")
        known = self._request.headers.get(key)
        self._request.headers[key] = f"{known}, {text}" if known else text


@dataclass(frozen=True)
class Answer:
    """The head of an answer."""

    status: int
    headers: Mapping[str, str]


def parse_answer(head: bytes) -> Answer:
    """Read an answer's head as a client. Raises httptools' errors."""
    request = Request()
    parser = httptools.HttpResponseParser(_Collector(request))
    with contextlib.suppress(httptools.HttpParserUpgrade):
        parser.feed_data(head)
    return Answer(parser.get_status_code(), request.headers)
