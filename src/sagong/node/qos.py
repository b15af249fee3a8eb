"""What a pod asks of the node, as numbers the kernel takes: QoS class, summed requests and limits, CPU shares, OOM score."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sagong.api import quantity
from sagong.api.types.core import Container, Pod, ResourceRequirements
from sagong.node.downward import AnyContainer

CPU_PERIOD = 100_000  # microseconds
_MIN_QUOTA = 1_000
_MIN_SHARES, _MAX_SHARES, _SHARES_PER_CPU = 2, 262_144, 1024
_OOM_GUARANTEED, _OOM_BEST_EFFORT = -997, 1000
_NODE_CRITICAL = 2_000_001_000  # the priority of system-node-critical
_COUNTED = ("cpu", "memory")

Side = Callable[[ResourceRequirements], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Amounts:
    """Kernel settings of a pod's cgroup; None means not set."""

    cpu_shares: int
    cpu_quota: int | None = None
    memory: int | None = None
    huge_pages: Mapping[str, int] | None = None


def qos_class(pod: Pod) -> str:
    """Return Guaranteed, Burstable or BestEffort (upstream's GetPodQOS, pod-level resources first: KEP-2837)."""
    if pod.spec.resources is not None and (pod.spec.resources.requests or pod.spec.resources.limits):
        parts = [pod.spec.resources]
    else:
        parts = [container.resources for container in (*pod.spec.containers, *pod.spec.initContainers)]
    requests = [_positive(part.requests) for part in parts]
    limits = [_positive(part.limits) for part in parts]
    if not any(requests) and not any(limits):
        return "BestEffort"
    complete = all(set(limit) == set(_COUNTED) for limit in limits)
    return (
        "Guaranteed" if complete and all(_covers(limit, request) for limit, request in zip(limits, requests, strict=True)) else "Burstable"
    )


def _positive(amounts: Mapping[str, str]) -> dict[str, int]:
    values = {name: quantity.parse(amounts[name]).milli_value() for name in _COUNTED if name in amounts}
    return {name: value for name, value in values.items() if value > 0}


def _covers(limit: Mapping[str, int], request: Mapping[str, int]) -> bool:
    # a request that is missing is defaulted to the limit
    return all(request.get(name, limit[name]) == limit[name] for name in limit)


def pod_total(pod: Pod, resource: str, side: Side) -> int:
    """Return what the pod needs of a resource at its peak: milli-CPUs for cpu, else whole units.

    Sidecars (init containers that always restart) run beside the init containers after them and beside the containers.
    """
    own = pod.spec.resources
    if own is not None and resource in side(own):
        return _amount(side(own), resource) + _amount(pod.spec.overhead, resource)
    sidecars = peak = 0
    for container in pod.spec.initContainers:
        need = _amount(side(container.resources), resource)
        if container.restartPolicy == "Always":
            sidecars += need
            peak = max(peak, sidecars)
        else:
            peak = max(peak, sidecars + need)
    running = sidecars + sum(_amount(side(c.resources), resource) for c in pod.spec.containers)
    return max(peak, running) + _amount(pod.spec.overhead, resource)


def requests(resources: ResourceRequirements) -> Mapping[str, str]:
    """Return the requests, a missing one being its limit."""
    return {**resources.limits, **resources.requests}


def limits(resources: ResourceRequirements) -> Mapping[str, str]:
    """Return the limits."""
    return resources.limits


def pod_amounts(pod: Pod) -> Amounts:
    """Return the settings of the pod's own cgroup: limits only where every container has one."""
    kind = qos_class(pod)
    if kind == "BestEffort":
        return Amounts(_MIN_SHARES)
    shares = cpu_shares(pod_total(pod, "cpu", requests))
    cpu, memory = (pod_total(pod, name, limits) if _limited(pod, name) else 0 for name in _COUNTED)
    return Amounts(shares, cpu_quota(cpu) if cpu else None, memory or None, _huge_pages(pod))


def cpu_shares(milli: int) -> int:
    """Return CFS shares for so many thousandths of a CPU."""
    return min(max(milli * _SHARES_PER_CPU // 1000, _MIN_SHARES), _MAX_SHARES)


def cpu_quota(milli: int) -> int:
    """Return the CFS quota in microseconds per CPU_PERIOD; 0 when there is no limit."""
    return max(milli * CPU_PERIOD // 1000, _MIN_QUOTA) if milli else 0


def oom_score_adj(pod: Pod, container: AnyContainer, memory_capacity: int) -> int:
    """Return how readily the kernel kills the container when memory runs out: -997 (last) to 1000 (first)."""
    kind = qos_class(pod)
    if (pod.spec.priority or 0) >= _NODE_CRITICAL or kind == "Guaranteed":
        return _OOM_GUARANTEED
    if kind == "BestEffort":
        return _OOM_BEST_EFFORT
    own = _amount(container.resources.requests, "memory")
    if isinstance(container, Container) and container.restartPolicy == "Always" and container in pod.spec.initContainers:
        own = max(own, min(_amount(c.resources.requests, "memory") for c in pod.spec.containers))
    score = 1000 - 1000 * (own + _unassigned_memory(pod)) // memory_capacity
    return min(max(score, 1000 + _OOM_GUARANTEED), _OOM_BEST_EFFORT - 1)


def _unassigned_memory(pod: Pod) -> int:
    """Return each container's part of a pod-level request that no container has asked for."""
    if pod.spec.resources is None or "memory" not in pod.spec.resources.requests:
        return 0
    every: Sequence[Container] = (*pod.spec.containers, *pod.spec.initContainers)
    asked = sum(_amount(c.resources.requests, "memory") for c in pod.spec.containers)
    return max(_amount(pod.spec.resources.requests, "memory") - asked, 0) // len(every)


def _limited(pod: Pod, resource: str) -> bool:
    if pod.spec.resources is not None and _amount(pod.spec.resources.limits, resource):
        return True
    every: Iterable[Container] = (*pod.spec.containers, *pod.spec.initContainers)
    return all(_amount(container.resources.limits, resource) for container in every)


def _huge_pages(pod: Pod) -> Mapping[str, int]:
    names = {name for c in (*pod.spec.containers, *pod.spec.initContainers) for name in c.resources.limits if name.startswith("hugepages-")}
    return {name.removeprefix("hugepages-"): pod_total(pod, name, limits) for name in sorted(names)}


def _amount(amounts: Mapping[str, str], resource: str) -> int:
    if resource not in amounts:
        return 0
    found = quantity.parse(amounts[resource])
    return found.milli_value() if resource == "cpu" else found.value()
