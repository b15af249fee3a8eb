"""NodePorts: a host port can be taken once for each address and protocol."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from sagong.api.pods import HostPort, host_ports
from sagong.scheduler.events import ADD, DELETE, Change, on
from sagong.scheduler.framework import SKIP, Refusals, State, Unfit, Verdict, refuse
from sagong.scheduler.nodes import Nodes, OneNode
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.remedy import Remedy
from sagong.scheduler.snapshot import Snapshot

_ANY = "0.0.0.0"
_UNFIT = Unfit("NodePorts", ("node(s) didn't have free ports for the requested pod ports",))


class NodePorts:
    """PreFilter and Filter."""

    name = "NodePorts"
    events = on(Node=ADD, Pod=DELETE)

    def pre_filter(self, state: State, pod: PodInfo, snapshot: Snapshot) -> Verdict:
        """Skip pods without host ports."""
        del state, snapshot
        return None if pod.ports else SKIP

    def filter(self, state: State, pod: PodInfo, nodes: Nodes) -> Refusals | None:
        """Refuse nodes on which another pod holds one of the ports."""
        del state
        taken = np.zeros(len(nodes), np.bool_)
        for port in pod.ports:
            for place, addresses in nodes.ports(port.protocol, port.port).items():
                taken[place] |= port.ip == _ANY or port.ip in addresses or _ANY in addresses
        return refuse(taken, _UNFIT)

    def remedies(self, state: State, pod: PodInfo, node: OneNode) -> Sequence[Remedy]:
        """Name who holds the ports."""
        del state
        holders = [(other, port) for other in node.info.pods.values() for port in pod.ports if _conflict((port,), other.ports)]
        return [Remedy(f"free host port {port.port}/{port.protocol} of {other.namespace}/{other.name}") for other, port in holders]

    def may_help(self, pod: PodInfo, change: Change) -> bool:
        """Wait for a node, or for a pod that held one of the ports to go."""
        if change.kind == "Node":
            return True
        gone = change.old
        return bool(gone.spec.nodeName or gone.status.nominatedNodeName) and _conflict(pod.ports, list(host_ports(gone)))


def _conflict(wanted: Iterable[HostPort], held: Iterable[HostPort]) -> bool:
    return any(
        port.port == other.port and port.protocol == other.protocol and (port.ip == other.ip or _ANY in (port.ip, other.ip))
        for port in wanted
        for other in held
    )
