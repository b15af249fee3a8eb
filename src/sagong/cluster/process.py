"""What the processes of the control plane have in common: a loop, signals, a client, a health port, a lease."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import uvloop

from sagong.api.errors import ApiError
from sagong.client.client import Client
from sagong.client.config import ClientConfig
from sagong.client.leader import LeaderElector, LeadershipLostError
from sagong.cluster.clock import RealClock, RealRandom

log = logging.getLogger(__name__)

Pages = Callable[[str], bytes | None]
"""Path -> body, None for what there is not."""


@dataclass(frozen=True, slots=True)
class HealthPort:
    """Where a process says that it lives; TLS when a certificate is given."""

    port: int
    address: str = "127.0.0.1"
    certificate: Path | None = None
    key: Path | None = None


def run(main: Callable[[], Awaitable[None]], *, level: int = logging.INFO) -> None:
    """Run a process's coroutine on uvloop until it ends or SIGTERM comes; log to standard error as `<level> <time> <logger>: <text>`."""
    logging.basicConfig(level=level, format="%(levelname).1s %(asctime)s %(name)s: %(message)s", stream=sys.stderr)
    gc.freeze()  # what the imports made stays; no collection needs to walk it again

    async def until_stopped() -> None:
        task = asyncio.ensure_future(main())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            log.info("stopped")

    uvloop.run(until_stopped())


async def lead(
    config: ClientConfig,
    name: str,
    health: HealthPort,
    work: Callable[[Client], Awaitable[None]],
    pages: Pages | None = None,
    *,
    lease: str | None = None,
) -> None:
    """Serve the health port, and do the work while the lease `kube-system/<name>` is ours.

    `lease` is another name for it, or, when empty, says to work without one. A lost lease ends the process, as upstream does it: the
    kubelet starts it anew.
    """
    async with Client(replace(config, user_agent=name), clock=RealClock(), random=RealRandom()) as client:
        identity = f"{socket.gethostname()}_{name}"
        elector = LeaderElector(client, name if lease is None else lease, identity)
        server = await serve_health(health, pages or (lambda _: None))
        async with server:
            await answering(client)
            if lease == "":
                await work(client)
                return
            try:
                await elector.run(lambda: work(client))
            except LeadershipLostError as error:
                log.error("%s", error)  # noqa: TRY400 - one line; the trace says nothing more
                os._exit(1)


async def answering(client: Client) -> None:
    """Wait until the API server is ready: after a start that is soon, so ask often, then every second."""
    pause = 0.05
    while True:
        try:
            await client.raw("GET", "/readyz")
        except (ApiError, OSError):
            await client.clock.sleep(pause)
            pause = min(pause * 1.1, 1.0)
        else:
            return


async def serve_health(health: HealthPort, pages: Pages) -> asyncio.Server:
    """Answer GET /healthz, /livez and /readyz with ok, and whatever else `pages` has (HTTP/1.1, one request a connection)."""
    context = None
    if health.certificate and health.key:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(health.certificate, health.key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(10):
                words = (await reader.readline()).split()
                while (await reader.readline()).strip():
                    pass
                path = words[1].decode("latin-1").split("?")[0] if len(words) > 1 else ""
                body = b"ok" if path in ("/healthz", "/livez", "/readyz") else pages(path)
                status = b"200 OK" if body is not None else b"404 Not Found"
                body = b"404 page not found\n" if body is None else body
                head = b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
                writer.write(head % (status, len(body)) + body)
                await writer.drain()
        except (OSError, TimeoutError, ValueError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(answer, health.address, health.port, ssl=context)
