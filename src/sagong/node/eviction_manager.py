"""Watches what the node has left, tells pressures, and evicts one pod at a time until the thresholds are no longer met."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sagong.api.clock import Clock
from sagong.api.types.core import Pod
from sagong.node import machine, usage
from sagong.node.cgroups import Cgroups
from sagong.node.cri import labels
from sagong.node.cri.client import CriError, Runtime
from sagong.node.eviction import Eviction, Observation, PodUse, met, over_own_limits, victim
from sagong.node.volumes.layout import NodeFiles

_EVERY = 10.0
_LIMITS_EVERY = 6  # rounds between looks at pods' own disk limits, which take a walk over their files
_log = logging.getLogger(__name__)


@dataclass
class EvictionManager:
    """Evicts pods of one node."""

    runtime: Runtime
    cgroups: Cgroups
    files: NodeFiles
    logs: Path
    """the folder of pods' logs"""
    machine: machine.Machine
    thresholds: Mapping[str, str]
    """hard thresholds by signal (evictionHard)"""
    pods: Callable[[], Sequence[Pod]]
    """pods that use the node"""
    evict: Callable[[Pod, str], None]
    clock: Clock
    reclaim: Callable[[], Awaitable[None]] | None = None
    """frees disk without ending pods: images and dead containers"""
    transition: float = 300.0
    """seconds a pressure is told after it was last seen"""
    _seen: dict[str, float] = field(default_factory=dict)

    def pressures(self) -> Sequence[str]:
        """Return the node conditions that hold."""
        now = self.clock.monotonic()
        return [condition for condition, at in self._seen.items() if now - at < self.transition]

    async def run(self) -> None:
        """Look every ten seconds, for ever."""
        rounds = 0
        while True:
            await self.clock.sleep(_EVERY)
            rounds += 1
            try:
                await self.look(own_limits=rounds % _LIMITS_EVERY == 0)
            except (OSError, CriError) as error:
                _log.warning("cannot tell what the node has left: %s", error)

    async def look(self, *, own_limits: bool) -> None:
        """Look once, and evict at most one pod for the node, and any that break their own limits. Raises OSError, CriError."""
        if own_limits:
            limited = [pod for pod in self.pods() if _has_disk_limit(pod)]
            for eviction in over_own_limits(await self._uses(limited) if limited else ()):
                self._evict(eviction)
        lacks = met(self.observe(), self.thresholds)
        for lack in lacks:
            self._seen[lack.condition] = self.clock.monotonic()
        if lacks and lacks[0].condition == "DiskPressure" and self.reclaim is not None:
            await self.reclaim()
            lacks = met(self.observe(), self.thresholds)
        chosen = victim(lacks[0], await self._uses(self.pods())) if lacks else None
        if chosen is not None:
            self._evict(chosen)

    def observe(self) -> Mapping[str, Observation]:
        """Return the signals. Raises OSError."""
        disk = machine.file_system(self.files.root)
        space, inodes = Observation(disk.available, disk.capacity), Observation(disk.inodes_free, disk.inodes)
        known = {
            "memory.available": Observation(machine.memory_available(), self.machine.memory),
            "nodefs.available": space,
            "imagefs.available": space,
            "pid.available": Observation(self.machine.max_pid - machine.processes(), self.machine.max_pid),
        }
        # some file systems do not count inodes
        return {**known, "nodefs.inodesFree": inodes, "imagefs.inodesFree": inodes} if disk.inodes else known

    def _evict(self, eviction: Eviction) -> None:
        meta = eviction.pod.metadata
        _log.warning("pod %s/%s is evicted: %s", meta.namespace, meta.name, eviction.message)
        self.evict(eviction.pod, eviction.message)

    async def _uses(self, pods: Sequence[Pod]) -> Sequence[PodUse]:
        containers: dict[str, dict[str, tuple[int, int]]] = {}
        for stats in await self.runtime.list_stats():
            own = containers.setdefault(stats.attributes.labels.get(labels.POD_UID, ""), {})
            own[stats.attributes.metadata.name] = (stats.memory.working_set_bytes.value, stats.writable_layer.used_bytes.value)
        return [await self._use(pod, containers.get(pod.metadata.uid, {})) for pod in pods]

    async def _use(self, pod: Pod, containers: Mapping[str, tuple[int, int]]) -> PodUse:
        meta = pod.metadata
        files = self.files.pod(meta.uid)
        volumes = {volume.name: files.volume("empty-dir", volume.name) for volume in pod.spec.volumes if volume.emptyDir is not None}
        sizes = {name: (await asyncio.to_thread(usage.disk_usage, path)).used for name, path in volumes.items()}
        on_disk = sum(sizes[volume.name] for volume in pod.spec.volumes if volume.emptyDir is not None and not volume.emptyDir.medium)
        log = self.logs / f"{meta.namespace}_{meta.name}_{meta.uid}"
        with_logs = {name: (memory, disk + usage.disk_usage(log / name).used) for name, (memory, disk) in containers.items()}
        used = self.cgroups.pod_usage(meta.uid)
        disk = on_disk + sum(part for _, part in with_logs.values())
        return PodUse(pod, used.working_set, disk, used.processes, with_logs, sizes)


def _has_disk_limit(pod: Pod) -> bool:
    sized = any(volume.emptyDir is not None and volume.emptyDir.sizeLimit for volume in pod.spec.volumes)
    return sized or any("ephemeral-storage" in container.resources.limits for container in pod.spec.containers)
