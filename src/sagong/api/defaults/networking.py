"""Defaults of the networking and discovery groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagong.api.defaults.fill import fill
from sagong.api.types import discovery, networking


def _network_policy(obj: networking.NetworkPolicy) -> None:
    if not obj.spec.policyTypes:
        obj.spec.policyTypes = ["Ingress", "Egress"] if obj.spec.egress else ["Ingress"]
    for ports in (*(rule.ports for rule in obj.spec.ingress), *(rule.ports for rule in obj.spec.egress)):
        for port in ports:
            fill(port, {"protocol": "TCP"})


def _ingress_class(obj: networking.IngressClass) -> None:
    if obj.spec.parameters is not None:
        fill(obj.spec.parameters, {"scope": "Cluster"})


def _endpoint_slice(obj: discovery.EndpointSlice) -> None:
    for port in obj.ports or ():
        fill(port, {"name": "", "protocol": "TCP"})


TABLE: dict[type, Callable[[Any], None]] = {
    networking.NetworkPolicy: _network_policy,
    networking.IngressClass: _ingress_class,
    discovery.EndpointSlice: _endpoint_slice,
}
