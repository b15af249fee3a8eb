"""What the scheduler counts, under upstream's names, as /metrics shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Protocol

from sagong.api.exposition import Counts, Histogram, Metric, exponential, exposition

SUCCESS, UNSCHEDULABLE, UNRESOLVABLE, WAIT, ERROR = "Success", "Unschedulable", "UnschedulableAndUnresolvable", "Wait", "Error"
SKIPPED = "Skip"
"""What an extension point, or a plugin, came to, as upstream's labels spell it."""
SAMPLED = 10
"""Plugins are timed in each tenth attempt, as many as upstream's."""


def _doubling(first: float, count: int) -> list[float]:
    return [first * 2**power for power in range(count)]


class Observed(Protocol):
    """What is asked for when the page is read."""

    def pending(self) -> Mapping[str, int]:
        """Return the waiting pods by place."""
        ...

    def rejected(self) -> Mapping[str, int]:
        """Return the waiting pods by the plugin that rejected them."""
        ...

    @property
    def incoming(self) -> Mapping[tuple[str, str], int]:
        """How many pods came into each place, by (place, event)."""
        ...


class PluginTimes:
    """Times plugins of an attempt by `now`, in seconds."""

    def __init__(self, seconds: Histogram, now: Callable[[], float]) -> None:
        self._seconds, self.now = seconds, now

    def ran(self, plugin: str, point: str, began: float, status: str) -> None:
        """Count a plugin that began then."""
        self._seconds.observe(self.now() - began, (plugin, point, status))


class Metrics:
    """Counters and histograms of one process."""

    def __init__(self) -> None:
        self.attempts: Counter[tuple[str, str]] = Counter()
        self.preemption_attempts = 0
        self.after_flush = 0
        self.evictions: Counter[str] = Counter()
        self.attempt_seconds = Histogram(
            "scheduler_scheduling_attempt_duration_seconds",
            "Scheduling attempt latency in seconds (scheduling algorithm + binding)",
            ("result", "profile"),
            _doubling(0.001, 15),
        )
        self.algorithm_seconds = Histogram(
            "scheduler_scheduling_algorithm_duration_seconds", "Scheduling algorithm latency in seconds", (), _doubling(0.001, 15)
        )
        self.sli_seconds = Histogram(
            "scheduler_pod_scheduling_sli_duration_seconds",
            "E2e latency for a pod being scheduled, from the time the pod enters the scheduling queue "
            "and might involve multiple scheduling attempts.",
            ("attempts",),
            _doubling(0.01, 20),
        )
        self.pod_attempts = Histogram(
            "scheduler_pod_scheduling_attempts", "Number of attempts to successfully schedule a pod.", (), _doubling(1, 5)
        )
        self.point_seconds = Histogram(
            "scheduler_framework_extension_point_duration_seconds",
            "Latency for running all plugins of a specific extension point.",
            ("extension_point", "status", "profile"),
            _doubling(0.0001, 12),
        )
        self.plugin_seconds = Histogram(
            "scheduler_plugin_execution_duration_seconds",
            "How long plugins take at an extension point, a filter for all nodes at once; of every tenth attempt.",
            ("plugin", "extension_point", "status"),
            exponential(0.00001, 1.5, 20),
        )
        self.event_seconds = Histogram(
            "scheduler_event_handling_duration_seconds",
            "How long it takes to follow a change in the cluster.",
            ("event",),
            _doubling(0.0001, 12),
        )
        self.eviction_seconds = Histogram(
            "scheduler_preemption_goroutines_duration_seconds", "How long evictions of a preemption take.", ("result",), _doubling(0.01, 20)
        )
        self.permit_seconds = Histogram(
            "scheduler_permit_wait_duration_seconds", "Duration of waiting on permit.", ("result",), _doubling(0.001, 15)
        )
        self.evaluations: Counter[tuple[str, str, tuple[str, ...]]] = Counter()
        self.victims = Histogram("scheduler_preemption_victims", "Number of selected preemption victims", (), _doubling(1, 7))

    def evicted(self, seconds: float, *, well: bool) -> None:
        """Count the evictions of a preemption."""
        result = "success" if well else "error"
        self.evictions[result] += 1
        self.eviction_seconds.observe(seconds, (result,))

    def attempted(self, result: str, profile: str, seconds: float) -> None:
        """Count an attempt: scheduled, unschedulable or error."""
        self.attempts[result, profile] += 1
        self.attempt_seconds.observe(seconds, (result, profile))

    def bound(self, attempts: int, seconds: float) -> None:
        """Count a pod that got its node, with its attempts and the time since the first."""
        self.pod_attempts.observe(attempts, ())
        self.sli_seconds.observe(seconds, ("15+" if attempts >= 15 else str(attempts),))  # noqa: PLR2004 - upstream's bound

    def ran(self, point: str, profile: str, seconds: float, status: str = SUCCESS) -> None:
        """Count an extension point at which all plugins were asked, in upstream's words."""
        self.point_seconds.observe(seconds, (point, status, profile))

    def asked(self, point: str, profile: str, plugins: tuple[str, ...]) -> None:
        """Count the plugins that were asked about a pod: whole groups, taken apart when the page is read."""
        self.evaluations[point, profile, plugins] += 1

    def _evaluated(self) -> Counts:
        counts = Counts(
            "scheduler_plugin_evaluation_total",
            "Number of attempts to schedule pods by each plugin and the extension point (PreFilter, Filter and Score).",
            ("plugin", "extension_point", "profile"),
        )
        for (point, profile, plugins), count in self.evaluations.items():
            for plugin in plugins:
                counts.add((plugin, point, profile), count)
        return counts

    def page(self, queue: Observed, cache: Mapping[str, int], profile: str, *, binding: int = 0) -> str:
        """Return the page."""
        attempts = Metric(
            "scheduler_schedule_attempts_total",
            "counter",
            "Number of attempts to schedule pods, by the result. 'unschedulable' means a pod could not be scheduled, "
            "while 'error' means an internal scheduler problem.",
        )
        for (result, name), count in self.attempts.items():
            attempts.add(count, result=result, profile=name)
        rejected = Metric(
            "scheduler_unschedulable_pods",
            "gauge",
            "The number of unschedulable pods broken down by plugin name. A pod will increment the gauge for all plugins that caused it "
            "to not schedule and so this metric have meaning only when broken down by plugin.",
        )
        for plugin, count in queue.rejected().items():
            rejected.add(count, plugin=plugin, profile=profile)
        incoming = Metric(
            "scheduler_queue_incoming_pods_total", "counter", "Number of pods added to scheduling queues by event and queue type."
        )
        for (place, event), count in queue.incoming.items():
            incoming.add(count, queue=place, event=event)
        tasks = {"binding": binding}
        return exposition(
            [
                attempts,
                _gauge("scheduler_pending_pods", _PENDING, "queue", queue.pending()),
                rejected,
                incoming,
                _gauge("scheduler_cache_size", _CACHE, "type", cache),
                _counter(
                    "scheduler_preemption_attempts_total", "Total preemption attempts in the cluster till now", self.preemption_attempts
                ),
                _counter("scheduler_pod_scheduled_after_flush_total", _FLUSHED, self.after_flush),
                _by_result("scheduler_preemption_goroutines_execution_total", self.evictions),
                self.attempt_seconds,
                self.algorithm_seconds,
                self.sli_seconds,
                self.pod_attempts,
                self.victims,
                self.point_seconds,
                self.permit_seconds,
                self.plugin_seconds,
                self.event_seconds,
                self.eviction_seconds,
                self._evaluated(),
                _gauge("scheduler_goroutines", "Number of tasks that run beside the scheduling loop, by what they do.", "operation", tasks),
            ]
        )


_PENDING = (
    "Number of pending pods, by the queue type. 'active' means number of pods in activeQ; 'backoff' means number of pods in backoffQ; "
    "'unschedulable' means number of pods in unschedulablePods that the scheduler attempted to schedule and failed; 'gated' is the number "
    "of unschedulable pods that the scheduler never attempted to schedule because they are gated."
)
_CACHE = "Number of nodes, pods, and assumed (bound) pods in the scheduler cache."
_FLUSHED = (
    "Number of pods that were successfully scheduled after being flushed from unschedulablePods due to timeout. "
    "This metric helps detect potential queueing hint misconfigurations or event handling issues."
)


def _gauge(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    metric = Metric(name, "gauge", text)
    for key, value in values.items():
        metric.add(value, **{label: key})
    return metric


def _counter(name: str, text: str, value: int) -> Metric:
    metric = Metric(name, "counter", text)
    metric.add(value)
    return metric


def _by_result(name: str, values: Mapping[str, int]) -> Metric:
    metric = Metric(name, "counter", "Number of preemption goroutines executed.")
    for result, value in values.items():
        metric.add(value, result=result)
    return metric
