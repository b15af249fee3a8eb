"""The Service `kubernetes` in the namespace default, its endpoints, and the default ServiceCIDR that its address is from."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Literal

from sagong.api.types.core import EndpointAddress, EndpointPort, Endpoints, EndpointSubset, Service, ServicePort, ServiceSpec
from sagong.api.types.discovery import Endpoint, EndpointConditions, EndpointSlice
from sagong.api.types.discovery import EndpointPort as SlicePort
from sagong.api.types.meta import Condition, ObjectMeta
from sagong.api.types.networking import IPAddress, IPAddressSpec, ParentReference, ServiceCIDR, ServiceCIDRSpec, ServiceCIDRStatus

_NAME, _NAMESPACE = "kubernetes", "default"
_MANAGED_BY = "ipallocator.k8s.io"


def service(cidr: str, target_port: int) -> Service:
    """Return the Service, all defaults set."""
    address = first_address(cidr)
    return Service(
        metadata=ObjectMeta(name=_NAME, namespace=_NAMESPACE, labels={"component": "apiserver", "provider": "kubernetes"}),
        spec=ServiceSpec(
            ports=[ServicePort(name="https", protocol="TCP", port=443, targetPort=target_port)],
            clusterIP=address,
            clusterIPs=[address],
            type="ClusterIP",
            sessionAffinity="None",
            ipFamilies=[_family(address)],
            ipFamilyPolicy="SingleStack",
            internalTrafficPolicy="Cluster",
        ),
    )


def ip_address(cidr: str) -> IPAddress:
    """Return the object that says that the Service has its address."""
    address = first_address(cidr)
    labels = {"ipaddress.kubernetes.io/ip-family": _family(address), "ipaddress.kubernetes.io/managed-by": _MANAGED_BY}
    parent = ParentReference(group="", resource="services", namespace=_NAMESPACE, name=_NAME)
    return IPAddress(metadata=ObjectMeta(name=address, labels=labels), spec=IPAddressSpec(parentRef=parent))


def service_cidr(cidrs: Sequence[str], now: str) -> ServiceCIDR:
    """Return the default ServiceCIDR, ready since `now`. Its finalizer is the service-cidr controller's to set."""
    ready = Condition(type="Ready", status="True", lastTransitionTime=now, message="Kubernetes default Service CIDR is ready")
    return ServiceCIDR(
        metadata=ObjectMeta(name=_NAME), spec=ServiceCIDRSpec(cidrs=list(cidrs)), status=ServiceCIDRStatus(conditions=[ready])
    )


def endpoints(address: str, port: int) -> Endpoints:
    """Return the Endpoints of this server."""
    subset = EndpointSubset(addresses=[EndpointAddress(ip=address)], ports=[EndpointPort(name="https", port=port, protocol="TCP")])
    labels = {"endpointslice.kubernetes.io/skip-mirror": "true"}
    return Endpoints(metadata=ObjectMeta(name=_NAME, namespace=_NAMESPACE, labels=labels), subsets=[subset])


def endpoint_slice(address: str, port: int) -> EndpointSlice:
    """Return the EndpointSlice of this server."""
    return EndpointSlice(
        metadata=ObjectMeta(name=_NAME, namespace=_NAMESPACE, generation=1, labels={"kubernetes.io/service-name": _NAME}),
        addressType=_family(address),
        endpoints=[Endpoint(addresses=[address], conditions=EndpointConditions(ready=True))],
        ports=[SlicePort(name="https", port=port, protocol="TCP")],
    )


def first_address(cidr: str) -> str:
    """Return the address of the `kubernetes` Service: the first one behind the network's own."""
    return str(ipaddress.ip_network(cidr)[1])


def _family(address: str) -> Literal["IPv4", "IPv6"]:
    return "IPv6" if ":" in address else "IPv4"
