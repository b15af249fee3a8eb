"""What the node has, and what of it pods may ask for: capacity, and allocatable after reservations and eviction thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sagong.api import quantity
from sagong.node.machine import FileSystem, Machine

_KIB = 1024


@dataclass(frozen=True)
class Reservations:
    """What pods may not use. Quantities; an eviction threshold may be a percentage."""

    kube: Mapping[str, str] = field(default_factory=dict)
    system: Mapping[str, str] = field(default_factory=dict)
    eviction: Mapping[str, str] = field(default_factory=dict)
    max_pods: int = 110
    pods_per_core: int = 0


def capacity(machine: Machine, disk: FileSystem, reserved: Reservations) -> dict[str, str]:
    """Return node.status.capacity."""
    pods = min(reserved.max_pods, reserved.pods_per_core * machine.cpus) if reserved.pods_per_core else reserved.max_pods
    return {
        "cpu": str(machine.cpus),
        "ephemeral-storage": _kib(disk.capacity),
        **{f"hugepages-{size}": _kib(total) for size, total in sorted(machine.huge_pages.items())},
        "memory": _kib(machine.memory),
        "pods": str(pods),
    }


def allocatable(machine: Machine, disk: FileSystem, reserved: Reservations) -> dict[str, str]:
    """Return node.status.allocatable: capacity less reservations, hard eviction thresholds and huge pages."""
    found = capacity(machine, disk, reserved)
    milli = machine.cpus * 1000 - _reserved(reserved, "cpu", milli=True)
    memory = machine.memory - _reserved(reserved, "memory") - threshold(reserved.eviction.get("memory.available", ""), machine.memory)
    storage = _reserved(reserved, "ephemeral-storage") + threshold(reserved.eviction.get("nodefs.available", ""), disk.capacity)
    found["cpu"] = quantity.canonical(f"{max(milli, 0)}m")
    found["memory"] = _kib(max(memory - sum(machine.huge_pages.values()), 0))
    if storage:
        found["ephemeral-storage"] = str(max(disk.capacity - storage, 0))
    return found


def for_pods(machine: Machine, reserved: Reservations) -> tuple[int, int]:
    """Return what all pods together are held to: thousandths of a CPU, and bytes.

    Eviction thresholds are not taken off as for allocatable: pods are evicted before they come to where the kernel kills.
    """
    milli = machine.cpus * 1000 - _reserved(reserved, "cpu", milli=True)
    return max(milli, 0), max(machine.memory - _reserved(reserved, "memory"), 0)


def threshold(text: str, whole: int) -> int:
    """Return an eviction threshold in the unit of `whole`: `100Mi`, or a percentage of it, rounded as upstream does."""
    if not text:
        return 0
    if text.endswith("%"):
        return int(whole * float(text.removesuffix("%")) / 100)
    return quantity.parse(text).value()


def _reserved(reserved: Reservations, resource: str, *, milli: bool = False) -> int:
    found = [quantity.parse(part[resource]) for part in (reserved.kube, reserved.system) if resource in part]
    return sum(amount.milli_value() if milli else amount.value() for amount in found)


def _kib(size: int) -> str:
    return quantity.canonical(f"{size // _KIB}Ki")  # as the API server will show it, so that nothing seems to have changed
