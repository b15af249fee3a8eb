"""The families of samples that the node offers to Prometheus, with upstream's names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sagong.api.clock import parse_time
from sagong.api.exposition import Metric
from sagong.api.types.core import Pod
from sagong.node.cgroup_fs import Usage
from sagong.node.cgroups import Cgroups
from sagong.node.cri import api_pb2 as cri
from sagong.node.lifecycle import State
from sagong.node.workers import PodWorker

Containers = Mapping[str, Sequence[cri.ContainerStats]]
_NANO = 1e9
_LIFECYCLES = {State.SYNC: "sync", State.TERMINATING: "terminating", State.TERMINATED: "terminated"}


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


def own(node_name: str, pods: Iterable[Pod], cgroup_version: int) -> Iterable[Metric]:
    """Return /metrics: the kubelet itself."""
    pods = list(pods)
    running = Metric("kubelet_running_pods", "gauge", "Number of pods that have a running pod sandbox")
    running.add(sum(pod.status.phase == "Running" for pod in pods))
    containers = Metric("kubelet_running_containers", "gauge", "Number of containers currently running")
    states = [status.state for pod in pods for status in pod.status.containerStatuses]
    containers.add(sum(state.running is not None for state in states), container_state="running")
    containers.add(sum(state.terminated is not None for state in states), container_state="exited")
    ephemeral = Metric("kubelet_managed_ephemeral_containers", "gauge", "Current number of ephemeral containers in pods of this kubelet.")
    ephemeral.add(sum(len(pod.spec.ephemeralContainers) for pod in pods))
    node = Metric("kubelet_node_name", "gauge", "The node's name. The count is always 1.")
    node.add(1, node=node_name)
    cgroups = Metric("kubelet_cgroup_version", "gauge", "cgroup version on the hosts.")
    cgroups.add(cgroup_version)
    provider = Metric("kubelet_metrics_provider", "gauge", "Who measures containers: the runtime (cri), in this kubelet always.")
    provider.add(1, provider="cri")
    return running, containers, ephemeral, node, cgroups, provider


_VOLUME_STATS = (
    ("capacity_bytes", "capacityBytes", "Capacity in bytes of the volume"),
    ("available_bytes", "availableBytes", "Number of available bytes in the volume"),
    ("used_bytes", "usedBytes", "Number of used bytes in the volume"),
    ("inodes", "inodes", "Maximum number of inodes in the volume"),
    ("inodes_free", "inodesFree", "Number of free inodes in the volume"),
    ("inodes_used", "inodesUsed", "Number of used inodes in the volume"),
)


def volumes(claims: Iterable[Mapping[str, Any]]) -> Iterable[Metric]:
    """Return how full the volumes of claims are, from their entries in the Summary: each claim once, however many pods use it."""
    once = {(stats["pvcRef"]["namespace"], stats["pvcRef"]["name"]): stats for stats in claims}
    for name, key, text in _VOLUME_STATS:
        metric = Metric(f"kubelet_volume_stats_{name}", "gauge", text)
        for (namespace, claim), stats in once.items():
            metric.add(stats[key], namespace=namespace, persistentvolumeclaim=claim)
        yield metric


def logs(sizes: Iterable[tuple[Pod, str, int]]) -> Metric:
    """Return how many bytes the logs of containers take."""
    metric = Metric("kubelet_container_log_filesystem_used_bytes", "gauge", "How many bytes a container's logs take on their file system.")
    for pod, container, used in sizes:
        meta = pod.metadata
        metric.add(used, uid=meta.uid, namespace=meta.namespace, pod=meta.name, container=container)
    return metric


def of_workers(workers: Iterable[PodWorker], mirrors: int) -> Iterable[Metric]:
    """Return how many pods the kubelet is to run, and how many are at which point of their life."""
    workers = list(workers)
    desired = Metric("kubelet_desired_pods", "gauge", "The number of pods the kubelet is to run; static ones are not from the apiserver.")
    active = Metric("kubelet_active_pods", "gauge", "The number of pods that use the node; static ones are not from the apiserver.")
    mirrored = Metric("kubelet_mirror_pods", "gauge", "The number of mirror pods: what the apiserver shows of static ones.")
    working = Metric("kubelet_working_pods", "gauge", "Number of pods the kubelet works on, by lifecycle, config and whether static.")
    for static, label in ((False, ""), (True, "true")):
        chosen = [worker for worker in workers if worker.static is static]
        desired.add(sum(worker.state is State.SYNC for worker in chosen), static=label)
        active.add(sum(worker.counts for worker in chosen), static=label)
        for state, name in _LIFECYCLES.items():
            working.add(sum(worker.state is state for worker in chosen), lifecycle=name, config="desired", static=label)
    mirrored.add(mirrors)
    return desired, active, mirrored, working


def started(pod: Pod, container: str) -> str:
    """Return when the container's run began, "" when it does not run."""
    for status in (*pod.status.containerStatuses, *pod.status.initContainerStatuses, *pod.status.ephemeralContainerStatuses):
        if status.name == container and status.state.running is not None:
            return status.state.running.startedAt or ""
    return ""
