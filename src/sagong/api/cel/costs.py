"""What a call costs at run time, in upstream's units: one for a step, a tenth for each character looked at."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sagong.api.cel.values import size

SELECT, LIST, MAP, STRUCT = 1, 10, 30, 40
PER_CHARACTER = 0.1
PER_PATTERN_CHARACTER = 0.25
AUTHORIZATION = 350_000  # of one `check()`: two fit into an expression
PER_CALL_LIMIT = 1_000_000
ROOM = 10_000_000  # characters and items that one evaluation may make: what it costs to look at them once is the limit of a call

_FLAT = (int, bool, float, type(None))

Cost = Callable[[tuple[Any, ...]], int]  # of the arguments, so that what is too much is not even begun


def characters(count: float) -> int:
    """Return the cost of looking at so many characters."""
    return math.ceil(count * PER_CHARACTER)


def pattern_search(text: int, pattern: int) -> int:
    """Return the cost of looking for a pattern of that length."""
    return characters(1.0 + text) * math.ceil(pattern * PER_PATTERN_CHARACTER)


def traversal(value: Any) -> int:
    """Return the cost of looking at everything in a value."""
    if isinstance(value, str):
        return int(len(value.encode()) * PER_CHARACTER)
    if isinstance(value, bytes):
        return int(len(value) * PER_CHARACTER)
    if isinstance(value, list):
        return sum(map(traversal, value))
    if isinstance(value, dict):
        return sum(traversal(key) + traversal(item) for key, item in value.items())
    return 1


def selector(length: int) -> int:
    """Return the cost of reading a field or label selector."""
    return LIST + characters(length) + math.ceil(math.ceil(length * 0.5) * (LIST + STRUCT))


def _first(args: tuple[Any, ...]) -> int:
    return characters(size(args[0]))


def _first_twice(args: tuple[Any, ...]) -> int:
    return math.ceil(size(args[0]) * 2 * PER_CHARACTER)


def _both(args: tuple[Any, ...]) -> int:
    return characters(size(args[0]) + size(args[1]))


def _smaller(args: tuple[Any, ...]) -> int:
    return characters(min(size(args[0]), size(args[1])))


def _equality(args: tuple[Any, ...]) -> int:
    if type(args[0]) in _FLAT or type(args[1]) in _FLAT or getattr(args[0], "flat_equality", False):
        return 1
    return characters(min(size(args[0]), size(args[1])))


def _search(args: tuple[Any, ...]) -> int:
    return pattern_search(size(args[0]), size(args[1]))


def _contains(args: tuple[Any, ...]) -> int:
    return characters(size(args[0])) * characters(size(args[1]))


def _traversed(args: tuple[Any, ...]) -> int:
    return traversal(args[0])


def _joined(args: tuple[Any, ...]) -> int:
    parts = args[0]
    separators = size(args[1]) * max(len(parts) - 1, 0) if len(args) > 1 else 0
    return math.ceil((sum(map(size, parts)) + separators) * 2 * PER_CHARACTER)


def _contains_ip(args: tuple[Any, ...]) -> int:
    more = characters(size(args[1])) if isinstance(args[1], str) else 0
    return characters(2 * size(args[0])) + more


def _contains_cidr(args: tuple[Any, ...]) -> int:
    return _contains_ip(args) + characters(size(args[0])) + 1


def _ip(args: tuple[Any, ...]) -> int:
    return _first(args) if isinstance(args[0], str) else 1


def _sets(args: tuple[Any, ...]) -> int:
    return size(args[0]) * size(args[1]) + 1


def _allocated(count: float) -> int:
    return int(count) + 1 + LIST


def _self_compared(items: list[Any]) -> int:
    factor = 2 + PER_CHARACTER if items and isinstance(items[0], (str, bytes)) else 2
    return _allocated(len(items) ** 2 * factor)


_BY_OVERLOAD: dict[str, Cost] = {
    **dict.fromkeys(("starts_with_string", "ends_with_string", "string_to_bytes"), _first),
    **dict.fromkeys(("bytes_to_string", "strings_quote", "string_format"), _first),
    "in_list": lambda args: size(args[1]),
    **{
        f"{name}_{kind}": _smaller for name in ("less", "greater", "less_equals", "greater_equals") for kind in ("string", "bytes")
    },
    **dict.fromkeys(("equals", "not_equals"), _equality),
    **dict.fromkeys(("add_string", "add_bytes"), _both),
    "matches_string": _search,
    "contains_string": _contains,
    "list_reverse": lambda args: _allocated(len(args[0])),
}  # fmt: skip
_BY_FUNCTION: dict[str, Cost] = {
    "check": lambda _: AUTHORIZATION,
    **dict.fromkeys(("fieldSelector", "labelSelector"), lambda args: selector(size(args[1]))),
    **dict.fromkeys(("isSorted", "sum", "max", "min", "indexOf", "lastIndexOf"), _traversed),
    **dict.fromkeys(("url", "lowerAscii", "upperAscii", "substring", "trim", "jsonpatch.escapeKey"), _first),
    **dict.fromkeys(("replace", "split"), _first_twice),
    "join": _joined,
    **dict.fromkeys(("find", "findAll"), _search),
    **dict.fromkeys(("cidr", "isIP", "isCIDR", "quantity", "isQuantity", "semver", "isSemver"), _first),
    "ip": _ip,
    "ip.isCanonical": _first_twice,
    "containsIP": _contains_ip,
    "containsCIDR": _contains_cidr,
    "validate": lambda args: pattern_search(size(args[1]), args[0].pattern),
    **dict.fromkeys(("sets.contains", "sets.intersects"), _sets),
    "sets.equivalent": lambda args: 2 * _sets(args) - 1,
    "slice": lambda args: _allocated(min(max(args[2] - args[1], 0), len(args[0]))),
    "lists.range": lambda args: _allocated(max(args[0], 0)),
    "flatten": lambda args: _allocated(len(args[0]) * (args[1] if len(args) > 1 else 1)),
    **dict.fromkeys(("distinct", "sort"), lambda args: _self_compared(args[0])),
    "@sortByAssociatedKeys": lambda args: _self_compared(args[1]),
}


def of_call(function: str, overloads: tuple[str, ...]) -> Cost | None:
    """Return how a call's cost is reckoned; None means one."""
    found = _BY_FUNCTION.get(function)
    if found is None and len(overloads) == 1:
        found = _BY_OVERLOAD.get(overloads[0])
    return found
