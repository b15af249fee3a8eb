"""What this node's packet rules must do, derived from Services, EndpointSlices, this node and its pods. Pure; one row per port.

Service + EndpointSlices + NodeView  ->  service_ports()  ->  ServicePort rows  -+
Pods of this node                    ->  host_ports()     ->  HostPort rows     -+->  ServiceTable  ->  proxy/ruleset.py
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sagong.api.types.core import Service
from sagong.api.types.core import ServicePort as Port
from sagong.api.types.discovery import EndpointSlice
from sagong.network.endpoints import Backend, NodeView, collect, reachable
from sagong.network.host_ports import HostPort

Family = Literal["ip", "ip6"]
FAMILY_NAMES: dict[Family, str] = {"ip": "IPv4", "ip6": "IPv6"}
DEFAULT_AFFINITY_SECONDS = 10800


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One port of one Service in one address family. Addresses are canonical texts; protocols are tcp, udp or sctp.

    `cluster` and `local` are the backends under either traffic policy; `anywhere` says whether any node has one, which decides
    between refusing (none) and dropping (elsewhere only). `affinity` is ClientIP's timeout in seconds, 0 for none.
    """

    namespace: str
    name: str
    port_name: str
    protocol: str
    port: int
    cluster_ip: str
    node_port: int = 0
    external_ips: tuple[str, ...] = ()
    load_balancer_ips: tuple[str, ...] = ()
    source_ranges: tuple[str, ...] = ()
    affinity: int = 0
    internal_local: bool = False
    external_local: bool = False
    cluster: tuple[Backend, ...] = ()
    local: tuple[Backend, ...] = ()
    anywhere: bool = False
    serving: frozenset[tuple[str, int]] = frozenset()

    @property
    def title(self) -> str:
        """`namespace/name:port`, as upstream logs it."""
        return f"{self.namespace}/{self.name}" + (f":{self.port_name}" if self.port_name else "")

    @property
    def external(self) -> bool:
        """Whether anything but the cluster IP leads here."""
        return bool(self.node_port or self.external_ips or self.load_balancer_ips)

    @property
    def reachable(self) -> tuple[Backend, ...]:
        """All backends of either policy, once each."""
        return tuple(dict.fromkeys((*self.cluster, *self.local)))


@dataclass(frozen=True, slots=True)
class ServiceTable:
    """All rows of one address family, in a stable order."""

    family: Family
    services: tuple[ServicePort, ...] = ()
    host_ports: tuple[HostPort, ...] = ()


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A healthCheckNodePort: `local` counts this node's ready endpoints."""

    namespace: str
    name: str
    port: int
    local: int


def is_proxied(service: Service) -> bool:
    """Say whether a Service has a cluster IP to route; headless and ExternalName ones have none."""
    return service.spec.clusterIP not in ("", "None") and service.spec.type != "ExternalName"


def service_ports(service: Service, slices: Iterable[EndpointSlice], node: NodeView, family: Family) -> tuple[ServicePort, ...]:
    """Return the rows of a Service in a family; none where it has no cluster IP in it."""
    spec = service.spec
    cluster_ips = of_family(spec.clusterIPs or [spec.clusterIP], family)
    if not is_proxied(service) or not cluster_ips:
        return ()
    backends = collect((piece for piece in slices if piece.addressType == FAMILY_NAMES[family]), node)
    return tuple(
        _row(service, port, backends.get((port.name, _protocol(port)), ()), node, cluster_ip=cluster_ips[0], family=family)
        for port in spec.ports
    )


def _row(service: Service, port: Port, backends: Sequence[Backend], node: NodeView, *, cluster_ip: str, family: Family) -> ServicePort:
    spec = service.spec
    external_ips = of_family(spec.externalIPs, family)
    load_balancer_ips = of_family((i.ip for i in service.status.loadBalancer.ingress if i.ip and i.ipMode in (None, "VIP")), family)
    external = bool(port.nodePort or external_ips or load_balancer_ips)
    internal_local = spec.internalTrafficPolicy == "Local"
    external_local = spec.externalTrafficPolicy == "Local" and spec.type in ("NodePort", "LoadBalancer")
    chosen = reachable(
        backends,
        node,
        uses_cluster=not internal_local or external,  # policy Local still lets this node's own clients reach every node
        uses_local=internal_local or (external_local and external),
    )
    return ServicePort(
        namespace=service.metadata.namespace,
        name=service.metadata.name,
        port_name=port.name,
        protocol=_protocol(port),
        port=port.port,
        cluster_ip=cluster_ip,
        node_port=port.nodePort,
        external_ips=external_ips,
        load_balancer_ips=load_balancer_ips,
        source_ranges=_source_ranges(spec.loadBalancerSourceRanges, family),
        affinity=_affinity(service),
        internal_local=internal_local,
        external_local=external_local,
        cluster=chosen.cluster,
        local=chosen.local,
        anywhere=chosen.anywhere,
        serving=frozenset((backend.address, backend.port) for backend in backends if backend.serving),
    )


def health_check(service: Service, slices: Iterable[EndpointSlice], node: NodeView) -> HealthCheck | None:
    """Return the health check that load balancers ask for: only LoadBalancers with policy Local have one."""
    spec = service.spec
    if spec.type != "LoadBalancer" or spec.externalTrafficPolicy != "Local" or not spec.healthCheckNodePort:
        return None
    local = {backend.address for backends in collect(slices, node).values() for backend in backends if backend.local and backend.ready}
    return HealthCheck(service.metadata.namespace, service.metadata.name, spec.healthCheckNodePort, len(local))


def of_family(addresses: Iterable[str], family: Family) -> tuple[str, ...]:
    """Keep the addresses of a family, in canonical form."""
    version = 4 if family == "ip" else 6
    parsed = (ipaddress.ip_address(address) for address in addresses if address and address != "None")
    return tuple(str(address) for address in parsed if address.version == version)


def _source_ranges(ranges: Iterable[str], family: Family) -> tuple[str, ...]:
    """Keep the ranges of a family; one that admits everyone makes the others void. Padding is legal, by mistake (upstream)."""
    version = 4 if family == "ip" else 6
    networks = [net for net in (ipaddress.ip_network(text.strip(), strict=False) for text in ranges) if net.version == version]
    return () if any(net.prefixlen == 0 for net in networks) else tuple(str(net) for net in networks)


def _affinity(service: Service) -> int:
    if service.spec.sessionAffinity != "ClientIP":
        return 0
    config = service.spec.sessionAffinityConfig
    seconds = config.clientIP.timeoutSeconds if config and config.clientIP else None
    return seconds or DEFAULT_AFFINITY_SECONDS


def _protocol(port: Port) -> str:
    return (port.protocol or "TCP").lower()
