"""The API server put together: HTTP in front, the pipeline, the registry, the store behind."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from sagong.api.clock import Clock, Random
from sagong.api.exposition import Metric
from sagong.api.resources import ResourceTable
from sagong.server import health, pages, parts
from sagong.server.aggregation.aggregator import Aggregator
from sagong.server.aggregation.connections import Connections
from sagong.server.aggregation.resolve import Resolver
from sagong.server.config import ServerConfig
from sagong.server.custom.definitions import Definitions
from sagong.server.discovery import Discovery
from sagong.server.dispatch import Dispatch, Page
from sagong.server.flowcontrol import limiters
from sagong.server.http import HttpServer
from sagong.server.messages import nothing
from sagong.server.metrics import Metrics
from sagong.server.objects import ServerObjects
from sagong.server.openapi import OpenApi
from sagong.server.pipeline import Pipeline
from sagong.server.registry import serving
from sagong.server.registry.registry import Registry
from sagong.server.registry.storage import Storage
from sagong.server.storage_events import StorageEvents
from sagong.server.zpages import PATHS, Zpages
from sagong.store.base import Store

if TYPE_CHECKING:
    from sagong.store.encryption.encryption import Encryption

_WARM_AFTER = 0.1


class ApiServer:
    """`await serve()` runs until `stop()`; `ready` is set once the port answers."""

    def __init__(
        self,
        config: ServerConfig,
        store: Store,
        *,
        clock: Clock,
        random: Random,
        encryption: Encryption | None = None,
        loaded: Callable[[], None] = nothing,
        process: Callable[[], Iterable[Metric]] = tuple,
        started: Callable[[], datetime] | None = None,
    ) -> None:
        """Put everything together.

        `encryption` is what the store seals with, `loaded` is called when all that writes need is imported, `process` is what
        /metrics shows of the process, `started` when it began: now, if nobody says.

        Raises OSError, ValueError for files that cannot be used.
        """
        self.config, self.store, self.clock, self.random = config, store, clock, random
        self.table = ResourceTable()
        self.registry = Registry(store, Storage(store, self.table), self.table, clock, random)
        self.registry.encryption = encryption
        self.objects = ServerObjects(self.registry)
        resolver = Resolver(self.objects, random, endpoints=config.aggregator_routing)
        behind = Connections(resolver, config.front_proxy_certificate, config.front_proxy_key)
        self.aggregator = Aggregator(store, self.objects, behind, clock, self._discovery_changed)
        self.discovery = Discovery(self.table, f"{config.advertise_address}:{config.port}", self.aggregator)
        self.ready = asyncio.Event()
        self._loaded = loaded
        self._bootstrapped = self._looping = False
        self.openapi = OpenApi(self.table, pages.VERSION["gitVersion"].partition("+")[0], self.aggregator)
        self.pages: dict[str, Page] = pages.of(self.discovery, self.openapi, self._checks())
        self._parts = parts.plug(config, self.registry, self.objects, self.pages, resolver)
        self._definitions = Definitions(self.registry, (self.discovery.changed, self.openapi.changed))
        metrics = Metrics(store, self.table)
        metrics.more += [self.registry.metrics, self.aggregator.metrics, StorageEvents(store, self.table).families]
        self.pages["/metrics"] = metrics.page
        now = clock.now()
        self.pages |= dict.fromkeys(PATHS, Zpages(config, self.pages, started or (lambda: now), clock=clock, random=random))
        limiting = limiters.plug(config, self.registry, self.objects, self.pages, metrics)
        audit, auditing = parts.audit_of(config, self.registry)
        dispatch = Dispatch(self.registry, self.pages, self.aggregator)
        self.pipeline = Pipeline(self._parts, limiting.stage, dispatch, metrics, clock=clock, random=random, audit=audit)
        beside = (self._definitions.run, self.aggregator.run, self.pipeline.run, self._warm)
        rereading = () if encryption is None else (lambda: encryption.follow(clock),)
        self._loops = (*self._parts.loops, *limiting.loops, *rereading, *auditing, *beside)
        self.http = HttpServer(self.pipeline, clock)
        metrics.more += [self.http.families, process]
        self.port = config.port

    def _discovery_changed(self) -> None:
        self.discovery.changed()

    def _checks(self) -> dict[str, health.Check]:
        return health.checks(
            store=self._check_store,
            objects=lambda: None if self._bootstrapped else "not finished",
            definitions=lambda: None if self._bootstrapped else "not finished",
            loops=lambda: None if self._looping else "not started",
            aggregation=lambda: None if self.aggregator.synced else "not synced",
            shutdown=lambda: "process is shutting down" if self.http.stopping else None,
        )

    def _check_store(self) -> str | None:
        try:
            self.store.watch("/registry/health", self.store.revision).close()
        except Exception as error:  # noqa: BLE001 - any failure of the store is what the check is about
            return str(error)
        return None

    async def serve(self, listener: socket.socket | None = None) -> None:
        """Bring the server's own objects into the store, listen, and serve."""
        listener = listener or listen(self.config.address, self.config.port)
        self.port = listener.getsockname()[1]
        async with self.working():
            await self.http.serve(listener, tls_context(self.config), started=self.ready)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Bring the server's own objects into the store and run what runs beside requests; `pipeline` may be asked then."""
        async with asyncio.TaskGroup() as group:
            await self._parts.bootstrap.start()
            self._definitions.install()
            self._bootstrapped = True
            loops = [group.create_task(loop()) for loop in self._loops]
            self._looping = True
            yield
            for loop in loops:
                loop.cancel()

    async def _warm(self) -> None:
        """Read what the first writes will need, after the first requests: whoever waits for readiness is not to wait for this too."""
        await self.ready.wait()
        await self.clock.sleep(_WARM_AFTER)
        await asyncio.to_thread(serving.warm)
        self._loaded()

    def stop(self) -> None:
        """Begin to shut down; `serve` returns when requests under way are answered."""
        self.http.stop()


def listen(address: str, port: int) -> socket.socket:
    """Return a bound socket. Raises OSError, naming the port, when it is taken."""
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on {address}:{port}: {error.strerror}") from error
    listener.setblocking(False)  # noqa: FBT003 - the socket's own signature
    return listener


def tls_context(config: ServerConfig) -> ssl.SSLContext | None:
    """Return the TLS side: client certificates are verified when shown, HTTP/1.1 only. None: plain HTTP."""
    if not config.certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(config.certificate, config.key)
    context.set_alpn_protocols(["http/1.1"])
    for authority in filter(None, (config.client_ca, config.front_proxy_ca)):
        context.load_verify_locations(authority)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context
