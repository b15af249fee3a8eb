"""JSONPath as Kubernetes has it (client-go's jsonpath), one expression without braces: `.spec.ports[?(@.name=="a")].port`.

A path is a list of steps; each takes the values found so far and yields what it finds in them. What is absent is no error.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

Step = Callable[[Sequence[Any]], Iterable[Any]]
_FIELD = re.compile(r"\.((?:\\.|[^\\\s.,\[\]$@{}])*)", re.DOTALL)
_DEEP = re.compile(r"\.\.((?:\\.|[^\\\s.,\[\]$@{}])*)", re.DOTALL)
_KEY = re.compile(r"^'([^']*)'$")
_SLICE = re.compile(r"^(-?\d*)(:-?\d*)?(:-?\d*)?$")
_COMPARISON = re.compile(r"^([^!<>=]+)([!<>=]+)(.+?)$")
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip


class JsonPathError(ValueError):
    """The path cannot be read, or cannot be followed in a value."""


class JsonPath:
    """A path ready for use."""

    def __init__(self, text: str) -> None:
        """Read a path. Raises JsonPathError."""
        self._steps = list(_steps(text))

    def find(self, value: Any) -> list[Any]:
        """Return what the path leads to. Raises JsonPathError where it cannot be followed."""
        return self.follow([value])

    def follow(self, values: Sequence[Any]) -> list[Any]:
        """Return what the path leads to from any of the values. Raises JsonPathError where it cannot be followed."""
        found = list(values)
        for step in self._steps:
            found = list(step(found))
        return found


def _steps(text: str) -> Iterator[Step]:
    position = 0
    while position < len(text):
        rest = text[position:]
        if rest[0] in " @$":
            position += 1
        elif match := _DEEP.match(rest):
            yield _deep
            if match[1]:
                yield _field_step(match[1])
            position += match.end()
        elif match := _FIELD.match(rest):
            yield _field_step(match[1])
            position += match.end()
        elif rest.startswith("[?("):
            end = _filter_end(rest)
            yield _filter_step(rest[3 : end - 2])
            position += end
        elif rest[0] == "[":
            end = rest.find("]")
            if end < 0:
                raise JsonPathError("unterminated array")
            yield _bracket_step(rest[1:end])
            position += end + 1
        else:
            raise JsonPathError(f"unrecognized character in action: U+{ord(rest[0]):04X} '{rest[0]}'")


def _field_step(written: str) -> Step:
    if written == "*":
        return _wildcard
    name = written.replace("\\", "")
    return lambda values: (value[name] for value in values if isinstance(value, dict) and name in value)


def _wildcard(values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, dict):
            yield from value.values()
        elif isinstance(value, list):
            yield from value


def _deep(values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        yield value
        yield from _deep([item for item in _wildcard([value]) if isinstance(item, dict | list)])


def _bracket_step(inside: str) -> Step:
    parts = [part.strip() for part in inside.split(",")]
    if len(parts) > 1:
        branches = [_bracket_step(part) for part in parts]
        return lambda values: [found for branch in branches for found in branch(values)]
    if match := _KEY.match(inside):
        inner = JsonPath(f".{match[1]}")  # as upstream reads it: a dot in a key divides it unless it is escaped
        return inner.follow
    match = _SLICE.match(":" if inside == "*" else inside)
    if match is None or not inside:
        raise JsonPathError(f"invalid array index {inside}")
    return _slice_step(*match.groups())


def _slice_step(first: str, second: str | None, third: str | None) -> Step:
    def cut(values: Sequence[Any]) -> Iterator[Any]:
        for value in values:
            if value is None:
                continue
            if not isinstance(value, list):
                raise JsonPathError(f"{value} is not array or slice")
            yield from _cut(value, first, second, third)

    return cut


def _cut(value: list[Any], first: str, second: str | None, third: str | None) -> list[Any]:
    size = len(value)
    start = int(first) if first not in ("", "-") else 0
    end = start + 1 if second is None else int(second[1:]) if second[1:] else size
    step = int(third[1:]) if third and third[1:] else 1
    derived = second is None
    start = start + size if start < 0 else start
    end = end + size if end < 0 or (end == 0 and derived) else end
    if end == start:
        return []
    if not 0 <= start < size:
        raise JsonPathError(f"array index out of bounds: index {start}, length {size}")
    if not 0 <= end <= size:
        raise JsonPathError(f"array index out of bounds: index {end - 1}, length {size}")
    if start > end:
        raise JsonPathError(f"starting index {start} is greater than ending index {end}")
    if step <= 0:
        raise JsonPathError("step must be > 0")
    return value[start:end:step]


def _filter_end(rest: str) -> int:
    quote = ""
    for index, character in enumerate(rest[3:], 3):
        if character in "\"'" and rest[index - 1] != "\\":
            quote = "" if quote == character else quote or character
        elif character == ")" and not quote:
            if rest[index + 1 : index + 2] != "]":
                raise JsonPathError("unclosed array expect ]")
            return index + 2
    raise JsonPathError("unterminated filter")


def _filter_step(condition: str) -> Step:
    match = _COMPARISON.match(condition)
    if match is None:
        path = JsonPath(condition)
        return lambda values: (item for item in _items(values) if path.find(item))
    left, compare, right = _operand(match[1]), _OPERATORS.get(match[2]), _operand(match[3])
    if compare is None:
        raise JsonPathError(f"unrecognized filter operator {match[2]}")

    def keep(item: Any) -> bool:
        before, after = left(item), right(item)
        if len(before) > 1 or len(after) > 1:
            raise JsonPathError("can only compare one element at a time")
        if not before or not after:
            return False
        try:
            return compare(before[0], after[0])
        except TypeError as error:
            raise JsonPathError("incompatible types for comparison") from error

    return lambda values: (item for item in _items(values) if keep(item))


def _items(values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        if not isinstance(value, list):
            raise JsonPathError(f"{value} is not array or slice and cannot be filtered")
        yield from value


def _operand(written: str) -> Callable[[Any], list[Any]]:
    text = written.strip()
    literal: Any = None
    if text[:1] in ("'", '"') and text[-1:] == text[:1] and len(text) > 1:
        literal = re.sub(r"\\(.)", r"\1", text[1:-1])
    elif text in ("true", "false"):
        literal = text == "true"
    elif re.fullmatch(r"[-+]?\d+(\.\d+)?", text):
        literal = float(text) if "." in text else int(text)
    if literal is not None:
        return lambda _: [literal]
    path = JsonPath(text)
    return path.find
