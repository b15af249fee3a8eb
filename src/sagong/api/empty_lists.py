"""Empty lists and maps that upstream's clients read as null, because they were stored as protobuf, which does not know them.

Only what Go writes without `omitempty` shows the difference (a `default_factory` of NoneType): EndpointSlices without
endpoints, rules without rules. Definitions of resources and APIServices are stored as JSON, where an empty list is one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import NoneType
from typing import Annotated, Any, NamedTuple, get_args, get_origin

import msgspec

from sagong.api.types.base import ApiStruct

Walk = Callable[[Any], None]
_STORED_AS_JSON = ("apiextensions", "apiregistration")


def null_empty_lists(obj: Any) -> None:
    """Set those of an object to None, in place."""
    kind: type[ApiStruct] = type(obj)
    walk = _walk(kind)
    if walk is not None:
        walk(obj)


class _Step(NamedTuple):
    name: str
    nulled: bool
    walk: Walk | None


@functools.cache
def _walk(kind: type[ApiStruct]) -> Walk | None:
    """Return what walks a Struct, compiled once and into nothing but what can hold such lists; None: there are none."""
    if kind in _open or kind.__module__.endswith(_STORED_AS_JSON):
        return None
    _open.add(kind)
    found = [_Step(field.name, _is_nulled(field), _inner(field.type)) for field in msgspec.structs.fields(kind)]
    _open.remove(kind)
    steps = [step for step in found if step.nulled or step.walk]
    return functools.partial(_run, steps) if steps else None


_open: set[type[ApiStruct]] = set()  # types that contain themselves are looked at once; none of those has such lists


def _is_nulled(field: msgspec.structs.FieldInfo) -> bool:
    arms = get_args(get_args(field.type)[0] if get_origin(field.type) is Annotated else field.type)
    return field.default_factory is NoneType and any(get_origin(arm) in (list, dict) for arm in arms)


def _run(steps: list[_Step], obj: Any) -> None:
    for name, nulled, walk in steps:
        value = getattr(obj, name)
        if value:
            if walk is not None:
                walk(value)
        elif nulled:
            setattr(obj, name, None)


def _inner(hint: Any) -> Walk | None:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _inner(arguments[0])
    if isinstance(hint, type) and issubclass(hint, ApiStruct):
        return _walk(hint)
    found = next((walk for argument in arguments if (walk := _inner(argument)) is not None), None)
    if found is None or origin not in (list, dict):
        return found
    return functools.partial(_each if origin is list else _each_value, found)


def _each(walk: Walk, items: list[Any]) -> None:
    for item in items:
        walk(item)


def _each_value(walk: Walk, items: dict[str, Any]) -> None:
    for item in items.values():
        walk(item)
