"""Carrying a granted resize out (KEP-1287): which containers differ from what was set, and in which order limits may change.

A pod's own cgroup must never be tighter than a container in it. So of each resource the pod's limit grows before its containers'
and shrinks after them, and containers that shrink come before those that grow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import msgspec

from sagong.api import quantity
from sagong.api.types.core import Container, Pod, ResourceRequirements
from sagong.node.allocations import RESIZABLE, Granted, same_amounts
from sagong.node.observe import ContainerRun
from sagong.node.qos import Amounts

Resource = Literal["memory", "cpu"]


class Sizes(NamedTuple):
    """CPU in thousandths, memory in bytes; 0 is none."""

    cpu_request: int
    cpu_limit: int
    memory_request: int
    memory_limit: int


@dataclass(frozen=True, slots=True)
class Update:
    """A running container whose resources are to become others."""

    run: ContainerRun
    container: Container
    before: Sizes
    after: Sizes


@dataclass(frozen=True, slots=True)
class ContainerStep:
    """Set one resource of a container; the other stays, or is what an earlier step has made it."""

    update: Update
    resource: Resource
    sizes: Sizes


@dataclass(frozen=True, slots=True)
class PodStep:
    """Set the limits of the pod's own cgroup."""

    resource: Resource
    amounts: Amounts


Step = ContainerStep | PodStep


def sizes(shared: ResourceRequirements | None, own: ResourceRequirements) -> Sizes:
    """Return what a container has; a limit that only the pod has bounds it too."""
    limits = {**(shared.limits if shared else {}), **own.limits}
    return Sizes(
        quantity.parse(own.requests.get("cpu", "0")).milli_value(),
        quantity.parse(limits.get("cpu", "0")).milli_value(),
        quantity.parse(own.requests.get("memory", "0")).value(),
        quantity.parse(limits.get("memory", "0")).value(),
    )


def judge(pod: Pod, container: Container, run: ContainerRun, actuated: Granted) -> Update | Literal["restart"] | None:
    """Return how a running container gets what its pod has been granted; None when it has it."""
    known = actuated.containers.get(container.name)
    if known is None:  # it was started by a kubelet that kept no record
        return None
    if known == container.resources and actuated.pod == pod.spec.resources:
        return None
    before, after = sizes(actuated.pod, known), sizes(pod.spec.resources, container.resources)
    if before == after:
        return None
    changed = {name for name, was, now in zip(("cpu", "cpu", "memory", "memory"), before, after, strict=True) if was != now}
    if any(policy.restartPolicy == "RestartContainer" and policy.resourceName in changed for policy in container.resizePolicy):
        return "restart"
    return Update(run, container, before, after)


def pod_differs(pod: Pod, actuated: Granted) -> bool:
    """Tell whether the pod-level resources are not yet those that were granted."""
    wanted, known = pod.spec.resources, actuated.pod
    if wanted is None or known is None:
        return False
    return not all(same_amounts(_resizable(getattr(wanted, side)), _resizable(getattr(known, side))) for side in ("requests", "limits"))


def steps(current: Amounts, wanted: Amounts, updates: Sequence[Update]) -> Sequence[Step]:
    """Return what is to be done, in order: memory, then CPU."""
    memory = [
        ContainerStep(
            update, "memory", update.before._replace(memory_request=update.after.memory_request, memory_limit=update.after.memory_limit)
        )
        for update in sorted(updates, key=lambda update: _grows(update.before.memory_limit, update.after.memory_limit))
        if update.before[2:] != update.after[2:]
    ]
    cpu = [
        ContainerStep(update, "cpu", update.after)
        for update in sorted(updates, key=lambda update: _grows(update.before.cpu_limit, update.after.cpu_limit))
        if update.before[:2] != update.after[:2]
    ]
    shares = current.cpu_shares != wanted.cpu_shares and current.cpu_quota == wanted.cpu_quota
    return [
        *_around(PodStep("memory", wanted), _bound(current.memory), _bound(wanted.memory), memory),
        *_around(PodStep("cpu", wanted), _bound(current.cpu_quota), _bound(wanted.cpu_quota), cpu),
        *([PodStep("cpu", wanted)] if shares else []),
    ]


def shrinking(pod_now: int | None, pod_then: int | None, updates: Sequence[Update]) -> tuple[int | None, Mapping[str, int]]:
    """Return memory limits that become tighter: the pod's, or None, and those of containers by run."""
    tighter = pod_then if pod_then is not None and pod_then < _bound(pod_now) else None
    containers = {
        update.run.id: update.after.memory_limit
        for update in updates
        if update.after.memory_limit and update.after.memory_limit < _bound(update.before.memory_limit)
    }
    return tighter, containers


def _around(own: PodStep, current: float, wanted: float, inner: Sequence[ContainerStep]) -> Sequence[Step]:
    return [*([own] if wanted > current else []), *inner, *([own] if wanted < current else [])]


def _grows(before: int, after: int) -> bool:
    return _bound(after) > _bound(before)


def _bound(amount: int | None) -> float:
    """Return a limit as a number; none is more than any."""
    return amount or math.inf


def _resizable(amounts: Mapping[str, str]) -> dict[str, str]:
    return {name: amounts[name] for name in RESIZABLE if name in amounts}


def with_sizes(container: Container, wanted: Sizes) -> Container:
    """Return the container with these amounts as its own; 0 is left out."""

    def listed(cpu: int, memory: int) -> dict[str, str]:
        return {name: text for name, text in (("cpu", f"{cpu}m" if cpu else ""), ("memory", str(memory) if memory else "")) if text}

    resources = ResourceRequirements(
        requests={**_others(container.resources.requests), **listed(wanted.cpu_request, wanted.memory_request)},
        limits={**_others(container.resources.limits), **listed(wanted.cpu_limit, wanted.memory_limit)},
    )
    return msgspec.structs.replace(container, resources=resources)


def _others(amounts: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in amounts.items() if name not in RESIZABLE}
