"""Values as Go reads them from text: integers of 64 bits, durations such as `1m30s`, `250ms`, `-1.5h`; and durations as it writes them."""

from __future__ import annotations

import re

from sagong.api.field_errors import quote

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([^0-9.]*)")
_INT, _INT_LENGTH, _BEYOND = re.compile(r"[+-]?[0-9]+"), 100, 2**63
_MOST = float(2**63) * 1e-9


def parse_int(text: str) -> int:
    """Return a signed integer of 64 bits. Raises ValueError with the words of Go's strconv.ParseInt."""
    if _INT.fullmatch(text) is None:
        raise ValueError(f"strconv.ParseInt: parsing {quote(text)}: invalid syntax")
    value = int(text) if len(text) <= _INT_LENGTH else _BEYOND
    if not -_BEYOND <= value < _BEYOND:
        raise ValueError(f"strconv.ParseInt: parsing {quote(text)}: value out of range")
    return value


def parse_uint(text: str) -> int:
    """Return an integer of 64 bits without sign. Raises ValueError with the words of Go's strconv.ParseUint."""
    if not text.isascii() or not text.isdecimal():
        raise ValueError(f"strconv.ParseUint: parsing {quote(text)}: invalid syntax")
    if len(text) > _INT_LENGTH or int(text) >= 2 * _BEYOND:
        raise ValueError(f"strconv.ParseUint: parsing {quote(text)}: value out of range")
    return int(text)


def parse_duration(text: str) -> float:
    """Return seconds. Raises ValueError with the words of Go's time.ParseDuration."""
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0.0
    total, at = 0.0, 0
    while at < len(rest) or not at:
        part = _PART.match(rest, at)
        if part is None:
            raise ValueError(f"time: invalid duration {quote(text)}")
        number, unit = part.groups()
        if not unit:
            raise ValueError(f"time: missing unit in duration {quote(text)}")
        if unit not in _SECONDS:
            raise ValueError(f"time: unknown unit {quote(unit)} in duration {quote(text)}")
        total, at = total + float(number) * _SECONDS[unit], part.end()
    if total > _MOST:
        raise ValueError(f"time: invalid duration {quote(text)}")
    return -total if text.startswith("-") else total


_SECOND = 1000
"""in milliseconds"""


def format_duration(seconds: float) -> str:
    """Return a duration as Go prints it, to the millisecond: `500ms`, `15.02s`, `1m0s`."""
    whole = round(seconds * _SECOND)
    if 0 < whole < _SECOND:
        return f"{whole}ms"
    minutes, milliseconds = divmod(whole, 60 * _SECOND)
    hours, minutes = divmod(minutes, 60)
    text = f"{milliseconds / _SECOND:.3f}".rstrip("0").rstrip(".") + "s"
    return (f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else "") + text
