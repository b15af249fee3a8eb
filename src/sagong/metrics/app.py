"""metrics-server put together: informers, the scraper, the gate, the HTTPS port."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from sagong.api.errors import ApiError
from sagong.api.nodes import SIMULATED
from sagong.api.resources import resource_of
from sagong.api.types.core import ConfigMap, Node, Pod
from sagong.client.client import Client
from sagong.client.config import ClientConfig
from sagong.client.endpoint import metadata_only
from sagong.client.informer import Informer
from sagong.metrics.access import CONFIG_MAP, Gatekeeper, proxies_of
from sagong.metrics.http import listen
from sagong.metrics.kubelets import Kubelets
from sagong.metrics.registration import register
from sagong.metrics.service import Service

log = logging.getLogger(__name__)

_REREAD = 300.0
_RETRY = 0.5


@dataclass(frozen=True, slots=True)
class Options:
    """Where it listens, with which PEM files, and the Service (namespace/name) with which it registers itself, "" for none."""

    address: str
    port: int
    certificate: str
    key: str
    register: str = ""


class MetricsServer:
    """`await run()` serves until cancelled; `started` is told the port. `kubelets` says how those are spoken to."""

    def __init__(self, client: Client, kubelets: ClientConfig, *, started: Callable[[int], None] = lambda _: None) -> None:
        self._client, self._started = client, started
        self._nodes = Informer(client, Node, label_selector=f"!{SIMULATED}")
        self._pods = Informer(client, metadata_only(resource_of(Pod)), field_selector="status.phase=Running")
        self._kubelets = Kubelets(kubelets, client.clock, self._nodes.list)
        self._gate = Gatekeeper(client)

    async def run(self, options: Options) -> None:
        """Serve. Raises OSError, ssl.SSLError for files that cannot be used or a port that is taken."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(options.certificate, options.key)
        context.set_alpn_protocols(["http/1.1"])
        service = Service(
            self._kubelets,
            self._gate,
            lambda: [node.metadata for node in self._nodes.list()],
            lambda: [pod.metadata for pod in self._pods.list()],
            self._not_ready,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self._nodes.run())
            group.create_task(self._pods.run())
            group.create_task(self._follow_proxies(context))
            server = await listen(service, options.address, options.port, context)
            async with server:
                self._started(server.sockets[0].getsockname()[1])
                await self._nodes.wait_synced()
                if options.register:
                    group.create_task(self._register(options.register))
                try:
                    await self._kubelets.run()
                finally:
                    self._kubelets.close()

    def _not_ready(self) -> str:
        """Return why it cannot answer yet, "" when it can."""
        if not (self._nodes.synced.is_set() and self._pods.synced.is_set()):
            return "informers have not synced"
        return "" if self._gate.proxies.ca else "extension-apiserver-authentication has not been read"

    async def _register(self, service: str) -> None:
        while True:
            await self._client.clock.sleep(_RETRY)
            if self._not_ready():
                continue
            try:
                await register(self._client, service)
            except (ApiError, OSError) as error:
                log.warning("registration: %s", error)
            else:
                return

    async def _follow_proxies(self, context: ssl.SSLContext) -> None:
        """Learn whom to believe, and look again now and then: authorities change once in years."""
        while True:
            pause = _RETRY
            try:
                proxies = proxies_of(await self._client.get(ConfigMap, *CONFIG_MAP))
                if proxies != self._gate.proxies:
                    context.load_verify_locations(cadata=proxies.ca)
                    context.verify_mode = ssl.CERT_OPTIONAL
                    self._gate.proxies = proxies
                pause = _REREAD
            except (ApiError, OSError, ValueError) as error:
                log.warning("%s: %s", "/".join(CONFIG_MAP), error)
            await self._client.clock.sleep(pause)
