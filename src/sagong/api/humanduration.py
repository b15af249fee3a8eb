"""Durations as people read them in tables: two or three significant figures (k8s.io/apimachinery, util/duration)."""

from __future__ import annotations

from datetime import datetime

from sagong.api.clock import parse_time

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86400, 365 * 86400
# Below the first number of seconds: so many of the first unit, and the rest in the second unit where one is named.
_STEPS = (
    (2 * _MINUTE, 1, "s", 0, ""),
    (10 * _MINUTE, _MINUTE, "m", 1, "s"),
    (3 * _HOUR, _MINUTE, "m", 0, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", 0, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
    (2 * _YEAR, _DAY, "d", 0, ""),
    (8 * _YEAR, _YEAR, "y", _DAY, "d"),
)


def human(seconds: float) -> str:
    """Return `5s`, `2m10s`, `3h`, `5d4h`, `2y30d`; up to two seconds in the future is `0s`, more is `<invalid>`."""
    whole = int(seconds)
    if whole < 0:
        return "<invalid>" if whole < -1 else "0s"
    for limit, size, unit, part, part_unit in _STEPS:
        if whole < limit:
            rest = whole % size // part if part else 0
            return f"{whole // size}{unit}{rest}{part_unit}" if rest else f"{whole // size}{unit}"
    return f"{whole // _YEAR}y"


def since(time: str | None, now: datetime) -> str:
    """Return how long ago an API time was; an unset one is `<unknown>`."""
    return human((now - parse_time(time)).total_seconds()) if time else "<unknown>"
