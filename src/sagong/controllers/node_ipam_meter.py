"""What the loop that gives nodes their networks counts, by the cluster's network that they are taken from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from sagong.api.exposition import Counts, Family, Metric
from sagong.api.types.core import Node
from sagong.client.plan import Patch
from sagong.controllers.meter import Attempt, Handler, Meter
from sagong.controllers.view import View

_PREFIX = "node_ipam_controller_"
_LABEL = ("clusterCIDR",)


class NetworkMeter(Meter):
    """Counts under upstream's names, one of which upstream has misspelt."""

    def __init__(self, cluster: Sequence[IPv4Network | IPv6Network], masks: Sequence[int]) -> None:
        """`masks` are the lengths of nodes' prefixes, one for each network of the cluster."""
        self._most = {network: 1 << (mask - network.prefixlen) for network, mask in zip(cluster, masks, strict=True)}
        self._given = Counts(f"{_PREFIX}cidrset_cidrs_allocations_total", "How many networks were given to nodes.", _LABEL)
        self._freed = Counts(f"{_PREFIX}cidrset_cidrs_releases_total", "How many networks came back with nodes that went.", _LABEL)

    def handlers(self) -> Iterable[tuple[type, Handler]]:
        """Follow the nodes that go."""
        return ((Node, self._node_changed),)

    def after(self, attempt: Attempt) -> None:
        """Count the networks that a node got."""
        for write in attempt.outcome.written:
            if isinstance(write.action, Patch):
                self._add(self._given, write.action.patch.get("spec", {}).get("podCIDRs", ()))

    def families(self, view: View) -> Iterable[Family]:
        """Return them, with how many networks there can be and what part of them is taken."""
        most = Metric(f"{_PREFIX}cirdset_max_cidrs", "gauge", "How many nodes the network has room for.")
        usage = Metric(f"{_PREFIX}cidrset_usage_cidrs", "gauge", "What part of that is taken.")
        taken = Counts("", "", _LABEL)
        for node in view.list(Node):
            self._add(taken, node.spec.podCIDRs)
        for network, count in self._most.items():
            most.add(count, clusterCIDR=str(network))
            usage.add(taken.values.get((str(network),), 0.0) / count, clusterCIDR=str(network))
        return self._given, self._freed, most, usage

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        if old is not None and new is None:
            self._add(self._freed, old.spec.podCIDRs)

    def _add(self, counts: Counts, networks: Iterable[str]) -> None:
        for text in networks:
            found = ip_network(text)
            for network in self._most:
                if network.version == found.version and int(found.network_address) in range(
                    int(network.network_address), int(network.broadcast_address) + 1
                ):
                    counts.add((str(network),))
