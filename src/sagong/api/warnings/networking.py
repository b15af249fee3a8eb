"""Ingresses, network policies, endpoints and their slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sagong.api.types.core import EndpointAddress, Endpoints
from sagong.api.types.discovery import EndpointSlice
from sagong.api.types.networking import Ingress, NetworkPolicy, NetworkPolicyPeer
from sagong.api.warnings.addresses import cidr, cidrs, ingress_ips, ip, ips
from sagong.api.warnings.warner import Warner

_CLASS = "kubernetes.io/ingress.class"
# Controllers write their addresses as they should be: what they manage is not looked through.
_ENDPOINTS_BY, _ENDPOINTS_CONTROLLER = "endpoints.kubernetes.io/managed-by", "endpoint-controller"
_SLICE_BY = "endpointslice.kubernetes.io/managed-by"
_SLICE_CONTROLLERS = ("endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io")


def _ingress(new: Ingress, old: Ingress | None) -> list[str]:
    old_way = old is None and _CLASS in new.metadata.annotations and new.spec.ingressClassName is None
    return [f"annotation \"{_CLASS}\" is deprecated, please use 'spec.ingressClassName' instead"] if old_way else []


def _network_policy(new: NetworkPolicy, _: Any) -> list[str]:
    found: list[str] = []
    for i, rule in enumerate(new.spec.ingress):
        found += _peers(f"spec.ingress[{i}].from", rule.from_)
    for i, out in enumerate(new.spec.egress):
        found += _peers(f"spec.egress[{i}].to", out.to)
    return found


def _peers(at: str, peers: Sequence[NetworkPolicyPeer]) -> list[str]:
    found: list[str] = []
    for i, peer in enumerate(peers):
        if peer.ipBlock is not None:
            found += cidr(f"{at}[{i}].ipBlock.cidr", peer.ipBlock.cidr)
            found += cidrs(f"{at}[{i}].ipBlock.except", peer.ipBlock.except_)
    return found


def _endpoints(new: Endpoints, _: Any) -> list[str]:
    if new.metadata.labels.get(_ENDPOINTS_BY) == _ENDPOINTS_CONTROLLER:
        return []
    found: list[str] = []
    for i, subset in enumerate(new.subsets):
        found += _addresses(f"subsets[{i}].addresses", subset.addresses)
        found += _addresses(f"subsets[{i}].notReadyAddresses", subset.notReadyAddresses)
    return found


def _addresses(at: str, addresses: Sequence[EndpointAddress]) -> list[str]:
    return [warning for i, address in enumerate(addresses) for warning in ip(f"{at}[{i}].ip", address.ip)]


def _slice(new: EndpointSlice, old: EndpointSlice | None) -> list[str]:
    found = ["spec.addressType: FQDN endpoints are deprecated"] if old is None and new.addressType == "FQDN" else []
    if new.metadata.labels.get(_SLICE_BY) not in _SLICE_CONTROLLERS:
        for i, endpoint in enumerate(new.endpoints or ()):
            found += ips(f"endpoints[{i}].addresses", endpoint.addresses)
    return found


TABLE: dict[type[Any], Warner] = {
    Ingress: Warner(_ingress, ingress_ips),
    NetworkPolicy: Warner(_network_policy),
    Endpoints: Warner(_endpoints),
    EndpointSlice: Warner(_slice),
}
