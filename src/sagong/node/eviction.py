"""When the node runs short, which pod has to go: a function of what is free, what pods use and what they asked for.

A signal is what the node has left (`memory.available`); a threshold says how little of it is too little. Pods that use more
than they asked for go first, then those of low priority, then those that use most beyond what they asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from sagong.api import quantity
from sagong.api.nodes import untolerated
from sagong.api.pods import is_critical, limits, priority, qos_class, requests
from sagong.api.types.core import Pod, Taint
from sagong.node.admission import Rejection
from sagong.node.resources import threshold

# signal: (node condition, resource that is starved)
_SIGNALS = {
    "memory.available": ("MemoryPressure", "memory"),
    "allocatableMemory.available": ("MemoryPressure", "memory"),
    "nodefs.available": ("DiskPressure", "ephemeral-storage"),
    "nodefs.inodesFree": ("DiskPressure", "inodes"),
    "imagefs.available": ("DiskPressure", "ephemeral-storage"),
    "imagefs.inodesFree": ("DiskPressure", "inodes"),
    "pid.available": ("PIDPressure", "pids"),
}
_EPHEMERAL = "ephemeral-storage"


@dataclass(frozen=True, slots=True)
class Observation:
    """What is left of something, and how much there is in all: bytes, inodes, process numbers."""

    available: int
    capacity: int


@dataclass(frozen=True)
class PodUse:
    """What a pod uses: bytes of memory and disk, inodes, processes; memory and disk also by container, disk by volume."""

    pod: Pod
    memory: int = 0
    disk: int = 0
    inodes: int = 0
    processes: int = 0
    containers: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    volumes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Threshold:
    """How little of a signal is too little: a quantity or a percentage."""

    signal: str
    least: str
    grace: float | None = None
    """seconds that it must have been met before pods go, gracefully; None is a hard threshold: at once"""
    reclaim: str = ""
    """how much more than that must be free again until it counts as no longer met"""


@dataclass(frozen=True, slots=True)
class Met:
    """A threshold that is met."""

    signal: str
    threshold: int
    available: int
    source: Threshold | None = field(default=None, compare=False)

    @property
    def condition(self) -> str:
        """Return the node condition that it makes true."""
        return _SIGNALS[self.signal][0]

    @property
    def resource(self) -> str:
        """Return what pods have to give back."""
        return _SIGNALS[self.signal][1]


@dataclass(frozen=True, slots=True)
class Eviction:
    """A pod that has to go, what it is told, and the signal that was too low or the kind of its limit, as upstream's metric names it."""

    pod: Pod
    message: str
    signal: str = field(default="", compare=False)


def thresholds(
    hard: Mapping[str, str],
    soft: Mapping[str, str] = MappingProxyType({}),
    grace: Mapping[str, float] = MappingProxyType({}),
    reclaim: Mapping[str, str] = MappingProxyType({}),
) -> Sequence[Threshold]:
    """Return the thresholds of KubeletConfiguration's maps by signal; none is left of one that is 0 or 0%.

    What all pods together may have is watched as the node's whole memory is: they shall not fill it up to where the kernel kills.
    """
    if "memory.available" in hard:
        hard = {**hard, "allocatableMemory.available": hard["memory.available"]}
        reclaim = {"allocatableMemory.available": reclaim.get("memory.available", ""), **reclaim}
    listed = [
        *(Threshold(signal, least, None, reclaim.get(signal, "")) for signal, least in hard.items()),
        *(Threshold(signal, least, grace.get(signal, 0.0), reclaim.get(signal, "")) for signal, least in soft.items()),
    ]
    return [found for found in listed if found.least and found.least not in ("0", "0%")]


def met(observed: Mapping[str, Observation], wanted: Iterable[Threshold], before: Collection[Threshold] = ()) -> Sequence[Met]:
    """Return the thresholds that are met, memory first, since it kills soonest. Those met `before` last until enough is reclaimed."""
    found = []
    for rule in sorted(wanted, key=lambda rule: (list(_SIGNALS).index(rule.signal), rule.grace is not None)):
        if rule.signal not in observed:
            continue
        now = observed[rule.signal]
        least = threshold(rule.least, now.capacity)
        margin = threshold(rule.reclaim, now.capacity) if rule in before else 0
        if now.available < least + margin:
            found.append(Met(rule.signal, least, now.available, rule))
    return found


def victim(lack: Met, uses: Iterable[PodUse]) -> Eviction | None:
    """Return the pod to evict for what the node lacks; None when only critical ones are left."""
    measure = _MEASURES[lack.resource]
    candidates = [use for use in uses if not is_critical(use.pod)]
    ranked = sorted(candidates, key=lambda use: _rank(use, lack.resource, measure))
    return Eviction(ranked[0].pod, _message(lack, ranked[0]), lack.signal) if ranked else None


def over_own_limits(uses: Iterable[PodUse]) -> Sequence[Eviction]:
    """Return pods whose volumes, containers or whole take more of the disk than their own limits allow."""
    found = []
    for use in uses:
        checked = (("emptydirfs", _volume(use)), ("ephemeralpodfs", _whole(use)), ("ephemeralcontainerfs", _container(use)))
        limit, message = next(((limit, text) for limit, text in checked if text), ("", ""))
        if message and not is_critical(use.pod):
            found.append(Eviction(use.pod, message, f"{limit}.limit"))
    return found


def admit_under_pressure(pod: Pod, pressures: Sequence[str]) -> Rejection | None:
    """Return why a node that runs short does not take the pod: short of memory alone, only best-effort pods are refused."""
    if not pressures or is_critical(pod):
        return None
    if list(pressures) == ["MemoryPressure"]:
        taint = Taint(key="node.kubernetes.io/memory-pressure", effect="NoSchedule")
        if qos_class(pod) != "BestEffort" or not untolerated([taint], pod.spec.tolerations, ("NoSchedule",)):
            return None
    return Rejection("Evicted", f"The node had condition: [{' '.join(pressures)}]. ")


_MEASURES: Mapping[str, Callable[[PodUse], int]] = {
    "memory": lambda use: use.memory,
    _EPHEMERAL: lambda use: use.disk,
    "inodes": lambda use: use.inodes,
    "pids": lambda use: use.processes,
}


def _rank(use: PodUse, resource: str, measure: Callable[[PodUse], int]) -> tuple[bool, int, int]:
    asked = requests(use.pod).get(resource)
    beyond = measure(use) - (asked.value() if asked else 0)
    within = beyond <= 0 and resource != "pids"
    return within, priority(use.pod), -beyond


def _message(lack: Met, use: PodUse) -> str:
    parts = [f"The node was low on resource: {lack.resource}. Threshold quantity: {_shown(lack, lack.threshold)}, "]
    parts.append(f"available: {_shown(lack, lack.available)}. ")
    whole = use.pod.spec.resources.requests.get("memory") if use.pod.spec.resources else None
    if lack.resource == "memory" and whole:
        parts.append(f"Pod {use.pod.metadata.name} was using {_bytes(use.memory)}, request is {whole}, has larger consumption of memory. ")
    if lack.resource in ("memory", _EPHEMERAL):
        for container in (*use.pod.spec.containers, *use.pod.spec.initContainers):
            used = use.containers.get(container.name, (0, 0))[0 if lack.resource == "memory" else 1]
            asked = container.resources.requests.get(lack.resource, "0")
            if used > quantity.parse(asked).value():
                text = (
                    f"Container {container.name} was using {_bytes(used)}, request is {asked}, has larger consumption of {lack.resource}. "
                )
                parts.append(text)
    return "".join(parts)


def _volume(use: PodUse) -> str:
    for volume in use.pod.spec.volumes:
        limit = volume.emptyDir.sizeLimit if volume.emptyDir else None
        if limit and volume.name in use.volumes and 0 < quantity.parse(limit).value() < use.volumes[volume.name]:
            return f'Usage of EmptyDir volume "{volume.name}" exceeds the limit "{limit}". '
    return ""


def _whole(use: PodUse) -> str:
    limit = limits(use.pod).get(_EPHEMERAL)
    if not limit or use.disk <= limit.value():
        return ""
    return f"Pod ephemeral local storage usage exceeds the total limit of containers {limit}. "


def _container(use: PodUse) -> str:
    for container in use.pod.spec.containers:
        limit = container.resources.limits.get(_EPHEMERAL)
        used = use.containers.get(container.name, (0, 0))[1]
        if limit and used > quantity.parse(limit).value():
            return f'Container {container.name} exceeded its local ephemeral storage limit "{limit}". '
    return ""


def _shown(lack: Met, amount: int) -> str:
    return _bytes(amount) if lack.resource in ("memory", _EPHEMERAL) else str(amount)


def _bytes(amount: int) -> str:
    return quantity.canonical(f"{amount // 1024}Ki")
