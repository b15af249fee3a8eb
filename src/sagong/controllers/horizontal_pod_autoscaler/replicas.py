"""How many replicas a metric asks for. Values are in thousandths, as metrics give them.

Pods that are not ready, or whose metrics are missing, must not make a workload larger or smaller than it should be: when the rest
asks for more they count as idle, when it asks for less as fully busy, and when that turns the direction nothing changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sagong.api.clock import parse_time
from sagong.api.pods import condition, is_ready, is_sidecar, requests
from sagong.api.quantity import parse
from sagong.api.types.core import Pod
from sagong.controllers.horizontal_pod_autoscaler.readings import PodReadings, ReadingError

CPU_INITIALIZATION = timedelta(minutes=5)
INITIAL_READINESS_DELAY = timedelta(seconds=30)
MAX_INT32, MAX_INT64 = 2**31 - 1, 2**63 - 1
Ratio = Callable[[Mapping[str, int]], float]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a metric may be from its target, as a ratio, before anything changes."""

    down: float = 0.1
    up: float = 0.1

    def covers(self, ratio: float) -> bool:
        """Say whether the ratio of usage to target is near enough to 1."""
        return 1.0 - self.down <= ratio <= 1.0 + self.up


@dataclass(frozen=True, slots=True)
class Proposal:
    """A number of replicas, and the usage behind it: thousandths, for a utilization also in percent."""

    replicas: int
    usage: int
    utilization: int | None = None


@dataclass(frozen=True, slots=True)
class Groups:
    """The pods of a workload by what their metrics are worth."""

    ready: int
    unready: frozenset[str]
    missing: frozenset[str]
    ignored: frozenset[str]


def grouped(pods: Sequence[Pod], readings: PodReadings, resource: str, now: datetime) -> Groups:
    """Sort pods. Only for cpu does readiness matter: a pod that starts is busy with starting."""
    ready, unready, missing, ignored = 0, set(), set(), set()
    for pod in pods:
        name = pod.metadata.name
        if pod.metadata.deletionTimestamp is not None or pod.status.phase == "Failed":
            ignored.add(name)
        elif pod.status.phase == "Pending":
            unready.add(name)
        elif name not in readings:
            missing.add(name)
        elif resource == "cpu" and _is_starting(pod, readings, now):
            unready.add(name)
        else:
            ready += 1
    return Groups(ready, frozenset(unready), frozenset(missing), frozenset(ignored))


def _is_starting(pod: Pod, readings: PodReadings, now: datetime) -> bool:
    found, started = condition(pod, "Ready"), pod.status.startTime
    if found is None or not started:
        return True
    changed = parse_time(found.lastTransitionTime) if found.lastTransitionTime else now
    reading = readings[pod.metadata.name]
    if parse_time(started) + CPU_INITIALIZATION > now:
        return found.status == "False" or reading.at < changed + reading.window
    return found.status == "False" and parse_time(started) + INITIAL_READINESS_DELAY > changed


@dataclass(frozen=True, slots=True)
class Workload:
    """What is scaled: its pods, its size as asked for and as it is, and how much difference is tolerated."""

    pods: Sequence[Pod]
    asked: int
    actual: int
    tolerance: Tolerance
    now: datetime

    def by_utilization(self, readings: PodReadings, resource: str, container: str, target: int) -> Proposal:
        """Propose for a percentage of what the pods request. Raises ReadingError."""
        known, groups = self._usable(readings, resource)
        asked = {pod.metadata.name: _request(pod, container, resource) for pod in self.pods}

        def ratio(values: Mapping[str, int]) -> tuple[float, int, int]:
            counted = {name: value for name, value in values.items() if name in asked}
            total = sum(asked[name] for name in counted)
            if not total:
                raise ReadingError("no metrics returned matched known pods")
            percent = sum(counted.values()) * 100 // total
            return percent / target, percent, sum(counted.values()) // len(counted)

        usage_ratio, percent, average = ratio(known)
        busy = {name: asked[name] * max(100, target) // 100 for name in groups.missing}
        replicas = self._replicas(known, groups, usage_ratio, busy, lambda values: ratio(values)[0])
        return Proposal(replicas, average, percent)

    def by_average(self, readings: PodReadings, resource: str, target: int) -> Proposal:
        """Propose for an average of all pods. Raises ReadingError."""
        known, groups = self._usable(readings, resource)

        def ratio(values: Mapping[str, int]) -> float:
            return (sum(values.values()) // len(values)) / target

        replicas = self._replicas(known, groups, ratio(known), dict.fromkeys(groups.missing, target), ratio)
        return Proposal(replicas, sum(known.values()) // len(known))

    def by_value(self, usage: int, target: int) -> Proposal:
        """Propose for one value that all pods together bring about. Raises ReadingError."""
        ratio = usage / target
        if self.asked == 0:
            return Proposal(math.ceil(ratio), usage)
        if self.tolerance.covers(ratio):
            return Proposal(self.asked, usage)
        if not self.pods:
            raise ReadingError("unable to calculate ready pods: no pods returned by selector while calculating replica count")
        ready = sum(pod.status.phase == "Running" and is_ready(pod) for pod in self.pods)
        return Proposal(min(math.ceil(ratio * ready), MAX_INT32), usage)

    def by_value_per_pod(self, usage: int, target: int) -> Proposal:
        """Propose for one value that is shared by the pods there are."""
        replicas = self.actual
        if not replicas or not self.tolerance.covers(usage / (target * replicas)):
            replicas = min(math.ceil(usage / target), MAX_INT32)
        return Proposal(replicas, math.ceil(usage / self.actual) if self.actual else usage)

    def _usable(self, readings: PodReadings, resource: str) -> tuple[dict[str, int], Groups]:
        if not self.pods:
            raise ReadingError("no pods returned by selector while calculating replica count")
        groups = grouped(self.pods, readings, resource, self.now)
        skipped = groups.ignored | groups.unready
        known = {name: reading.value for name, reading in readings.items() if name not in skipped}
        if not known:
            raise ReadingError("did not receive metrics for targeted pods (pods might be unready)")
        return known, groups

    def _replicas(self, known: dict[str, int], groups: Groups, ratio: float, busy: Mapping[str, int], again: Ratio) -> int:
        upwards = ratio > 1.0
        count_unready = upwards and bool(groups.unready)
        if not count_unready and not groups.missing:
            return self.asked if self.tolerance.covers(ratio) else math.ceil(ratio * groups.ready)
        values = dict(known)
        if ratio < 1.0:
            values |= busy
        elif upwards:
            values |= dict.fromkeys(groups.missing, 0)
        if count_unready:
            values |= dict.fromkeys(groups.unready, 0)
        new = again(values)
        if self.tolerance.covers(new) or (ratio < 1.0 < new) or (new < 1.0 < ratio):
            return self.asked
        replicas = math.ceil(new * len(values))
        turned = (new < 1.0 and replicas > self.asked) or (new > 1.0 and replicas < self.asked)
        return self.asked if turned else replicas


def _request(pod: Pod, container: str, resource: str) -> int:
    """Return what a pod, or one container of it, requests. Raises ReadingError."""
    whole = pod.spec.resources
    if not container and whole is not None and whole.requests:
        amount = requests(pod).get(resource)
        if amount is None:
            raise ReadingError(f"missing pod-level request for {resource} in Pod {pod.metadata.name}")
        return amount.milli_value()
    running = [*pod.spec.containers, *(found for found in pod.spec.initContainers if is_sidecar(found))]
    chosen = [found for found in running if container in ("", found.name)]
    if container and not chosen:
        raise ReadingError(f"container {container} not found in Pod {pod.metadata.name}")
    total = 0
    for found in chosen:
        text = found.resources.requests.get(resource)
        if text is None:
            raise ReadingError(f"missing request for {resource} in container {found.name} of Pod {pod.metadata.name}")
        total += parse(text).milli_value()
    return total
