"""The families of samples that the node offers to Prometheus, with upstream's names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sagong.api.clock import parse_time
from sagong.api.exposition import Metric
from sagong.api.types.core import Pod
from sagong.node import usage
from sagong.node.cgroup_fs import Usage
from sagong.node.cgroups import Cgroups
from sagong.node.cri import api_pb2 as cri
from sagong.node.machine import Machine
from sagong.node.node_status import VERSION

Containers = Mapping[str, Sequence[cri.ContainerStats]]
_NANO = 1e9


def resource(pods: Iterable[Pod], stats: Containers, cgroups: Cgroups, node: Usage) -> Iterable[Metric]:
    """Return /metrics/resource, which metrics-server reads."""
    metrics = [
        Metric("node_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the node in core-seconds"),
        Metric("node_memory_working_set_bytes", "gauge", "Current working set of the node in bytes"),
        Metric("container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the container in core-seconds"),
        Metric("container_memory_working_set_bytes", "gauge", "Current working set of the container in bytes"),
        Metric("container_start_time_seconds", "gauge", "Start time of the container since unix epoch in seconds"),
        Metric("pod_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the pod in core-seconds"),
        Metric("pod_memory_working_set_bytes", "gauge", "Current working set of the pod in bytes"),
        Metric("resource_scrape_error", "gauge", "1 if there was an error while getting container metrics, 0 otherwise"),
    ]
    node_cpu, node_memory, cpu, memory, start, pod_cpu, pod_memory, error = metrics
    node_cpu.add(node.cpu_nanoseconds / _NANO)
    node_memory.add(node.working_set)
    error.add(0)
    for pod in pods:
        named = {"namespace": pod.metadata.namespace, "pod": pod.metadata.name}
        for container in stats.get(pod.metadata.uid, []):
            name = container.attributes.metadata.name
            cpu.add(container.cpu.usage_core_nano_seconds.value / _NANO, container=name, **named)
            memory.add(container.memory.working_set_bytes.value, container=name, **named)
            if begun := started(pod, name):
                start.add(parse_time(begun).timestamp(), container=name, **named)
        used = cgroups.pod_usage(pod.metadata.uid)
        pod_cpu.add(used.cpu_nanoseconds / _NANO, **named)
        pod_memory.add(used.working_set, **named)
    return metrics


def cadvisor(pods: Iterable[Pod], stats: Containers, cgroups: Cgroups, machine: Machine) -> Iterable[Metric]:
    """Return the main ones of /metrics/cadvisor."""
    metrics = {
        "cpu": Metric("container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed in seconds."),
        "working": Metric("container_memory_working_set_bytes", "gauge", "Current working set in bytes."),
        "usage": Metric("container_memory_usage_bytes", "gauge", "Current memory usage in bytes, including all memory."),
        "rss": Metric("container_memory_rss", "gauge", "Size of RSS in bytes."),
        "fs": Metric("container_fs_usage_bytes", "gauge", "Number of bytes that are consumed by the container on this filesystem."),
        "rx": Metric("container_network_receive_bytes_total", "counter", "Cumulative count of bytes received"),
        "tx": Metric("container_network_transmit_bytes_total", "counter", "Cumulative count of bytes transmitted"),
        "machine_cpu": Metric("machine_cpu_cores", "gauge", "Number of logical CPU cores."),
        "machine_memory": Metric("machine_memory_bytes", "gauge", "Amount of memory installed on the machine."),
    }
    metrics["machine_cpu"].add(machine.cpus)
    metrics["machine_memory"].add(machine.memory)
    for pod in pods:
        named = {"namespace": pod.metadata.namespace, "pod": pod.metadata.name}
        for container in stats.get(pod.metadata.uid, []):
            one = {"container": container.attributes.metadata.name, "id": container.attributes.id, **named}
            metrics["cpu"].add(container.cpu.usage_core_nano_seconds.value / _NANO, cpu="total", **one)
            metrics["working"].add(container.memory.working_set_bytes.value, **one)
            metrics["usage"].add(container.memory.usage_bytes.value, **one)
            metrics["rss"].add(container.memory.rss_bytes.value, **one)
            metrics["fs"].add(container.writable_layer.used_bytes.value, **one)
        process = None if pod.spec.hostNetwork else usage.first_process(cgroups.pod_folders(pod.metadata.uid))
        for interface in usage.interfaces(process) if process is not None else ():
            metrics["rx"].add(interface.received, interface=interface.name, **named)
            metrics["tx"].add(interface.sent, interface=interface.name, **named)
    return metrics.values()


def own(node_name: str, pods: Iterable[Pod]) -> Iterable[Metric]:
    """Return /metrics: the kubelet itself."""
    pods = list(pods)
    running = Metric("kubelet_running_pods", "gauge", "Number of pods that have a running pod sandbox")
    running.add(sum(pod.status.phase == "Running" for pod in pods))
    containers = Metric("kubelet_running_containers", "gauge", "Number of containers currently running")
    states = [status.state for pod in pods for status in pod.status.containerStatuses]
    containers.add(sum(state.running is not None for state in states), container_state="running")
    containers.add(sum(state.terminated is not None for state in states), container_state="exited")
    node = Metric("kubelet_node_name", "gauge", "The node's name. The count is always 1.")
    node.add(1, node=node_name)
    build = Metric("kubernetes_build_info", "gauge", "A metric with a constant '1' value labeled by the version of Kubernetes.")
    build.add(1, git_version=VERSION)
    cpu = Metric("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.")
    times = os.times()
    cpu.add(times.user + times.system)
    memory = Metric("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.")
    memory.add(int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    return running, containers, node, build, cpu, memory


def started(pod: Pod, container: str) -> str:
    """Return when the container's run began, "" when it does not run."""
    for status in (*pod.status.containerStatuses, *pod.status.initContainerStatuses, *pod.status.ephemeralContainerStatuses):
        if status.name == container and status.state.running is not None:
            return status.state.running.startedAt
    return ""
