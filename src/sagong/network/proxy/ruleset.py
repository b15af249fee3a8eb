"""The whole table of one address family: the frame that is always there, filled with the service table's rows.

    prerouting, output   firewall-check: load balancers' source ranges, before addresses are rewritten
                         services: verdict maps by address . protocol . port, then by node port, then host ports
    input, forward,      what no backend answers is refused, what policy Local keeps from this node is dropped, and so are
    output               cluster IPs that nobody has
    postrouting          masquerading: marked packets, hairpins (a pod that reaches itself), pods that leave the cluster

Connections keep the backend they have: only their first packet passes here. Chains named with / are services'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sagong.network.host_ports import HostPort
from sagong.network.proxy.objects import Chain, Container, Ruleset
from sagong.network.proxy.service_rules import MASQUERADE, Fragment, fragment
from sagong.network.proxy.settings import MARK, Settings
from sagong.network.service_table import ServicePort, ServiceTable

FragmentOf = Callable[[ServicePort, Settings], Fragment]
_MULTICAST = {"ip": "224.0.0.0/4", "ip6": "ff00::/8"}


def build(table: ServiceTable, settings: Settings, fragment_of: FragmentOf = fragment) -> Ruleset:
    """Return the table's rules. `fragment_of` lets a caller reuse the fragments of rows that have not changed."""
    chains, containers = _frame(settings), _frame_containers(settings)
    elements: dict[str, dict[str, str]] = {name: {} for name in containers}
    for row in table.services:
        part = fragment_of(row, settings)
        chains.update(part.chains)
        containers.update(part.containers)
        for name, key, value in part.elements:
            elements[name].setdefault(key, value)  # two services may claim an external IP: the first has it
    _fill_host_ports(table.host_ports, elements)
    elements["nodeport-ips"].update(dict.fromkeys(settings.node_port_ips, ""))
    filled = {
        name: Container(container.kind, container.type, elements.get(name, {}), container.options) for name, container in containers.items()
    }
    return Ruleset(settings.family, chains, filled)


class Rulesets:
    """Builds tables again and again; rows that have not changed keep their fragments."""

    def __init__(self) -> None:
        self._fragments: dict[str, dict[tuple[ServicePort, Settings], Fragment]] = {}

    def build(self, table: ServiceTable, settings: Settings) -> Ruleset:
        """Return the table's rules."""
        before, used = self._fragments.get(table.family, {}), {}

        def fragment_of(row: ServicePort, settings: Settings) -> Fragment:
            key = row, settings
            found = used[key] = before.get(key) or fragment(row, settings)
            return found

        ruleset = build(table, settings, fragment_of)
        self._fragments[table.family] = used
        return ruleset


def _frame_containers(settings: Settings) -> dict[str, Container]:
    address = settings.address_type
    service = f"{address} . inet_proto . inet_service"
    return {
        "cluster-ips": Container("set", address),
        "nodeport-ips": Container("set", address),
        "hairpin-connections": Container("set", f"{address} . {service}"),
        "service-ips": Container("map", f"{service} : verdict"),
        "service-nodeports": Container("map", "inet_proto . inet_service : verdict"),
        "no-endpoint-services": Container("map", f"{service} : verdict"),
        "no-endpoint-nodeports": Container("map", "inet_proto . inet_service : verdict"),
        "firewall-ips": Container("map", f"{service} : verdict"),
        "host-ports": Container("map", f"inet_proto . inet_service : {address} . inet_service"),
        "host-port-ips": Container("map", f"{service} : {address} . inet_service"),
    }


def _frame(settings: Settings) -> dict[str, Chain]:
    ip = settings.family
    service = f"{ip} daddr . meta l4proto . th dport"
    jumps = ("firewall-check",), ("service-endpoints-check", "nodeport-endpoints-check", "cluster-ips-check")
    firewall, checks = (tuple(f"ct state new jump {chain}" for chain in chains) for chains in jumps)
    return {
        **_guard(settings),
        "filter-prerouting-pre-dnat": Chain(firewall, "type filter hook prerouting priority -110"),
        "filter-output-pre-dnat": Chain(firewall, "type filter hook output priority -110"),
        "filter-input": Chain(checks[:2], "type filter hook input priority 0"),
        "filter-forward": Chain((*_strays(settings), checks[0], checks[2]), "type filter hook forward priority 0"),
        "filter-output": Chain((checks[0], checks[2]), "type filter hook output priority 0"),
        "nat-prerouting": Chain(("jump services",), "type nat hook prerouting priority -100"),
        "nat-output": Chain(("jump services",), "type nat hook output priority -100"),
        "nat-postrouting": Chain(("jump masquerading",), "type nat hook postrouting priority 100"),
        "reject-chain": Chain(("meta l4proto tcp reject with tcp reset", "reject")),
        "firewall-check": Chain((f"{service} vmap @firewall-ips",)),
        "service-endpoints-check": Chain((f"{service} vmap @no-endpoint-services",)),
        "nodeport-endpoints-check": Chain((f"{_to_node(settings)} meta l4proto . th dport vmap @no-endpoint-nodeports",)),
        "cluster-ips-check": Chain(tuple(_cluster_ips_check(settings))),
        "services": Chain(tuple(_services(settings))),
        "host-ports": Chain(tuple(_host_ports(settings))),
        "masquerading": Chain(tuple(_masquerading(settings))),
    }


def _guard(settings: Settings) -> dict[str, Chain]:
    """Keep 127.0.0.1 from the network: route_localnet, which node ports on localhost need, would let it in (CVE-2020-8558)."""
    if settings.family != "ip" or not settings.localhost:
        return {}
    return {"raw-prerouting": Chain(('iifname != "lo" ip daddr 127.0.0.0/8 drop',), "type filter hook prerouting priority -300")}


def _strays(settings: Settings) -> Iterable[str]:
    """Stop packets of a pod that fit no connection: their source is not rewritten, and the client would break its connection off."""
    if settings.cluster_cidrs:
        yield f"ct state invalid {settings.family} saddr {{ {', '.join(settings.cluster_cidrs)} }} drop"


def _to_node(settings: Settings) -> str:
    """Match the addresses on which node ports are open."""
    if settings.node_port_ips:
        return f"{settings.family} daddr @nodeport-ips"
    if settings.family == "ip6":
        return "fib daddr type local ip6 daddr != ::1"
    return "fib daddr type local" if settings.localhost else "fib daddr type local ip daddr != 127.0.0.0/8"


def _cluster_ips_check(settings: Settings) -> Iterable[str]:
    yield f"{settings.family} daddr @cluster-ips goto reject-chain"
    if settings.service_cidrs:
        yield f"{settings.family} daddr {{ {', '.join(settings.service_cidrs)} }} drop"


def _services(settings: Settings) -> Iterable[str]:
    ip = settings.family
    if settings.masquerade_all:
        yield f"{ip} daddr @cluster-ips {MASQUERADE}"
    elif settings.cluster_cidrs:
        yield f"{ip} daddr @cluster-ips {ip} saddr != {{ {', '.join(settings.cluster_cidrs)} }} {MASQUERADE}"
    yield f"{ip} daddr . meta l4proto . th dport vmap @service-ips"
    yield f"{_to_node(settings)} meta l4proto . th dport vmap @service-nodeports"
    yield "fib daddr type local jump host-ports"


def _host_ports(settings: Settings) -> Iterable[str]:
    ip = settings.family
    for protocol in ("tcp", "udp", "sctp"):
        yield f"meta l4proto {protocol} dnat {ip} addr . port to {ip} daddr . meta l4proto . th dport map @host-port-ips"
        localhost = "" if ip == "ip" and settings.localhost else f"{ip} daddr != {'127.0.0.0/8' if ip == 'ip' else '::1'} "
        yield f"meta l4proto {protocol} {localhost}dnat {ip} addr . port to meta l4proto . th dport map @host-ports"


def _masquerading(settings: Settings) -> Iterable[str]:
    ip = settings.family
    yield f"mark and {MARK:#x} != 0 mark set mark xor {MARK:#x} masquerade fully-random"
    yield f"ct status dnat {ip} saddr . {ip} daddr . meta l4proto . th dport @hairpin-connections masquerade fully-random"
    if ip == "ip" and settings.localhost:
        yield 'ct status dnat ip saddr 127.0.0.0/8 oifname != "lo" masquerade fully-random'
    if settings.masquerade_pods and settings.cluster_cidrs:
        inside = ", ".join(settings.cluster_cidrs)
        yield f"{ip} saddr {{ {inside} }} {ip} daddr != {{ {inside}, {_MULTICAST[ip]} }} masquerade fully-random"


def _fill_host_ports(rows: Iterable[HostPort], elements: dict[str, dict[str, str]]) -> None:
    for row in rows:
        target = f"{row.address} . {row.port}"
        if row.host_ip:
            elements["host-port-ips"].setdefault(f"{row.host_ip} . {row.protocol} . {row.host_port}", target)
        else:
            elements["host-ports"].setdefault(f"{row.protocol} . {row.host_port}", target)
        elements["hairpin-connections"].setdefault(f"{row.address} . {row.address} . {row.protocol} . {row.port}", "")
