"""In which order pods end when the machine goes down, and how long each may take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sagong.api.pods import is_critical, priority
from sagong.api.types.core import Pod

CRITICAL = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Period:
    """Pods of this priority and above, up to the next period's, have so many seconds."""

    priority: int
    seconds: float


def periods(total: float, critical: float, by_priority: Iterable[Period] = ()) -> Sequence[Period]:
    """Return the periods of KubeletConfiguration's fields, lowest first; none when the node does not shut down gracefully.

    `total` seconds are for all pods, the last `critical` of them for critical ones; `by_priority` says it in full instead.
    """
    given = sorted(by_priority, key=lambda period: period.priority)
    if given:
        return given
    return [Period(0, total - critical), Period(CRITICAL, critical)] if total > 0 else []


def groups(pods: Iterable[Pod], rules: Sequence[Period]) -> Sequence[tuple[Period, Sequence[Pod]]]:
    """Return who ends when: a group of pods a period, those of low priority first; periods without pods are left out."""
    found: list[tuple[Period, list[Pod]]] = [(period, []) for period in rules]
    for pod in pods:
        rank = max(priority(pod), CRITICAL) if is_critical(pod) else priority(pod)
        index = max((index for index, period in enumerate(rules) if period.priority <= rank), default=0)
        found[index][1].append(pod)
    return [(period, members) for period, members in found if members]


def grace(pod: Pod, period: Period) -> int:
    """Return the seconds that a pod has to end."""
    own = pod.spec.terminationGracePeriodSeconds
    return int(period.seconds) if own is None else min(own, int(period.seconds))
