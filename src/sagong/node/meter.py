"""What the kubelet counts of its own work, under upstream's names, as things happen."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Literal

from sagong.api.clock import Clock, parse_time
from sagong.api.exposition import DEFAULT_BOUNDS, Counts, Family, Histogram, exponential
from sagong.api.types.core import ContainerStatus, Pod, PodStatus, Volume
from sagong.node.meters.agents import AgentMeter
from sagong.node.meters.certificates import CertificateMeter
from sagong.node.meters.certificates import Kind as CertificateKind
from sagong.node.meters.endings import EndingMeter
from sagong.node.meters.images import ImageMeter
from sagong.node.meters.ledger import Ledger
from sagong.node.meters.relists import RelistMeter
from sagong.node.meters.requests import RequestMeter
from sagong.node.meters.resizes import ResizeMeter
from sagong.node.meters.startup import StartupMeter
from sagong.node.meters.volumes import VolumeMeter

ContainerType = Literal["container", "init_container", "ephemeral_container"]
_STARTUP = (0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600)
_PULL = (1, 5, 10, 20, 30, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600)
_SYNC = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 20, 30, 45, 60)
_MB, _GB = 1 << 20, 1 << 30
_SIZES = (
    *((100 * _GB, "GT100GB"), (60 * _GB, "60GB-100GB"), (40 * _GB, "40GB-60GB"), (30 * _GB, "30GB-40GB"), (20 * _GB, "20GB-30GB")),
    *((10 * _GB, "10GB-20GB"), (5 * _GB, "5GB-10GB"), (_GB, "1GB-5GB"), (500 * _MB, "500MB-1GB")),
    *((100 * _MB, "100MB-500MB"), (10 * _MB, "10MB-100MB"), (0, "0-10MB")),
)


class KubeletMeter:
    """Counters of one node."""

    def __init__(self, clock: Clock, booted: datetime | None = None) -> None:
        """`booted` is when the machine did."""
        self._clock = clock
        self._seen: dict[str, float] = {}
        self._pulling: dict[str, float] = {}
        self.ledger = Ledger(clock)
        self._count, self._time = self.ledger.count, self.ledger.time
        ledger = self.ledger
        self.relists, self.volumes, self.requests = RelistMeter(ledger), VolumeMeter(ledger), RequestMeter(ledger)
        self.images, self.resizes, self.endings = ImageMeter(ledger), ResizeMeter(ledger), EndingMeter(ledger)
        self.agents, self.startup = AgentMeter(ledger), StartupMeter(ledger, booted)
        self.certificates: list[CertificateMeter] = []
        self._of_pods()
        operation, kind = ("operation_type",), ("container_type",)
        self.operations = self._count("runtime_operations_total", "Cumulative number of runtime operations by operation type.", operation)
        self.operation_errors = self._count(
            "runtime_operations_errors_total", "Cumulative number of runtime operation errors by operation type.", operation
        )
        self.operation_seconds = self._time(
            "runtime_operations_duration_seconds",
            "How long calls of the runtime take, by operation type.",
            operation,
            exponential(0.005, 2.5, 14),
        )
        self.sandbox_seconds = self._time("run_podsandbox_duration_seconds", "How long RunPodSandbox takes.", ("runtime_handler",))
        self.sandbox_errors = self._count(
            "run_podsandbox_errors_total", "Cumulative number of failed RunPodSandbox calls.", ("runtime_handler",)
        )
        self.started_pods = self._count("started_pods_total", "Cumulative number of pods started")
        self.started_pod_errors = self._count("started_pods_errors_total", "Cumulative number of errors when starting pods")
        self.started_user_pods = self._count("started_user_namespaced_pods_total", "How many pods with user namespaces were started.")
        self.started_user_pod_errors = self._count("started_user_namespaced_pods_errors_total", "How many of those could not be.")
        self.started = self._count("started_containers_total", "Cumulative number of containers started", kind)
        self.start_errors = self._count(
            "started_containers_errors_total", "Cumulative number of errors when starting containers", (*kind, "code")
        )
        self.terminated = self._count(
            "terminated_containers_total", "Cumulative number of containers that ended, by how.", (*kind, "exit_code", "reason")
        )
        self.pod_seconds = self._time(
            "pod_start_duration_seconds", "Seconds from when the kubelet saw a pod first to when it ran.", (), _STARTUP
        )
        self.pod_sli_seconds = self._time(
            "pod_start_sli_duration_seconds",
            "Seconds from a pod's creation to when it ran, image pulls and init containers left out.",
            (),
            _STARTUP,
        )
        self.first_network_pod = self.ledger.gauge(
            "first_network_pod_start_sli_duration_seconds", "The same of the first pod with a network of its own."
        )
        self._network_seen = False
        self.pod_total_seconds = self._time(
            "pod_start_total_duration_seconds", "Seconds from a pod's creation to when it ran, image pulls included.", (), _STARTUP
        )
        self.work_seconds = self._time("pod_worker_duration_seconds", "How long one look at a pod takes, by what it is for.", operation)
        self.evictions = self._count("evictions", "Cumulative number of pod evictions by eviction signal", ("eviction_signal",))
        self.eviction_ages = self._time(
            "eviction_stats_age_seconds", "How old the reading was for which a pod is evicted.", ("eviction_signal",)
        )
        self.preemptions = self._count("preemptions", "Cumulative number of pod preemptions by preemption resource", ("preemption_signal",))
        self.rejections = self._count("admission_rejections_total", "Cumulative number of pods that were not let in.", ("reason",))
        self.pull_seconds = self._time(
            "image_pull_duration_seconds", "How long pulling an image takes, by its size.", ("image_size_in_bytes",), _PULL
        )
        self.collected = self._count("image_garbage_collected_total", "How many images were removed, by why: space or age.", ("reason",))
        self.volumes_requested = self._count("image_volume_requested_total", "Number of requested image volumes.")
        self.volumes_mounted = self._count("image_volume_mounted_succeed_total", "Number of successful image volume mounts.")
        self.volume_errors = self._count("image_volume_mounted_errors_total", "Number of failed image volume mounts.")
        self.probes = Counts(
            "prober_probe_total",
            "Cumulative number of a liveness, readiness or startup probe for a container by result.",
            ("probe_type", "result", "container", "pod", "namespace", "pod_uid"),
        )
        self.probe_seconds = Histogram(
            "prober_probe_duration_seconds",
            "How long probes take that pass, or that nothing is learnt from.",
            ("probe_type", "container", "pod", "namespace"),
            DEFAULT_BOUNDS,
        )
        self._probed: dict[str, set[tuple[str, ...]]] = {}

    def families(self) -> Iterable[Family]:
        """Return all but those of probes, which have a page of their own."""
        return [*self.ledger.families, *(meter.ttl() for meter in self.certificates)]

    def certificate(self, kind: CertificateKind, current: Path) -> CertificateMeter:
        """Return a meter of a certificate that is renewed in this file."""
        self.certificates.append(made := CertificateMeter(self.ledger, kind, current))
        return made

    def page_of_probes(self) -> Iterable[Family]:
        """Return those of probes."""
        return self.probes, self.probe_seconds

    def status_changed(self, pod: Pod | None, before: PodStatus | None, after: PodStatus) -> None:
        """Take a pod's new status: containers that have ended, and whether the pod runs for the first time."""
        for kind, old, new in _kinds(before, after):
            known = {status.name: status for status in old}
            for status in new:
                ended = status.state.terminated
                if ended is not None and ((was := known.get(status.name)) is None or was.state.terminated is None):
                    self.terminated.add((kind, str(ended.exitCode), ended.reason))
        if pod is None:
            return
        uid = pod.metadata.uid
        if before is None and after.phase == "Pending":
            self._seen[uid] = self._clock.monotonic()
        elif after.phase != "Pending" and (seen := self._seen.pop(uid, None)) is not None:
            pulled = self._pulling.pop(uid, 0.0)
            if after.phase == "Running":
                self._runs(pod, self._clock.monotonic() - seen, pulled + _initialization(after))

    def pulled(self, pod_uid: str, size: int, seconds: float) -> None:
        """Count an image that was pulled for a pod."""
        self.pull_seconds.observe(seconds, (next(label for least, label in _SIZES if size >= least),))
        if pod_uid in self._seen:
            self._pulling[pod_uid] = self._pulling.get(pod_uid, 0.0) + seconds

    def probed(self, pod: Pod, container: str, kind: str, passed: bool | None, seconds: float) -> None:  # noqa: FBT001 - the result itself
        """Count a probe; None: nothing was learnt. As upstream, only those that do not fail are timed."""
        result = "unknown" if passed is None else "successful" if passed else "failed"
        self.probes.add((kind.title(), result, container, pod.metadata.name, pod.metadata.namespace, pod.metadata.uid))
        if passed is not False:
            labels = (kind.title(), container, pod.metadata.name, pod.metadata.namespace)
            self.probe_seconds.observe(seconds, labels)
            self._probed.setdefault(pod.metadata.uid, set()).add(labels)

    def began(self, pod: Pod, seconds: float) -> None:
        """Count a pod whose worker begins."""
        self.worker_start_seconds.observe(seconds)
        self.containers_per_pod.observe(len(pod.spec.containers))

    def cgroup(self, operation: str) -> AbstractContextManager[None]:
        """Time a change of a cgroup."""
        return self.ledger.timing(self.cgroup_seconds, operation)

    def forget(self, pod_uid: str) -> None:
        """Drop what is known of a pod that is gone."""
        self._seen.pop(pod_uid, None)
        self._pulling.pop(pod_uid, None)
        for labels in [labels for labels in self.probes.values if labels[-1] == pod_uid]:
            del self.probes.values[labels]
        for labels in self._probed.pop(pod_uid, ()):
            self.probe_seconds.drop(labels)

    def _runs(self, pod: Pod, seconds: float, not_ours: float) -> None:
        """Count a pod that runs; `not_ours` is how much of the time images and init containers took."""
        self.pod_seconds.observe(seconds)
        if pod.metadata.creationTimestamp:
            whole = (self._clock.now() - parse_time(pod.metadata.creationTimestamp)).total_seconds()
            self.pod_total_seconds.observe(whole)
            if all(_is_stateless(volume) for volume in pod.spec.volumes):
                self.pod_sli_seconds.observe(max(whole - not_ours, 0.0))
                if not pod.spec.hostNetwork and not self._network_seen:
                    self._network_seen = True
                    self.first_network_pod.set(max(whole - not_ours, 0.0))

    def _of_pods(self) -> None:
        self.worker_start_seconds = self._time("pod_worker_start_duration_seconds", "Seconds from seeing a pod to its worker's begin.")
        self.containers_per_pod = self._time("containers_per_pod_count", "How many containers pods have.", (), exponential(1, 2, 5))
        self.restarts = self._count(
            "restarted_pods_total", "How many pods were shown again, with their uid, while they were being ended.", ("static",)
        )
        self.sync_seconds = self._time(
            "pod_status_sync_duration_seconds", "Seconds from a change of a pod's status until the API has it.", (), _SYNC
        )
        self.cgroup_seconds = self._time("cgroup_manager_duration_seconds", "How long changes of cgroups take.", ("operation_type",))


def container_type(pod: Pod, name: str) -> ContainerType:
    """Return what kind of container of the pod has this name."""
    if any(container.name == name for container in pod.spec.initContainers):
        return "init_container"
    return "container" if any(container.name == name for container in pod.spec.containers) else "ephemeral_container"


def _is_stateless(volume: Volume) -> bool:
    """Tell whether a volume is one that the kubelet makes itself: pods with others are not in the indicator of how fast pods start."""
    return any(getattr(volume, name) is not None for name in ("secret", "configMap", "downwardAPI", "emptyDir", "projected"))


def _initialization(status: PodStatus) -> float:
    """Return the seconds that init containers took which have ended."""
    ended = [found.state.terminated for found in status.initContainerStatuses if found.state.terminated is not None]
    return sum(
        (parse_time(end.finishedAt) - parse_time(end.startedAt)).total_seconds() for end in ended if end.startedAt and end.finishedAt
    )


def _kinds(before: PodStatus | None, after: PodStatus) -> Iterable[tuple[ContainerType, list[ContainerStatus], list[ContainerStatus]]]:
    old = before or PodStatus()
    return (
        ("container", old.containerStatuses, after.containerStatuses),
        ("init_container", old.initContainerStatuses, after.initContainerStatuses),
        ("ephemeral_container", old.ephemeralContainerStatuses, after.ephemeralContainerStatuses),
    )
