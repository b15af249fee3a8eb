"""All that the proxy changes in the kernel, behind one port: rules, tracked flows, routes. Tests put their own in its place."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from sagong.network.proxy import netlink
from sagong.network.proxy.conntrack import Frontends, stale
from sagong.network.proxy.nft import Nft
from sagong.network.service_table import Family

log = logging.getLogger(__name__)


class Kernel(Protocol):
    """What the proxy asks for."""

    async def run(self, commands: Iterable[str]) -> None:
        """Apply nft commands, all or none. Raises NftError."""
        ...

    def forget_flows(self, family: Family, suspects: Frontends, node_addresses: Sequence[str]) -> int:
        """Forget the UDP flows to `suspects` that others than their backends answer; return how many."""
        ...

    def has_table(self, family: str, name: str) -> bool:
        """Say whether a table exists."""
        ...

    def ensure_route(self, network: str) -> None:
        """See to it that packets of this node for a range get as far as the rules."""
        ...


class NodeKernel:
    """This node's kernel."""

    def __init__(self, nft: Nft | None = None) -> None:
        self._nft = nft or Nft()

    async def run(self, commands: Iterable[str]) -> None:
        """Apply nft commands, all or none. Raises NftError."""
        await self._nft.run(commands)

    def forget_flows(self, family: Family, suspects: Frontends, node_addresses: Sequence[str]) -> int:
        """Forget wrong UDP flows. A kernel that cannot tell them is only slower to notice."""
        if not suspects:
            return 0
        try:
            return netlink.delete_flows(family, stale(netlink.udp_flows(family), suspects, node_addresses))
        except OSError as error:
            log.warning("UDP flows to backends that have gone may last: %s", error)
            return 0

    def has_table(self, family: str, name: str) -> bool:
        """Say whether a table exists; a kernel that does not say is believed to have it."""
        try:
            return netlink.has_table(family, name)
        except OSError:
            return True

    def ensure_route(self, network: str) -> None:
        """Route an IPv4 range to lo if there is no way at all, as without a default route: else packets would end before the rules."""
        if ":" in network or netlink.has_route(str(ipaddress.ip_network(network)[1])):
            return
        try:
            netlink.route_to_loopback(network)
        except OSError as error:
            log.warning("cluster IPs of %s cannot be reached from this node: %s", network, error)
        else:
            log.info("there is no route to cluster IPs; %s is routed to lo", network)

    def routes(self) -> Mapping[str, str]:
        """Return the routes to other nodes' pods: range -> gateway. Raises OSError."""
        return netlink.node_routes()

    def add_route(self, network: str, gateway: str) -> None:
        """Route a range by way of another node. Raises OSError."""
        netlink.add_node_route(network, gateway)

    def delete_route(self, network: str) -> None:
        """Delete such a route; none is no error. Raises OSError."""
        netlink.delete_node_route(network)
