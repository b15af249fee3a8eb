"""What a work queue counts, under the names of client-go's."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

from sagong.api.exposition import Family, Histogram, Metric, exponential

K = TypeVar("K", bound=Hashable)
_BOUNDS = exponential(1e-8, 10, 10)


class QueueMetrics(Generic[K]):
    """Counters of one queue, and since when its keys wait and are worked on, in seconds of `now`."""

    def __init__(self, name: str, now: Callable[[], float]) -> None:
        self._name, self._now = name, now
        self._waiting: dict[K, float] = {}
        self._begun: dict[K, float] = {}
        self.adds = self.retries = 0
        self._waited = Histogram(
            "workqueue_queue_duration_seconds", "How long in seconds an item stays in workqueue before being requested.", ("name",), _BOUNDS
        )
        self._worked = Histogram(
            "workqueue_work_duration_seconds", "How long in seconds processing an item from workqueue takes.", ("name",), _BOUNDS
        )

    def added(self, key: K) -> None:
        """Note that a key waits."""
        self.adds += 1
        self._waiting[key] = self._now()

    def taken(self, key: K) -> None:
        """Note that a worker has the key."""
        now = self._begun[key] = self._now()
        self._waited.observe(now - self._waiting.pop(key, now), (self._name,))

    def finished(self, key: K) -> None:
        """Note that the worker is done with the key."""
        begun = self._begun.pop(key, None)
        if begun is not None:
            self._worked.observe(self._now() - begun, (self._name,))

    def families(self, depth: int) -> Iterable[Family]:
        """Return all of them for a queue with so many keys in it."""
        now = self._now()
        ages = [now - begun for begun in self._begun.values()]
        adds = Metric("workqueue_adds_total", "counter", "Total number of adds handled by workqueue")
        waiting = Metric("workqueue_depth", "gauge", "Current depth of workqueue")
        retries = Metric("workqueue_retries_total", "counter", "Total number of retries handled by workqueue")
        unfinished = Metric(
            "workqueue_unfinished_work_seconds",
            "gauge",
            "How many seconds of work are in progress and not counted in work_duration yet. Large values indicate stuck workers.",
        )
        longest = Metric(
            "workqueue_longest_running_processor_seconds", "gauge", "How many seconds the longest running worker of the workqueue is at it."
        )
        for metric, value in ((adds, self.adds), (waiting, depth), (retries, self.retries), (unfinished, sum(ages))):
            metric.add(value, name=self._name)
        longest.add(max(ages, default=0.0), name=self._name)
        return adds, waiting, retries, unfinished, longest, self._waited, self._worked
