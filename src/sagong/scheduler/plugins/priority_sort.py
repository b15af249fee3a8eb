"""PrioritySort: the more important first, among equals the one that has waited longer."""

from __future__ import annotations

from sagong.scheduler.events import on
from sagong.scheduler.pod_info import PodInfo


class PrioritySort:
    """QueueSort."""

    name = "PrioritySort"
    events = on()

    def urgency(self, pod: PodInfo, since: float) -> tuple[float, float]:
        """Return what pods are ordered by, the least first."""
        return float(-pod.priority), since
