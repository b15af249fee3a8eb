"""/healthz without TLS and credentials, for whoever watches the kubelet on its own machine (healthzPort)."""

from __future__ import annotations

import asyncio
import logging

from sagong.node.server.http import Exchange, HttpError, serve_connection

log = logging.getLogger(__name__)


async def serve_health(address: str, port: int) -> None:
    """Serve until cancelled; port 0 is for not at all. A port that is taken is no reason for the node to stop."""
    if not port:
        return
    try:
        server = await asyncio.start_server(_connected, address, port)
    except OSError as error:
        log.warning("/healthz is not served at %s:%d: %s", address, port, error)
        return
    async with server:
        await server.serve_forever()


async def _connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await serve_connection(_answer, reader, writer)


async def _answer(exchange: Exchange) -> None:
    if exchange.request.path.rstrip("/") not in ("/healthz", "/healthz/ping", "/healthz/log", "/healthz/syncloop"):
        raise HttpError(404, "404 page not found")
    await exchange.send(200, "ok")
