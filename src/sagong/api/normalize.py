"""Canonical forms in place: quantities as `resource.Quantity` prints them, times in UTC with the digits of their type.

The walk over an object is compiled once per type from the annotations, and enters only what can hold such a field.
Resource lists of the core group are rounded up to a thousandth, as their defaulting does upstream.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec

from sagong.api import quantity
from sagong.api.clock import format_micro_time, format_time
from sagong.api.short_cache import cached_when_short
from sagong.api.types.base import ApiStruct, Scalar

Walk = Callable[[Any], Any]
_TIME_SHAPE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_CANONICAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_LAYOUTS = {"time": "2006-01-02T15:04:05Z07:00", "micro-time": "2006-01-02T15:04:05.000000Z07:00"}


class NormalizeError(ValueError):
    """A quantity or time that is none; the message is the one upstream's decoder gives."""


def normalize(obj: Any, but: tuple[str, ...] = ()) -> None:
    """Bring a typed object into canonical form, `but` for those of its fields. Raises NormalizeError (or its kin QuantityError)."""
    kind: type[ApiStruct] = type(obj)
    walk = _compile(kind, but)
    if walk is not None:
        walk(obj)


@functools.lru_cache(4096)
def canonical_time(text: str, kind: str = "time") -> str:
    """Return a metav1.Time (or `micro-time`) in UTC. Raises NormalizeError."""
    if kind == "time" and _CANONICAL_TIME.fullmatch(text):
        _parse(text, kind)
        return text
    moment = _parse(text, kind)
    return format_time(moment) if kind == "time" else format_micro_time(moment)


_LONGEST_TIME = 100


def _parse(text: str, kind: str) -> datetime:
    match = _TIME_SHAPE.fullmatch(text) if len(text) <= _LONGEST_TIME else None
    layout = _LAYOUTS[kind]
    complaint = f'parsing time "{text}" as "{layout}": cannot parse "{text}" as "2006"'
    if not match:
        raise NormalizeError(complaint)
    fraction = match.group(1)
    try:
        return datetime.fromisoformat(text.replace(fraction, fraction[:7].ljust(7, "0")) if fraction else text)
    except ValueError as error:
        raise NormalizeError(complaint) from error


def _quantity(text: str) -> str:
    return quantity.canonical(text)


@cached_when_short(4096)
def _rounded(text: str) -> str:
    amount = quantity.parse(text.strip())
    per_milli = quantity.NANO // 1000
    return str(amount) if amount.nanos % per_milli == 0 else str(quantity.of_milli(amount.milli_value(), amount.format))


_SCALARS: dict[str, Walk] = {
    "quantity": _quantity,
    "time": lambda text: canonical_time(text) if text else text,
    "micro-time": lambda text: canonical_time(text, "micro-time") if text else text,
}


@functools.cache
def _compile(kind: type[ApiStruct], but: tuple[str, ...] = ()) -> Callable[[Any], None] | None:
    """Return a function that normalizes the fields of a Struct, or None where there is nothing to do."""
    steps = _Steps()
    if not _reaches(kind, frozenset()):
        return None
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        if field.name in but:
            continue
        walk = _walk(hints[field.name], rounded=kind.__module__.endswith(".core"))
        if walk is not None:
            present = field.default == "" or field.default_factory is str
            zero = "0" if present and _is_quantity(hints[field.name]) else None
            steps.append((field.name, walk, zero))
    return steps.run if steps else None


class _Steps(list[tuple[str, Walk, str | None]]):
    """What to do with which field; the third is what an empty quantity that is not optional reads as."""

    def run(self, obj: Any) -> None:
        for name, walk, zero in self:
            value = getattr(obj, name)
            if value:
                result = walk(value)
                if result is not None:
                    setattr(obj, name, result)
            elif zero is not None:
                setattr(obj, name, zero)


def _is_quantity(hint: Any) -> bool:
    return any(isinstance(extra, Scalar) and extra.name == "quantity" for extra in getattr(hint, "__metadata__", ()))


def _walk(hint: Any, *, rounded: bool) -> Walk | None:
    """Return a function that takes a field's value and returns what to set, or None when it changed the value in place."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        scalar = next((extra for extra in hint.__metadata__ if isinstance(extra, Scalar)), None)
        return _SCALARS[scalar.name] if scalar else _walk(arguments[0], rounded=rounded)
    if isinstance(hint, type) and issubclass(hint, ApiStruct):
        return _lazy(hint) if _reaches(hint, frozenset()) else None
    if origin in (list, dict):
        item = _walk(arguments[-1], rounded=rounded)
        if item is None:
            return None
        if origin is list:
            return functools.partial(_each, item)
        return functools.partial(_each_value, _rounded if rounded and item is _quantity else item)
    walks = [walk for argument in arguments if (walk := _walk(argument, rounded=rounded)) is not None]
    return walks[0] if walks else None


def _lazy(kind: type[ApiStruct]) -> Walk:
    """Defer compiling, since types contain themselves."""

    def walk(obj: Any) -> None:
        inner = _compile(kind)
        if inner is not None:
            inner(obj)

    return walk


def _each(walk: Walk, items: list[Any]) -> None:
    for i, item in enumerate(items):
        result = walk(item)
        if result is not None:
            items[i] = result


def _each_value(walk: Walk, items: dict[str, Any]) -> None:
    for key, item in items.items():
        result = walk(item)
        if result is not None:
            items[key] = result


@functools.cache
def _reaches(kind: type[ApiStruct], seen: frozenset[type]) -> bool:
    """Say whether a Struct holds a quantity or time at any depth."""
    return any(_hint_reaches(hint, seen | {kind}) for hint in get_type_hints(kind, include_extras=True).values())


def _hint_reaches(hint: Any, seen: frozenset[type]) -> bool:
    if any(isinstance(extra, Scalar) for extra in getattr(hint, "__metadata__", ())):
        return True
    if isinstance(hint, type) and issubclass(hint, ApiStruct):
        return hint not in seen and _reaches(hint, seen)
    return any(_hint_reaches(argument, seen) for argument in get_args(hint))
