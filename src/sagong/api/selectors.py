"""Label selectors, as text (`a=b,c in (d,e),!f`) and as metav1.LabelSelector, and field selectors (`status.phase!=Running`)."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sagong.api import names
from sagong.api.field_errors import Errors, text
from sagong.api.short_cache import cached_when_short
from sagong.api.types.meta import LabelSelector

_OPERATORS = ("in", "notin", "=", "==", "!=", "gt", "lt", "exists", "!")
_SYMBOLS = {">": "gt", "<": "lt"}
_FROM_API = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}
_EQUALITY, _SETS, _EXISTENCE, _ORDER = ("=", "==", "!="), ("in", "notin"), ("exists", "!"), ("gt", "lt")
_INT64 = 2**63


class SelectorError(ValueError):
    """The selector cannot be understood; the message is upstream's."""


class Requirement(NamedTuple):
    """One condition on one label. `operator` is in, notin, =, ==, !=, gt, lt, exists or `!`."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether the labels meet the condition; notin and != hold where the label is absent."""
        return _MATCHERS[self.operator](self.values, labels.get(self.key))

    def __str__(self) -> str:
        joined = ",".join(sorted(self.values))
        if self.operator in _EXISTENCE:
            return f"!{self.key}" if self.operator == "!" else self.key
        if self.operator in _SETS:
            return f"{self.key} {self.operator} ({joined})"
        return f"{self.key}{ {'gt': '>', 'lt': '<'}.get(self.operator, self.operator) }{joined}"


def _ordered(greater: bool) -> Callable[[tuple[str, ...], str | None], bool]:  # noqa: FBT001 # one of two directions
    def matcher(values: tuple[str, ...], actual: str | None) -> bool:
        left, right = _int64(actual or ""), _int64(values[0]) if len(values) == 1 else None
        if left is None or right is None:
            return False
        return left > right if greater else left < right

    return matcher


_MATCHERS: dict[str, Callable[[tuple[str, ...], str | None], bool]] = {
    "in": lambda values, actual: actual in values,
    "=": lambda values, actual: actual in values,
    "==": lambda values, actual: actual in values,
    "notin": lambda values, actual: actual not in values,
    "!=": lambda values, actual: actual not in values,
    "exists": lambda _, actual: actual is not None,
    "!": lambda _, actual: actual is None,
    "gt": _ordered(greater=True),
    "lt": _ordered(greater=False),
}


def _int64(number: str) -> int | None:
    if not re.fullmatch(r"[+-]?[0-9]+", number, re.ASCII):
        return None
    parsed = int(number)
    return parsed if -_INT64 <= parsed < _INT64 else None


class Selector:
    """Requirements that must all hold. `nothing` matches no labels at all, whatever the requirements."""

    __slots__ = ("_equal", "_rest", "nothing", "requirements")

    def __init__(self, requirements: Iterable[Requirement] = (), *, nothing: bool = False) -> None:
        self.requirements = tuple(sorted(requirements, key=lambda requirement: requirement.key))
        self.nothing = nothing
        self._equal = tuple((r.key, r.values[0]) for r in self.requirements if len(r.values) == 1 and r.operator in ("=", "==", "in"))
        self._rest = tuple(r for r in self.requirements if not (len(r.values) == 1 and r.operator in ("=", "==", "in")))

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether the labels meet every requirement."""
        if self.nothing:
            return False
        for key, value in self._equal:
            if labels.get(key) != value:
                return False
        return all(requirement.matches(labels) for requirement in self._rest) if self._rest else True

    @property
    def empty(self) -> bool:
        """True when everything matches."""
        return not self.requirements and not self.nothing

    @property
    def demanded(self) -> tuple[str, str] | None:
        """A label, by key and value, that all that matches has; None when there is no such one. Of several, the last by key."""
        return self._equal[-1] if self._equal and not self.nothing else None

    def exact(self, key: str) -> str | None:
        """Return the one value that the selector demands of a label, if it does."""
        return next((value for name, value in self._equal if name == key), None)

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))

    def __repr__(self) -> str:
        return "Selector(nothing)" if self.nothing else f"Selector({self})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Selector) and (self.requirements, self.nothing) == (other.requirements, other.nothing)

    def __hash__(self) -> int:
        return hash((self.requirements, self.nothing))


EVERYTHING = Selector()
NOTHING = Selector(nothing=True)


def requirement_errors(errors: Errors, path: str, key: str, operator: str, values: Sequence[str]) -> None:
    """Check one requirement; `path` ends in a dot or is empty."""
    errors.each(f"{path}key", key, ["; ".join(names.qualified_name(key))] if names.qualified_name(key) else [])
    at = f"{path}values"
    if operator in _SETS and not values:
        errors.invalid(at, list(values), "for 'in', 'notin' operators, values set can't be empty")
    elif operator in _EQUALITY and len(values) != 1:
        errors.invalid(at, list(values), "exact-match compatibility requires one single value")
    elif operator in _EXISTENCE and values:
        errors.invalid(at, list(values), "values set must be empty for exists and does not exist")
    elif operator in _ORDER:
        _order_errors(errors, at, values)
    elif operator not in _OPERATORS:
        errors.not_supported(f"{path}operator", operator, _OPERATORS)
    for i, value in enumerate(values):
        if complaints := names.label_value(value):
            errors.invalid(f"{at}[{i}][{key}]", value, "; ".join(complaints))


def _order_errors(errors: Errors, path: str, values: Sequence[str]) -> None:
    if len(values) != 1:
        errors.invalid(path, list(values), "for 'Gt', 'Lt' operators, exactly one value is required")
    for i, value in enumerate(values):
        if _int64(value) is None:
            errors.invalid(f"{path}[{i}]", value, "for 'Gt', 'Lt' operators, the value must be an integer")


def requirement(key: str, operator: str, values: Sequence[str] = ()) -> Requirement:
    """Return a checked requirement. Raises SelectorError."""
    errors = Errors()
    requirement_errors(errors, "", key, operator, values)
    if errors:
        raise SelectorError(text(errors))
    return Requirement(key, operator, tuple(values))


@cached_when_short(2048)
def parse(selector: str) -> Selector:
    """Parse a label selector's text. Raises SelectorError with upstream's message."""
    return Selector(_Parser(selector).requirements()) if selector else EVERYTHING


def from_labels(labels: Mapping[str, str]) -> Selector:
    """Return the selector that demands exactly these labels, unchecked; no labels match everything."""
    return Selector(Requirement(key, "=", (value,)) for key, value in labels.items()) if labels else EVERYTHING


def from_label_selector(selector: LabelSelector | None) -> Selector:
    """Return the selector of a metav1.LabelSelector: None matches nothing, an empty one everything. Raises SelectorError."""
    if selector is None:
        return NOTHING
    if not selector.matchLabels and not selector.matchExpressions:
        return EVERYTHING
    if not selector.matchExpressions:
        return _demanding(tuple(selector.matchLabels.items()))
    found = [requirement(key, "=", (value,)) for key, value in selector.matchLabels.items()]
    for expression in selector.matchExpressions:
        if expression.operator not in _FROM_API:
            raise SelectorError(f'"{expression.operator}" is not a valid label selector operator')
        found.append(requirement(expression.key, _FROM_API[expression.operator], expression.values))
    return Selector(found)


@functools.lru_cache(maxsize=2048)
def _demanding(labels: tuple[tuple[str, str], ...]) -> Selector:
    """Return the selector that demands these labels. Loops ask for it with each change of each pod, so it is made once."""
    return Selector(requirement(key, "=", (value,)) for key, value in labels)


class _Parser:
    """Recursive descent over tokens; `in` and `notin` are words like any other outside an operator's place."""

    _TOKEN = re.compile(r"[ \t\r\n]*(==|!=|[=!(),<>]|[^=!(),<> \t\r\n]+)")

    def __init__(self, source: str) -> None:
        self._tokens = [match.group(1) for match in self._TOKEN.finditer(source)] + [""]
        self._at = 0

    def _peek(self) -> str:
        return self._tokens[self._at]

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def requirements(self) -> Iterator[Requirement]:
        while word := self._peek():
            if not _is_word(word) and word != "!":
                raise SelectorError(f"found '{word}', expected: !, identifier, or 'end of string'")
            try:
                yield self._requirement()
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from error
            if not (after := self._take()):
                return
            if after != ",":
                raise SelectorError(f"found '{after}', expected: ',' or 'end of string'")
            if not _is_word(self._peek()) and self._peek() != "!":
                raise SelectorError(f"found '{self._peek()}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        key = self._take()
        absent = key == "!"
        if absent:
            key = self._take()
        if not _is_word(key):
            raise SelectorError(f"found '{key}', expected: identifier")
        if complaints := names.qualified_name(key):
            errors = Errors()
            errors.invalid("<nil>", key, "; ".join(complaints))
            raise SelectorError(text(errors))
        if absent or self._peek() in ("", ","):
            return requirement(key, "!" if absent else "exists")
        operator = self._take()
        if operator in _SETS:
            return requirement(key, operator, sorted(self._values()))
        if operator in (*_EQUALITY, *_SYMBOLS):
            return requirement(key, _SYMBOLS.get(operator, operator), (self._value(),))
        raise SelectorError(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")

    def _value(self) -> str:
        if self._peek() in ("", ","):
            return ""
        word = self._take()
        if not _is_word(word):
            raise SelectorError(f"found '{word}', expected: identifier")
        return word

    def _values(self) -> set[str]:
        if (word := self._take()) != "(":
            raise SelectorError(f"found '{word}' expected: '('")
        if self._peek() == ")":
            self._take()
            return {""}
        if not _is_word(self._peek()) and self._peek() != ",":
            raise SelectorError(f"found '{self._peek()}', expected: ',', ')' or identifier")
        values: set[str] = set()
        while (word := self._take()) != ")":
            after = self._peek()
            if word == ",":
                values |= {""} if not values or after in (",", ")") else set()
            elif not _is_word(word):
                raise SelectorError(f"found '{word}', expected: ',', or identifier")
            else:
                values.add(word)
                if after not in (",", ")"):
                    raise SelectorError(f"found '{after}', expected: ',' or ')'")
        return values


def _is_word(word: str) -> bool:
    return word != "" and word[0] not in "=!(),<>"
