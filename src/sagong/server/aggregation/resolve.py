"""From a Service to an address: one of its ready endpoints, or its cluster IP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from sagong.api.clock import Random
from sagong.api.types.core import Service, ServicePort
from sagong.api.types.discovery import Endpoint, EndpointSlice
from sagong.server.contract import Objects

T = TypeVar("T")

SERVICE_NAME = "kubernetes.io/service-name"
_ADDRESSED = ("ClusterIP", "LoadBalancer", "NodePort")


class ResolveError(Exception):
    """The Service leads nowhere."""


class Resolver:
    """Finds an address. `endpoints`: go to an endpoint (no packet rules needed), otherwise to the cluster IP."""

    def __init__(self, objects: Objects, random: Random, *, endpoints: bool) -> None:
        self._objects, self._random, self._endpoints = objects, random, endpoints

    def resolve(self, namespace: str, name: str, port: int) -> tuple[str, int]:
        """Return host and port. Raises ResolveError."""
        service = self._objects.get(Service, name, namespace)
        if service is None:
            raise ResolveError(f'service "{name}" not found')
        if service.spec.type == "ExternalName":
            return service.spec.externalName, port
        if service.spec.type not in _ADDRESSED:
            raise ResolveError(f'unsupported service type "{service.spec.type}"')
        declared = port_of(service, port)
        if declared is None:
            raise ResolveError(f'no service port {port} found for service "{name}"')
        if self._endpoints:
            return self._endpoint(namespace, name, declared)
        if service.spec.clusterIP == "None":
            raise ResolveError('cannot route to service with ClusterIP "None"')
        return service.spec.clusterIP, port

    def _endpoint(self, namespace: str, name: str, declared: ServicePort) -> tuple[str, int]:
        for found in self._shuffled(slices(self._objects, namespace, name)):
            ready = [endpoint for endpoint in found.endpoints or () if is_ready(endpoint) and endpoint.addresses]
            ports = [port.port for port in found.ports or () if (port.name or "") == declared.name and port.port]
            if ready and ports:
                return self._shuffled(ready)[0].addresses[0], ports[0]
        raise ResolveError(f'no endpoints available for service "{name}"')

    def _shuffled(self, items: Sequence[T]) -> Sequence[T]:
        start = int(self._random.uniform() * len(items))
        return [*items[start:], *items[:start]]


def slices(objects: Objects, namespace: str, service: str) -> list[EndpointSlice]:
    """Return a Service's endpoint slices."""
    return [found for found in objects.list(EndpointSlice, namespace) if found.metadata.labels.get(SERVICE_NAME) == service]


def port_of(service: Service, number: int) -> ServicePort | None:
    """Return the Service's port of that number."""
    return next((port for port in service.spec.ports if port.port == number), None)


def is_ready(endpoint: Endpoint) -> bool:
    """Tell whether an endpoint takes requests; one that does not say does."""
    return endpoint.conditions.ready is not False
