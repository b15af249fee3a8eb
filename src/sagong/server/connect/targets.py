"""Where a connect request goes: the kubelet of a pod's node, a pod, an endpoint of a Service, a node."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Protocol, TypeVar

from msgspec import Struct

from sagong.api.clock import Random
from sagong.api.errors import ApiError, BadRequestError, ServiceUnavailableError, not_found
from sagong.api.field_errors import quote
from sagong.api.pods import all_containers
from sagong.api.types.core import EndpointAddress, Endpoints, EndpointSubset, Node, Pod, Service
from sagong.server.connect.backend import Location
from sagong.server.connect.tls import TlsSides
from sagong.server.contract import T

S = TypeVar("S")

KUBELET_PORT = 10250
_PREFERRED = ("InternalIP", "ExternalIP", "Hostname", "InternalDNS", "ExternalDNS")
_SCHEMES = ("", "http", "https")


class Reader(Protocol):
    """As much of `contract.Objects` as is needed here."""

    def get(self, kind: type[T], name: str, namespace: str = "") -> T | None:
        """Return the object."""
        ...


class Name(Struct, frozen=True):
    """A name as `[scheme:]name[:port]`."""

    scheme: str
    name: str
    port: str


def split_name(text: str, kind: str) -> Name:
    """Take `[scheme:]name[:port]` apart. Raises BadRequestError."""
    parts = text.split(":")
    scheme, name, port = {1: ["", *parts, ""], 2: ["", *parts], 3: parts}.get(len(parts), ["?", "", ""])
    if not name or scheme not in _SCHEMES:
        raise BadRequestError(f"invalid {kind} request {quote(text)}")
    return Name(scheme, name, port)


def container_of(pod: Pod, wanted: str) -> str:
    """Return the container that is meant. Raises BadRequestError."""
    names = [container.name for container in all_containers(pod)]
    if wanted:
        if wanted not in names:
            raise BadRequestError(f"container {wanted} is not valid for pod {pod.metadata.name}")
        return wanted
    if len(pod.spec.containers) == 1:
        return pod.spec.containers[0].name
    choice = f", choose one of: [{' '.join(names)}]" if pod.spec.containers else ""
    raise BadRequestError(f"a container name must be specified for pod {pod.metadata.name}{choice}")


class Targets:
    """Finds locations."""

    def __init__(self, objects: Reader, tls: TlsSides, random: Random) -> None:
        self._objects, self._tls, self._random = objects, tls, random

    def kubelet(self, node_name: str, path: str, query: str = "", *, verify: bool = True) -> Location:
        """Return a place on a node's kubelet. Raises NotFoundError, ApiError."""
        node = self._objects.get(Node, node_name)
        if node is None:
            raise not_found("", "pods", node_name)  # as upstream: what is looked up for a pod is said to be one
        port = node.status.daemonEndpoints.kubeletEndpoint.Port if node.status.daemonEndpoints.kubeletEndpoint else 0
        return Location(_node_address(node), port or KUBELET_PORT, path, query, self._tls.kubelet if verify else self._tls.lax)

    def pod(self, pod: Pod, name: Name, path: str, query: str) -> Location:
        """Return a place in a pod; without a port, the first that a container declares. Raises BadRequestError."""
        declared = next((port.containerPort for container in pod.spec.containers for port in container.ports), 0)
        address = pod.status.podIPs[0].ip if pod.status.podIPs else pod.status.podIP
        _check_address(address)
        return self._place(address, name.port or str(declared or ""), name.scheme, path, query)

    def service(self, service: Service, name: Name, path: str, query: str) -> Location:
        """Return a place at one of a Service's ready endpoints. Raises ServiceUnavailableError."""
        port_name = name.port
        if name.port.isdecimal():
            named = [port.name for port in service.spec.ports if str(port.port) == name.port]
            if not named:
                raise ServiceUnavailableError(f"no service port {name.port} found for service {quote(name.name)}")
            port_name = named[0]
        namespace = service.metadata.namespace
        endpoints = self._objects.get(Endpoints, name.name, namespace)
        if endpoints is None:
            raise not_found("", "endpoints", name.name)
        if not endpoints.subsets:
            raise ServiceUnavailableError(f"no endpoints available for service {quote(name.name)}")
        for subset in self._shuffled(endpoints.subsets):
            place = self._endpoint(subset, port_name, namespace)
            if place is not None:
                return self._place(*place, name.scheme, path, query)
        whole = f"{name.scheme}:{name.name}:{name.port}" if name.scheme else f"{name.name}:{name.port}" if name.port else name.name
        raise ServiceUnavailableError(f"no endpoints available for service {quote(whole)}")

    def node(self, node: Node, name: Name, path: str, query: str) -> Location:
        """Return a place on a node: its kubelet, unless another port is named. Raises BadRequestError."""
        kubelet = self.kubelet(node.metadata.name, path, query)
        _check_address(kubelet.host)
        if name.port in ("", str(kubelet.port)):
            return kubelet
        return self._place(kubelet.host, name.port, name.scheme, path, query)

    def _endpoint(self, subset: EndpointSubset, port_name: str, namespace: str) -> tuple[str, str] | None:
        ports = [port.port for port in subset.ports if port.name == port_name]
        for address in self._shuffled(subset.addresses) if ports else ():
            if self._is_pod(address, namespace):
                return address.ip, str(ports[0])
        return None

    def _is_pod(self, address: EndpointAddress, namespace: str) -> bool:
        """Say whether the address is really that of a pod here: endpoints can be written by users."""
        if address.targetRef is None or address.targetRef.namespace != namespace:
            return False
        pod = self._objects.get(Pod, address.targetRef.name, namespace)
        return pod is not None and any(own.ip == address.ip for own in pod.status.podIPs)

    def _shuffled(self, items: Sequence[S]) -> Sequence[S]:
        start = int(self._random.uniform() * len(items))
        return [*items[start:], *items[:start]]

    def _place(self, host: str, port: str, scheme: str, path: str, query: str) -> Location:
        tls = self._tls.others if scheme == "https" else None
        if port and not port.isdecimal():
            raise BadRequestError(f"invalid port {quote(port)}")
        return Location(host, int(port or (443 if tls else 80)), path, query, tls)


def _node_address(node: Node) -> str:
    for kind in _PREFERRED:
        for address in node.status.addresses:
            if address.type == kind:
                return address.address
    known = " ".join(f"{{{address.type} {address.address}}}" for address in node.status.addresses)
    raise ApiError(f"no preferred addresses found; known addresses: [{known}]", reason="", code=500)


def _check_address(text: str) -> None:
    """Refuse addresses that lead elsewhere than they should: loopback, link-local and multicast ones."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise BadRequestError("address not allowed") from error
    if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
        raise BadRequestError("address not allowed")
