"""The values of CEL. Most are Python's own: bool, int, float, str, bytes, None, list, dict; the rest are here.

What a plain JSON document decodes to is therefore already a value. An int is a CEL int; `UInt` marks the unsigned ones.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from sagong.api.cel.errors import EvaluationError
from sagong.api.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    NULL,
    STRING,
    TIMESTAMP,
    TYPE,
    UINT,
    Type,
    list_of,
    map_of,
    optional_of,
    struct,
)  # fmt: skip

INT_MIN, INT_MAX, UINT_MAX = -(2**63), 2**63 - 1, 2**64 - 1


class UInt(int):
    """An unsigned number."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A span in nanoseconds."""

    nanoseconds: int


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """Nanoseconds since 1970 in UTC."""

    nanoseconds: int


@dataclass(frozen=True, slots=True, eq=False)
class Optional:
    """A value that may be absent."""

    value: Any = None
    present: bool = False


NONE = Optional()


class Host:
    """A value of a library, or one that its maker evaluates field by field."""

    __slots__ = ()
    cel_type: ClassVar[Type] = DYN

    def select(self, field: str) -> Any:
        """Return a field. Raises EvaluationError."""
        raise EvaluationError(f"no such key: {field}")

    def has(self, field: str) -> bool:
        """Say whether the field is there."""
        del field
        return False

    def equals(self, other: Any) -> bool:
        """Say whether both are the same value."""
        return bool(self == other)


class Struct(dict[str, Any]):
    """An object that an expression made: `Object.spec{replicas: 1}`; `name` is its type's."""

    __slots__ = ("name",)

    def __init__(self, name: str, fields: dict[str, Any]) -> None:
        super().__init__(fields)
        self.name = name


class SetList(list[Any]):
    """A list whose order means nothing (x-kubernetes-list-type: set)."""

    __slots__ = ()

    def equals(self, other: Any) -> bool:
        """Compare as sets."""
        return isinstance(other, list) and len(self) == len(other) and all(contains(other, item) for item in self)

    def plus(self, other: list[Any]) -> list[Any]:
        """Return the union, the left in order, then what is new."""
        return SetList([*self, *(item for item in other if not contains(self, item))])


class MapList(list[Any]):
    """A list of objects known by their keys (x-kubernetes-list-type: map)."""

    __slots__ = ("keys",)

    def __init__(self, items: list[Any], keys: tuple[str, ...]) -> None:
        super().__init__(items)
        self.keys = keys

    def _by_key(self, items: list[Any]) -> dict[str, Any]:
        return {repr([item.get(key) if isinstance(item, dict) else None for key in self.keys]): item for item in items}

    def equals(self, other: Any) -> bool:
        """Compare item by item of the same keys."""
        if not isinstance(other, list) or len(self) != len(other):
            return False
        mine, theirs = self._by_key(self), self._by_key(other)
        return len(mine) == len(theirs) and all(key in theirs and equal(item, theirs[key]) for key, item in mine.items())

    def plus(self, other: list[Any]) -> list[Any]:
        """Return the items, those of `other` in the place of mine with the same keys, new ones at the end."""
        return MapList(list((self._by_key(self) | self._by_key(other)).values()), self.keys)


_SCALARS = frozenset({int, str, bool, float, bytes, UInt, type(None), Duration, Timestamp, Type})
_NUMBERS = frozenset({int, float, UInt})


def equal(left: Any, right: Any) -> bool:
    """Compare as `==` does: numbers across their types, everything else only within its own."""
    kind, other = type(left), type(right)
    if (kind is other and kind in _SCALARS) or (kind in _NUMBERS and other in _NUMBERS):
        return bool(left == right)
    if isinstance(left, (SetList, MapList, Host)):
        return left.equals(right)
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict):
        return isinstance(right, dict) and len(left) == len(right) and all(k in right and equal(v, right[k]) for k, v in left.items())
    if isinstance(left, Optional):
        return isinstance(right, Optional) and left.present == right.present and (not left.present or equal(left.value, right.value))
    return False


def contains(items: Any, value: Any) -> bool:
    """Say whether a list holds the value, or a map the key."""
    if isinstance(items, dict):
        return lookup(items, value) is not _ABSENT
    if type(value) is str:
        return value in items
    return any(equal(item, value) for item in items)


_ABSENT: Any = object()


def lookup(mapping: dict[Any, Any], key: Any, absent: Any = _ABSENT) -> Any:
    """Return the value of a key; a number finds an equal number, true is not 1."""
    try:
        found = mapping.get(key, absent)
    except TypeError:
        return absent
    if found is not absent and type(key) in (bool, int, float, UInt):
        wanted = type(key) is bool
        if not any(k == key and (type(k) is bool) == wanted for k in mapping):
            return absent
    return found


def compare(left: Any, right: Any) -> int:
    """Return -1, 0 or 1. Raises EvaluationError for what has no order."""
    kind, other = type(left), type(right)
    if kind in _NUMBERS and other in _NUMBERS:
        if left != left or right != right:  # noqa: PLR0124 - NaN alone differs from itself
            raise EvaluationError("NaN values cannot be ordered")
        if kind is float or other is float:
            left, right = float(left), float(right)
    elif kind is not other or kind not in (str, bool, bytes, Duration, Timestamp):
        raise no_such_overload()
    return -1 if left < right else int(left > right)


def no_such_overload() -> EvaluationError:
    """Return the error of an operation on values of the wrong types."""
    return EvaluationError("no such overload")


_TYPES: dict[type, Type] = {
    bool: BOOL, int: INT, UInt: UINT, float: DOUBLE, str: STRING, bytes: BYTES, type(None): NULL, Duration: DURATION, Timestamp: TIMESTAMP,
    list: list_of(DYN), SetList: list_of(DYN), MapList: list_of(DYN), dict: map_of(DYN, DYN), Optional: optional_of(DYN), Type: TYPE,
}  # fmt: skip


def type_of_value(value: Any) -> Type:
    """Return the type of a value, without looking inside containers."""
    found = _TYPES.get(type(value))
    if found is None and isinstance(value, Struct):
        found = struct(value.name)
    if found is None:
        found = value.cel_type if isinstance(value, Host) else DYN
    return found


def is_a(value: Any, wanted: Type) -> bool:
    """Say whether a value may stand where an overload wants that type."""
    if wanted.kind in ("dyn", "param"):
        return True
    found = type_of_value(value)
    if wanted.kind in ("struct", "opaque"):
        return found.name == wanted.name or found.kind == "dyn"
    return found.kind == wanted.kind


def size(value: Any) -> int:
    """Return the size as cost is reckoned: of strings, bytes, lists and maps; one for all else."""
    if isinstance(value, (str, bytes, list, dict)):
        return len(value)
    if isinstance(value, Optional) and value.present:
        return size(value.value)
    sized: Callable[[], int] | None = getattr(value, "cel_size", None)
    return sized() if sized else 1


def is_zero(value: Any) -> bool:
    """Say whether it is the empty value of its type."""
    if isinstance(value, (Duration, Timestamp)):
        return value.nanoseconds == 0
    if isinstance(value, Optional):
        return not value.present
    return value is None or (not isinstance(value, (Type, Host)) and not value)


def to_json(value: Any) -> Any:
    """Return the value as a JSON document has it. Raises EvaluationError for what has no place in one."""
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if value is None or isinstance(value, (bool, float, str)):
        return value
    writer = _WRITERS.get(type(value)) or getattr(type(value), "to_json", None)
    if writer is None:
        raise EvaluationError(f"unsupported conversion from '{type_of_value(value)}' to JSON")
    return writer(value)


def _write_timestamp(value: Timestamp) -> str:
    from sagong.api.cel import times  # noqa: PLC0415 - it imports this module

    return times.format_timestamp(value)


def _write_duration(value: Duration) -> str:
    from sagong.api.cel import times  # noqa: PLC0415 - it imports this module

    return times.format_duration(value)


_WRITERS: dict[type, Callable[[Any], Any]] = {
    int: int,
    UInt: int,
    bytes: lambda value: base64.b64encode(value).decode(),
    Timestamp: _write_timestamp,
    Duration: _write_duration,
}


def display(value: Any) -> str:
    """Return the value as messages show it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
