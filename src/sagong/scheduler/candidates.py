"""Candidates for preemption: nodes with the pods to evict there, and which of them harms least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sagong.scheduler.pod_info import PodInfo

_NEVER_STARTED = "~"  # later than any time


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node, the pods to evict from it, most important first, and how many of them a disruption budget protects.

    `cost` and `started`, the earliest start of the most important victims, are what candidates are compared by.
    """

    node: str
    victims: tuple[PodInfo, ...]
    violations: int
    cost: tuple[int, int, int, int]
    started: str

    @classmethod
    def of(cls, node: str, victims: Sequence[PodInfo], violations: int) -> Candidate:
        """Weigh the victims."""
        priorities = [victim.priority for victim in victims]
        # shifted, so that many pods of a negative priority do not come cheaper than few
        total = sum(priority + 2**31 for priority in priorities)
        top = max(priorities)
        started = min(started_of(victim) for victim in victims if victim.priority == top)
        return cls(node, tuple(victims), violations, (violations, top, total, len(priorities)), started)


def best_candidate(candidates: Sequence[Candidate]) -> Candidate:
    """Return the one that harms least.

    The fewest protected victims; then the lowest greatest priority; the lowest sum of priorities; the fewest victims; the latest start
    of the most important.
    """
    least = min(candidate.cost for candidate in candidates)
    return max((candidate for candidate in candidates if candidate.cost == least), key=lambda candidate: candidate.started)


def started_of(pod: PodInfo) -> str:
    """Return when a pod started, in an order in which pods that have not started are the youngest."""
    return pod.pod.status.startTime or _NEVER_STARTED
