"""/metrics/cadvisor: what containers, pods and classes of pods use, from their cgroups, with cAdvisor's names and labels.

A container's rows name it; those of a pod's cgroup have its names with container="", those above it have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from sagong.api.exposition import Metric
from sagong.api.types.core import Pod
from sagong.node import usage
from sagong.node.cgroup_fs import UNLIMITED, Details
from sagong.node.cgroups import Cgroups
from sagong.node.cri import api_pb2 as cri
from sagong.node.machine import Machine
from sagong.node.qos import CPU_PERIOD

_NANO, _MICRO = 1e9, 1e6
Kind = Literal["counter", "gauge"]
_FAMILIES: dict[str, tuple[Kind, str]] = {
    "cpu_usage_seconds_total": ("counter", "Cumulative cpu time consumed in seconds."),
    "cpu_cfs_periods_total": ("counter", "Number of elapsed enforcement period intervals."),
    "cpu_cfs_throttled_periods_total": ("counter", "Number of throttled period intervals."),
    "cpu_cfs_throttled_seconds_total": ("counter", "Total time duration the container has been throttled."),
    "memory_working_set_bytes": ("gauge", "Current working set in bytes."),
    "memory_usage_bytes": ("gauge", "Current memory usage in bytes, including all memory."),
    "memory_rss": ("gauge", "Size of RSS in bytes."),
    "memory_cache": ("gauge", "Number of bytes of page cache memory."),
    "memory_swap": ("gauge", "Container swap usage in bytes."),
    "oom_events_total": ("counter", "Count of out of memory events observed for the container"),
    "processes": ("gauge", "Number of processes running inside the container."),
    "spec_cpu_period": ("gauge", "CPU period of the container."),
    "spec_cpu_quota": ("gauge", "CPU quota of the container."),
    "spec_cpu_shares": ("gauge", "CPU share of the container."),
    "spec_memory_limit_bytes": ("gauge", "Memory limit for the container."),
    "fs_usage_bytes": ("gauge", "Number of bytes that are consumed by the container on this filesystem."),
    "fs_reads_total": ("counter", "Cumulative count of reads completed"),
    "fs_writes_total": ("counter", "Cumulative count of writes completed"),
    "fs_reads_bytes_total": ("counter", "Cumulative count of bytes read"),
    "fs_writes_bytes_total": ("counter", "Cumulative count of bytes written"),
    "network_receive_bytes_total": ("counter", "Cumulative count of bytes received"),
    "network_receive_packets_total": ("counter", "Cumulative count of packets received"),
    "network_receive_packets_dropped_total": ("counter", "Cumulative count of packets dropped while receiving"),
    "network_receive_errors_total": ("counter", "Cumulative count of errors encountered while receiving"),
    "network_transmit_bytes_total": ("counter", "Cumulative count of bytes transmitted"),
    "network_transmit_packets_total": ("counter", "Cumulative count of packets transmitted"),
    "network_transmit_packets_dropped_total": ("counter", "Cumulative count of packets dropped while transmitting"),
    "network_transmit_errors_total": ("counter", "Cumulative count of errors encountered while transmitting"),
    "pressure_cpu_waiting_seconds_total": ("counter", "Total time duration tasks in the container have waited due to CPU congestion."),
    "pressure_cpu_stalled_seconds_total": (
        "counter",
        "Total time duration no tasks in the container could make progress due to CPU congestion.",
    ),
    "pressure_memory_waiting_seconds_total": (
        "counter",
        "Total time duration tasks in the container have waited due to memory congestion.",
    ),
    "pressure_memory_stalled_seconds_total": (
        "counter",
        "Total time duration no tasks in the container could make progress due to memory congestion.",
    ),
    "pressure_io_waiting_seconds_total": ("counter", "Total time duration tasks in the container have waited due to IO congestion."),
    "pressure_io_stalled_seconds_total": (
        "counter",
        "Total time duration no tasks in the container could make progress due to IO congestion.",
    ),
}
Labels = Mapping[str, str]
Containers = Mapping[str, Sequence[cri.ContainerStats]]


def families(pods: Iterable[Pod], stats: Containers, cgroups: Cgroups, machine: Machine) -> Iterable[Metric]:
    """Return the families."""
    page = _Page(cgroups)
    cpus = Metric("machine_cpu_cores", "gauge", "Number of logical CPU cores.")
    cpus.add(machine.cpus)
    memory = Metric("machine_memory_bytes", "gauge", "Amount of memory installed on the machine.")
    memory.add(machine.memory)
    nobody = {"namespace": "", "pod": "", "container": "", "image": "", "name": ""}
    for path in ("/", *cgroups.class_paths()):
        page.cgroup(path, nobody)
    for pod in pods:
        page.pod(pod, stats.get(pod.metadata.uid, []))
    return [*page.metrics.values(), cpus, memory]


class _Page:
    def __init__(self, cgroups: Cgroups) -> None:
        self._cgroups = cgroups
        self.metrics = {name: Metric(f"container_{name}", kind, text) for name, (kind, text) in _FAMILIES.items()}

    def cgroup(self, path: str, labels: Labels) -> None:
        """Add the rows of a cgroup, if it is there."""
        used, details = self._cgroups.usage(path), self._cgroups.details(path)
        one = {**labels, "id": path}
        if not used.memory and not used.cpu_nanoseconds:
            return
        self._cpu_and_memory(one, used.cpu_nanoseconds, used.working_set, used.memory, used.rss)
        self._add(one, processes=used.processes)
        self._details(one, details)
        self._pressures(one)

    def pod(self, pod: Pod, containers: Sequence[cri.ContainerStats]) -> None:
        """Add the rows of a pod and of its containers."""
        meta = pod.metadata
        path = self._cgroups.parent(pod)
        of_pod = {"namespace": meta.namespace, "pod": meta.name, "container": "", "image": "", "name": ""}
        self.cgroup(path, of_pod)
        images = {
            status.name: status.imageID or status.image for status in (*pod.status.containerStatuses, *pod.status.initContainerStatuses)
        }
        for stats in containers:
            name = stats.attributes.metadata.name
            one = {
                **of_pod,
                "container": name,
                "image": stats.attributes.annotations.get("io.kubernetes.cri.image-name", images.get(name, "")),
                "name": stats.attributes.id,
                "id": f"{path}/{stats.attributes.id}",
            }
            memory = stats.memory
            total = stats.cpu.usage_core_nano_seconds.value
            self._cpu_and_memory(one, total, memory.working_set_bytes.value, memory.usage_bytes.value, memory.rss_bytes.value)
            self._add(one, fs_usage_bytes=stats.writable_layer.used_bytes.value)
            self._details(one, self._cgroups.details(one["id"]))
            self._pressures(one)
        process = None if pod.spec.hostNetwork else usage.first_process(self._cgroups.pod_folders(meta.uid))
        for found in usage.interfaces(process) if process is not None else ():
            self._add(
                {**of_pod, "id": path, "interface": found.name},
                network_receive_bytes_total=found.received,
                network_receive_packets_total=found.received_packets,
                network_receive_packets_dropped_total=found.receive_drops,
                network_receive_errors_total=found.receive_errors,
                network_transmit_bytes_total=found.sent,
                network_transmit_packets_total=found.sent_packets,
                network_transmit_packets_dropped_total=found.send_drops,
                network_transmit_errors_total=found.send_errors,
            )

    def _cpu_and_memory(self, labels: Labels, cpu: int, working_set: int, memory: int, rss: int) -> None:
        self._add({**labels, "cpu": "total"}, cpu_usage_seconds_total=cpu / _NANO)
        self._add(labels, memory_working_set_bytes=working_set, memory_usage_bytes=memory, memory_rss=rss)

    def _details(self, labels: Labels, found: Details | None) -> None:
        if found is None:
            return
        self._add(labels, memory_cache=found.cache, memory_swap=found.swap, oom_events_total=found.oom_kills)
        limit = found.memory_limit if 0 < found.memory_limit < UNLIMITED else 0
        self._add(labels, spec_cpu_period=CPU_PERIOD, spec_cpu_shares=found.cpu_shares, spec_memory_limit_bytes=limit)
        if found.cpu_quota > 0:
            self._add(
                labels,
                spec_cpu_quota=found.cpu_quota,
                cpu_cfs_periods_total=found.periods,
                cpu_cfs_throttled_periods_total=found.throttled_periods,
                cpu_cfs_throttled_seconds_total=found.throttled_nanoseconds / _NANO,
            )
        for device, io in found.io.items():
            self._add(
                {**labels, "device": device},
                fs_reads_total=io.reads,
                fs_writes_total=io.writes,
                fs_reads_bytes_total=io.read_bytes,
                fs_writes_bytes_total=io.written_bytes,
            )

    def _pressures(self, labels: Labels) -> None:
        for resource, found in self._cgroups.pressures(labels["id"]).items():
            for name, stall in (("waiting", found.some), ("stalled", found.full)):
                self._add(labels, **{f"pressure_{resource}_{name}_seconds_total": stall.total / _MICRO})

    def _add(self, labels: Labels, **values: float) -> None:
        for name, value in values.items():
            self.metrics[name].samples.append((dict(labels), value))
