"""node-ipam: gives each node a part of the cluster's pod network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from sagong.api.types.core import Node
from sagong.client.plan import NOTHING, Emit, Patch, Plan
from sagong.controllers.declaration import Controller, Key, Watch, updated, writes
from sagong.controllers.node_ipam_meter import NetworkMeter
from sagong.controllers.view import View

NODE_BITS = {4: 24, 6: 64}
RETRY_SECONDS = 30.0
Network = IPv4Network | IPv6Network


def plan(node: Node, taken: Iterable[Network], cluster: Sequence[Network], masks: Sequence[int]) -> Plan:
    """Give a node without networks one of each family; `taken` are those of the others and what must stay free."""
    if node.metadata.deletionTimestamp is not None or node.spec.podCIDRs:
        return NOTHING
    used = list(taken)
    chosen = [_free(network, mask, used) for network, mask in zip(cluster, masks, strict=True)]
    if None in chosen:
        said = f"Node {node.metadata.name} status is now: CIDRNotAvailable"
        return Plan((Emit(node, "Normal", "CIDRNotAvailable", said),), RETRY_SECONDS)
    networks = [str(network) for network in chosen]
    body = {"spec": {"podCIDR": networks[0], "podCIDRs": networks}}
    return Plan((Patch(Node, node.metadata.name, "", body, "strategic"),))


def _free(network: Network, mask: int, used: Iterable[Network]) -> Network | None:
    """Return the first subnet that no other touches."""
    same = sorted(
        (int(other.network_address), int(other.broadcast_address)) for other in used if other.version == network.version and other.prefixlen
    )
    size = 1 << (network.max_prefixlen - mask)
    start, end = int(network.network_address), int(network.broadcast_address)
    for low, high in same:
        if low >= start + size:
            break
        if high >= start:
            start = -(-(high + 1) // size) * size
    return type(network)((start, mask)) if start + size - 1 <= end else None


@lru_cache(maxsize=1 << 14)
def _network(text: str) -> Network:
    """Read a range; in a large cluster those of all nodes are read for each new one."""
    return ip_network(text)


def controller(cluster_cidr: str, service_cidr: str = "", masks: Sequence[int] = ()) -> Controller:
    """Return the loop for a cluster's networks, comma-separated, one of each family at most."""
    cluster = [ip_network(text.strip()) for text in cluster_cidr.split(",") if text.strip()]
    services = [ip_network(text.strip()) for text in service_cidr.split(",") if text.strip()]
    sizes = masks or [max(NODE_BITS[network.version], network.prefixlen) for network in cluster]

    def reconcile(view: View, key: Key) -> Plan:
        node = view.get(Node, "", key.name)
        if node is None or node.spec.podCIDRs:
            return NOTHING
        taken = [_network(text) for other in view.list(Node) for text in other.spec.podCIDRs]
        return plan(node, [*taken, *services], cluster, sizes)

    return Controller(
        name="node-ipam",
        account="node-controller",
        component="cidrAllocator",
        watches=(Watch(Node, changed=updated(lambda old, new: old.spec.podCIDRs != new.spec.podCIDRs)),),
        writes=writes(("patch", Node)),
        reconcile=reconcile,
        workers=1,  # one at a time, each seeing what the last one took
        meter=lambda: NetworkMeter(cluster, sizes),
    )
