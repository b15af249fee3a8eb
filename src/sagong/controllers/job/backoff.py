"""How long a job waits before it replaces a failed pod: ten seconds, doubled for each failure since the last success."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sagong.api.clock import parse_time
from sagong.api.pods import condition, is_sidecar
from sagong.api.types.core import Pod

FIRST, LONGEST = 10.0, 600.0


@dataclass(slots=True)
class Failures:
    """Failures of one job since its last success: when each pod ended, by uid, so that none counts twice."""

    _ended: dict[str, datetime] = field(default_factory=dict)
    _success: datetime | None = None

    def note(self, succeeded: Iterable[Pod], failed: Iterable[Pod]) -> None:
        """Take in pods that ended."""
        for pod in succeeded:
            ended = finished_at(pod)
            if self._success is None or ended > self._success:
                self._success = ended
        self._ended.update({pod.metadata.uid: finished_at(pod) for pod in failed})
        if self._success is not None:
            self._ended = {uid: ended for uid, ended in self._ended.items() if ended > self._success}

    def wait(self, now: datetime) -> float:
        """Return the seconds until a pod may be created."""
        return remaining(len(self._ended), max(self._ended.values()), now) if self._ended else 0.0


def remaining(failures: int, last: datetime, now: datetime) -> float:
    """Return the seconds left of the pause after so many failures, the last at `last`."""
    pause = min(FIRST * float(1 << min(failures - 1, 10)), LONGEST)
    return max(pause - (now - last).total_seconds(), 0.0)


def finished_at(pod: Pod) -> datetime:
    """Return when the pod ended, as far as it says."""
    sidecars = {container.name for container in pod.spec.initContainers if is_sidecar(container)}
    statuses = [*pod.status.containerStatuses, *(status for status in pod.status.initContainerStatuses if status.name in sidecars)]
    times = [(status.state.terminated and status.state.terminated.finishedAt) or "" for status in statuses]
    if times and all(times):
        return max(map(parse_time, times))
    ready = condition(pod, "Ready")
    if ready is not None and ready.status == "False" and ready.lastTransitionTime:
        return parse_time(ready.lastTransitionTime)
    if pod.metadata.deletionTimestamp is not None:
        return parse_time(pod.metadata.deletionTimestamp) - timedelta(seconds=pod.metadata.deletionGracePeriodSeconds or 0)
    return parse_time(pod.metadata.creationTimestamp)
