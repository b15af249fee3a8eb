"""Lists: sums, order, cutting, sorting; sets."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

from sagong.api.cel.declarations import Functions
from sagong.api.cel.errors import EvaluationError
from sagong.api.cel.values import INT_MAX, INT_MIN, UINT_MAX, Duration, UInt, compare, contains, equal, no_such_overload, type_of_value

LISTS = Functions()
_COMPARABLE = ("int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes")
_ZEROS: dict[str, Any] = {"int": 0, "uint": UInt(0), "double": 0.0, "duration": Duration(0)}


def _is_sorted(items: list[Any]) -> bool:
    return all(compare(left, right) <= 0 for left, right in itertools.pairwise(items))


def _summing(zero: Any) -> Callable[[list[Any]], Any]:
    return lambda items: _sum(items) if items else zero


def _sum(items: list[Any]) -> Any:
    """Add up what need not be of the type that was declared, when that is not known."""
    kind = type(items[0])
    if kind not in _SUMS or any(type(item) is not kind for item in items):
        raise no_such_overload()
    return _SUMS[kind](items)


_SUMS: dict[type, Callable[[list[Any]], Any]] = {
    int: lambda items: _within(sum(items), INT_MIN, INT_MAX, "integer overflow"),
    UInt: lambda items: UInt(_within(sum(map(int, items)), 0, UINT_MAX, "unsigned integer overflow")),
    float: lambda items: sum(items, 0.0),
    Duration: lambda items: Duration(_within(sum(item.nanoseconds for item in items), INT_MIN, INT_MAX, "duration overflow")),
}


def _within(value: int, low: int, high: int, complaint: str) -> int:
    if not low <= value <= high:
        raise EvaluationError(complaint)
    return value


def _extreme(name: str, sign: int) -> Callable[[list[Any]], Any]:
    def pick(items: list[Any]) -> Any:
        if not items:
            raise EvaluationError(f"{name} called on empty list")
        return functools.reduce(lambda best, item: item if compare(item, best) == sign else best, items)

    return pick


def _index_of(items: list[Any], value: Any) -> int:
    return next((at for at, item in enumerate(items) if equal(item, value)), -1)


def _last_index_of(items: list[Any], value: Any) -> int:
    return next((at for at in reversed(range(len(items))) if equal(items[at], value)), -1)


def _slice(items: list[Any], start: int, end: int) -> list[Any]:
    where = f"cannot slice({start}, {end})"
    if start < 0 or end < 0:
        raise EvaluationError(f"{where}, negative indexes not supported")
    if start > end:
        raise EvaluationError(f"{where}, start index must be less than or equal to end index")
    if len(items) < end:
        raise EvaluationError(f"{where}, list is length {len(items)}")
    return items[start:end]


def _flatten(items: list[Any], depth: int = 1) -> list[Any]:
    if depth < 0:
        raise EvaluationError("level must be non-negative")
    flat: list[Any] = []
    for item in items:
        if isinstance(item, list) and depth:
            flat += item if depth == 1 else _flatten(item, depth - 1)
        else:
            flat.append(item)
    return flat


def _sort(items: list[Any]) -> list[Any]:
    return _sort_by(items, items)


def _sort_by(items: list[Any], keys: list[Any]) -> list[Any]:
    if any(type_of_value(key) != type_of_value(keys[0]) for key in keys):
        raise EvaluationError("list elements must have the same type")
    rank = functools.cmp_to_key(compare)
    order = sorted(range(len(items)), key=lambda at: rank(keys[at]))
    return [items[at] for at in order]


def _distinct(items: list[Any]) -> list[Any]:
    kept: list[Any] = []
    for item in items:
        if not contains(kept, item):
            kept.append(item)
    return kept


def _contains_all(items: list[Any], wanted: list[Any]) -> bool:
    return all(contains(items, item) for item in wanted)


def _declare() -> None:
    add = LISTS.add
    for kind in _COMPARABLE:
        add("isSorted", f"list_{kind}_is_sorted_bool list({kind}).() -> bool", _is_sorted)
        add("max", f"list_{kind}_max_{kind} list({kind}).() -> {kind}", _extreme("max", 1))
        add("min", f"list_{kind}_min_{kind} list({kind}).() -> {kind}", _extreme("min", -1))
        add("sort", f"list_{kind}_sort list({kind}).() -> list({kind})", _sort)
        add("@sortByAssociatedKeys", f"list_{kind}_sortByAssociatedKeys list(T).(list({kind})) -> list(T)", _sort_by)
    for kind, zero in _ZEROS.items():
        add("sum", f"list_{kind}_sum_{kind} list({kind}).() -> {kind}", _summing(zero))
    add("indexOf", "list_a_index_of_int list(A).(A) -> int", _index_of)
    add("lastIndexOf", "list_a_last_index_of_int list(A).(A) -> int", _last_index_of)
    add("slice", "list_slice list(T).(int, int) -> list(T)", _slice)
    add("flatten", "list_flatten list(list(T)).() -> list(T)", _flatten)
    add("flatten", "list_flatten_int list(dyn).(int) -> list(dyn)", _flatten)
    add("lists.range", "lists_range (int) -> list(int)", lambda count: list(range(count)))
    add("reverse", "list_reverse list(T).() -> list(T)", lambda items: items[::-1])
    add("distinct", "list_distinct list(T).() -> list(T)", _distinct)
    add("sets.contains", "list_sets_contains_list (list(T), list(T)) -> bool", _contains_all)
    add("sets.equivalent", "list_sets_equivalent_list (list(T), list(T)) -> bool", lambda a, b: _contains_all(a, b) and _contains_all(b, a))
    add("sets.intersects", "list_sets_intersects_list (list(T), list(T)) -> bool", lambda a, b: any(contains(b, item) for item in a))


_declare()
