"""Which tracked UDP flows must be forgotten: those that the kernel still sends to a backend that is no longer one.

UDP has no end that the kernel could see: a client that keeps its port would go to the old backend for as long as it sends.
TCP connections to a backend that leaves are left to end by themselves, and so are flows of a service without any backend.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sagong.network.proxy.netlink import Flow
from sagong.network.service_table import ServiceTable

Targets = frozenset[tuple[str, int]]
Frontends = dict[tuple[str, int], Targets]
"""Address ("" for any of the node's) and port -> the backends that may answer there."""


def frontends(table: ServiceTable) -> Frontends:
    """Return the UDP frontends of a table that have a backend."""
    found: Frontends = {}
    for row in table.services:
        if row.protocol == "udp" and row.serving:
            for address in (row.cluster_ip, *row.external_ips, *row.load_balancer_ips):
                found[address, row.port] = row.serving
            if row.node_port:
                found["", row.node_port] = row.serving
    for port in table.host_ports:
        if port.protocol == "udp":
            found.setdefault((port.host_ip, port.host_port), frozenset({(port.address, port.port)}))
    return found


def changed(old: Frontends, new: Frontends) -> Frontends:
    """Return the frontends whose flows may be wrong now: new ones, and those that lost a backend."""
    return {key: targets for key, targets in new.items() if key not in old or old[key] - targets}


def stale(flows: Iterable[Flow], suspects: Frontends, node_addresses: Sequence[str]) -> Iterator[Flow]:
    """Yield the flows to a frontend that somebody else answers than its backends."""
    for flow in flows:
        targets = suspects.get((flow.destination, flow.port))
        if targets is None and (flow.destination in node_addresses or flow.destination.startswith("127.")):
            targets = suspects.get(("", flow.port))
        if targets is not None and (flow.answered_by, flow.answering_port) not in targets:
            yield flow
