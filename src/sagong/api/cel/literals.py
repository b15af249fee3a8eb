"""Faults that literals alone show: durations, timestamps and patterns that are none, mixed lists and maps, formats that do not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sagong.api.cel import regexes, times
from sagong.api.cel.errors import Issue
from sagong.api.cel.library.format_strings import CLAUSE
from sagong.api.cel.syntax import Call, ListNode, Literal, MapNode, Node
from sagong.api.cel.types import Type, unwrapped

_JUDGES: dict[str, Callable[[str], bool]] = {
    "duration": lambda text: times.parse_duration(text) is not None,
    "timestamp": lambda text: times.parse_timestamp(text) is not None,
    "matches": lambda text: regexes.fault(text) is None,
}
_TEXT_KINDS = ("list", "map", "int", "uint", "double", "bool", "string", "timestamp", "bytes", "duration", "type", "null")
_FORMATS: dict[str, tuple[tuple[str, ...], str]] = {
    "d": (("int", "uint"), "decimal clause can only be used on integers"),
    "f": (("double", "string"), "fixed-point clause can only be used on doubles"),
    "e": (("double", "string"), "scientific clause can only be used on doubles"),
    "b": (("int", "uint", "bool"), "only integers and bools can be formatted as binary"),
    "o": (("int", "uint"), "octal clause can only be used on integers"),
    **dict.fromkeys("xX", (("int", "uint", "string", "bytes"), "only integers, byte buffers, and strings can be formatted as hex")),
    "s": (
        _TEXT_KINDS,
        "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps",
    ),
}


def faults(node: Node, *, mixed: bool = False) -> Iterator[Issue]:
    """Yield what is wrong in a checked expression; `mixed`: its lists and maps may hold values of several types, as a format's do."""
    if isinstance(node, Call):
        yield from _of_call(node)
        mixed = mixed or node.function == "format"
    elif isinstance(node, ListNode) and not mixed:
        yield from _of_list(node)
    elif isinstance(node, MapNode) and not mixed:
        yield from _of_map(node)
    for child in node.children():
        yield from faults(child, mixed=mixed)


def _of_call(node: Call) -> Iterator[Issue]:
    judge = _JUDGES.get(node.function)
    argument = node.arguments[-1] if node.arguments else None
    if judge and isinstance(argument, Literal) and isinstance(argument.value, str) and not judge(argument.value):
        yield Issue(argument.offset, f"invalid {node.function} argument")
    if node.function == "format" and isinstance(node.target, Literal) and isinstance(argument, ListNode):
        fault = _of_format(node, str(node.target.value), argument.elements)
        if fault:
            yield fault


def _of_list(node: ListNode) -> Iterator[Issue]:
    first: Type | None = None
    for position, element in enumerate(node.elements):
        kind = unwrapped(element.type)[0] if position in node.optional else element.type
        if first is None:
            first = kind
        elif kind != first:
            yield _mismatch(element, first, kind)
            return


def _of_map(node: MapNode) -> Iterator[Issue]:
    first: tuple[Type, Type] | None = None
    for entry in node.entries:
        value = unwrapped(entry.value.type)[0] if entry.optional else entry.value.type
        if first is None:
            first = (entry.key.type, value)
            continue
        if entry.key.type != first[0]:
            yield _mismatch(entry.key, first[0], entry.key.type)
        if value != first[1]:
            yield _mismatch(entry.value, first[1], value)


def _mismatch(node: Node, expected: Type, found: Type) -> Issue:
    return Issue(node.offset, f"expected type '{expected}' but found '{found}'")


def _of_format(node: Call, template: str, arguments: Sequence[Node]) -> Issue | None:
    used = 0
    for match in CLAUSE.finditer(template):
        if match[1] == "%":
            continue
        if used >= len(arguments):
            return Issue(node.offset, f"index {used} out of range")
        verb = match[3] or ""
        if verb not in _FORMATS:
            return Issue(node.offset, f'could not parse formatting clause: unrecognized formatting clause "{verb}"')
        wanted, complaint = _FORMATS[verb]
        wrong = next(_unfit(arguments[used], wanted), None)
        if wrong is not None:
            return Issue(wrong.offset, f"error during formatting: {complaint}, was given {wrong.type.runtime_name}")
        used += 1
    if len(arguments) > used:
        return Issue(node.offset, f"too many arguments supplied to string.format (expected {used}, got {len(arguments)})")
    return None


def _unfit(node: Node, wanted: tuple[str, ...]) -> Iterator[Node]:
    if node.type.kind not in (*wanted, "dyn"):
        yield node
    elif wanted is _TEXT_KINDS and isinstance(node, (ListNode, MapNode)):
        for child in node.children():
            yield from _unfit(child, wanted)
