"""What is particular to replacing Services: what the server had filled in for the old type goes with the type.

A field goes only when the new type cannot have it, and the client did not change it too (that is for validation to refuse).
Addresses and ports are handed out and taken back by the ServiceAllocator.
"""

from __future__ import annotations

from typing import Any

from sagong.api.types.core import LoadBalancerStatus, Service, ServiceSpec


def update(new: Service, old: Service, _: Any) -> None:
    """Drop what belonged to the old type."""
    _drop_addresses(new.spec, old.spec)
    _drop_ports(new, old)
    after, before = new.spec, old.spec
    if before.type == "LoadBalancer" != after.type:
        if after.allocateLoadBalancerNodePorts == before.allocateLoadBalancerNodePorts:
            after.allocateLoadBalancerNodePorts = None
        if after.loadBalancerClass == before.loadBalancerClass:
            after.loadBalancerClass = None
    if _is_external(old) and not _is_external(new) and after.externalTrafficPolicy == before.externalTrafficPolicy:
        after.externalTrafficPolicy = ""
    if after.type != "LoadBalancer" and new.status.loadBalancer != LoadBalancerStatus():
        new.status = new.status.copy()
        new.status.loadBalancer = LoadBalancerStatus()


def _drop_addresses(after: ServiceSpec, before: ServiceSpec) -> None:
    if before.type != "ExternalName" and after.type == "ExternalName":
        if (after.clusterIP, after.clusterIPs) == (before.clusterIP, before.clusterIPs):
            after.clusterIP, after.clusterIPs = "", []
        if after.ipFamilies == before.ipFamilies:
            after.ipFamilies = []
        if after.ipFamilyPolicy == before.ipFamilyPolicy:
            after.ipFamilyPolicy = None
        if after.internalTrafficPolicy == before.internalTrafficPolicy:
            after.internalTrafficPolicy = None


def _drop_ports(new: Service, old: Service) -> None:
    if _has_node_ports(old) and not _has_node_ports(new) and _node_ports(new) <= _node_ports(old):
        for port in new.spec.ports:
            port.nodePort = 0
    if _has_health_port(old) and not _has_health_port(new) and new.spec.healthCheckNodePort == old.spec.healthCheckNodePort:
        new.spec.healthCheckNodePort = 0


def _has_node_ports(service: Service) -> bool:
    return service.spec.type in ("NodePort", "LoadBalancer")


def _node_ports(service: Service) -> set[int]:
    return {port.nodePort for port in service.spec.ports if port.nodePort}


def _has_health_port(service: Service) -> bool:
    return service.spec.type == "LoadBalancer" and service.spec.externalTrafficPolicy == "Local"


def _is_external(service: Service) -> bool:
    return _has_node_ports(service) or (service.spec.type == "ClusterIP" and bool(service.spec.externalIPs))
