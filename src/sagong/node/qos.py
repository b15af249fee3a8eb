"""What a pod asks of the node, as numbers the kernel takes: limits of its cgroup, CPU shares and quota, OOM score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sagong.api import quantity
from sagong.api.pods import is_sidecar, limits, qos_class, requests
from sagong.api.types.core import Container, Pod
from sagong.node.downward import AnyContainer

CPU_PERIOD = 100_000  # microseconds
_MIN_QUOTA = 1_000
_MIN_SHARES, _MAX_SHARES, _SHARES_PER_CPU = 2, 262_144, 1024
_OOM_GUARANTEED, _OOM_BEST_EFFORT = -997, 1000
_NODE_CRITICAL = 2_000_001_000  # the priority of system-node-critical


@dataclass(frozen=True, slots=True)
class Amounts:
    """Kernel settings of a pod's cgroup; None means not set."""

    cpu_shares: int
    cpu_quota: int | None = None
    memory: int | None = None
    huge_pages: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """What a pod as a whole asks and may use: thousandths of a CPU, bytes; 0 is nothing and no limit."""

    cpu_request: int
    cpu_limit: int
    memory_limit: int


def totals(pod: Pod) -> Totals:
    """Add the pod's containers up."""
    asked, bound = requests(pod), limits(pod)
    return Totals(
        asked["cpu"].milli_value() if "cpu" in asked else 0,
        bound["cpu"].milli_value() if "cpu" in bound else 0,
        bound["memory"].value() if "memory" in bound else 0,
    )


def pod_amounts(pod: Pod) -> Amounts:
    """Return the settings of the pod's own cgroup: limits only where every container has one."""
    if qos_class(pod) == "BestEffort":
        return Amounts(_MIN_SHARES)
    found = totals(pod)
    quota = cpu_quota(found.cpu_limit) if limited(pod, "cpu") else 0
    memory = found.memory_limit if limited(pod, "memory") else 0
    return Amounts(cpu_shares(found.cpu_request), quota or None, memory or None, _huge_pages(pod))


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
    if isinstance(container, Container) and is_sidecar(container) and container in pod.spec.initContainers:
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


def limited(pod: Pod, resource: str) -> bool:
    """Tell whether the pod as a whole is held to a limit: its own, or one of each of its containers."""
    if pod.spec.resources is not None and _amount(pod.spec.resources.limits, resource):
        return True
    every: Iterable[Container] = (*pod.spec.containers, *pod.spec.initContainers)
    return all(_amount(container.resources.limits, resource) for container in every)


def _huge_pages(pod: Pod) -> Mapping[str, int]:
    return {name.removeprefix("hugepages-"): amount.value() for name, amount in limits(pod).items() if name.startswith("hugepages-")}


def _amount(amounts: Mapping[str, str], resource: str) -> int:
    if resource not in amounts:
        return 0
    found = quantity.parse(amounts[resource])
    return found.milli_value() if resource == "cpu" else found.value()
