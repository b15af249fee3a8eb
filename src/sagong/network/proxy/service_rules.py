"""The packet rules of one service port, in upstream's order of things (KEP-3866, kube-proxy's nftables mode).

A packet for one of a service's addresses is sent by a verdict map to one of its chains:

    cluster IP                             ->  cluster/... or local/...                       (internalTrafficPolicy)
    node port, external IP, load balancer  ->  external/...  ->  cluster/... or local/...     (externalTrafficPolicy)

where cluster/... and local/... choose a backend at random, or, with session affinity, the one that the client had before.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sagong.network.endpoints import Backend
from sagong.network.proxy.objects import Chain, Container
from sagong.network.proxy.settings import MARK, Settings
from sagong.network.service_table import ServicePort

MASQUERADE = f"mark set mark or {MARK:#x}"
REJECT = "goto reject-chain"
DROP = "drop"


@dataclass(frozen=True, slots=True)
class Fragment:
    """What one row adds to a table: chains and sets of its own, elements of the shared containers."""

    chains: Mapping[str, Chain] = field(default_factory=dict)
    containers: Mapping[str, Container] = field(default_factory=dict)
    elements: tuple[tuple[str, str, str], ...] = ()  # container, key, value


def fragment(row: ServicePort, settings: Settings) -> Fragment:
    """Return the rules of one service port."""
    names = _Names(row)
    chains = dict(_chains(row, names, settings))
    containers = {name: _affinity_set(row, settings) for name in map(names.affinity, row.reachable)} if row.affinity else {}
    return Fragment(chains, containers, tuple(_elements(row, names)))


class _Names:
    """Names of a row's chains and sets. nft takes 255 characters and / in a name; no colon, which IPv6 addresses have."""

    def __init__(self, row: ServicePort) -> None:
        self.base = f"{row.namespace}/{row.name}/{row.protocol}/{row.port_name or row.port}"
        self.cluster, self.local = f"cluster/{self.base}", f"local/{self.base}"
        self.external, self.firewall = f"external/{self.base}", f"firewall/{self.base}"
        self.for_internal = self.local if row.internal_local else self.cluster
        self.for_external = self.local if row.external_local else self.cluster

    def endpoint(self, backend: Backend) -> str:
        return f"endpoint/{self.base}__{_slug(backend)}"

    def affinity(self, backend: Backend) -> str:
        return f"affinity/{self.base}__{_slug(backend)}"


def _slug(backend: Backend) -> str:
    return f"{backend.address.replace(':', '.')}/{backend.port}"


def _chains(row: ServicePort, names: _Names, settings: Settings) -> Iterator[tuple[str, Chain]]:
    if row.cluster:
        yield names.cluster, Chain(tuple(_choose(row, names, row.cluster, settings)))
    if row.local:
        yield names.local, Chain(tuple(_choose(row, names, row.local, settings)))
    if row.anywhere and row.external:
        yield names.external, Chain(tuple(_external(row, names, settings)))
    if row.load_balancer_ips and row.source_ranges:
        yield names.firewall, Chain((_firewall(row, settings),))
    if row.affinity:
        for backend in row.reachable:
            yield names.endpoint(backend), Chain(_endpoint(row, names, backend, settings))


def _choose(row: ServicePort, names: _Names, backends: tuple[Backend, ...], settings: Settings) -> Iterator[str]:
    """Yield the rules that pick one backend, all with the same chance."""
    ip, count = settings.family, len(backends)
    if row.affinity:
        for backend in backends:
            yield f"{ip} saddr @{names.affinity(backend)} goto {names.endpoint(backend)}"
        jumps = ", ".join(f"{n} : goto {names.endpoint(backend)}" for n, backend in enumerate(backends))
        yield f"numgen random mod {count} vmap {{ {jumps} }}"
        return
    targets = ", ".join(f"{n} : {backend.address} . {backend.port}" for n, backend in enumerate(backends))
    yield f"meta l4proto {row.protocol} dnat {ip} addr . port to numgen random mod {count} map {{ {targets} }}"


def _endpoint(row: ServicePort, names: _Names, backend: Backend, settings: Settings) -> tuple[str, ...]:
    """Return the rules that lead to one backend and remember it for the client."""
    ip, address = settings.family, f"[{backend.address}]" if settings.family == "ip6" else backend.address
    return (
        f"update @{names.affinity(backend)} {{ {ip} saddr }}",
        f"meta l4proto {row.protocol} dnat to {address}:{backend.port}",
    )


def _external(row: ServicePort, names: _Names, settings: Settings) -> Iterator[str]:
    """Yield the way in from outside. Pods and the node itself reach all backends, as if through the load balancer and back."""
    if not row.external_local:
        yield MASQUERADE
        yield f"goto {names.cluster}"
        return
    if row.cluster:
        if settings.cluster_cidrs:
            yield f"{settings.family} saddr {_any_of(settings.cluster_cidrs)} goto {names.cluster}"
        yield f"fib saddr type local {MASQUERADE}"
        yield f"fib saddr type local goto {names.cluster}"
    if row.local:
        yield f"goto {names.local}"


def _firewall(row: ServicePort, settings: Settings) -> str:
    """Return the rule for loadBalancerSourceRanges. A load balancer's address bound to this node makes packets come from itself."""
    networks = [ipaddress.ip_network(text) for text in row.source_ranges]
    from_here = any(ipaddress.ip_address(address) in network for address in settings.node_ips for network in networks)
    allowed = (*row.source_ranges, *(row.load_balancer_ips if from_here else ()))
    return f"{settings.family} saddr != {_any_of(allowed)} drop"


def _any_of(words: Iterable[str]) -> str:
    return f"{{ {', '.join(words)} }}"


def _affinity_set(row: ServicePort, settings: Settings) -> Container:
    return Container("set", settings.address_type, options=f"flags dynamic,timeout ; timeout {row.affinity}s ; ")


def _elements(row: ServicePort, names: _Names) -> Iterator[tuple[str, str, str]]:
    """Yield what leads to the chains, and what refuses (no backend at all) or drops (none here) where there is no way."""
    yield "cluster-ips", row.cluster_ip, ""
    yield from _way_in(row, names)
    if row.load_balancer_ips and row.source_ranges:
        for address in row.load_balancer_ips:
            yield "firewall-ips", f"{address} . {row.protocol} . {row.port}", f"goto {names.firewall}"
    for backend in row.reachable:
        if backend.local:
            yield "hairpin-connections", f"{backend.address} . {backend.address} . {row.protocol} . {backend.port}", ""


def _way_in(row: ServicePort, names: _Names) -> Iterator[tuple[str, str, str]]:
    where = f"{row.protocol} . {row.port}"
    refusal = DROP if row.anywhere else REJECT
    if row.local if row.internal_local else row.anywhere:
        yield "service-ips", f"{row.cluster_ip} . {where}", f"goto {names.for_internal}"
    else:
        yield "no-endpoint-services", f"{row.cluster_ip} . {where}", refusal
    outside = [("services", "service-ips", f"{address} . {where}") for address in (*row.external_ips, *row.load_balancer_ips)]
    if row.node_port:
        outside.append(("nodeports", "service-nodeports", f"{row.protocol} . {row.node_port}"))
    for kind, container, key in outside:
        if row.anywhere:
            yield container, key, f"goto {names.external}"
        if not (row.local if row.external_local else row.anywhere):
            yield f"no-endpoint-{kind}", key, refusal
