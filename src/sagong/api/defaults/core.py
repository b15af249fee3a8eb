"""Defaults of the core group, pods aside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagong.api.defaults import pods
from sagong.api.defaults.fill import fill
from sagong.api.defaults.twins import sync_node, sync_secret
from sagong.api.types import core

_CLUSTER_IP_TYPES = ("ClusterIP", "NodePort", "LoadBalancer")
_CLIENT_IP_SECONDS = 10800


def _service(obj: core.Service) -> None:
    spec = obj.spec
    fill(spec, {"sessionAffinity": "None", "type": "ClusterIP"})
    if spec.sessionAffinity == "None":
        spec.sessionAffinityConfig = None
    elif spec.sessionAffinity == "ClientIP":
        config = spec.sessionAffinityConfig
        if config is None or config.clientIP is None or config.clientIP.timeoutSeconds is None:
            spec.sessionAffinityConfig = core.SessionAffinityConfig(clientIP=core.ClientIPConfig(timeoutSeconds=_CLIENT_IP_SECONDS))
    for port in spec.ports:
        port.protocol = port.protocol or "TCP"
        port.targetPort = port.targetPort or port.port
    external = spec.type in ("NodePort", "LoadBalancer") or (spec.type == "ClusterIP" and spec.externalIPs)
    if external and not spec.externalTrafficPolicy:
        spec.externalTrafficPolicy = "Cluster"
    if spec.type in _CLUSTER_IP_TYPES and spec.internalTrafficPolicy is None:
        spec.internalTrafficPolicy = "Cluster"
    if spec.type == "LoadBalancer":
        fill(spec, {"allocateLoadBalancerNodePorts": True})
        for ingress in obj.status.loadBalancer.ingress:
            if ingress.ip and ingress.ipMode is None:
                ingress.ipMode = "VIP"


def _replication_controller(obj: core.ReplicationController) -> None:
    if obj.spec.template is not None:
        labels = obj.spec.template.metadata.labels
        obj.spec.selector = obj.spec.selector or dict(labels)
        obj.metadata.labels = obj.metadata.labels or dict(labels)
        pods.template(obj.spec.template)
    fill(obj.spec, {"replicas": 1})


def _secret(obj: core.Secret) -> None:
    sync_secret(obj)
    fill(obj, {"type": "Opaque"})


def _persistent_volume(obj: core.PersistentVolume) -> None:
    fill(obj.status, {"phase": "Pending"})
    fill(obj.spec, {"persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"})
    for name, values in pods.VOLUME_SOURCES.items():
        if (source := getattr(obj.spec, name, None)) is not None:
            fill(source, values)


def claim(obj: core.PersistentVolumeClaim) -> None:
    """Default a claim, also one in a template of claims."""
    fill(obj.status, {"phase": "Pending"})
    fill(obj.spec, {"volumeMode": "Filesystem"})


def _endpoints(obj: core.Endpoints) -> None:
    for subset in obj.subsets:
        for port in subset.ports:
            port.protocol = port.protocol or "TCP"


def _namespace(obj: core.Namespace) -> None:
    if obj.metadata.name:
        obj.metadata.labels["kubernetes.io/metadata.name"] = obj.metadata.name
    fill(obj.status, {"phase": "Active"})


def _node(obj: core.Node) -> None:
    sync_node(obj)
    if not obj.status.allocatable:
        obj.status.allocatable = dict(obj.status.capacity)


def _limit_range(obj: core.LimitRange) -> None:
    for item in obj.spec.limits or ():
        if item.type == "Container":
            item.default = {**item.max, **item.default}
            item.defaultRequest = {**item.min, **item.default, **item.defaultRequest}


TABLE: dict[type, Callable[[Any], None]] = {
    core.Pod: pods.pod,
    core.PodTemplate: lambda obj: pods.template(obj.template),
    core.Service: _service,
    core.ReplicationController: _replication_controller,
    core.Secret: _secret,
    core.PersistentVolume: _persistent_volume,
    core.PersistentVolumeClaim: claim,
    core.Endpoints: _endpoints,
    core.Namespace: _namespace,
    core.Node: _node,
    core.LimitRange: _limit_range,
}
