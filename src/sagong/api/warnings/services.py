"""Services: what their type leaves unused, and what is on its way out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sagong.api.types.core import Service, ServiceSpec
from sagong.api.warnings.addresses import cidrs, ingress_ips, ip, ips
from sagong.api.warnings.warner import Warner

_HINTS, _MODE = "service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"
_EXTERNAL = "ExternalName"


def _write(new: Service, _: Any) -> list[str]:
    return list(_service(new))


def _service(new: Service) -> Iterator[str]:
    spec = new.spec
    headless = spec.type == "ClusterIP" and spec.clusterIP == "None"
    if _HINTS in new.metadata.annotations:
        yield f"annotation {_HINTS} is deprecated, please use {_MODE} instead"
    if spec.clusterIP not in ("", "None"):
        yield from ips("spec.clusterIPs", spec.clusterIPs)
    if headless:
        yield from _headless(spec)
    yield from ips("spec.externalIPs", spec.externalIPs)
    if spec.externalIPs and not headless and spec.type != _EXTERNAL:
        yield "spec.externalIPs is deprecated and may no longer be implemented in some clusters"
    if spec.loadBalancerIP:
        yield from ip("spec.loadBalancerIP", spec.loadBalancerIP)
    yield from cidrs("spec.loadBalancerSourceRanges", spec.loadBalancerSourceRanges)
    if spec.type == _EXTERNAL and spec.externalIPs:
        yield f'spec.externalIPs is ignored when spec.type is "{_EXTERNAL}"'
    if spec.type != _EXTERNAL and spec.externalName:
        yield f'spec.externalName is ignored when spec.type is not "{_EXTERNAL}"'
    if spec.trafficDistribution == "PreferClose":
        yield 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'


def _headless(spec: ServiceSpec) -> Iterator[str]:
    if spec.loadBalancerIP:
        yield "spec.loadBalancerIP is ignored for headless services"
    if spec.externalIPs:
        yield "spec.externalIPs is ignored for headless services"
    if spec.sessionAffinity != "None":
        yield "spec.SessionAffinity is ignored for headless services"


TABLE: dict[type[Any], Warner] = {Service: Warner(_write, ingress_ips)}
