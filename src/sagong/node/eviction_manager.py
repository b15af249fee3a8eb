"""Watches what the node has left, tells pressures, and evicts one pod at a time until the thresholds are no longer met."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sagong.api.clock import Clock
from sagong.api.types.core import Pod
from sagong.node import machine, usage
from sagong.node.cgroup_fs import UNLIMITED
from sagong.node.cgroups import Cgroups
from sagong.node.cri import labels
from sagong.node.cri.client import CriError, Runtime
from sagong.node.eviction import Eviction, Met, Observation, PodUse, Threshold, met, over_own_limits, victim
from sagong.node.usage import Disk
from sagong.node.volumes.layout import NodeFiles

_EVERY, _SOON = 10.0, 1.0
_HARD_GRACE = 1
_LIMITS_EVERY = 6  # rounds between looks at pods' own disk limits, which take a walk over their files
_log = logging.getLogger(__name__)


class Evict(Protocol):
    """Ends pods."""

    def __call__(self, pod: Pod, message: str, grace: int, *, disruption: bool) -> None:
        """End a pod with a message, within so many seconds; it is no disruption when the pod broke its own limits."""
        ...


@dataclass
class EvictionManager:
    """Evicts pods of one node."""

    runtime: Runtime
    cgroups: Cgroups
    files: NodeFiles
    logs: Path
    """the folder of pods' logs"""
    machine: machine.Machine
    thresholds: Sequence[Threshold]
    pods: Callable[[], Sequence[Pod]]
    """pods that use the node"""
    evict: Evict
    clock: Clock
    reclaim: Callable[[], Awaitable[None]] | None = None
    """frees disk without ending pods: images and dead containers"""
    transition: float = 300.0
    """seconds a pressure is told after it was last seen"""
    longest_grace: int = 0
    """seconds a pod has at most that goes for a soft threshold"""
    evicted: Callable[[str], None] = lambda _: None
    """told the signal for which a pod was evicted"""
    reclaiming: Callable[[str], None] = lambda _: None
    """told the resource that is to be won back, before anything is done for it"""
    aged: Callable[[str, float], None] = lambda _signal, _seconds: None
    """told the signal of each threshold for which a pod is chosen, and how many seconds ago it was read"""
    _seen: dict[str, float] = field(default_factory=dict)
    _since: dict[Threshold, float] = field(default_factory=dict)
    _last: Mapping[str, Observation] = field(default_factory=dict)
    _read_at: float = 0.0
    _images: Path | None = None

    def pressures(self) -> Sequence[str]:
        """Return the node conditions that hold."""
        now = self.clock.monotonic()
        return [condition for condition, at in self._seen.items() if now - at < self.transition]

    async def run(self) -> None:
        """Look every ten seconds, each second while something runs out so fast that ten would be too long, for ever."""
        rounds = 0
        while True:
            await self.clock.sleep(_SOON if self._runs_out() else _EVERY)
            rounds += 1
            try:
                await self.look(own_limits=rounds % _LIMITS_EVERY == 0)
            except (OSError, CriError) as error:
                _log.warning("cannot tell what the node has left: %s", error)

    async def look(self, *, own_limits: bool) -> None:
        """Look once, and evict at most one pod for the node, and any that break their own limits. Raises OSError, CriError."""
        await self._find_images()
        lacks = self._met()
        if own_limits and await self._evict_over_own_limits():
            return
        if due := self._due(lacks):
            self.reclaiming(due[0].resource)
        if lacks and lacks[0].condition == "DiskPressure" and self.reclaim is not None:
            await self.reclaim()
            lacks = self._met()
        due = self._due(lacks)
        chosen = victim(due[0], await self._uses(self.pods())) if due else None
        for lack in due if chosen is not None else ():
            self.aged(lack.source.signal if lack.source else "", self.clock.monotonic() - self._read_at)
        if chosen is not None and due[0].source is not None:
            own = chosen.pod.spec.terminationGracePeriodSeconds
            soft = self.longest_grace if own is None else min(self.longest_grace, own)
            self._evict(chosen, _HARD_GRACE if due[0].source.grace is None else soft, disruption=True)

    async def _evict_over_own_limits(self) -> bool:
        """Evict the pods that break their own limits; tell whether there are any: what they give back may be enough."""
        limited = [pod for pod in self.pods() if _has_disk_limit(pod)]
        found = over_own_limits(await self._uses(limited) if limited else ())
        for eviction in found:
            self._evict(eviction, _HARD_GRACE, disruption=False)
        return bool(found)

    def _due(self, lacks: Sequence[Met]) -> Sequence[Met]:
        """Return those that have been met for as long as their thresholds bear it."""
        now = self.clock.monotonic()
        return [lack for lack in lacks if lack.source is not None and now - self._since[lack.source] >= (lack.source.grace or 0.0)]

    def _met(self) -> Sequence[Met]:
        """Return the thresholds that are met now, and remember since when."""
        self._last, self._read_at = self.observe(), self.clock.monotonic()
        lacks = met(self._last, self.thresholds, self._since.keys())
        now = self.clock.monotonic()
        self._since = {lack.source: self._since.get(lack.source, now) for lack in lacks if lack.source is not None}
        self._seen.update((lack.condition, now) for lack in lacks)
        return lacks

    def _runs_out(self) -> bool:
        """Tell whether a hard threshold might be met before the next look, should as much be used as since the last one."""
        hard = [rule for rule in self.thresholds if rule.grace is None]
        if not hard or not self._last:
            return False
        try:
            now = self.observe()
        except OSError:
            return False
        ahead = {
            signal: Observation(2 * found.available - self._last[signal].available, found.capacity)
            for signal, found in now.items()
            if signal in self._last
        }
        return bool(met(ahead, hard))

    async def _find_images(self) -> None:
        """Find the file system that holds images, which may be one of their own."""
        if self._images is None:
            listed = (await self.runtime.image_filesystems()).image_filesystems
            found = Path(listed[0].fs_id.mountpoint) if listed else self.files.root
            self._images = found if found.exists() else self.files.root

    def observe(self) -> Mapping[str, Observation]:
        """Return the signals. Raises OSError."""
        known = {
            "memory.available": Observation(machine.memory_available(), self.machine.memory),
            "pid.available": Observation(self.machine.max_pid - machine.processes(), self.machine.max_pid),
        }
        pods = self.cgroups.pods_usage()
        if 0 < pods.memory_limit < UNLIMITED:
            known["allocatableMemory.available"] = Observation(max(pods.memory_limit - pods.working_set, 0), pods.memory_limit)
        for name, path in (("nodefs", self.files.root), ("imagefs", self._images or self.files.root)):
            disk = machine.file_system(path)
            known[f"{name}.available"] = Observation(disk.available, disk.capacity)
            if disk.inodes:  # some file systems do not count them
                known[f"{name}.inodesFree"] = Observation(disk.inodes_free, disk.inodes)
        return known

    def _evict(self, eviction: Eviction, grace: int, *, disruption: bool) -> None:
        meta = eviction.pod.metadata
        _log.warning("pod %s/%s is evicted: %s", meta.namespace, meta.name, eviction.message)
        self.evict(eviction.pod, eviction.message, grace, disruption=disruption)
        self.evicted(eviction.signal)

    async def _uses(self, pods: Sequence[Pod]) -> Sequence[PodUse]:
        containers: dict[str, dict[str, tuple[int, Disk]]] = {}
        for stats in await self.runtime.list_stats():
            own = containers.setdefault(stats.attributes.labels.get(labels.POD_UID, ""), {})
            layer = Disk(stats.writable_layer.used_bytes.value, stats.writable_layer.inodes_used.value)
            own[stats.attributes.metadata.name] = (stats.memory.working_set_bytes.value, layer)
        return [await self._use(pod, containers.get(pod.metadata.uid, {})) for pod in pods]

    async def _use(self, pod: Pod, containers: Mapping[str, tuple[int, Disk]]) -> PodUse:
        meta = pod.metadata
        files = self.files.pod(meta.uid)
        volumes = {volume.name: files.volume("empty-dir", volume.name) for volume in pod.spec.volumes if volume.emptyDir is not None}
        sizes = {name: await asyncio.to_thread(usage.disk_usage, path) for name, path in volumes.items()}
        on_disk = [sizes[volume.name] for volume in pod.spec.volumes if volume.emptyDir is not None and not volume.emptyDir.medium]
        log = self.logs / f"{meta.namespace}_{meta.name}_{meta.uid}"
        with_logs = {name: (memory, layer + usage.disk_usage(log / name)) for name, (memory, layer) in containers.items()}
        used = self.cgroups.pod_usage(meta.uid)
        disk = sum((*on_disk, *(part for _, part in with_logs.values())), Disk())
        return PodUse(
            pod,
            used.working_set,
            disk.used,
            disk.inodes,
            used.processes,
            {name: (memory, part.used) for name, (memory, part) in with_logs.items()},
            {name: size.used for name, size in sizes.items()},
        )


def _has_disk_limit(pod: Pod) -> bool:
    sized = any(volume.emptyDir is not None and volume.emptyDir.sizeLimit for volume in pod.spec.volumes)
    return sized or any("ephemeral-storage" in container.resources.limits for container in pod.spec.containers)
