"""The service proxy of one node: informers on one side, the kernel's packet rules on the other.

A change after a quiet time takes effect at once; changes in quick succession share a transaction, one in each interval.
While nothing changes no timer runs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sagong.api.clock import Clock
from sagong.api.types.core import Node, Pod, Service
from sagong.api.types.discovery import EndpointSlice
from sagong.client.client import Client
from sagong.client.informer import Informer
from sagong.network.endpoints import NodeView
from sagong.network.host_ports import host_ports
from sagong.network.proxy.health import HealthCheckPorts, ProxyHealth
from sagong.network.proxy.nft import NftError
from sagong.network.proxy.settings import Settings
from sagong.network.proxy.tables import STALE_SECONDS, Rules, Tables
from sagong.network.service_table import Family, HealthCheck, ServicePort, ServiceTable, health_check, of_family, service_ports

INTERVAL = 0.05
RETRY = 1.0
SERVICE_NAME = "kubernetes.io/service-name"
ZONE = "topology.kubernetes.io/zone"
OWN_PROXY = "service.kubernetes.io/service-proxy-name"
HEADLESS = "service.kubernetes.io/headless"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProxyConfig:
    """One proxy: its node, and settings for each address family that the cluster has."""

    node_name: str
    settings: tuple[Settings, ...]
    interval: float = INTERVAL


class Proxy:
    """Keeps the packet rules as Services, EndpointSlices, the node and its pods want them."""

    def __init__(self, client: Client, rules: Rules, config: ProxyConfig, *, clock: Clock) -> None:
        self._config, self._clock = config, clock
        self._tables = Tables(rules, clock)
        self._services = Informer(client, Service, label_selector=f"!{OWN_PROXY}")
        self._slices = Informer(client, EndpointSlice, label_selector=f"!{HEADLESS},!{OWN_PROXY}")
        self._node = Informer(client, Node, field_selector=f"metadata.name={config.node_name}")
        self._pods = Informer(client, Pod, field_selector=f"spec.nodeName={config.node_name}")
        self.health = ProxyHealth(clock, [settings.family for settings in config.settings], self._this_node)
        self._checks = HealthCheckPorts(self.health)
        self._rows: dict[Family, dict[str, tuple[ServicePort, ...]]] = {settings.family: {} for settings in config.settings}
        self._view = NodeView(config.node_name)
        self._dirty: set[str] = set()
        self._changed = asyncio.Event()
        self.synced = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled. The packet rules stay when it ends."""
        self._slices.add_index(SERVICE_NAME, lambda piece: (_owner(piece),))
        self._services.add_handler(lambda old, new: self._mark(*(_key(obj) for obj in (old or new,) if obj)))
        self._slices.add_handler(lambda old, new: self._mark(*(_owner(piece) for piece in (old, new) if piece)))
        self._node.add_handler(lambda _old, _new: self._look_at_node())
        self._pods.add_handler(lambda _old, _new: self._mark())
        try:
            async with asyncio.TaskGroup() as group:
                for informer in (self._services, self._slices, self._node, self._pods):
                    group.create_task(informer.run())
                for needed in (self._services, self._slices, self._node):
                    await needed.wait_synced()
                await self._follow()
        finally:
            self._checks.close()

    async def _follow(self) -> None:
        while True:
            self._changed.clear()
            pause = self._config.interval
            try:
                await self._sync()
            except NftError as error:
                log.error("packet rules were refused: %s", error)  # noqa: TRY400 - a trace would say nothing more
                self._changed.set()
                pause = RETRY
            await self._clock.sleep(pause)
            await self._wait()

    async def _wait(self) -> None:
        """Wait for a change; while chains wait for their deletion, do that meanwhile."""
        while self._tables.stale:
            try:
                async with asyncio.timeout(STALE_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                await self._tables.delete_stale()
            else:
                return
        await self._changed.wait()

    async def _sync(self) -> None:
        started = self._clock.monotonic()
        dirty, self._dirty = self._dirty, set()
        for key in dirty:
            self._derive(key)
        changed = await self._tables.apply([self._table(settings) for settings in self._config.settings])
        await self._checks.update(self._health_checks())
        self.health.updated()
        self.synced.set()
        if changed:
            log.info("packet rules follow %d services after %.0f ms", len(self._services), (self._clock.monotonic() - started) * 1000)

    def _derive(self, key: str) -> None:
        service = self._services.get(*key.split("/", 1))
        for family, rows in self._rows.items():
            found = service_ports(service, self._slices.by_index(SERVICE_NAME, key), self._view, family) if service else ()
            if found:
                rows[key] = found
            else:
                rows.pop(key, None)

    def _table(self, settings: Settings) -> tuple[ServiceTable, Settings]:
        family = settings.family
        services = tuple(row for rows in self._rows[family].values() for row in rows)
        table = ServiceTable(family, services, host_ports(self._pods.list(), family))
        return table, replace(settings, node_ips=of_family(self._view.addresses, family))

    def _health_checks(self) -> Sequence[HealthCheck]:
        found = (
            health_check(service, self._slices.by_index(SERVICE_NAME, _key(service)), self._view)
            for service in self._services.list()
            if service.spec.healthCheckNodePort
        )
        return [check for check in found if check]

    def _look_at_node(self) -> None:
        node = self._this_node()
        if node is None:
            return
        addresses = tuple(entry.address for entry in node.status.addresses if entry.type == "InternalIP")
        view = NodeView(self._config.node_name, node.metadata.labels.get(ZONE, ""), addresses)
        if view != self._view:
            self._view = view
            self._mark(*map(_key, self._services.list()))

    def _this_node(self) -> Node | None:
        return self._node.get("", self._config.node_name)

    def _mark(self, *keys: str) -> None:
        self._dirty.update(keys)
        self.health.changed()
        self._changed.set()


def _key(obj: Service) -> str:
    return f"{obj.metadata.namespace}/{obj.metadata.name}"


def _owner(piece: EndpointSlice) -> str:
    """Return the key of the Service that a slice is of."""
    return f"{piece.metadata.namespace}/{piece.metadata.labels.get(SERVICE_NAME, '')}"
