"""Services, slices and pods in few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sagong.api.types.core import (
    ClientIPConfig,
    Container,
    ContainerPort,
    LoadBalancerIngress,
    LoadBalancerStatus,
    Pod,
    PodIP,
    PodSpec,
    PodStatus,
    Service,
    ServicePort,
    ServiceSpec,
    ServiceStatus,
    SessionAffinityConfig,
)
from sagong.api.types.discovery import Endpoint, EndpointConditions, EndpointHints, EndpointPort, EndpointSlice, ForNode, ForZone
from sagong.api.types.meta import ObjectMeta
from sagong.network.endpoints import NodeView

NODE = NodeView("here", "z1", ("192.168.0.2",))


def service(
    name: str, ip: str = "10.96.0.10", *, affinity: int = 0, ingress: Sequence[str] = (), ports: str = "http:80", **spec: Any
) -> Service:
    """`ports` is `name:port[/protocol][@nodePort]`, several separated by blanks."""
    if affinity:
        spec["sessionAffinity"] = "ClientIP"
        spec["sessionAffinityConfig"] = SessionAffinityConfig(clientIP=ClientIPConfig(timeoutSeconds=affinity))
    spec.setdefault("clusterIPs", [ip])
    spec.setdefault("type", "ClusterIP")
    return Service(
        metadata=ObjectMeta(name=name, namespace="default"),
        spec=ServiceSpec(clusterIP=spec["clusterIPs"][0], ports=[_port(text) for text in ports.split()], **spec),
        status=ServiceStatus(loadBalancer=LoadBalancerStatus(ingress=[LoadBalancerIngress(ip=ip) for ip in ingress])),
    )


def _port(text: str) -> ServicePort:
    rest, _, node_port = text.partition("@")
    rest, _, protocol = rest.partition("/")
    name, _, port = rest.partition(":")
    return ServicePort(name=name, port=int(port), protocol=protocol or "TCP", nodePort=int(node_port or 0))


def endpoint(
    *addresses: str, node: str | None = None, zones: str = "", nodes: str = "", hostname: str | None = None, state: str = "ready"
) -> Endpoint:
    """`state`: ready, unready, draining (terminating, still serving), dying (terminating, not serving)."""
    terminating = state in ("draining", "dying")
    return Endpoint(
        addresses=list(addresses),
        conditions=EndpointConditions(ready=state == "ready", serving=state in ("ready", "draining"), terminating=terminating),
        nodeName=node,
        hostname=hostname,
        hints=EndpointHints(forZones=[ForZone(name=z) for z in zones.split()], forNodes=[ForNode(name=n) for n in nodes.split()])
        if zones or nodes
        else None,
    )


def slice_of(name: str, *endpoints: Endpoint, ports: str = "http:8080", kind: str = "IPv4", suffix: str = "1") -> EndpointSlice:
    return EndpointSlice(
        metadata=ObjectMeta(name=f"{name}-{suffix}", namespace="default", labels={"kubernetes.io/service-name": name}),
        addressType=kind,
        ports=[EndpointPort(name=p.name, port=p.port, protocol=p.protocol) for p in map(_port, ports.split())],
        endpoints=list(endpoints),
    )


def pod(name: str, ip: str, *ports: ContainerPort, phase: str = "Running", host_network: bool = False, ips: Sequence[str] = ()) -> Pod:
    return Pod(
        metadata=ObjectMeta(name=name, namespace="default"),
        spec=PodSpec(hostNetwork=host_network, containers=[Container(name="c", ports=list(ports))]),
        status=PodStatus(phase=phase, podIP=ip, podIPs=[PodIP(ip=text) for text in (ips or [ip])]),
    )
