"""NodePorts: a host port can be taken once for each address and protocol."""

from __future__ import annotations

from collections.abc import Iterable

from sagong.api.pods import HostPort, host_ports
from sagong.api.types.core import Pod
from sagong.scheduler.framework import State, Unfit
from sagong.scheduler.snapshot import NodeInfo

_ANY = ("0.0.0.0", "::", "")
_UNFIT = Unfit(("node(s) didn't have free ports for the requested pod ports",))


class NodePorts:
    """Filter."""

    name = "NodePorts"
    events = frozenset({"Node", "Pod"})

    def filter(self, state: State, pod: Pod, node: NodeInfo) -> Unfit | None:
        """Refuse nodes on which another pod holds one of the ports."""
        del state
        wanted = tuple(host_ports(pod))
        if not wanted:
            return None
        held = [port for info in node.pods.values() for port in info.ports]
        return _UNFIT if any(_conflicts(port, held) for port in wanted) else None


def _conflicts(wanted: HostPort, held: Iterable[HostPort]) -> bool:
    return any(
        port.port == wanted.port and port.protocol == wanted.protocol and (port.ip == wanted.ip or port.ip in _ANY or wanted.ip in _ANY)
        for port in held
    )
