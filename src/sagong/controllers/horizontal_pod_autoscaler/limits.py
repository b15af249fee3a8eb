"""From what metrics ask for to what is done: the bounds, the rates of change, and the windows that calm it.

What was recommended and done lately is remembered here, in memory only, as upstream does it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sagong.api.types.autoscaling import HorizontalPodAutoscalerBehavior, HPAScalingRules

DOWNSCALE_WINDOW = timedelta(minutes=5)
_UP_FACTOR, _UP_LEAST = 2.0, 4.0
_WITHIN = ("DesiredWithinRange", "the desired count is within the acceptable range")
_TOO_FEW = ("TooFewReplicas", "the desired replica count is less than the minimum replica count")
_TOO_MANY = ("TooManyReplicas", "the desired replica count is more than the maximum replica count")
_TOO_FAST_UP = ("ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate")
_TOO_FAST_DOWN = ("ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate")
_READY = ("ReadyForNewScale", "recommended size matches current size")
_CALMED_UP = ("ScaleUpStabilized", "recent recommendations were lower than current one, applying the lowest recent recommendation")
_CALMED_DOWN = ("ScaleDownStabilized", "recent recommendations were higher than current one, applying the highest recent recommendation")

Reason = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Dated:
    """A number of replicas at a time: recommended, or added, or removed."""

    replicas: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of one autoscaler."""

    recommended: tuple[Dated, ...] = ()
    added: tuple[Dated, ...] = ()
    removed: tuple[Dated, ...] = ()

    def scaled(self, behavior: HorizontalPodAutoscalerBehavior | None, before: int, after: int, now: datetime) -> Memory:
        """Return the memory after a change of size; without policies nobody will ask for it."""
        if behavior is None:
            return self
        if after > before:
            return replace(self, added=(*_since(self.added, _longest(behavior.scaleUp), now), Dated(after - before, now)))
        return replace(self, removed=(*_since(self.removed, _longest(behavior.scaleDown), now), Dated(before - after, now)))


@dataclass(frozen=True, slots=True)
class Bounds:
    """The size now and its bounds."""

    current: int
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Limited:
    """What is to be done, why (conditions AbleToScale, ScalingLimited), and what is remembered."""

    replicas: int
    able: Reason
    limit: Reason
    is_limited: bool
    memory: Memory


def limited(wanted: int, bounds: Bounds, behavior: HorizontalPodAutoscalerBehavior | None, memory: Memory, now: datetime) -> Limited:
    """Bring what metrics ask for into bounds."""
    if behavior is None or behavior.scaleUp is None or behavior.scaleDown is None:
        calm, able = _calmed_by_default(wanted, memory, now)
        replicas, limit = _within_rules(calm, bounds)
        window = DOWNSCALE_WINDOW
    else:
        up = timedelta(seconds=behavior.scaleUp.stabilizationWindowSeconds or 0)
        seconds = behavior.scaleDown.stabilizationWindowSeconds
        down = DOWNSCALE_WINDOW if seconds is None else timedelta(seconds=seconds)
        calm, able = _calmed(wanted, bounds.current, memory, (now - up, now - down))
        replicas, limit = _within_rates(calm, bounds, (behavior.scaleUp, behavior.scaleDown), memory, now)
        window = max(up, down)
    kept = tuple(one for one in memory.recommended if one.at >= now - window)
    return Limited(replicas, able, limit, replicas != calm, replace(memory, recommended=(*kept, Dated(wanted, now))))


def _calmed_by_default(wanted: int, memory: Memory, now: datetime) -> tuple[int, Reason]:
    recent = [one.replicas for one in memory.recommended if one.at >= now - DOWNSCALE_WINDOW]
    calm = max([wanted, *recent])
    return calm, _READY if calm == wanted else _CALMED_DOWN


def _calmed(wanted: int, current: int, memory: Memory, cutoffs: tuple[datetime, datetime]) -> tuple[int, Reason]:
    """Grow only to what was recommended all the time, shrink only to the most of it."""
    up_cutoff, down_cutoff = cutoffs
    lowest = min([wanted, *(one.replicas for one in memory.recommended if one.at > up_cutoff)])
    highest = max([wanted, *(one.replicas for one in memory.recommended if one.at > down_cutoff)])
    calm = min(max(current, lowest), highest)
    if calm == wanted:
        return calm, _READY
    return calm, _CALMED_UP if wanted >= current else _CALMED_DOWN


def _within_rules(wanted: int, bounds: Bounds) -> tuple[int, Reason]:
    fastest = int(max(_UP_FACTOR * bounds.current, _UP_LEAST))
    most, reason = (fastest, _TOO_FAST_UP) if bounds.most > fastest else (bounds.most, _TOO_MANY)
    if wanted < bounds.least:
        return bounds.least, _TOO_FEW
    return (most, reason) if wanted > most else (wanted, _WITHIN)


def _within_rates(
    wanted: int, bounds: Bounds, rules: tuple[HPAScalingRules, HPAScalingRules], memory: Memory, now: datetime
) -> tuple[int, Reason]:
    up, down = rules
    if wanted > bounds.current:
        fastest = max(_most_after(bounds.current, up, memory, now), bounds.current)
        most, reason = (fastest, _TOO_FAST_UP) if bounds.most > fastest else (bounds.most, _TOO_MANY)
        return (most, reason) if wanted > most else (wanted, _WITHIN)
    if wanted < bounds.current:
        fastest = min(_least_after(bounds.current, down, memory, now), bounds.current)
        least, reason = (fastest, _TOO_FAST_DOWN) if bounds.least < fastest else (bounds.least, _TOO_FEW)
        return (least, reason) if wanted < least else (wanted, _WITHIN)
    return wanted, _WITHIN


def _most_after(current: int, rules: HPAScalingRules, memory: Memory, now: datetime) -> int:
    if rules.selectPolicy == "Disabled":
        return current
    found = []
    for policy in rules.policies:
        start = _at_start(current, policy.periodSeconds, memory, now)
        grown = start + policy.value if policy.type == "Pods" else math.ceil(start * (1 + policy.value / 100))
        found.append(grown)
    return min(found) if rules.selectPolicy == "Min" else max(found)


def _least_after(current: int, rules: HPAScalingRules, memory: Memory, now: datetime) -> int:
    if rules.selectPolicy == "Disabled":
        return current
    found = []
    for policy in rules.policies:
        start = _at_start(current, policy.periodSeconds, memory, now)
        found.append(start - policy.value if policy.type == "Pods" else int(start * (1 - policy.value / 100)))
    return max(found) if rules.selectPolicy == "Min" else min(found)


def _at_start(current: int, period: int, memory: Memory, now: datetime) -> int:
    """Return the size at the start of a period: changes in it count against the rate."""
    return current - _changed(memory.added, period, now) + _changed(memory.removed, period, now)


def _changed(events: Iterable[Dated], period: int, now: datetime) -> int:
    return sum(one.replicas for one in events if one.at > now - timedelta(seconds=period))


def _since(events: Sequence[Dated], seconds: int, now: datetime) -> tuple[Dated, ...]:
    return tuple(one for one in events if one.at >= now - timedelta(seconds=seconds))


def _longest(rules: HPAScalingRules | None) -> int:
    return max((policy.periodSeconds for policy in rules.policies), default=0) if rules is not None else 0
