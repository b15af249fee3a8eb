"""Passing a request on: ordinary ones with a proxy's headers, upgrades byte by byte once the backend has agreed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from sagong.api.errors import ApiError, BadRequestError, ServiceUnavailableError
from sagong.server.connect.backend import BackendError, Location, Reply, request
from sagong.server.connect.rewriting import Rewriter
from sagong.server.messages import Answer, Duplex, Request, Response, Stream, Upgrade

_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
_OURS = {"content-type", "content-length", "date"}
_CORS = {f"access-control-allow-{what}" for what in ("credentials", "headers", "methods", "origin")}
_SMALL = 1 << 20
_SWITCHING, _ERRORS = 101, 400


def is_upgrade(asked: Request) -> bool:
    """Say whether the client asks for another protocol."""
    return any("upgrade" in value.lower() for value in asked.headers.get("connection", ()))


async def upgrade(asked: Request, location: Location) -> Answer:
    """Pass an upgrade on. Raises BadRequestError for a request that is none, ApiError when the backend cannot be reached."""
    if not is_upgrade(asked):
        raise BadRequestError("Upgrade request required")
    headers = [*_headers(asked, keep=True), ("X-Forwarded-For", _forwarded_for(asked))]
    try:
        reply = await request(location, asked.method, headers, asked.body)
    except BackendError as error:
        raise ApiError(f"error dialing backend: {error}", reason="", code=500) from error
    if reply.status == _SWITCHING:
        return Upgrade(_Splice(reply).run, reply.headers)
    if reply.status < _ERRORS:
        reply.close()
        raise ApiError(f"invalid upgrade response: status code {reply.status}", reason="", code=500)
    kept = [pair for pair in reply.headers if pair[0].lower() not in _HOP_BY_HOP | _OURS]
    return Response(await reply.whole(_SMALL), reply.status, reply.header("content-type"), kept)


async def forward(asked: Request, location: Location) -> Answer:
    """Pass a request on to a pod, Service or node. Raises ServiceUnavailableError when it cannot be reached."""
    if is_upgrade(asked):
        return await upgrade(asked, location)
    if not location.path and asked.method in ("GET", "HEAD"):
        to = f"{asked.raw_path}/" + (f"?{asked.query_string}" if asked.query_string else "")
        return Response(status=301, content_type="", headers=[("Location", to)])
    rewriter = Rewriter(asked, location)
    headers = [*_headers(asked, keep=False), ("X-Forwarded-For", _forwarded_for(asked)), *rewriter.headers(), ("Connection", "close")]
    try:
        reply = await request(location, asked.method, headers, asked.body)
    except BackendError as error:
        raise ServiceUnavailableError(f"error trying to reach service: {error}") from error
    return await _answer(reply, rewriter, bodiless=asked.method == "HEAD")


async def _answer(reply: Reply, rewriter: Rewriter, *, bodiless: bool) -> Answer:
    media = reply.header("content-type")
    kept = [
        (name, rewriter.link(value) if name.lower() == "location" else value)
        for name, value in reply.headers
        if name.lower() not in _HOP_BY_HOP | _OURS | _CORS
    ]
    length = reply.header("content-length")
    if media.partition(";")[0].strip() == "text/html" and not reply.header("location"):
        return Response(rewriter.page(await reply.whole(1 << 26), reply.header("content-encoding")), reply.status, media, kept)
    if bodiless or (length.isdecimal() and int(length) <= _SMALL):
        return Response(await reply.whole(_SMALL), reply.status, media, kept)
    return Stream(reply.body(), reply.status, media, kept)


def _headers(asked: Request, *, keep: bool) -> list[tuple[str, str]]:
    """Return the request's headers for the backend; `keep` those that concern this connection only, for an upgrade."""
    return [
        (name.title(), value)
        for name, values in asked.headers.items()
        if name not in ("content-length", "transfer-encoding", "x-forwarded-for") and (keep or name not in _HOP_BY_HOP)
        for value in values
    ]


def _forwarded_for(asked: Request) -> str:
    return ", ".join([*asked.headers.get("x-forwarded-for", ()), asked.peer.address])


class _Splice:
    """Joins both until one side ends."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    async def run(self, client: Duplex) -> None:
        """Copy. Cancelled when the client's connection breaks."""
        try:
            await self._reply.join(client)
        finally:
            self._reply.close()
            client.close()


async def stream(reply: Reply) -> AsyncIterator[bytes]:
    """Yield a body; one that is cut off just ends, as a log of a node that went away does."""
    try:
        async with aclosing(reply.body()) as body:
            async for data in body:
                yield data
    except BackendError:
        return
