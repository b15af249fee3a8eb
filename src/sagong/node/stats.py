"""What the node and its pods use: /stats/summary (stats/v1alpha1) and Prometheus' metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sagong.api.clock import Clock, format_time
from sagong.api.exposition import Family, exposition
from sagong.api.types.core import ContainerStatus, Pod, Volume
from sagong.api.volumes import claim_of
from sagong.node import cadvisor, machine, node_metrics, usage
from sagong.node.cgroup_fs import Usage
from sagong.node.cgroups import Cgroups
from sagong.node.cri import api_pb2 as cri
from sagong.node.cri import labels
from sagong.node.cri.client import CriError, Runtime
from sagong.node.machine import Machine
from sagong.node.meters.ledger import Ledger
from sagong.node.meters.volumes import VolumeMeter
from sagong.node.server.host import Host
from sagong.node.volumes.layout import Mounted, NodeFiles

Stats = dict[str, Any]
_DISK_SECONDS = 60.0


@dataclass
class NodeStatistics:
    """Implements server.app.Statistics."""

    host: Host
    runtime: Runtime
    cgroups: Cgroups
    machine: Machine
    files: NodeFiles
    logs: Path
    """the folder of pods' logs"""
    mounted: Callable[[str], Mapping[str, Mounted]]
    """the volumes of the pod with this uid, by name"""
    clock: Clock
    more: Callable[[str], Iterable[Family]] = lambda _: ()
    """what else belongs on the page of this path"""
    meter: VolumeMeter | None = None
    _samples: dict[str, tuple[float, int, int]] = field(default_factory=dict)
    _disks: dict[Path, tuple[float, usage.Disk]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._started = format_time(self.clock.now())
        self._meter = self.meter or VolumeMeter(Ledger(self.clock))

    async def summary(self, *, only_cpu_and_memory: bool) -> Mapping[str, object]:
        """Return the Summary."""
        containers = await container_stats(self.runtime)
        pods = [await self._pod(pod, containers.get(pod.metadata.uid, []), few=only_cpu_and_memory) for pod in self.host.pods()]
        return {"node": await self._node(few=only_cpu_and_memory), "pods": pods}

    async def metrics(self, path: str) -> str:
        """Return Prometheus text for /metrics and what lies below it: resource, cadvisor, probes."""
        pods = self.host.pods()
        if path == "":
            claims = [stats for pod in pods for _, stats in await self._volumes(pod, claims_only=True)]
            own = node_metrics.own(self.host.node_name, pods, self.cgroups.version)
            logs = [(pod, status.name, (await self._log(pod, status.name)).used) for pod in pods for status in _with_logs(pod)]
            return exposition([*own, *node_metrics.volumes(claims), node_metrics.logs(logs), *self.more(path)])
        if path == "probes":
            return exposition(self.more(path))
        stats = await container_stats(self.runtime)
        if path == "resource":
            return exposition(node_metrics.resource(pods, stats, self.cgroups, self._node_usage()))
        return exposition(cadvisor.families(pods, stats, self.cgroups, self.machine))

    async def _node(self, *, few: bool) -> Stats:
        used, pods = self._node_usage(), self._use("pods", self.cgroups.pods_usage())
        booted = machine.booted()
        node: Stats = {
            "nodeName": self.host.node_name,
            "startTime": format_time(booted) if booted else self._started,
            "systemContainers": [self._pressed({"name": "pods", "startTime": self._started, **pods}, self.cgroups.root, few=few)],
            **self._use("node", used, limit=self.machine.memory),
        }
        self._pressed(node, "/", few=few)
        if few:
            return node
        node["network"] = self._network(usage.interfaces())
        node["fs"] = self._file_system(self.files.root)
        images = await self._image_fs()
        node["runtime"] = {"imageFs": images, "containerFs": images}
        node["rlimit"] = {"time": self._now(), "maxpid": self.machine.max_pid, "curproc": machine.processes()}
        return node

    async def _pod(self, pod: Pod, containers: Sequence[cri.ContainerStats], *, few: bool) -> Stats:
        meta = pod.metadata
        used = self.cgroups.pod_usage(meta.uid)
        found: Stats = {
            "podRef": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
            "startTime": pod.status.startTime or None,
            "containers": [await self._container(pod, stats, few=few) for stats in containers],
            **self._use(f"pod/{meta.uid}", used),
        }
        self._pressed(found, self.cgroups.parent(pod), few=few)
        if few:
            return found
        process = None if pod.spec.hostNetwork else usage.first_process(self.cgroups.pod_folders(meta.uid))
        if process is not None:
            found["network"] = self._network(usage.interfaces(process))
        volumes = await self._volumes(pod)
        found["volume"] = [stats for _, stats in volumes]
        found["process_stats"] = {"process_count": used.processes}
        disk = sum([container["rootfs"]["usedBytes"] + container["logs"]["usedBytes"] for container in found["containers"]])
        found["ephemeral-storage"] = {
            **self._file_system(self.files.root),
            "usedBytes": disk + sum(stats["usedBytes"] for volume, stats in volumes if _on_disk(volume)),
        }
        return found

    async def _container(self, pod: Pod, stats: cri.ContainerStats, *, few: bool) -> Stats:
        name = stats.attributes.metadata.name
        total, memory = stats.cpu.usage_core_nano_seconds.value, stats.memory
        found: Stats = {
            "name": name,
            "startTime": node_metrics.started(pod, name) or None,
            "cpu": self._cpu(f"container/{stats.attributes.id}", total),
            "memory": {
                "time": self._now(),
                "workingSetBytes": memory.working_set_bytes.value,
                **_present(
                    memory,
                    usageBytes="usage_bytes",
                    availableBytes="available_bytes",
                    rssBytes="rss_bytes",
                    pageFaults="page_faults",
                    majorPageFaults="major_page_faults",
                ),
            },
        }
        self._pressed(found, f"{self.cgroups.parent(pod)}/{stats.attributes.id}", few=few)
        if few:
            return found
        log = await self._log(pod, name)
        whole = self._file_system(self.files.root)
        layer = stats.writable_layer
        found["rootfs"] = {**whole, "usedBytes": layer.used_bytes.value, "inodesUsed": layer.inodes_used.value}
        found["logs"] = {**whole, "usedBytes": log.used, "inodesUsed": log.inodes}
        return found

    async def _log(self, pod: Pod, container: str) -> usage.Disk:
        meta = pod.metadata
        return await self._disk(self.logs / f"{meta.namespace}_{meta.name}_{meta.uid}" / container)

    def _use(self, key: str, used: Usage, limit: int = 0) -> Stats:
        bound = limit or used.memory_limit
        # v1 says "no limit" with a number near 2^63
        available = {"availableBytes": max(bound - used.working_set, 0)} if 0 < bound <= self.machine.memory else {}
        return {
            "cpu": self._cpu(key, used.cpu_nanoseconds),
            "memory": {
                "time": self._now(),
                **available,
                "usageBytes": used.memory,
                "workingSetBytes": used.working_set,
                "rssBytes": used.rss,
                "pageFaults": used.page_faults,
                "majorPageFaults": used.major_page_faults,
            },
        }

    def _pressed(self, found: Stats, path: str, *, few: bool) -> Stats:
        """Add how long tasks of the cgroup have waited, where the kernel tells."""
        for resource, pressure in self.cgroups.pressures(path).items():
            if resource in found:
                found[resource]["psi"] = asdict(pressure)
            elif not few:
                found[resource] = {"time": self._now(), "psi": asdict(pressure)}
        return found

    def _cpu(self, key: str, total: int) -> Stats:
        now = self.clock.monotonic()
        before, count, rate = self._samples.get(key, (now, total, -1))
        if now - before >= 1.0:
            rate = max(int((total - count) / (now - before)), 0)
            self._samples[key] = (now, total, rate)
        elif key not in self._samples:
            self._samples[key] = (now, total, rate)
        known = {"usageNanoCores": rate} if rate >= 0 else {}
        return {"time": self._now(), **known, "usageCoreNanoSeconds": total}

    def _network(self, found: Sequence[usage.Interface]) -> Stats:
        listed = [
            {"name": i.name, "rxBytes": i.received, "rxErrors": i.receive_errors, "txBytes": i.sent, "txErrors": i.send_errors}
            for i in found
        ]
        default = next((entry for entry in listed if str(entry["name"]).startswith("e")), listed[0] if listed else {})
        return {"time": self._now(), **default, "interfaces": listed}

    def _file_system(self, path: Path) -> Stats:
        found = machine.file_system(path)
        return {
            "time": self._now(),
            "availableBytes": found.available,
            "capacityBytes": found.capacity,
            "usedBytes": found.used,
            "inodesFree": found.inodes_free,
            "inodes": found.inodes,
            "inodesUsed": found.inodes - found.inodes_free,
        }

    async def _volumes(self, pod: Pod, *, claims_only: bool = False) -> Sequence[tuple[Volume, Stats]]:
        """Return what the pod's mounted volumes take; directories of the host and images are not its own."""
        mounted = self.mounted(pod.metadata.uid)
        chosen = [volume for volume in pod.spec.volumes if volume.hostPath is None and (claim_of(pod, volume) or not claims_only)]
        found = [(volume, mounted.get(volume.name)) for volume in chosen]
        measured = [(volume, mount.path) for volume, mount in found if mount is not None and mount.image is None and not mount.block]
        return [(volume, await self._volume(pod, volume, path)) for volume, path in measured]

    async def _volume(self, pod: Pod, volume: Volume, path: Path) -> Stats:
        claim = claim_of(pod, volume)
        foreign = bool(claim) or volume.nfs is not None  # not the node's: to look at each of its files could take for ever
        with self._meter.measuring("statfs" if foreign or self._recent(path) else "du"):
            named: Stats = {"name": volume.name, **await asyncio.to_thread(self._file_system, path)}  # one from the network may hang
            disk = usage.Disk(0, 0) if foreign else await self._disk(path)
        if claim:
            named["pvcRef"] = {"name": claim.name, "namespace": pod.metadata.namespace}
        if foreign:
            return named
        return {**named, "usedBytes": disk.used, "inodesUsed": disk.inodes}

    async def _image_fs(self) -> Stats:
        try:
            listed = (await self.runtime.image_filesystems()).image_filesystems
        except CriError:
            return {}
        used = sum(entry.used_bytes.value for entry in listed)
        root = next((Path(entry.fs_id.mountpoint) for entry in listed), self.files.root)
        return {**self._file_system(root if root.exists() else self.files.root), "usedBytes": used}

    async def _disk(self, path: Path) -> usage.Disk:
        known = self._recent(path)
        if known is None:
            now = self.clock.monotonic()
            known = (now, await asyncio.to_thread(usage.disk_usage, path))
            self._disks = {old: entry for old, entry in self._disks.items() if now - entry[0] < _DISK_SECONDS}
            self._disks[path] = known
        return known[1]

    def _recent(self, path: Path) -> tuple[float, usage.Disk] | None:
        """Return what was measured less than a minute ago."""
        known = self._disks.get(path)
        return known if known is not None and self.clock.monotonic() - known[0] < _DISK_SECONDS else None

    def _node_usage(self) -> Usage:
        used = self.cgroups.node_usage()
        if used.memory:
            return used
        # v2 has no memory.current in its root
        taken = self.machine.memory - machine.memory_available()
        return Usage(cpu_nanoseconds=used.cpu_nanoseconds, memory=taken, working_set=taken, processes=used.processes)

    def _now(self) -> str:
        return format_time(self.clock.now())


async def container_stats(runtime: Runtime) -> Mapping[str, Sequence[cri.ContainerStats]]:
    """Return what running containers use, by the uid of their pod; nothing while the runtime does not answer."""
    found: dict[str, list[cri.ContainerStats]] = {}
    try:
        for stats in await runtime.list_stats():
            # one that has ended, but is kept for its log, is listed without usage
            if stats.cpu.usage_core_nano_seconds.value or stats.memory.working_set_bytes.value:
                found.setdefault(stats.attributes.labels.get(labels.POD_UID, ""), []).append(stats)
    except CriError:
        return {}
    return found


def _with_logs(pod: Pod) -> Iterable[ContainerStatus]:
    """Return the containers that run: those whose logs grow."""
    status = pod.status
    found = (*status.initContainerStatuses, *status.containerStatuses, *status.ephemeralContainerStatuses)
    return [container for container in found if container.state.running is not None]


def _on_disk(volume: Volume) -> bool:
    """Tell whether a volume counts as ephemeral storage: what is in memory does not, nor what is the user's own."""
    return volume.configMap is not None or (volume.emptyDir is not None and not volume.emptyDir.medium)


def _present(message: cri.MemoryUsage, **names: str) -> dict[str, int]:
    return {key: getattr(message, name).value for key, name in names.items() if message.HasField(name)}
