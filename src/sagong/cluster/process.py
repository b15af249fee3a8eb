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
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

import uvloop

from sagong.api.exposition import CONTENT_TYPE, Family, Metric, exposition
from sagong.api.slis import Slis
from sagong.client.client import Client
from sagong.client.config import ClientConfig
from sagong.client.events import Recorder
from sagong.client.leader import LeaderElector, LeadershipLostError
from sagong.cluster import process_metrics
from sagong.cluster.clock import RealClock, RealRandom
from sagong.cluster.config import KUBERNETES_VERSION
from sagong.cluster.election import Election
from sagong.cluster.zpages import PATHS, Zpages

log = logging.getLogger(__name__)

GC_THRESHOLD = 5000
"""Objects that are made before a collection: with Python's 700, half of the time that decoding many objects takes would go into those."""
Pages = Callable[[str], bytes | None]
"""Path -> body, None for what there is not."""
_HEALTH = ("/healthz", "/livez", "/readyz")
_SERVED = (*_HEALTH, "/metrics", "/metrics/slis")


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
    gc.set_threshold(GC_THRESHOLD)

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
    election: Election | None = None,
    flags: Callable[[], Mapping[str, str]] = dict,
) -> None:
    """Serve the health port, and do the work while the lease is ours.

    A lost lease ends the process, as upstream does it: the kubelet starts it anew. The identity tells this process from others by the
    port, which no two of a host can have; the one that is started in its place has the same and need not wait. `flags` are what
    /flagz shows.
    """
    election = election or Election(name)
    config = replace(config, user_agent=name)
    leading: list[LeaderElector] = []
    client = Client(config, clock=RealClock(), random=RealRandom())

    def with_own(path: str) -> bytes | None:
        """Add to the page of metrics what every process has."""
        body = pages(path) if pages is not None else None
        if path != "/metrics":
            return body
        master = Metric("leader_election_master_status", "gauge", "Whether this process leads, by the name of the lease: 1 or 0.")
        for elector in leading:
            master.add(int(elector.leading), name=election.name)
        own: tuple[Family, ...] = (
            *client.transport.metrics.families(),
            master,
            *process_metrics.own(KUBERNETES_VERSION),
        )
        return (body or b"") + exposition(own).encode()

    async with client, await serve_health(health, with_own, Zpages(name, _SERVED, flags)) as server:
        await client.wait_ready()
        if not election.elect:
            await work(client)
            return
        identity = f"{socket.gethostname()}_{name}-{server.sockets[0].getsockname()[1]}"
        # a client of its own: renewing waits for nobody, and is not asked whether the lease is held
        async with Client(config, clock=client.clock, random=client.random) as own:
            own.transport.metrics = client.transport.metrics
            recorder = Recorder(own, name)
            elector = LeaderElector(own, election.name, identity, namespace=election.namespace, times=election.times, recorder=recorder)
            leading.append(elector)
            client.transport.leadership = elector
            try:
                async with asyncio.TaskGroup() as group:
                    telling = group.create_task(recorder.run())
                    await elector.run(lambda: work(client))
                    telling.cancel()
            except* LeadershipLostError as errors:
                log.error("leaderelection lost: %s", errors.exceptions[0])  # noqa: TRY400 - one line; the trace says nothing more
                os._exit(1)


async def serve_health(health: HealthPort, pages: Pages, zpages: Zpages) -> asyncio.Server:
    """Answer GET /healthz, /livez and /readyz with ok, /metrics/slis, and what `pages` and `zpages` have.

    HTTP/1.1, one request a connection.
    """
    slis = Slis()
    context = None
    if health.certificate and health.key:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(health.certificate, health.key)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(10):
                words = (await reader.readline()).split()
                headers = await _headers(reader)
                path = words[1].decode("latin-1").split("?")[0] if len(words) > 1 else ""
                body = slis.page() if path == "/metrics/slis" else pages(path)
                if path in _HEALTH:
                    slis.observe("ping", path[1:], well=True)
                    body = b"ok"
                code = 200 if body is not None else 404
                body = b"404 page not found\n" if body is None else body
                said = {"Content-Type": CONTENT_TYPE if path.startswith("/metrics") else "text/plain; charset=utf-8"}
                if path in PATHS:
                    answer = zpages.answer(path, headers)
                    code, body, said = answer.status, answer.body, {"Content-Type": answer.content_type, **answer.headers}
                said |= {"Content-Length": str(len(body)), "Connection": "close"}
                head = [f"HTTP/1.1 {code} {HTTPStatus(code).phrase}", *(f"{name}: {value}" for name, value in said.items())]
                writer.write("\r\n".join([*head, "", ""]).encode() + body)
                await writer.drain()
        except (OSError, TimeoutError, ValueError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(connected, health.address, health.port, ssl=context)


async def _headers(reader: asyncio.StreamReader) -> Mapping[str, str]:
    """Read the rest of a request's head; names are in lower case, what is said again is joined."""
    found: dict[str, str] = {}
    while line := (await reader.readline()).strip():
        name, _, value = line.decode("latin-1").partition(":")
        key = name.strip().lower()
        found[key] = f"{found[key]},{value.strip()}" if key in found else value.strip()
    return found
