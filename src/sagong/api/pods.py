"""Facts about a pod that follow from the object alone: quality of service, resources, readiness, ports. Shared by all components."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from sagong.api.clock import parse_time
from sagong.api.quantity import ZERO, Quantity, parse
from sagong.api.types.core import Container, ContainerStatus, EphemeralContainer, Pod, PodCondition, ResourceRequirements

Amounts = dict[str, Quantity]
_QOS_RESOURCES = ("cpu", "memory")


class HostPort(NamedTuple):
    """A port that a pod takes on its node; `ip` is 0.0.0.0 for all addresses."""

    ip: str
    protocol: str
    port: int


def qos_class(pod: Pod) -> str:
    """Return Guaranteed, Burstable or BestEffort as the resources of containers, or of the pod (KEP-2837), say."""
    if pod.spec.resources is not None:
        parts = [pod.spec.resources]
        unlimited = bool(parts[0].limits) and len(_positive(parts[0].limits)) < len(_QOS_RESOURCES)
    else:
        parts = [container.resources for container in (*pod.spec.containers, *pod.spec.initContainers)]
        unlimited = any(len(_positive(part.limits)) < len(_QOS_RESOURCES) for part in parts)
    requests, limits = _sum(_positive(part.requests) for part in parts), _sum(_positive(part.limits) for part in parts)
    if not requests and not limits:
        return "BestEffort"
    return "Guaranteed" if not unlimited and requests == limits else "Burstable"


def requests(pod: Pod, *, use_status: bool = False, missing: Mapping[str, str] | None = None) -> Amounts:
    """Return what a pod asks of its node: containers, sidecars, init containers, pod-level resources, overhead.

    With `use_status`, a container that is being resized counts with the most of what is asked, allocated and actuated (KEP-1287).
    `missing` is what a container counts with that asks for none of a resource.
    """
    found = _aggregate(pod, "requests", use_status=use_status, missing=missing)
    _replace_with_pod_level(found, pod, "requests", use_status=use_status)
    return _sum((found, _amounts(pod.spec.overhead))) if pod.spec.overhead else found


def limits(pod: Pod, *, use_status: bool = False) -> Amounts:
    """Return the limits of a pod as a whole; overhead is added only to resources that are limited."""
    found = _aggregate(pod, "limits", use_status=use_status)
    _replace_with_pod_level(found, pod, "limits", use_status=use_status)
    return {name: amount + parse(pod.spec.overhead.get(name, "0")) if amount else amount for name, amount in found.items()}


def is_sidecar(container: Container) -> bool:
    """Say whether an init container keeps running beside the others (KEP-753)."""
    return container.restartPolicy == "Always"


def all_containers(pod: Pod) -> Iterator[Container | EphemeralContainer]:
    """Yield init, ordinary and ephemeral containers, in that order."""
    yield from pod.spec.initContainers
    yield from pod.spec.containers
    yield from pod.spec.ephemeralContainers


def condition(pod: Pod, kind: str) -> PodCondition | None:
    """Return the condition of that type."""
    for found in pod.status.conditions:  # asked of every pod by every loop: a generator takes twice as long
        if found.type == kind:
            return found
    return None


def is_ready(pod: Pod) -> bool:
    """Say whether the Ready condition is True."""
    found = condition(pod, "Ready")
    return found is not None and found.status == "True"


def is_available(pod: Pod, min_ready_seconds: int, now: datetime) -> bool:
    """Say whether the pod has been ready for that long."""
    found = condition(pod, "Ready")
    if found is None or found.status != "True":
        return False
    if not min_ready_seconds:
        return True
    since = parse_time(found.lastTransitionTime) if found.lastTransitionTime else None
    return since is not None and since + timedelta(seconds=min_ready_seconds) <= now


def is_finished(pod: Pod) -> bool:
    """Say whether the pod will run no more: phase Succeeded or Failed."""
    return pod.status.phase in ("Succeeded", "Failed")


def is_active(pod: Pod) -> bool:
    """Say whether the pod counts as a replica: neither finished nor being deleted."""
    return not is_finished(pod) and pod.metadata.deletionTimestamp is None


def is_static(pod: Pod) -> bool:
    """Say whether a kubelet read the pod from its own manifests, or this is the mirror of such a pod."""
    return pod.metadata.annotations.get("kubernetes.io/config.source", "api") != "api" or is_mirror(pod)


def is_mirror(pod: Pod) -> bool:
    """Say whether the pod stands in the API for a static pod."""
    return "kubernetes.io/config.mirror" in pod.metadata.annotations


def priority(pod: Pod) -> int:
    """Return the priority; a pod without one has 0."""
    return pod.spec.priority or 0


def is_critical(pod: Pod) -> bool:
    """Say whether the pod must not be evicted: static, mirror, or of a system priority."""
    return is_static(pod) or priority(pod) >= 2 * 10**9


def host_ports(pod: Pod) -> Iterator[HostPort]:
    """Yield the ports that the pod's running containers take on the node; sidecars count, other init containers do not."""
    for container in (*pod.spec.containers, *filter(is_sidecar, pod.spec.initContainers)):
        for port in container.ports:
            if port.hostPort > 0:
                yield HostPort(port.hostIP or "0.0.0.0", port.protocol or "TCP", port.hostPort)


def find_port(pod: Pod, port: int | str, protocol: str = "TCP") -> int | None:
    """Resolve a service's targetPort or a probe's port on a pod: numbers are themselves, names are looked up."""
    if isinstance(port, int):
        return port
    for container in (*pod.spec.containers, *filter(is_sidecar, pod.spec.initContainers)):
        for candidate in container.ports:
            if candidate.name == port and (candidate.protocol or "TCP") == protocol:
                return candidate.containerPort
    return None


def statuses(pod: Pod) -> dict[str, ContainerStatus]:
    """Return the statuses of init and ordinary containers by name."""
    return {status.name: status for status in (*pod.status.initContainerStatuses, *pod.status.containerStatuses)}


def _amounts(resources: Mapping[str, str]) -> Amounts:
    return {name: parse(text) for name, text in resources.items()}


def _positive(resources: Mapping[str, str]) -> Amounts:
    return {name: amount for name in _QOS_RESOURCES if name in resources and (amount := parse(resources[name])) > ZERO}


def _sum(parts: Iterable[Amounts]) -> Amounts:
    total: Amounts = {}
    for part in parts:
        for name, amount in part.items():
            total[name] = total[name] + amount if name in total else amount
    return total


def _most(*parts: Amounts) -> Amounts:
    most: Amounts = {}
    for part in parts:
        for name, amount in part.items():
            if name not in most or amount > most[name]:
                most[name] = amount
    return most


def _aggregate(pod: Pod, which: str, *, use_status: bool, missing: Mapping[str, str] | None = None) -> Amounts:
    known = statuses(pod) if use_status else {}
    assumed = _amounts(missing or {})

    def spec_of(container: Container) -> Amounts:
        return assumed | _amounts(getattr(container.resources, which))

    def of(container: Container) -> Amounts:
        spec = spec_of(container)
        status = known.get(container.name)
        if status is None or status.resources is None:
            return spec
        return assumed | _effective(pod, which, spec, status.resources, status.allocatedResources)

    running = _sum(of(container) for container in pod.spec.containers)
    if not pod.spec.initContainers:
        return running
    sidecars: Amounts = {}
    starting: Amounts = {}
    for container in pod.spec.initContainers:
        if is_sidecar(container):
            asked = of(container)
            running, sidecars = _sum((running, asked)), _sum((sidecars, asked))
            starting = _most(starting, sidecars)
        else:
            starting = _most(starting, _sum((spec_of(container), sidecars)))
    return _most(running, starting)


def _effective(pod: Pod, which: str, spec: Amounts, actuated: ResourceRequirements, allocated: Mapping[str, str]) -> Amounts:
    pending = condition(pod, "PodResizePending")
    wanted = {} if pending is not None and pending.reason == "Infeasible" else spec
    return _most(wanted, _amounts(getattr(actuated, which)), _amounts(allocated) if which == "requests" else {})


def _replace_with_pod_level(found: Amounts, pod: Pod, which: str, *, use_status: bool) -> None:
    if pod.spec.resources is None:
        return
    level = _amounts(getattr(pod.spec.resources, which))
    if use_status and pod.status.resources is not None:
        effective = _effective(pod, which, level, pod.status.resources, pod.status.allocatedResources)
        level = {name: effective.get(name, amount) for name, amount in level.items()}
    found.update({name: amount for name, amount in level.items() if name in _QOS_RESOURCES or name.startswith("hugepages-")})
