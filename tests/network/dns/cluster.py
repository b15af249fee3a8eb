"""A small cluster to ask about."""

from __future__ import annotations

from collections.abc import Sequence

from tests.network.builders import endpoint, service, slice_of

from sagong.api.types.core import Service
from sagong.api.types.discovery import EndpointSlice
from sagong.network.dns.cluster_names import ClusterNames


class MemoryView:
    serial = 1700000000

    def __init__(self, services: Sequence[Service], slices: Sequence[EndpointSlice]) -> None:
        self._services = {(s.metadata.namespace, s.metadata.name): s for s in services}
        self._slices = slices

    def has_namespace(self, name: str) -> bool:
        return name in ("default", "empty")

    def service(self, namespace: str, name: str) -> Service | None:
        return self._services.get((namespace, name))

    def slices(self, namespace: str, service: str) -> Sequence[EndpointSlice]:
        return [s for s in self._slices if (s.metadata.namespace, s.metadata.labels["kubernetes.io/service-name"]) == (namespace, service)]

    def services_at(self, address: str) -> Sequence[Service]:
        return [s for s in self._services.values() if address in s.spec.clusterIPs]

    def slices_at(self, address: str) -> Sequence[EndpointSlice]:
        return [s for s in self._slices if any(address in e.addresses for e in s.endpoints or ())]


def external(name: str, target: str) -> Service:
    return service(name, clusterIPs=[""], type="ExternalName", externalName=target)


def cluster() -> ClusterNames:
    services = [
        service("web", clusterIPs=["10.96.0.9", "fd00::9"], ports="http:80 dns:53/UDP"),
        service("dns", "10.96.0.10", ports="dns:53/UDP"),
        service("db", clusterIPs=["None"], ports="sql:5432"),
        service("bare", clusterIPs=["None"], ports=""),
        service("idle", clusterIPs=["None"]),
        external("alias", "web.default.svc.cluster.local"),
        external("away", "www.example.com"),
        external("itself", "itself.default.svc.cluster.local"),
        external("ping", "pong.default.svc.cluster.local"),
        external("pong", "ping.default.svc.cluster.local"),
        external("lost", "nothing.default.svc.cluster.local"),
    ]
    slices = [
        slice_of("web", endpoint("10.244.0.4"), endpoint("10.244.0.5", state="unready")),
        slice_of("dns", endpoint("10.244.0.53"), ports="dns:53/UDP"),
        slice_of(
            "db", endpoint("10.244.0.6", hostname="db-0"), endpoint("10.244.0.7"), endpoint("10.244.0.8", state="unready"), ports="sql:5432"
        ),
        slice_of("db", endpoint("fd00:10:244::"), ports="sql:5432", kind="IPv6", suffix="6"),
        slice_of("bare", endpoint("10.244.0.9"), ports=""),
    ]
    return ClusterNames("cluster.local", MemoryView(services, slices), ["10.244.0.53"])
