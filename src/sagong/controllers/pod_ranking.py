"""Which pods go first when there are too many: those whose loss hurts least (upstream's ActivePodsWithRanks)."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from sagong.api.clock import parse_time
from sagong.api.pods import condition, is_active, is_ready, is_sidecar
from sagong.api.types.core import Pod

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


def first_to_go(pods: Sequence[Pod], related: Iterable[Pod], count: int, now: datetime) -> Sequence[Pod]:
    """Return the `count` pods to delete. `related` are the pods of sister sets, which make a node crowded."""
    if count >= len(pods):
        return pods
    crowd = Counter(pod.spec.nodeName for pod in related if is_active(pod))

    def compare(left: Pod, right: Pod) -> int:
        return _compare(left, right, crowd, now)

    return sorted(pods, key=functools.cmp_to_key(compare))[:count]


def _compare(left: Pod, right: Pod, crowd: Counter[str], now: datetime) -> int:
    """Order two pods; negative: `left` goes first. The first rule that tells them apart decides."""
    plain = _less(_plain(left, crowd), _plain(right, crowd))
    if plain:
        return plain
    if is_ready(left):
        since = _by_age(_ready_since(left), _ready_since(right), left, right, now)
        if since:
            return since
    return _less(_restarts(right), _restarts(left)) or _by_age(
        left.metadata.creationTimestamp, right.metadata.creationTimestamp, left, right, now
    )


def _plain(pod: Pod, crowd: Counter[str]) -> tuple[int, ...]:
    """Unassigned, not running, not ready, cheap, doubled up: these go first."""
    return (
        1 if pod.spec.nodeName else 0,
        _PHASES.get(pod.status.phase, 0),
        1 if is_ready(pod) else 0,
        _cost(pod),
        -crowd[pod.spec.nodeName],
    )


def _less(left: tuple[int, ...], right: tuple[int, ...]) -> int:
    return (left > right) - (left < right)


def _cost(pod: Pod) -> int:
    try:
        return int(pod.metadata.annotations.get(DELETION_COST, "0"))
    except ValueError:
        return 0


def _restarts(pod: Pod) -> tuple[int, ...]:
    sidecars = {container.name for container in pod.spec.initContainers if is_sidecar(container)}
    return (
        max((status.restartCount for status in pod.status.containerStatuses), default=0),
        max((status.restartCount for status in pod.status.initContainerStatuses if status.name in sidecars), default=0),
    )


def _ready_since(pod: Pod) -> str:
    found = condition(pod, "Ready")
    return found.lastTransitionTime if found is not None and found.status == "True" and found.lastTransitionTime else ""


def _by_age(left: str, right: str, left_pod: Pod, right_pod: Pod, now: datetime) -> int:
    """Put the younger first. Ages of one order of magnitude count as equal: then the uid decides, which is chance (KEP-2185)."""
    if left == right:
        return 0
    if not left or not right:
        return 1 if right else -1
    difference = _magnitude(left, now) - _magnitude(right, now)
    if difference:
        return difference
    return -1 if left_pod.metadata.uid < right_pod.metadata.uid else 1


def _magnitude(since: str, now: datetime) -> int:
    nanoseconds = (now - parse_time(since)).total_seconds() * 1e9
    return int(math.log2(nanoseconds)) if nanoseconds > 0 else -1
