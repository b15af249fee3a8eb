"""What NetworkPolicies mean for the pods of a cluster: pure selections, no packet rules yet (KEP-2079, networking.k8s.io/v1).

A pod that some policy selects for a direction is isolated in it: only what one of those policies allows passes.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from sagong.api.pods import all_containers
from sagong.api.selectors import Selector, from_label_selector
from sagong.api.types.core import Pod
from sagong.api.types.networking import IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort

Direction = Literal["ingress", "egress"]


@dataclass(frozen=True, slots=True)
class PodView:
    """What policies see of a pod: labels, addresses, named ports as (name, protocol, number)."""

    namespace: str
    name: str
    labels: Mapping[str, str]
    addresses: tuple[str, ...]
    ports: tuple[tuple[str, str, int], ...] = ()
    node: str = ""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Pods, namespaces (labels by name) and policies at one moment."""

    pods: Sequence[PodView] = ()
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    policies: Sequence[NetworkPolicy] = ()


class PodPeer(NamedTuple):
    """Pods by labels, in one namespace (`namespace`) or in those that `namespaces` selects."""

    pods: Selector
    namespace: str = ""
    namespaces: Selector | None = None


class Allowed(NamedTuple):
    """One rule of a policy. Peers None: everyone; ports None: all."""

    peers: tuple[PodPeer | IPBlock, ...] | None
    ports: tuple[NetworkPolicyPort, ...] | None


def view_of(pod: Pod) -> PodView | None:
    """Return a pod as policies see it; None for one they do not concern: it ended, has no address, or shares its node's network."""
    addresses = tuple(str(ipaddress.ip_address(ip)) for ip in ([entry.ip for entry in pod.status.podIPs] or [pod.status.podIP]) if ip)
    if pod.spec.hostNetwork or not addresses or pod.status.phase in ("Succeeded", "Failed"):
        return None
    ports = tuple(
        (port.name, (port.protocol or "TCP").lower(), port.containerPort)
        for container in all_containers(pod)
        for port in container.ports
        if port.name
    )
    return PodView(pod.metadata.namespace, pod.metadata.name, pod.metadata.labels, addresses, ports, pod.spec.nodeName)


def isolating(cluster: Cluster, direction: Direction, node: str) -> Iterator[tuple[PodView, tuple[NetworkPolicy, ...]]]:
    """Yield the node's pods that are isolated in a direction, with the policies that say so."""
    by_namespace: dict[str, list[tuple[NetworkPolicy, Selector]]] = {}
    for policy in sorted(cluster.policies, key=lambda policy: policy.metadata.name):
        if _concerns(policy, direction):
            entry = policy, from_label_selector(policy.spec.podSelector)
            by_namespace.setdefault(policy.metadata.namespace, []).append(entry)
    for pod in cluster.pods:
        if pod.node == node:
            found = tuple(policy for policy, selector in by_namespace.get(pod.namespace, ()) if selector.matches(pod.labels))
            if found:
                yield pod, found


def _concerns(policy: NetworkPolicy, direction: Direction) -> bool:
    types = policy.spec.policyTypes or ["Ingress", *(["Egress"] if policy.spec.egress else [])]
    return direction.capitalize() in types


def allowed(policy: NetworkPolicy, direction: Direction) -> Iterator[Allowed]:
    """Yield a policy's rules in a direction."""
    rules = policy.spec.ingress if direction == "ingress" else policy.spec.egress
    for rule in rules:
        peers = getattr(rule, "from_" if direction == "ingress" else "to")
        yield Allowed(
            tuple(_peer(peer, policy.metadata.namespace) for peer in peers) if peers else None,
            tuple(rule.ports) if rule.ports else None,
        )


def _peer(peer: NetworkPolicyPeer, namespace: str) -> PodPeer | IPBlock:
    if peer.ipBlock is not None:
        return peer.ipBlock
    pods = from_label_selector(peer.podSelector) if peer.podSelector is not None else Selector()
    if peer.namespaceSelector is None:
        return PodPeer(pods, namespace=namespace)
    return PodPeer(pods, namespaces=from_label_selector(peer.namespaceSelector))


def members(peer: PodPeer, cluster: Cluster) -> Iterator[PodView]:
    """Yield the pods that a peer means."""
    for pod in cluster.pods:
        here = (
            pod.namespace == peer.namespace
            if peer.namespaces is None
            else peer.namespaces.matches(cluster.namespaces.get(pod.namespace, {}))
        )
        if here and peer.pods.matches(pod.labels):
            yield pod


def addresses(pods: Iterable[PodView], family: str) -> Iterator[tuple[PodView, str]]:
    """Yield pods with their addresses of a family ("ip", "ip6")."""
    for pod in pods:
        for address in pod.addresses:
            if (":" in address) == (family == "ip6"):
                yield pod, address
