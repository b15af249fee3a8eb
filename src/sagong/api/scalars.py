"""Strings with a form of their own (times, quantities): what the JSON decoder alone does not check."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from sagong.api import quantity
from sagong.api.schema import Shape

_LAYOUT = "2006-01-02T15:04:05Z07:00"
_MICRO_LAYOUT = "2006-01-02T15:04:05.000000Z07:00"
# The pieces of RFC 3339 in order, each with the name that Go's layout gives it and the range that is allowed.
_PIECES = (
    ("2006", r"\d{4}", None),
    ("-", "-", None),
    ("01", r"\d\d", ("month", 1, 12)),
    ("-", "-", None),
    ("02", r"\d\d", ("day", 1, 31)),
    ("T", "T", None),
    ("15", r"\d\d?", ("hour", 0, 23)),
    (":", ":", None),
    ("04", r"\d\d", ("minute", 0, 59)),
    (":", ":", None),
    ("05", r"\d\d", ("second", 0, 59)),
)
_FRACTION = re.compile(r"[.,]\d+")
_MICRO_FRACTION = re.compile(r"[.,]\d{6}")
_ZONE = re.compile(r"Z|[-+]\d\d:\d\d")


@functools.lru_cache(maxsize=4096)
def normal_time(text: str, *, micro: bool = False) -> str:
    """Return the form in which the API writes a time: UTC, whole seconds, or six digits for a MicroTime.

    Raises ValueError with the text of Go's time.Parse.
    """
    layout = _MICRO_LAYOUT if micro else _LAYOUT
    rest = text
    for name, pattern, bounds in _PIECES:
        match = re.match(pattern, rest, re.ASCII)
        if not match:
            raise _unparsable(text, layout, rest, name)
        if bounds and not bounds[1] <= int(match[0]) <= bounds[2]:
            raise _time_error(text, f"{bounds[0]} out of range")
        rest = rest[match.end() :]
    fraction = (_MICRO_FRACTION if micro else _FRACTION).match(rest)
    if micro and not fraction:
        raise _unparsable(text, layout, rest, ".000000")
    rest = rest[fraction.end() :] if fraction else rest
    zone = _ZONE.match(rest)
    if not zone:
        raise _unparsable(text, layout, rest, "Z07:00")
    if rest[zone.end() :]:
        raise _time_error(text, f'extra text: "{rest[zone.end() :]}"')
    return _render(text, micro=micro)


def _unparsable(text: str, layout: str, rest: str, piece: str) -> ValueError:
    return ValueError(f'parsing time "{text}" as "{layout}": cannot parse "{rest}" as "{piece}"')


def _time_error(text: str, problem: str) -> ValueError:
    return ValueError(f'parsing time "{text}": {problem}')


def _render(text: str, *, micro: bool) -> str:
    if text[12] == ":":  # Go takes an hour of one digit
        text = f"{text[:11]}0{text[11:]}"
    if text.endswith("Z") and (micro or len(text) == len("2006-01-02T15:04:05Z")):
        _check_day(text)
        return text
    whole, _, tail = text.replace(",", ".").partition(".")
    digits = re.match(r"\d+", tail)
    kept = f".{digits[0][:6].ljust(6, '0')}" if micro and digits else ""
    if "." not in text and "," not in text:
        zone = text[-1:] if text.endswith("Z") else text[-6:]
        whole = text.removesuffix(zone)
    else:
        zone = tail[digits.end() :] if digits else ""
    _check_day(text)
    moment = datetime.fromisoformat(f"{whole}{kept}{'+00:00' if zone == 'Z' else zone}").astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")


def _check_day(text: str) -> None:
    try:
        datetime.fromisoformat(text[:10])
    except ValueError:
        if text[:4] != "0000":
            raise _time_error(text, "day out of range") from None


def _is_time(value: Any) -> bool:
    try:
        return normal_time(value) == str(value)
    except ValueError:
        return False


def _is_micro_time(value: Any) -> bool:
    try:
        return normal_time(value, micro=True) == str(value)
    except ValueError:
        return False


def _is_quantity(value: Any) -> bool:
    try:
        quantity.parse(value)
    except quantity.QuantityError:
        return False
    return True


def _is_int_or_string(value: Any) -> bool:
    return isinstance(value, str) or -(2**31) <= value < 2**31


Check = Callable[[Any], bool]
_CHECKS: dict[str, Check] = {
    "time": _is_time,
    "micro-time": _is_micro_time,
    "quantity": _is_quantity,
    "int-or-string": _is_int_or_string,
}


def scalar_check(shape: Shape) -> Check | None:
    """Return a function that says whether every time, quantity and int-or-string below an object is in order.

    Times must be in the form that the API writes. None: the shape has no such value.
    """
    if shape.kind == "object":
        return _object_check(shape)
    if shape.element is None:
        return _CHECKS.get(shape.kind)
    element = scalar_check(shape.element)
    if element is None:
        return None
    if shape.kind == "list":
        return lambda values: all(map(element, values))
    return lambda values: all(map(element, values.values()))


_building: list[Shape] = []


@functools.cache
def _object_check(shape: Shape) -> Check | None:
    if shape in _building:  # only JSONSchemaProps recurses, and it has nothing to check
        return None
    _building.append(shape)
    found = [(field, scalar_check(field.shape)) for field in shape.fields.values()]
    _building.pop()
    parts = [(attrgetter(field.attribute), check, not field.pointer) for field, check in found if check is not None]
    if not parts:
        return None

    def check_object(value: Any) -> bool:
        for get, check, zero_is_absent in parts:
            item = get(value)
            if item is not None and (item or not zero_is_absent) and not check(item):
                return False
        return True

    return check_object
