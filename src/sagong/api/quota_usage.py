"""What an object counts for in a ResourceQuota, and which quotas it falls under. Admission and the quota controller agree by this.

Every object counts as `count/<plural>[.<group>]`; some kinds also under an older short name. Pods count their requests and
limits while they are not finished, services their node ports and load balancers, claims their storage, also by class.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sagong.api.clock import parse_time
from sagong.api.pods import is_finished, limits, qos_class, requests
from sagong.api.quantity import Quantity, of, parse
from sagong.api.resources import Resource
from sagong.api.types.core import (
    PersistentVolumeClaim,
    Pod,
    PodAffinityTerm,
    ResourceQuota,
    ScopedResourceSelectorRequirement,
    Service,
)

Usage = dict[str, Quantity]

SHORT_NAMES = frozenset({"pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps", "persistentvolumeclaims"})
CLASS_SUFFIX = ".storageclass.storage.k8s.io/"
_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_HUGE = "hugepages-"


def count_name(resource: Resource) -> str:
    """Return the name under which a quota counts objects of any resource."""
    return f"count/{resource.group_resource}"


def object_usage(resource: Resource) -> Usage:
    """Return what every object of a resource counts for."""
    one = {count_name(resource): of(1)}
    if not resource.group and resource.plural in SHORT_NAMES - {"pods"}:
        one[resource.plural] = of(1)
    return one


def usage(resource: Resource, obj: Any, now: datetime) -> Usage:
    """Return all that an object counts for."""
    found = object_usage(resource)
    if isinstance(obj, Pod):
        found |= _pod(obj, now)
    elif isinstance(obj, Service):
        found |= _service(obj)
    elif isinstance(obj, PersistentVolumeClaim):
        found |= _claim(obj)
    return found


def tracked_by(resource: Resource, name: str) -> bool:
    """Say whether a name of a quota's `hard` is one that objects of the resource can count for."""
    if name in object_usage(resource):
        return True
    if resource.group:
        return False
    if resource.plural == "pods":
        bare = name.removeprefix("requests.").removeprefix("limits.")
        extended = name.startswith("requests.") and "/" in bare and CLASS_SUFFIX not in name
        return name == "pods" or bare in _COMPUTE or bare.startswith(_HUGE) or extended
    if resource.plural == "services":
        return name in ("services.nodeports", "services.loadbalancers")
    return resource.plural == "persistentvolumeclaims" and (name == "requests.storage" or CLASS_SUFFIX in name)


def matches(quota: ResourceQuota, obj: Any) -> bool:
    """Say whether an object is within a quota's scopes; scopes of pods exclude all other kinds."""
    wanted = [ScopedResourceSelectorRequirement(scopeName=scope, operator="Exists") for scope in quota.spec.scopes]
    wanted += quota.spec.scopeSelector.matchExpressions if quota.spec.scopeSelector else []
    return all(matches_scope(requirement, obj) for requirement in wanted)


def matches_scope(requirement: ScopedResourceSelectorRequirement, obj: Any) -> bool:
    """Say whether an object is within one scope."""
    scope = requirement.scopeName
    if scope == "VolumeAttributesClass":
        name = obj.spec.volumeAttributesClassName if isinstance(obj, PersistentVolumeClaim) else None
        return isinstance(obj, PersistentVolumeClaim) and _selects(requirement, name or "")
    if not isinstance(obj, Pod):
        return False
    if scope == "PriorityClass":
        return _selects(requirement, obj.spec.priorityClassName)
    facts = {
        "Terminating": lambda: (obj.spec.activeDeadlineSeconds or -1) >= 0,
        "NotTerminating": lambda: (obj.spec.activeDeadlineSeconds or -1) < 0,
        "BestEffort": lambda: qos_class(obj) == "BestEffort",
        "NotBestEffort": lambda: qos_class(obj) != "BestEffort",
        "CrossNamespacePodAffinity": lambda: any(term.namespaces or term.namespaceSelector is not None for term in _affinity_terms(obj)),
    }
    return scope in facts and facts[scope]()


def is_over(pod: Pod, now: datetime) -> bool:
    """Say whether a pod counts only as an object: finished, or past its grace period while being deleted."""
    if is_finished(pod):
        return True
    deleted, grace = pod.metadata.deletionTimestamp, pod.metadata.deletionGracePeriodSeconds
    return deleted is not None and grace is not None and now > parse_time(deleted) + timedelta(seconds=grace)


def _pod(pod: Pod, now: datetime) -> Usage:
    if is_over(pod, now):
        return {}
    found: Usage = {"pods": of(1)}
    for name, amount in requests(pod, use_status=True).items():
        if name in _COMPUTE or name.startswith(_HUGE):
            found[name] = amount
        if name in _COMPUTE or name.startswith(_HUGE) or "/" in name:
            found[f"requests.{name}"] = amount
    for name, amount in limits(pod, use_status=True).items():
        if name in _COMPUTE:
            found[f"limits.{name}"] = amount
    return found


def _service(service: Service) -> Usage:
    ports, kind = len(service.spec.ports), service.spec.type
    if kind == "LoadBalancer" and service.spec.allocateLoadBalancerNodePorts is False:
        ports = sum(bool(port.nodePort) for port in service.spec.ports)
    takes_ports = kind in ("NodePort", "LoadBalancer")
    return {"services.nodeports": of(ports if takes_ports else 0), "services.loadbalancers": of(int(kind == "LoadBalancer"))}


def _claim(claim: PersistentVolumeClaim) -> Usage:
    storage = claim.metadata.annotations.get("volume.beta.kubernetes.io/storage-class", claim.spec.storageClassName or "")
    found: Usage = {f"{storage}{CLASS_SUFFIX}persistentvolumeclaims": of(1)} if storage else {}
    amounts = [claim.spec.resources.requests.get("storage"), claim.status.allocatedResources.get("storage")]
    known = [parse(text) for text in amounts if text]
    if known:
        found["requests.storage"] = max(known)
        if storage:
            found[f"{storage}{CLASS_SUFFIX}requests.storage"] = max(known)
    return found


def _affinity_terms(pod: Pod) -> Iterable[PodAffinityTerm]:
    affinity = pod.spec.affinity
    for part in (affinity.podAffinity, affinity.podAntiAffinity) if affinity else ():
        if part is not None:
            yield from part.requiredDuringSchedulingIgnoredDuringExecution
            yield from (weighted.podAffinityTerm for weighted in part.preferredDuringSchedulingIgnoredDuringExecution)


def _selects(requirement: ScopedResourceSelectorRequirement, value: str) -> bool:
    tests = {
        "Exists": bool(value),
        "DoesNotExist": not value,
        "In": value in requirement.values,
        "NotIn": value not in requirement.values,
    }
    return tests.get(requirement.operator, False)
