"""A small HTTPS server: bodiless requests, one to a connection, as the API server's proxy makes them."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

log = logging.getLogger(__name__)

_TIMEOUT = 30.0
_HEAD = 64 << 10
JSON, TEXT = "application/json", "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """Header names are in lower case. `peer` is the verified certificate as ssl shows it, None without one."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    peer: Mapping[str, Any] | None = None

    def header(self, name: str) -> str:
        """Return all values of a header in one, "" when absent."""
        return ",".join(self.headers.get(name, ()))


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    body: bytes
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Answer]]


async def listen(handler: Handler, address: str, port: int, context: ssl.SSLContext | None) -> asyncio.Server:
    """Serve until the server is closed. Raises OSError when the port is taken."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_TIMEOUT):
                tls = writer.get_extra_info("ssl_object")
                head = await reader.readuntil(b"\r\n\r\n")
                answer = await _answer(handler, head, tls.getpeercert() or None if tls else None)
                writer.write(answer)
                await writer.drain()
        writer.close()

    return await asyncio.start_server(serve, address, port, ssl=context, limit=_HEAD)


async def _answer(handler: Handler, head: bytes, peer: Mapping[str, Any] | None) -> bytes:
    try:
        request = parse(head, peer)
    except ValueError:
        return _encoded(Answer(b"400 Bad Request\n", 400, TEXT), with_body=True)
    try:
        answer = await handler(request)
    except Exception:
        log.exception("%s %s", request.method, request.path)
        answer = Answer(b"Internal Server Error\n", 500, TEXT)
    return _encoded(answer, with_body=request.method != "HEAD")


def parse(head: bytes, peer: Mapping[str, Any] | None = None) -> Request:
    """Read a request's head. Raises ValueError."""
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError(line)
        headers.setdefault(name.strip().lower(), []).append(value.strip())
    return Request(method, unquote(path), dict(parse_qsl(query, keep_blank_values=True)), headers, peer)


def _encoded(answer: Answer, *, with_body: bool) -> bytes:
    headers = {"Content-Type": answer.content_type, **answer.headers, "Content-Length": str(len(answer.body)), "Connection": "close"}
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + (answer.body if with_body else b"")
