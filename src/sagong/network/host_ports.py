"""Host ports of this node's pods: what the CNI portmap plugin would do with iptables, as rows of the service table."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sagong.api.pods import all_containers
from sagong.api.types.core import Pod


@dataclass(frozen=True, slots=True)
class HostPort:
    """A port of this node that leads to a pod on it; `host_ip` is empty for all of the node's addresses."""

    protocol: str
    host_ip: str
    host_port: int
    address: str
    port: int


def host_ports(pods: Iterable[Pod], family: str) -> tuple[HostPort, ...]:
    """Return the host ports of pods that have an address in the family ("ip" or "ip6"), sorted."""
    version = 4 if family == "ip" else 6
    return tuple(sorted({row for pod in pods if has_host_ports(pod) for row in _rows(pod, version)}, key=_order))


def has_host_ports(pod: Pod) -> bool:
    """Say whether a pod takes ports of its node that must be led to it: it runs, and has a network of its own."""
    return (
        not pod.spec.hostNetwork
        and pod.status.phase not in ("Succeeded", "Failed")
        and any(port.hostPort for container in all_containers(pod) for port in container.ports)
    )


def _rows(pod: Pod, version: int) -> Iterator[HostPort]:
    addresses = [entry.ip for entry in pod.status.podIPs] or [pod.status.podIP]
    address = next((text for text in addresses if text and ipaddress.ip_address(text).version == version), "")
    if not address:
        return
    for container in all_containers(pod):
        for port in container.ports:
            host = ipaddress.ip_address(port.hostIP) if port.hostIP else None
            if port.hostPort and (host is None or host.version == version or host.is_unspecified):
                host_ip = "" if host is None or host.is_unspecified else str(host)
                yield HostPort((port.protocol or "TCP").lower(), host_ip, port.hostPort, address, port.containerPort)


def _order(row: HostPort) -> tuple[str, str, int, str, int]:
    return row.protocol, row.host_ip, row.host_port, row.address, row.port
