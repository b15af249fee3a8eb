"""Tables of the network: services, endpoints, ingresses, policies, addresses."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sagong.api.printers.columns import NONE, UNKNOWN, UNSET, Cells, Printer, age, labels, printer, selector, some
from sagong.api.types import core, discovery, networking

_SHOWN = 3


def _service(obj: core.Service, now: datetime) -> Cells:
    spec = obj.spec
    address = (spec.clusterIPs[0] if spec.clusterIPs else spec.clusterIP) or NONE
    ports = ",".join(f"{p.port}:{p.nodePort}/{p.protocol}" if p.nodePort > 0 else f"{p.port}/{p.protocol}" for p in spec.ports)
    return [obj.metadata.name, spec.type, address, _external(obj), ports or NONE, age(obj, now), labels(spec.selector)]


def _external(obj: core.Service) -> str:
    spec = obj.spec
    if spec.type in ("ClusterIP", "NodePort"):
        return ",".join(spec.externalIPs) or NONE
    if spec.type == "LoadBalancer":
        return ",".join([*_ingress_points(obj.status.loadBalancer.ingress), *spec.externalIPs]) or "<pending>"
    return spec.externalName if spec.type == "ExternalName" else UNKNOWN


def _ingress_points(points: Iterable[core.LoadBalancerIngress | networking.IngressLoadBalancerIngress]) -> list[str]:
    return sorted({point.ip or point.hostname for point in points} - {""})


def _endpoints(obj: core.Endpoints, now: datetime) -> Cells:
    found = [
        _host_port(address.ip, port.port) if port else address.ip
        for subset in obj.subsets
        for port in (subset.ports or (None,))
        for address in subset.addresses
    ]
    return [obj.metadata.name, some(found, empty="" if obj.subsets else NONE), age(obj, now)]


def _host_port(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def _endpoint_slice(obj: discovery.EndpointSlice, now: datetime) -> Cells:
    ports = (str(p.port) if p.port is not None else p.name if p.name is not None else "*" for p in obj.ports or ())
    addresses = (address for endpoint in obj.endpoints or () for address in endpoint.addresses)
    return [obj.metadata.name, obj.addressType, some(ports, empty=UNSET), some(addresses, empty=UNSET), age(obj, now)]


def _ingress(obj: networking.Ingress, now: datetime) -> Cells:
    return [
        obj.metadata.name,
        NONE if obj.spec.ingressClassName is None else obj.spec.ingressClassName,
        _hosts(obj.spec.rules),
        ",".join(_ingress_points(obj.status.loadBalancer.ingress)),
        "80, 443" if obj.spec.tls else "80",
        age(obj, now),
    ]


def _hosts(rules: list[networking.IngressRule]) -> str:
    """Name three hosts; what remains is counted in rules, with or without a host."""
    hosts: list[str] = []
    for rule in rules:
        if len(hosts) == _SHOWN:
            return f"{','.join(hosts)} + {len(rules) - _SHOWN} more..."
        hosts += [rule.host] if rule.host else []
    return ",".join(hosts) or "*"


def _ingress_class(obj: networking.IngressClass, now: datetime) -> Cells:
    default = obj.metadata.annotations.get("ingressclass.kubernetes.io/is-default-class") == "true"
    found = obj.spec.parameters
    parameters = NONE
    if found:
        parameters = f"{found.kind if found.apiGroup is None else f'{found.kind}.{found.apiGroup}'}/{found.name}"
    return [obj.metadata.name + (" (default)" if default else ""), obj.spec.controller, parameters, age(obj, now)]


def _network_policy(obj: networking.NetworkPolicy, now: datetime) -> Cells:
    return [obj.metadata.name, selector(obj.spec.podSelector), age(obj, now)]


def _ip_address(obj: networking.IPAddress, _: datetime) -> Cells:
    parent = obj.spec.parentRef
    if parent is None:
        return [obj.metadata.name, NONE]
    resource = f"{parent.resource}.{parent.group}".rstrip(".").lower()
    return [obj.metadata.name, "/".join(part for part in (resource, parent.namespace, parent.name) if part)]


def _service_cidr(obj: networking.ServiceCIDR, now: datetime) -> Cells:
    return [obj.metadata.name, ",".join(obj.spec.cidrs), age(obj, now)]


TABLE: dict[type, Printer] = {
    core.Service: printer("Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "+Selector", cells=_service),
    core.Endpoints: printer("Name", "Endpoints", "Age", cells=_endpoints),
    discovery.EndpointSlice: printer("Name", "AddressType", "Ports", "Endpoints", "Age", cells=_endpoint_slice),
    networking.Ingress: printer("Name", "Class", "Hosts", "Address", "Ports", "Age", cells=_ingress),
    networking.IngressClass: printer("Name", "Controller", "Parameters", "Age", cells=_ingress_class),
    networking.NetworkPolicy: printer("Name", "Pod-Selector", "Age", cells=_network_policy),
    networking.IPAddress: printer("Name", "ParentRef", cells=_ip_address),
    networking.ServiceCIDR: printer("Name", "CIDRs", "Age", cells=_service_cidr),
}
