"""What the packet rules depend on besides the service table: this cluster's ranges, this node's addresses, choices."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from sagong.network.service_table import Family

MARK = 0x4000
"""The packet mark that asks for masquerading; upstream's bit."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one address family.

    `cluster_cidrs` are the pods' ranges (what comes from outside them is off-cluster), `service_cidrs` those of cluster IPs.
    `masquerade_all` hides every client of a cluster IP behind the node: the way out where bridged replies pass no packet rules.
    `masquerade_pods` does so with pods' traffic that leaves the cluster. `localhost` lets 127.0.0.1 reach node and host ports.
    """

    family: Family
    cluster_cidrs: tuple[str, ...] = ()
    service_cidrs: tuple[str, ...] = ()
    node_ips: tuple[str, ...] = ()
    node_port_ips: tuple[str, ...] = ()
    masquerade_all: bool = False
    masquerade_pods: bool = True
    localhost: bool = True

    @property
    def address_type(self) -> str:
        """The address type of sets and maps."""
        return "ipv4_addr" if self.family == "ip" else "ipv6_addr"


def networks(family: Family, cidrs: Iterable[str]) -> tuple[str, ...]:
    """Keep the ranges of a family, in canonical form. Raises ValueError for what is no range."""
    version = 4 if family == "ip" else 6
    parsed = (ipaddress.ip_network(cidr.strip(), strict=False) for cidr in cidrs if cidr.strip())
    return tuple(str(network) for network in parsed if network.version == version)
