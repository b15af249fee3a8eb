"""Cron schedules, as CronJobs have them: five fields or a descriptor (`@hourly`, `@every 90m`), and when they next fire.

The grammar, its complaints and the rules for days and clock changes are those of the library that upstream uses (robfig/cron v3).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from types import MappingProxyType
from typing import NamedTuple

from sagong.api.field_errors import quote


class CronError(ValueError):
    """The schedule cannot be understood; the message is upstream's."""


class _Bounds(NamedTuple):
    low: int
    high: int
    names: Mapping[str, int] = MappingProxyType({})


_MONTH_NAMES = "jan feb mar apr may jun jul aug sep oct nov dec"
_DAY_NAMES = "sun mon tue wed thu fri sat"
_MONTHS = {name: i for i, name in enumerate(_MONTH_NAMES.split(), start=1)}
_DAYS = {name: i for i, name in enumerate(_DAY_NAMES.split())}
_FIELDS = (_Bounds(0, 59), _Bounds(0, 23), _Bounds(1, 31), _Bounds(1, 12, _MONTHS), _Bounds(0, 6, _DAYS))
_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_DURATION = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_YEARS_AHEAD = 5


@dataclass(frozen=True)
class Schedule:
    """When to fire: at these minutes, hours, days, months and weekdays (0 is Sunday), or every so many seconds."""

    minutes: frozenset[int] = frozenset()
    hours: frozenset[int] = frozenset()
    days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    any_day: bool = False
    any_weekday: bool = False
    every: int = 0

    def next_after(self, moment: datetime, zone: tzinfo = UTC) -> datetime | None:
        """Return the first firing after a moment, in UTC, by the clock of a time zone; None when there is none in five years."""
        if self.every:
            return moment.replace(microsecond=0) + timedelta(seconds=self.every)
        local = (moment.astimezone(zone) + timedelta(minutes=1)).replace(second=0, microsecond=0)
        limit = local.year + _YEARS_AHEAD
        while local.year <= limit:
            if local.month not in self.months:
                local = _midnight(local.replace(day=1) + timedelta(days=32), day=1)
            elif not self._day_matches(local):
                local = _midnight(local + timedelta(days=1))
            elif local.hour not in self.hours:
                local = _later(local.replace(minute=0), hours=1)
            elif local.minute not in self.minutes:
                local = _later(local, minutes=1)
            else:
                return local.astimezone(UTC)
        return None

    def _day_matches(self, local: datetime) -> bool:
        """Either day may match when both fields are restricted; else both must."""
        day, weekday = local.day in self.days, local.isoweekday() % 7 in self.weekdays
        return (day and weekday) if self.any_day or self.any_weekday else (day or weekday)


@functools.lru_cache(1024)
def parse(text: str) -> Schedule:
    """Parse a schedule. Raises CronError."""
    if not text:
        raise CronError("empty spec string")
    if text.startswith("@"):
        if text.startswith("@every "):
            return Schedule(every=_seconds(text))
        if text not in _DESCRIPTORS:
            raise CronError(f"unrecognized descriptor: {text}")
        text = _DESCRIPTORS[text]
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise CronError(f"expected exactly 5 fields, found {len(parts)}: [{' '.join(parts)}]")
    minutes, hours, days, months, weekdays = (_field(part, bounds) for part, bounds in zip(parts, _FIELDS, strict=True))
    return Schedule(minutes[0], hours[0], days[0], months[0], weekdays[0], any_day=days[1], any_weekday=weekdays[1])


def _field(text: str, bounds: _Bounds) -> tuple[frozenset[int], bool]:
    """Return the values of a field, and whether a star without a step is among its parts."""
    ranges = [_range(part, bounds) for part in text.split(",") if part]
    return frozenset().union(*(values for values, _ in ranges)), any(star for _, star in ranges)


def _range(text: str, bounds: _Bounds) -> tuple[set[int], bool]:
    span, *steps = text.split("/")
    ends = span.split("-")
    star = ends[0] in ("*", "?")
    if star:
        low, high = bounds.low, bounds.high
    elif len(ends) > 2:  # noqa: PLR2004 # a range has two ends
        raise CronError(f"too many hyphens: {text}")
    else:
        low, high = _number(ends[0], bounds), _number(ends[-1], bounds)
    if len(steps) > 1:
        raise CronError(f"too many slashes: {text}")
    step = _number(steps[0], _Bounds(0, 0)) if steps else 1
    if steps and len(ends) == 1:
        high = bounds.high
    for broken, complaint in (
        (low < bounds.low, f"beginning of range ({low}) below minimum ({bounds.low})"),
        (high > bounds.high, f"end of range ({high}) above maximum ({bounds.high})"),
        (low > high, f"beginning of range ({low}) beyond end of range ({high})"),
        (step == 0, "step of range should be a positive number"),
    ):
        if broken:
            raise CronError(f"{complaint}: {text}")
    return set(range(low, high + 1, step)), star and step <= 1


def _number(text: str, bounds: _Bounds) -> int:
    if (named := bounds.names.get(text.lower())) is not None:
        return named
    if not re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII):
        raise CronError(f"failed to parse int from {text}: strconv.Atoi: parsing {quote(text)}: invalid syntax")
    number = int(text)
    if number < 0:
        raise CronError(f"negative number ({number}) not allowed: {text}")
    return number


def _seconds(text: str) -> int:
    duration = text.removeprefix("@every ")
    parts = re.findall(r"([0-9]*\.?[0-9]+)(ns|us|µs|ms|s|m|h)", duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise CronError(f"failed to parse duration {text}: time: invalid duration {quote(duration)}")
    return max(1, int(sum(float(number) * _DURATION[unit] for number, unit in parts)))


def _midnight(local: datetime, day: int | None = None) -> datetime:
    return local.replace(day=day or local.day, hour=0, minute=0)


def _later(local: datetime, *, hours: int = 0, minutes: int = 0) -> datetime:
    """Move along real time, so that an hour that a clock change skips or repeats is seen once as often as it happens."""
    zone = local.tzinfo
    return (local.astimezone(UTC) + timedelta(hours=hours, minutes=minutes)).astimezone(zone)
