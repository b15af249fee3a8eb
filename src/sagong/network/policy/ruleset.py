"""NetworkPolicies as packet rules: one table for each address family, on the way from and to this node's pods.

    forward   what belongs to a connection that was allowed, and what a pod says to itself, passes;
              then the source's egress chain, if it is isolated, then the destination's ingress chain

A chain of an isolated pod returns for what a policy allows, and drops at its end; pods that the same policies select share it.
Addresses are those of pods, not of services: cluster IPs have been rewritten before. The node itself and its own pods reach, and
are reached by, every pod (kubelet's probes), since only forwarded packets come here; packets between pods of one bridge do, too,
because of br_netfilter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from sagong.api.types.networking import IPBlock, NetworkPolicy, NetworkPolicyPort
from sagong.network.policy.selection import Allowed, Cluster, Direction, PodPeer, PodView, addresses, allowed, isolating, members
from sagong.network.proxy.objects import Chain, Container, Ruleset
from sagong.network.service_table import Family

TABLE = "sagong-policy"
DIRECTIONS: tuple[Direction, ...] = ("egress", "ingress")


def build(cluster: Cluster, node: str, family: Family) -> Ruleset:
    """Return the table of one family."""
    return _Builder(cluster, node, family).build()


class _Builder:
    def __init__(self, cluster: Cluster, node: str, family: Family) -> None:
        self._cluster, self._node, self._family = cluster, node, family
        self._address = "ipv4_addr" if family == "ip" else "ipv6_addr"
        self._chains: dict[str, Chain] = {}
        self._containers: dict[str, Container] = {}

    def build(self) -> Ruleset:
        isolated = {direction: self._isolated(direction) for direction in DIRECTIONS}
        alone = {f"{address} . {address}": "" for elements in isolated.values() for address in elements}
        self._containers["self"] = Container("set", f"{self._address} . {self._address}", alone)
        for direction, elements in isolated.items():
            self._containers[f"{direction}-pods"] = Container("map", f"{self._address} : verdict", elements)
        ip = self._family
        rules = (
            "ct state established,related accept",
            f"{ip} saddr . {ip} daddr @self accept",
            f"{ip} saddr vmap @egress-pods",
            f"{ip} daddr vmap @ingress-pods",
        )
        chains = {"forward": Chain(rules, "type filter hook forward priority 10"), **self._chains}
        return Ruleset(self._family, chains, self._containers, TABLE)

    def _isolated(self, direction: Direction) -> dict[str, str]:
        """Return the verdict for each address that is isolated, and make the chains it needs."""
        found: dict[str, str] = {}
        for pod, policies in isolating(self._cluster, direction, self._node):
            name = f"{direction}/{pod.namespace}/{_digest(policy.metadata.name for policy in policies)}"
            if name not in self._chains:
                self._chains[name] = Chain((*dict.fromkeys(self._rules(policies, direction)), "drop"))
            found.update((address, f"jump {name}") for _, address in addresses([pod], self._family))
        return found

    def _rules(self, policies: Sequence[NetworkPolicy], direction: Direction) -> Iterator[str]:
        for policy in policies:
            for rule in allowed(policy, direction):
                for peer in self._peers(rule, direction):
                    for port in self._ports(rule, direction, policy):
                        yield " ".join(part for part in (peer, port, "return") if part)

    def _peers(self, rule: Allowed, direction: Direction) -> Iterator[str]:
        """Yield a match for each peer; an empty one for everyone."""
        side = f"{self._family} {'saddr' if direction == 'ingress' else 'daddr'}"
        if rule.peers is None:
            yield ""
        for peer in rule.peers or ():
            if isinstance(peer, PodPeer):
                yield f"{side} @{self._peer_set(peer)}"
            elif (":" in peer.cidr) == (self._family == "ip6"):
                yield _block(side, peer)

    def _peer_set(self, peer: PodPeer) -> str:
        name = f"peers/{_digest(map(str, peer))}"
        if name not in self._containers:
            elements = {address: "" for _, address in addresses(members(peer, self._cluster), self._family)}
            self._containers[name] = Container("set", self._address, elements)
        return name

    def _ports(self, rule: Allowed, direction: Direction, policy: NetworkPolicy) -> Iterator[str]:
        """Yield a match for each port; an empty one for all of them."""
        if rule.ports is None:
            yield ""
        for port in rule.ports or ():
            protocol = (port.protocol or "TCP").lower()
            if port.port is None:
                yield f"meta l4proto {protocol}"
            elif isinstance(port.port, str):
                yield f"{self._family} daddr . meta l4proto . th dport @{self._named_ports(port, rule, direction, policy)}"
            else:
                yield f"meta l4proto {protocol} th dport {port.port}" + (f"-{port.endPort}" if port.endPort else "")

    def _named_ports(self, port: NetworkPolicyPort, rule: Allowed, direction: Direction, policy: NetworkPolicy) -> str:
        """Return a set of the addresses and ports that a name means: ports of the pod itself, or of those it talks to."""
        protocol = (port.protocol or "TCP").lower()
        scope: tuple[str, ...] = (policy.metadata.namespace, policy.metadata.name)
        name = f"ports/{_digest((direction, *scope, str(rule.peers), protocol, str(port.port)))}"
        if name not in self._containers:
            elements = {
                f"{address} . {protocol} . {number}": ""
                for pod, address in addresses(self._port_owners(rule, direction), self._family)
                for called, kind, number in pod.ports
                if (called, kind) == (port.port, protocol)
            }
            self._containers[name] = Container("set", f"{self._address} . inet_proto . inet_service", elements)
        return name

    def _port_owners(self, rule: Allowed, direction: Direction) -> Iterable[PodView]:
        if direction == "ingress":
            return [pod for pod in self._cluster.pods if pod.node == self._node]
        if rule.peers is None:
            return self._cluster.pods
        return [pod for peer in rule.peers if isinstance(peer, PodPeer) for pod in members(peer, self._cluster)]


def _block(side: str, block: IPBlock) -> str:
    excepted = f" {side} != {{ {', '.join(block.except_)} }}" if block.except_ else ""
    return f"{side} {block.cidr}{excepted}"


def _digest(words: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:12]
