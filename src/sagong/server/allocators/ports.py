"""Which node ports a Service needs, and how it gets them: those that it names, those it had, and any for the rest."""

from __future__ import annotations

from sagong.api.errors import ApiError, invalid
from sagong.api.field_errors import Errors
from sagong.api.types.core import Service
from sagong.server.allocators.node_ports import NodePorts
from sagong.server.allocators.ranges import AllocationError

_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")


def needs_health_port(service: Service) -> bool:
    """Say whether load balancers check the nodes of a Service on a port of their own."""
    return service.spec.type == "LoadBalancer" and service.spec.externalTrafficPolicy == "Local"


def _wants_node_ports(service: Service) -> bool:
    spec = service.spec
    return spec.type == "NodePort" or (spec.type == "LoadBalancer" and spec.allocateLoadBalancerNodePorts is not False)


def keep_ports(new: Service, old: Service) -> None:
    """Let the client leave out what was given to the Service before: addresses and ports."""
    after, before = new.spec, old.spec
    if after.type != "ExternalName" != before.type:
        after.clusterIP = after.clusterIP or before.clusterIP
        after.clusterIPs = after.clusterIPs or list(before.clusterIPs)
    if _wants_node_ports(old) and _wants_node_ports(new):
        stay = {port.nodePort for port in before.ports} & {port.nodePort for port in after.ports if port.nodePort}
        known = {port.name: port.nodePort for port in before.ports}
        for port in after.ports:
            if not port.nodePort and known.get(port.name, 0) not in stay:
                port.nodePort = known.get(port.name, 0)
    if needs_health_port(old) and needs_health_port(new):
        after.healthCheckNodePort = after.healthCheckNodePort or before.healthCheckNodePort


def assign_node_ports(new: Service, old: Service | None, node_ports: NodePorts, taken: list[int]) -> None:
    """Fill in the node ports of `new`, add what was taken for that to `taken`. Raises InvalidError, ApiError."""
    held = {port.nodePort for port in old.spec.ports} if old else set()
    if new.spec.type in _WITH_NODE_PORTS:
        if old is None:
            _assign_fresh(new, node_ports, taken)
        else:
            _assign_changed(new, held - {0}, node_ports, taken)
    if needs_health_port(new) and not (old and needs_health_port(old)):
        _assign_health_port(new, node_ports, taken)


def _assign_fresh(new: Service, node_ports: NodePorts, taken: list[int]) -> None:
    """Give ports of one number and different protocols one node port."""
    given: dict[int, int] = {}
    for index, port in enumerate(new.spec.ports):
        if not port.nodePort and not _wants_node_ports(new):
            continue
        if port.port not in given:
            named = next((other.nodePort for other in new.spec.ports if other.port == port.port and other.nodePort), 0)
            port.nodePort = given[port.port] = _take(new, index, named, node_ports, taken)
        elif not port.nodePort:
            port.nodePort = given[port.port]
        elif port.nodePort != given[port.port]:
            _take(new, index, port.nodePort, node_ports, taken)


def _assign_changed(new: Service, held: set[int], node_ports: NodePorts, taken: list[int]) -> None:
    seen: set[tuple[str, int]] = set()
    for index, port in enumerate(new.spec.ports):
        if not port.nodePort and not _wants_node_ports(new):
            continue
        if not port.nodePort or (port.nodePort not in held and port.nodePort not in taken):
            port.nodePort = _take(new, index, port.nodePort, node_ports, taken)
        if (port.protocol, port.nodePort) in seen:
            raise ApiError(f"Internal error occurred: duplicate nodePort: {{{port.protocol} {port.nodePort}}}")
        seen.add((port.protocol, port.nodePort))


def _take(new: Service, index: int, wanted: int, node_ports: NodePorts, taken: list[int]) -> int:
    try:
        if wanted:
            node_ports.take(wanted)
        port = wanted or node_ports.take_any()
    except AllocationError as error:
        if not wanted:
            raise ApiError(f"Internal error occurred: failed to allocate a nodePort: {error}") from error
        errors = Errors()
        errors.invalid(f"spec.ports[{index}].nodePort", wanted, str(error))
        raise invalid("", "Service", new.metadata.name, errors) from error
    taken.append(port)
    return port


def _assign_health_port(new: Service, node_ports: NodePorts, taken: list[int]) -> None:
    wanted = new.spec.healthCheckNodePort
    try:
        if wanted:
            node_ports.take(wanted)
        port = wanted or node_ports.take_any()
    except AllocationError as error:
        what = f"requested HealthCheck NodePort {wanted}" if wanted else f"a HealthCheck NodePort {wanted}"
        raise ApiError(f"Internal error occurred: failed to allocate {what}: {error}") from error
    taken.append(port)
    new.spec.healthCheckNodePort = port
