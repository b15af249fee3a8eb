"""What single functions cost at the least and at the most, for `estimate`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sagong.api.cel import costs
from sagong.api.cel.sizes import LIMITLESS, NOTHING, ONE, Outcome, Part, Range, Sizer, fixed
from sagong.api.cel.syntax import Call, Literal

Rule = Callable[[Sizer, Call, Part | None, list[Part]], Outcome | None]
_CHARACTER, _PATTERN = costs.PER_CHARACTER, costs.PER_PATTERN_CHARACTER


def _flat(cost: int) -> Rule:
    return lambda *_: Outcome(fixed(cost))


def _first_argument(factor: float = _CHARACTER, *, keeps_size: bool = False) -> Rule:
    def rule(by: Sizer, _: Call, __: Part | None, parts: list[Part]) -> Outcome | None:
        if not parts:
            return None
        size = by.size_of(parts[0])
        return Outcome(size.by(factor), size if keeps_size else None)

    return rule


def _target(factor: float = _CHARACTER) -> Rule:
    def rule(by: Sizer, _: Call, target: Part | None, __: list[Part]) -> Outcome | None:
        if target is None:
            return None
        size = by.size_of(target)
        return Outcome(size.by(factor), size)

    return rule


def _traversal(by: Sizer, _: Call, target: Part | None, __: list[Part]) -> Outcome | None:
    if target is None:
        return None
    size, element = by.size_of(target), by.element_of(target)
    if element is None:
        return Outcome(size.by(_CHARACTER))
    each = ONE
    if element.type.kind in ("string", "bytes"):
        each = each.plus(by.size_of(element).by(_CHARACTER))
    return Outcome(size.times(each))


def _replace(by: Sizer, _: Call, target: Part | None, parts: list[Part]) -> Outcome | None:
    if target is None or len(parts) < 2:  # noqa: PLR2004 - old and new
        return None
    size, old, new = by.size_of(target), by.size_of(parts[0]), by.size_of(parts[1])
    most = _most_after_replacing(size.most, old.least, new.most)
    least = _least_after_replacing(size.least, old.most, new.least)
    return Outcome(size.by(2 * _CHARACTER), Range(min(least, LIMITLESS), min(most, LIMITLESS)))


def _most_after_replacing(size: int, old: int, new: int) -> int:
    if old == 0:
        return (min(size + 1, LIMITLESS)) * new + size
    return size if new <= old else math.ceil(size / old) * new


def _least_after_replacing(size: int, old: int, new: int) -> int:
    if old == 0:
        return (min(size + 1, LIMITLESS)) * new + size
    return size if old <= new else math.ceil(size / old) * new


def _split(by: Sizer, _: Call, target: Part | None, parts: list[Part]) -> Outcome | None:
    if target is None:
        return None
    size = by.size_of(target)
    limit = parts[1].node if len(parts) > 1 else None
    most = limit.value if isinstance(limit, Literal) and type(limit.value) is int else size.most
    return Outcome(size.by(2 * _CHARACTER), Range(0, most))


def _join(by: Sizer, _: Call, target: Part | None, parts: list[Part]) -> Outcome | None:
    if target is None:
        return None
    count, element = by.size_of(target), by.element_of(target)
    size = count.times(by.size_of(element)) if element else NOTHING
    if parts:
        gaps = Range(max(count.least - 1, 0), max(count.most - 1, 0))
        size = size.plus(by.size_of(parts[0]).times(gaps))
    return Outcome(size.by(_CHARACTER), size)


def _find(by: Sizer, _: Call, target: Part | None, parts: list[Part]) -> Outcome | None:
    if target is None or not parts:
        return None
    size = by.size_of(target)
    cost = size.plus(ONE).by(_CHARACTER).times(by.size_of(parts[0]).by(_PATTERN))
    return Outcome(cost, Range(0, size.most))


def _matches(by: Sizer, _: Call, target: Part | None, parts: list[Part]) -> Outcome | None:
    if target is None:
        return None
    text, pattern = target.size, parts[0].size
    del by
    return Outcome(text.plus(ONE).by(_CHARACTER).times(pattern.by(_PATTERN)))


def _contains(_: Sizer, __: Call, target: Part | None, parts: list[Part]) -> Outcome | None:
    if target is None:
        return None
    return Outcome(target.size.by(_CHARACTER).times(parts[0].size.by(_CHARACTER)))


def _first_known(_: Sizer, __: Call, ___: Part | None, parts: list[Part]) -> Outcome | None:
    return Outcome(parts[0].size.by(_CHARACTER)) if parts else None


def _formatted(_: Sizer, __: Call, target: Part | None, ___: list[Part]) -> Outcome | None:
    return Outcome(target.size.by(_CHARACTER)) if target else None


def _in_list(_: Sizer, __: Call, ___: Part | None, parts: list[Part]) -> Outcome:
    return Outcome(parts[1].size.by(1))


def _resized(least: float, most: float, plus: int = 0) -> Rule:
    def rule(_: Sizer, __: Call, ___: Part | None, parts: list[Part]) -> Outcome:
        size = parts[0].size
        return Outcome(size.by(_CHARACTER), Range(int(size.least * least) + plus, min(int(size.most * most) + plus, LIMITLESS)))

    return rule


def _smaller(_: Sizer, __: Call, ___: Part | None, parts: list[Part]) -> Outcome:
    most = min(parts[0].size.most, parts[1].size.most)
    return Outcome(Range(1 if most > 0 else 0, most).by(_CHARACTER))


_FLAT_EQUALITY = ("net.IP", "net.CIDR", "kubernetes.Quantity", "kubernetes.Semver")


def _equality(by: Sizer, node: Call, target: Part | None, parts: list[Part]) -> Outcome:
    left = parts[0].type
    if left == parts[1].type and (left.name in _FLAT_EQUALITY or left.name.startswith("kubernetes.authorization.")):
        return Outcome(ONE)
    if left == parts[1].type and left.name == "kubernetes.NamedFormat":
        return Outcome(Range(1, 64).by(_CHARACTER))
    return _smaller(by, node, target, parts)


def _added_text(by: Sizer, node: Call, _: Part | None, parts: list[Part]) -> Outcome:
    size = by.added(node, parts)
    return Outcome(size.by(_CHARACTER), size)


def _added_lists(by: Sizer, node: Call, _: Part | None, parts: list[Part]) -> Outcome:
    return Outcome(ONE, by.added(node, parts))


def _selector(by: Sizer, _: Call, __: Part | None, parts: list[Part]) -> Outcome:
    length = by.size_of(parts[0])
    return Outcome(fixed(costs.LIST).plus(length.by(_CHARACTER)).plus(length.by(0.5).by(costs.LIST + costs.STRUCT)))


def _contained(overload_of_text: str, *, whole_network: bool) -> Rule:
    address = Range(4, 16)

    def rule(by: Sizer, node: Call, _: Part | None, parts: list[Part]) -> Outcome:
        cost = address.plus(address).by(_CHARACTER)
        if whole_network:
            cost = cost.plus(address.by(_CHARACTER)).plus(ONE)
        if any(overload.id == overload_of_text for overload in node.overloads):
            cost = cost.plus(by.size_of(parts[0]).by(_CHARACTER))
        return Outcome(cost)

    return rule


def _ip(by: Sizer, node: Call, target: Part | None, parts: list[Part]) -> Outcome | None:
    return _first_argument()(by, node, target, parts) if parts else Outcome(ONE)


def _validate(by: Sizer, _: Call, __: Part | None, parts: list[Part]) -> Outcome:
    return Outcome(by.size_of(parts[0]).by(_CHARACTER).by(128 * _PATTERN))


def _sets(factor: float) -> Rule:
    return lambda by, _, __, parts: Outcome(by.size_of(parts[0]).times(by.size_of(parts[1])).by(factor).plus(ONE))


def _allocating(size: Range, factor: float = 1) -> Outcome:
    return Outcome(size.by(factor).plus(ONE).plus(fixed(costs.LIST)), size)


def _slice(by: Sizer, _: Call, target: Part | None, parts: list[Part]) -> Outcome | None:
    if target is None:
        return None
    start, end = (part.node.value if isinstance(part.node, Literal) and type(part.node.value) is int else None for part in parts)
    if start is not None and end is not None:
        return _allocating(fixed(max(end - start, 0)))
    return _allocating(by.size_of(target))


def _range(_: Sizer, __: Call, ___: Part | None, parts: list[Part]) -> Outcome:
    count = parts[0].node
    return _allocating(fixed(max(count.value, 0)) if isinstance(count, Literal) else Range(0, LIMITLESS))


def _flatten(by: Sizer, _: Call, target: Part | None, parts: list[Part]) -> Outcome | None:
    depth: Any = 1
    if parts:
        depth = max(parts[0].node.value, 0) if isinstance(parts[0].node, Literal) else LIMITLESS
    return _allocating(by.size_of(target), depth) if target else None


def _self_compared(by: Sizer, node: Call, target: Part | None, parts: list[Part]) -> Outcome | None:
    held = parts[0] if parts else target
    if held is None:
        return None
    size = by.size_of(held)
    text = held.type.parameters and held.type.parameters[0].kind in ("string", "bytes") and node.function != "distinct"
    return _allocating(size.times(size), 2 + _CHARACTER if text else 2)


def _reverse(by: Sizer, _: Call, target: Part | None, __: list[Part]) -> Outcome | None:
    return _allocating(by.size_of(target)) if target and target.type.kind == "list" else None


_ORDER = [f"{name}_{kind}" for name in ("less", "greater", "less_equals", "greater_equals") for kind in ("string", "bytes")]
_BY_OVERLOAD: dict[str, Rule] = {
    "string_format": _formatted,
    "string_to_bytes": _resized(1, 4),
    "bytes_to_string": _resized(0.25, 1),
    "strings_quote": _resized(1, 2, 2),
    **dict.fromkeys(("starts_with_string", "ends_with_string"), _first_known),
    "in_list": _in_list,
    "matches_string": _matches,
    "contains_string": _contains,
    **dict.fromkeys(("add_string", "add_bytes"), _added_text),
    "add_list": _added_lists,
    **dict.fromkeys(_ORDER, _smaller),
    "equals": _equality,
    "not_equals": _smaller,
}
_BY_FUNCTION: dict[str, Rule] = {
    "check": _flat(costs.AUTHORIZATION),
    **dict.fromkeys(("fieldSelector", "labelSelector"), _selector),
    **dict.fromkeys(("isSorted", "sum", "max", "min", "indexOf", "lastIndexOf"), _traversal),
    **dict.fromkeys(("url", "jsonpatch.escapeKey"), _first_argument(keeps_size=True)),
    **dict.fromkeys(("lowerAscii", "upperAscii", "substring", "trim"), _target()),
    "replace": _replace,
    "split": _split,
    "join": _join,
    **dict.fromkeys(("find", "findAll"), _find),
    **dict.fromkeys(("cidr", "isIP", "isCIDR", "quantity", "isQuantity", "semver", "isSemver"), _first_argument()),
    "ip": _ip,
    "ip.isCanonical": _first_argument(2 * _CHARACTER),
    "containsIP": _contained("cidr_contains_ip_string", whole_network=False),
    "containsCIDR": _contained("cidr_contains_cidr_string", whole_network=True),
    "validate": _validate,
    **dict.fromkeys(("sets.contains", "sets.intersects"), _sets(1)),
    "sets.equivalent": _sets(2),
    "slice": _slice,
    "lists.range": _range,
    "flatten": _flatten,
    **dict.fromkeys(("distinct", "sort", "@sortByAssociatedKeys"), _self_compared),
    "reverse": _reverse,
}


def rule_of(function: str, overload: str) -> Rule | None:
    """Return the rule of a call; None means one."""
    return _BY_OVERLOAD.get(overload) or _BY_FUNCTION.get(function)
