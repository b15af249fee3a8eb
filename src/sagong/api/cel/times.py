"""Timestamps and durations: reading, writing, parts of a date in a time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal

from sagong.api.cel.errors import EvaluationError
from sagong.api.cel.values import INT_MAX, INT_MIN, Duration, Timestamp

SECOND = 1_000_000_000
_EARLIEST, _LATEST = -62135596800, 253402300799  # years 1 to 9999, in seconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?([Zz]|[+-]\d\d:\d\d)")
_DURATION = re.compile(r"[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)")
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}
_OFFSET = re.compile(r"([+-]?)(\d\d):(\d\d)")


def parse_duration(text: str) -> Duration | None:
    """Read `1h30m`; None when it is no duration."""
    if not _DURATION.fullmatch(text):
        return None
    total = sum(int(Decimal(number) * _UNITS[unit]) for number, unit in _PART.findall(text))
    total = -total if text.startswith("-") else total
    return Duration(total) if INT_MIN <= total <= INT_MAX else None


def format_duration(value: Duration) -> str:
    """Write in seconds: `5400s`."""
    return f"{plain(Decimal(value.nanoseconds) / SECOND)}s"


def parse_timestamp(text: str) -> Timestamp | None:
    """Read RFC 3339; None when it is none, or outside years 1 to 9999."""
    match = _RFC3339.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=_zone(match[8]))
    except ValueError:
        return None
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    return Timestamp(seconds * SECOND + int((match[7] or "").ljust(9, "0")[:9]))


def checked_timestamp(nanoseconds: int) -> Timestamp:
    """Return the moment. Raises EvaluationError outside years 1 to 9999."""
    if not _EARLIEST <= nanoseconds // SECOND <= _LATEST:
        raise EvaluationError("timestamp overflow")
    return Timestamp(nanoseconds)


def checked_duration(nanoseconds: int) -> Duration:
    """Return the span. Raises EvaluationError when it does not fit."""
    if not INT_MIN <= nanoseconds <= INT_MAX:
        raise EvaluationError("duration overflow")
    return Duration(nanoseconds)


def format_timestamp(value: Timestamp) -> str:
    """Write RFC 3339 in UTC."""
    seconds, fraction = divmod(value.nanoseconds, SECOND)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    year, rest = text.split("-", 1)
    digits = f".{fraction:09}".rstrip("0") if fraction else ""
    return f"{year:0>4}-{rest}{digits}Z"


def in_zone(value: Timestamp, zone: str) -> datetime:
    """Return the moment as a date in a zone: a name, or an offset such as `-08:00`. Raises EvaluationError."""
    moment = _EPOCH + timedelta(microseconds=value.nanoseconds // 1000)
    try:
        return moment.astimezone(_named_zone(zone)) if zone else moment
    except OverflowError:
        raise EvaluationError("timestamp overflow") from None


def _zone(text: str) -> tzinfo:
    if text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 23 or minutes > 59:  # noqa: PLR2004 - a day has 24 hours
        raise ValueError(text)
    return timezone((-1 if text[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes))


def _named_zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - few expressions name a zone

    match = _OFFSET.fullmatch(name)
    if match:
        return timezone((-1 if match[1] == "-" else 1) * timedelta(hours=int(match[2]), minutes=int(match[3])))
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise EvaluationError(f"unknown time zone {name}") from None


def plain(number: Decimal) -> str:
    """Write a decimal without exponent and without trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
