"""The service proxy of one node: informers on one side, the kernel's packet rules on the other.

A change after a quiet time takes effect at once; changes in quick succession share a transaction, and each is
followed by a pause as long as itself, an interval at most: who waits for a backend's removal does not wait for long.
While nothing changes, a look every half a minute whether the rules are still there is all that happens.
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
from sagong.network.host_ports import has_host_ports, host_ports
from sagong.network.proxy.conntrack import Frontends, changed, frontends
from sagong.network.proxy.health import HealthCheckPorts, ProxyHealth
from sagong.network.proxy.kernel import Kernel
from sagong.network.proxy.metrics import ProxyMetrics
from sagong.network.proxy.nft import NftError
from sagong.network.proxy.ruleset import Rulesets
from sagong.network.proxy.settings import Settings
from sagong.network.proxy.tables import Tables
from sagong.network.service_table import (
    FAMILY_NAMES,
    Family,
    HealthCheck,
    ServicePort,
    ServiceTable,
    health_check,
    of_family,
    service_ports,
)

INTERVAL = 0.05
RETRY = 1.0
SERVICE_NAME = "kubernetes.io/service-name"
ZONE = "topology.kubernetes.io/zone"
OWN_PROXY = "service.kubernetes.io/service-proxy-name"
TRIGGERED = "endpoints.kubernetes.io/last-change-trigger-time"
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

    def __init__(self, client: Client, kernel: Kernel, config: ProxyConfig, *, clock: Clock) -> None:
        self._config, self._clock, self._kernel = config, clock, kernel
        self._tables, self._rulesets = Tables(kernel, clock), Rulesets()
        self._services = Informer(client, Service, label_selector=f"!{OWN_PROXY}")
        self._slices = Informer(client, EndpointSlice, label_selector=f"!{HEADLESS},!{OWN_PROXY}")
        self._node = Informer(client, Node, field_selector=f"metadata.name={config.node_name}")
        self._pods = Informer(client, Pod, field_selector=f"spec.nodeName={config.node_name}")
        self.health = ProxyHealth(clock, [settings.family for settings in config.settings], self._this_node)
        self._checks = HealthCheckPorts(self.health)
        self._rows: dict[Family, dict[str, tuple[ServicePort, ...]]] = {settings.family: {} for settings in config.settings}
        self.metrics = ProxyMetrics(FAMILY_NAMES[settings.family] for settings in config.settings)
        self._frontends: dict[Family, Frontends] = {}
        self._view = NodeView(config.node_name)
        self._dirty: set[str] = set()
        self._triggers: list[str] = []
        self._changed = asyncio.Event()
        self.synced = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled. The packet rules stay when it ends."""
        self._slices.add_index(SERVICE_NAME, lambda piece: (_owner(piece),))
        self._services.add_handler(self._on_service)
        self._slices.add_handler(self._on_slice)
        self._node.add_handler(lambda _old, _new: self._look_at_node())
        self._pods.add_handler(self._on_pod)
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
            started, pause = self._clock.monotonic(), self._config.interval
            try:
                await self._sync()
            except NftError as error:
                self.metrics.failed()
                log.error("packet rules were refused: %s", error)  # noqa: TRY400 - a trace would say nothing more
                self._changed.set()
                pause = RETRY
            else:
                pause = min(pause, self._clock.monotonic() - started)
            await self._clock.sleep(pause)
            await self._tables.wait(self._changed)

    async def _sync(self) -> None:
        started, full = self._clock.monotonic(), self._tables.fresh
        dirty, self._dirty = self._dirty, set()
        triggers, self._triggers = self._triggers, []
        for key in dirty:
            self._derive(key)
        wanted = [self._table(settings) for settings in self._config.settings]
        for settings in self._config.settings:
            for network in settings.service_cidrs:
                self._kernel.ensure_route(network)
        applied = await self._tables.apply([self._rulesets.build(table, settings) for table, settings in wanted])
        for table, settings in wanted:
            self.metrics.look_at(table)
            self._forget_flows(table, settings)
        await self._checks.update(self._health_checks())
        self.health.updated()
        self.synced.set()
        if applied:
            seconds = self._clock.monotonic() - started
            self.metrics.done(seconds, self._clock.now(), triggers, full=full)
            log.log(
                logging.INFO if full else logging.DEBUG,
                "packet rules follow %d services after %.0f ms",
                len(self._services),
                seconds * 1000,
            )

    def _forget_flows(self, table: ServiceTable, settings: Settings) -> None:
        now = frontends(table)
        suspects = changed(self._frontends.get(table.family, {}), now)
        self._frontends[table.family] = now
        self.metrics.flows.add(self._kernel.forget_flows(table.family, suspects, settings.node_ips), FAMILY_NAMES[table.family])

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

    def _on_service(self, old: Service | None, new: Service | None) -> None:
        self.metrics.services.add()
        self._mark(*(_key(obj) for obj in (old or new,) if obj))

    def _on_slice(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        self.metrics.endpoints.add()
        if new and self.synced.is_set() and (when := new.metadata.annotations.get(TRIGGERED)):
            self._triggers.append(when)
        self._mark(*{_owner(piece) for piece in (old, new) if piece})

    def _on_pod(self, old: Pod | None, new: Pod | None) -> None:
        if any(pod is not None and has_host_ports(pod) for pod in (old, new)):
            self._mark()

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
        self.metrics.queue(self._clock.now())
        self._changed.set()


def _key(obj: Service) -> str:
    return f"{obj.metadata.namespace}/{obj.metadata.name}"


def _owner(piece: EndpointSlice) -> str:
    """Return the key of the Service that a slice is of."""
    return f"{piece.metadata.namespace}/{piece.metadata.labels.get(SERVICE_NAME, '')}"
