"""The API server put together: HTTP in front, the pipeline, the registry, the store behind."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from typing import Any

from sagong.api.clock import Clock, Random
from sagong.api.resources import ResourceTable
from sagong.server.contract import Authenticator, Authorizer, Connector, ServiceAllocator
from sagong.server.discovery import Discovery
from sagong.server.dispatch import Dispatch, Page
from sagong.server.http import HttpServer
from sagong.server.pages import Health, Index, version
from sagong.server.pipeline import Pipeline
from sagong.server.registry.registry import Registry
from sagong.server.registry.storage import Storage
from sagong.store.base import Store


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Where the server listens, with which certificates, and how it is known. Paths are of PEM files."""

    address: str = "0.0.0.0"
    port: int = 6443
    certificate: str = ""
    key: str = ""
    client_ca: str = ""
    advertise_address: str = "127.0.0.1"
    shutdown_seconds: float = 10.0


@dataclass(slots=True)
class Parts:
    """What is plugged into the server."""

    authenticator: Authenticator
    authorizer: Authorizer
    admission: Any = None
    allocator: ServiceAllocator | None = None
    connector: Connector | None = None


class ApiServer:
    """`await serve()` runs until `stop()`; `ready` is set once the port answers."""

    def __init__(self, config: ServerConfig, store: Store, parts: Parts, *, clock: Clock, random: Random) -> None:
        self.config, self.store, self.clock, self.random = config, store, clock, random
        self.table = ResourceTable()
        self.registry = Registry(store, Storage(store, self.table), self.table, clock, random)
        self.registry.admission, self.registry.allocator, self.registry.connector = parts.admission, parts.allocator, parts.connector
        self.discovery = Discovery(self.table, f"{config.advertise_address}:{config.port}")
        self.ready = asyncio.Event()
        self.pages = self._pages()
        pipeline = Pipeline(parts.authenticator, parts.authorizer, Dispatch(self.registry, self.pages), random)
        self.http = HttpServer(pipeline, clock)
        self.port = config.port

    def _pages(self) -> dict[str, Page]:
        checks = {"ping": lambda: None, "log": lambda: None, "etcd": self._store_check}
        ready = {**checks, "etcd-readiness": self._store_check, "shutdown": self._shutdown_check}
        pages: dict[str, Page] = {"/version": version, "/api": self.discovery.api, "/apis": self.discovery.apis}
        pages |= {"/api/": self.discovery.below, "/apis/": self.discovery.below}
        for path, own in (("/healthz", checks), ("/livez", checks), ("/readyz", ready)):
            health = Health(path, own)
            pages |= {path: health, f"{path}/": health}
        pages["/"] = Index(lambda: [path for path in pages if not path.endswith("/")])
        return pages

    def _store_check(self) -> str | None:
        try:
            self.store.watch("/registry/health", self.store.revision).close()
        except Exception as error:  # noqa: BLE001 - any failure of the store is what the check is about
            return str(error)
        return None

    def _shutdown_check(self) -> str | None:
        return "process is shutting down" if self.http.stopping else None

    async def serve(self, listener: socket.socket | None = None) -> None:
        """Listen and serve."""
        listener = listener or listen(self.config.address, self.config.port)
        self.port = listener.getsockname()[1]
        await self.http.serve(listener, tls_context(self.config), started=self.ready)

    def stop(self) -> None:
        """Begin to shut down; `serve` returns when requests under way are answered."""
        self.http.stop()


def listen(address: str, port: int) -> socket.socket:
    """Return a bound socket. Raises OSError when the port is taken."""
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
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
    if config.client_ca:
        context.load_verify_locations(config.client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context
