"""/healthz without TLS and credentials, for whoever watches the kubelet on its own machine (healthzPort)."""

from __future__ import annotations

import asyncio
import functools
import logging

from sagong.api.slis import Slis
from sagong.node.server.http import Exchange, HttpError, serve_connection

_NAMES = ("ping", "log", "syncloop")
_CHECKS = {"/healthz": _NAMES, **{f"/healthz/{name}": (name,) for name in _NAMES}}
log = logging.getLogger(__name__)


async def serve_health(address: str, port: int, slis: Slis) -> None:
    """Serve until cancelled; port 0 is for not at all. A port that is taken is no reason for the node to stop.

    `slis` is told of each check, as of those of the node's own server.
    """
    answer = functools.partial(_answer, slis)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve_connection(answer, reader, writer)

    if not port:
        return
    try:
        server = await asyncio.start_server(connected, address, port)
    except OSError as error:
        log.warning("/healthz is not served at %s:%d: %s", address, port, error)
        return
    async with server:
        await server.serve_forever()


async def _answer(slis: Slis, exchange: Exchange) -> None:
    wanted = _CHECKS.get(exchange.request.path.rstrip("/"))
    if wanted is None:
        raise HttpError(404, "404 page not found")
    for name in wanted:
        slis.observe(name, "healthz", well=True)
    await exchange.send(200, "ok")
