"""The DNS server's copy of the cluster: four informers, and indexes for the questions that come."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterator, Sequence

from sagong.api.clock import Clock
from sagong.api.types.core import Namespace, Service
from sagong.api.types.discovery import EndpointSlice
from sagong.client.client import Client, resource_of
from sagong.client.endpoint import metadata_only
from sagong.client.informer import Informer

_OWNER, _ADDRESS = "owner", "address"
SERVICE_NAME = "kubernetes.io/service-name"


class InformerView:
    """A `View` that follows the API server."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._clock = clock
        self._namespaces = Informer(client, metadata_only(resource_of(Namespace)))
        self._services = Informer(client, Service)
        self._slices = Informer(client, EndpointSlice)
        self.serial = int(clock.now().timestamp())
        self._services.add_index(_ADDRESS, _cluster_ips)
        self._slices.add_index(_OWNER, lambda piece: (_key(piece.metadata.namespace, piece.metadata.labels.get(SERVICE_NAME, "")),))
        self._slices.add_index(_ADDRESS, lambda piece: {address for endpoint in piece.endpoints or () for address in endpoint.addresses})
        self._services.add_handler(lambda _old, _new: self._touch())
        self._slices.add_handler(lambda _old, _new: self._touch())

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as group:
            for informer in (self._namespaces, self._services, self._slices):
                group.create_task(informer.run())

    @property
    def synced(self) -> bool:
        """Whether all of the cluster has been seen."""
        return all(informer.synced.is_set() for informer in (self._namespaces, self._services, self._slices))

    async def wait_synced(self) -> None:
        """Wait for that."""
        for informer in (self._namespaces, self._services, self._slices):
            await informer.wait_synced()

    def has_namespace(self, name: str) -> bool:
        """Say whether the namespace exists."""
        return self._namespaces.get("", name) is not None

    def service(self, namespace: str, name: str) -> Service | None:
        """Return a Service."""
        return self._services.get(namespace, name)

    def slices(self, namespace: str, service: str) -> Sequence[EndpointSlice]:
        """Return a Service's EndpointSlices."""
        return self._slices.by_index(_OWNER, _key(namespace, service))

    def services_at(self, address: str) -> Sequence[Service]:
        """Return the Services that have a cluster IP."""
        return self._services.by_index(_ADDRESS, address)

    def slices_at(self, address: str) -> Sequence[EndpointSlice]:
        """Return the EndpointSlices that have an address."""
        return self._slices.by_index(_ADDRESS, address)

    def _touch(self) -> None:
        self.serial = int(self._clock.now().timestamp())


def _cluster_ips(service: Service) -> Iterator[str]:
    for address in {*service.spec.clusterIPs, service.spec.clusterIP}:
        if address not in ("", "None"):
            yield str(ipaddress.ip_address(address))


def _key(namespace: str, name: str) -> str:
    return f"{namespace}/{name}"
