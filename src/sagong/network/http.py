"""A small HTTP/1.1 server for health, readiness and metrics: GET only, one answer for each connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus

_TIMEOUT = 10.0
_HEAD = 8192


@dataclass(frozen=True, slots=True)
class Answer:
    """What a path answers."""

    body: str = ""
    status: int = 200
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


Routes = Mapping[str, Callable[[], Answer]]
"""Path to what computes its answer; "" answers every path that has no route of its own."""
Headers = Mapping[str, str]
"""A request's, names in lower case."""
ByHeaders = Mapping[str, Callable[[Headers], Answer]]
"""Path to what computes an answer that depends on the request's headers."""


async def listen(routes: Routes, host: str | Sequence[str] | None, port: int, by_headers: ByHeaders | None = None) -> asyncio.Server:
    """Serve the routes until the server is closed; host None means all addresses. Raises OSError when the port is taken."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            async with asyncio.timeout(_TIMEOUT):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(respond(head, routes, by_headers or {}))
                await writer.drain()
        writer.close()

    return await asyncio.start_server(handle, host, port, limit=_HEAD)


def respond(head: bytes, routes: Routes, by_headers: ByHeaders | None = None) -> bytes:
    """Return the whole response to a request's head."""
    method, target, *_ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    path = target.partition("?")[0]
    found = routes.get(path) or routes.get("")
    choosy = (by_headers or {}).get(path)
    if method not in ("GET", "HEAD"):
        answer = Answer("405 method not allowed\n", 405)
    elif choosy is not None:
        answer = choosy(_headers(head))
    elif found is None:
        answer = Answer("404 page not found\n", 404)
    else:
        answer = found()
    body = answer.body.encode()
    headers = {"Content-Type": answer.content_type, **answer.headers, "Content-Length": str(len(body)), "Connection": "close"}
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + (b"" if method == "HEAD" else body)


def _headers(head: bytes) -> Headers:
    found: dict[str, str] = {}
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            key = name.strip().lower()
            found[key] = f"{found[key]},{value.strip()}" if key in found else value.strip()
    return found
