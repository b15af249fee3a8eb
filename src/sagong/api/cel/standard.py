"""CEL's standard functions and operators, and those of optional values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagong.api.cel import regexes, times
from sagong.api.cel.declarations import Functions
from sagong.api.cel.errors import EvaluationError
from sagong.api.cel.numbers import format_double
from sagong.api.cel.types import Type
from sagong.api.cel.values import (
    INT_MAX,
    INT_MIN,
    NONE,
    UINT_MAX,
    Duration,
    Host,
    MapList,
    Optional,
    SetList,
    Timestamp,
    UInt,
    compare,
    contains,
    equal,
    is_zero,
    lookup,
    no_such_overload,
    type_of_value,
)  # fmt: skip

STANDARD = Functions()


def _int(value: int) -> int:
    if not INT_MIN <= value <= INT_MAX:
        raise EvaluationError("integer overflow")
    return value


def _uint(value: int) -> UInt:
    if not 0 <= value <= UINT_MAX:
        raise EvaluationError("unsigned integer overflow")
    return UInt(value)


def _quotient(left: int, right: int) -> int:
    if right == 0:
        raise EvaluationError("division by zero")
    return abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)


def _remainder(left: int, right: int) -> int:
    if right == 0:
        raise EvaluationError("modulus by zero")
    if left == INT_MIN and right == -1:
        raise EvaluationError("integer overflow")
    return left - _quotient(left, right) * right


def _float_quotient(left: float, right: float) -> float:
    if right == 0:
        return float("nan") if left == 0 or left != left else float("inf") * (1 if (left > 0) == (str(right)[0] != "-") else -1)  # noqa: PLR0124
    return left / right


def concatenated(left: list[Any], right: list[Any]) -> list[Any]:
    """Return both lists as one; sets and lists by key merge."""
    return left.plus(right) if isinstance(left, (SetList, MapList)) else [*left, *right]


_ARITHMETIC: dict[str, dict[str, Callable[..., Any]]] = {
    "_+_": {
        "add_bytes (bytes, bytes) -> bytes": lambda a, b: a + b,
        "add_double (double, double) -> double": lambda a, b: a + b,
        "add_duration_duration (duration, duration) -> duration": lambda a, b: times.checked_duration(a.nanoseconds + b.nanoseconds),
        "add_duration_timestamp (duration, timestamp) -> timestamp": lambda a, b: times.checked_timestamp(a.nanoseconds + b.nanoseconds),
        "add_timestamp_duration (timestamp, duration) -> timestamp": lambda a, b: times.checked_timestamp(a.nanoseconds + b.nanoseconds),
        "add_int64 (int, int) -> int": lambda a, b: _int(a + b),
        "add_list (list(A), list(A)) -> list(A)": concatenated,
        "add_string (string, string) -> string": lambda a, b: a + b,
        "add_uint64 (uint, uint) -> uint": lambda a, b: _uint(int(a) + int(b)),
    },
    "_-_": {
        "subtract_double (double, double) -> double": lambda a, b: a - b,
        "subtract_duration_duration (duration, duration) -> duration": lambda a, b: times.checked_duration(a.nanoseconds - b.nanoseconds),
        "subtract_int64 (int, int) -> int": lambda a, b: _int(a - b),
        "subtract_timestamp_duration (timestamp, duration) -> timestamp": (
            lambda a, b: times.checked_timestamp(a.nanoseconds - b.nanoseconds)
        ),
        "subtract_timestamp_timestamp (timestamp, timestamp) -> duration": (
            lambda a, b: times.checked_duration(a.nanoseconds - b.nanoseconds)
        ),
        "subtract_uint64 (uint, uint) -> uint": lambda a, b: _uint(int(a) - int(b)),
    },
    "_*_": {
        "multiply_double (double, double) -> double": lambda a, b: a * b,
        "multiply_int64 (int, int) -> int": lambda a, b: _int(a * b),
        "multiply_uint64 (uint, uint) -> uint": lambda a, b: _uint(int(a) * int(b)),
    },
    "_/_": {
        "divide_double (double, double) -> double": _float_quotient,
        "divide_int64 (int, int) -> int": lambda a, b: _int(_quotient(a, b)),
        "divide_uint64 (uint, uint) -> uint": lambda a, b: UInt(_quotient(int(a), int(b))),
    },
    "_%_": {
        "modulo_int64 (int, int) -> int": _remainder,
        "modulo_uint64 (uint, uint) -> uint": lambda a, b: UInt(_remainder(int(a), int(b))),
    },
    "-_": {
        "negate_double (double) -> double": lambda a: -a,
        "negate_int64 (int) -> int": lambda a: _int(-a),
    },
}

_ORDER: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "_<_": ("less", lambda a, b: compare(a, b) < 0),
    "_<=_": ("less_equals", lambda a, b: compare(a, b) <= 0),
    "_>_": ("greater", lambda a, b: compare(a, b) > 0),
    "_>=_": ("greater_equals", lambda a, b: compare(a, b) >= 0),
}
_ORDERED = [("bool", "bool"), *((a, b) for a in ("int", "uint", "double") for b in ("int", "uint", "double"))]
_ORDERED += [(name, name) for name in ("string", "bytes", "timestamp", "duration")]
_IDS = {"int": "int64", "uint": "uint64"}


def index_list(items: list[Any], at: Any) -> Any:
    """Return the element at a whole number. Raises EvaluationError."""
    position = _position(at)
    if not 0 <= position < len(items):
        raise EvaluationError(f"index out of bounds: {position}")
    return items[position]


def _position(at: Any) -> int:
    if isinstance(at, bool) or not isinstance(at, (int, float)):
        raise EvaluationError(f"unsupported index type '{type_of_value(at).name}' in list")
    if not float(at).is_integer():
        raise EvaluationError(f"unsupported index value {at} in list")
    return int(at)


_MISSING: Any = object()


def index_map(mapping: Any, key: Any) -> Any:
    """Return the value of a key. Raises EvaluationError."""
    if isinstance(mapping, Host) and isinstance(key, str):
        return mapping.select(key)
    if not isinstance(mapping, dict):
        raise no_such_overload()
    found = lookup(mapping, key, _MISSING)
    if found is _MISSING:
        raise EvaluationError(f"no such key: {key}")
    return found


def optional_index(container: Any, key: Any) -> Optional:
    """Return the element or the value if there is one."""
    if isinstance(container, Optional):
        return optional_index(container.value, key) if container.present else NONE
    if isinstance(container, list):
        position = _position(key)
        return Optional(container[position], present=True) if 0 <= position < len(container) else NONE
    if not isinstance(container, dict):
        raise no_such_overload()
    found = lookup(container, key, _MISSING)
    return NONE if found is _MISSING else Optional(found, present=True)


def _to_bool(text: str) -> bool:
    if text in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if text in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise EvaluationError("type conversion error from 'string' to 'bool'")


def _plain(text: str) -> str:
    """Refuse what Python reads as a number and Go does not."""
    if text.strip() != text or "_" in text or not text.isascii():
        raise ValueError(text)
    return text


def _to_double(text: str) -> float:
    try:
        return float(_plain(text))
    except ValueError:
        raise EvaluationError("type conversion error from 'string' to 'double'") from None


def _whole(text: str, kind: str) -> int:
    try:
        return int(_plain(text))
    except ValueError:
        raise EvaluationError(f"type conversion error from 'string' to '{kind}'") from None


def _truncated(value: float) -> int:
    if value != value or not -9223372036854775808 < value < 9223372036854775808:  # noqa: PLR0124, PLR2004 - NaN, the range of int
        raise EvaluationError("integer overflow")
    return int(value)


def _truncated_unsigned(value: float) -> UInt:
    if value != value or not 0 <= value < 18446744073709551616:  # noqa: PLR0124, PLR2004 - NaN, the range of uint
        raise EvaluationError("unsigned integer overflow")
    return UInt(int(value))


def _to_duration(text: str) -> Duration:
    found = times.parse_duration(text)
    if found is None:
        raise EvaluationError("type conversion error from 'string' to 'google.protobuf.Duration'")
    return found


def _to_timestamp(text: str) -> Timestamp:
    found = times.parse_timestamp(text)
    if found is None:
        raise EvaluationError("type conversion error from 'string' to 'google.protobuf.Timestamp'")
    return found


def _to_text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise EvaluationError("invalid UTF-8 in bytes, cannot convert to string") from None


def _same(value: Any) -> Any:
    return value


_CONVERSIONS: dict[str, dict[str, Callable[..., Any]]] = {
    "bool": {"bool_to_bool (bool) -> bool": _same, "string_to_bool (string) -> bool": _to_bool},
    "bytes": {"bytes_to_bytes (bytes) -> bytes": _same, "string_to_bytes (string) -> bytes": str.encode},
    "double": {
        "double_to_double (double) -> double": _same,
        "int64_to_double (int) -> double": float,
        "string_to_double (string) -> double": _to_double,
        "uint64_to_double (uint) -> double": float,
    },
    "duration": {
        "duration_to_duration (duration) -> duration": _same,
        "int64_to_duration (int) -> duration": Duration,
        "string_to_duration (string) -> duration": _to_duration,
    },
    "dyn": {"to_dyn (A) -> dyn": _same},
    "int": {
        "int64_to_int64 (int) -> int": _same,
        "double_to_int64 (double) -> int": _truncated,
        "duration_to_int64 (duration) -> int": lambda a: a.nanoseconds,
        "string_to_int64 (string) -> int": lambda a: _int(_whole(a, "int")),
        "timestamp_to_int64 (timestamp) -> int": lambda a: a.nanoseconds // times.SECOND,
        "uint64_to_int64 (uint) -> int": lambda a: _int(int(a)),
    },
    "string": {
        "string_to_string (string) -> string": _same,
        "bool_to_string (bool) -> string": lambda a: "true" if a else "false",
        "bytes_to_string (bytes) -> string": _to_text,
        "double_to_string (double) -> string": format_double,
        "duration_to_string (duration) -> string": times.format_duration,
        "int64_to_string (int) -> string": str,
        "timestamp_to_string (timestamp) -> string": times.format_timestamp,
        "uint64_to_string (uint) -> string": lambda a: str(int(a)),
    },
    "timestamp": {
        "timestamp_to_timestamp (timestamp) -> timestamp": _same,
        "int64_to_timestamp (int) -> timestamp": lambda a: times.checked_timestamp(a * times.SECOND),
        "string_to_timestamp (string) -> timestamp": _to_timestamp,
    },
    "uint": {
        "uint64_to_uint64 (uint) -> uint": _same,
        "double_to_uint64 (double) -> uint": _truncated_unsigned,
        "int64_to_uint64 (int) -> uint": _uint,
        "string_to_uint64 (string) -> uint": lambda a: _uint(_whole(a, "uint")),
    },
}

_DATE_PARTS: dict[str, tuple[str, Callable[[Any], int]]] = {
    "getFullYear": ("timestamp_to_year", lambda d: int(d.year)),
    "getMonth": ("timestamp_to_month", lambda d: int(d.month) - 1),
    "getDayOfYear": ("timestamp_to_day_of_year", lambda d: int(d.timetuple().tm_yday) - 1),
    "getDayOfMonth": ("timestamp_to_day_of_month", lambda d: int(d.day) - 1),
    "getDate": ("timestamp_to_day_of_month_1_based", lambda d: int(d.day)),
    "getDayOfWeek": ("timestamp_to_day_of_week", lambda d: int(d.isoweekday()) % 7),
    "getHours": ("timestamp_to_hours", lambda d: int(d.hour)),
    "getMinutes": ("timestamp_to_minutes", lambda d: int(d.minute)),
    "getSeconds": ("timestamp_to_seconds_tz", lambda d: int(d.second)),
    "getMilliseconds": ("timestamp_to_milliseconds", lambda d: int(d.microsecond) // 1000),
}
_SPAN_PARTS = {"getHours": 3600 * times.SECOND, "getMinutes": 60 * times.SECOND, "getSeconds": times.SECOND, "getMilliseconds": 10**6}


def _or_none(items: list[Any], at: int) -> Optional:
    return Optional(items[at], present=True) if items else NONE


def _value(optional: Optional) -> Any:
    if not optional.present:
        raise EvaluationError("optional.none() dereference")
    return optional.value


def _unwrap(items: list[Any]) -> list[Any]:
    for item in items:
        if not isinstance(item, Optional):
            raise EvaluationError(f"value {item} is not optional")
    return [item.value for item in items if item.present]


def _insert(mapping: dict[Any, Any], key: Any, value: Any) -> dict[Any, Any]:
    if contains(mapping, key):
        raise EvaluationError(f"insert failed: key {key} already exists")
    return {**mapping, key: value}


def _insert_all(mapping: dict[Any, Any], more: dict[Any, Any]) -> dict[Any, Any]:
    for key in more:
        if contains(mapping, key):
            raise EvaluationError(f"insert failed: key {key} already exists")
    return {**mapping, **more}


def _unreachable(*_: Any) -> Any:
    raise no_such_overload()


def _declare() -> None:
    add = STANDARD.add
    for table in (_ARITHMETIC, _CONVERSIONS):
        for name, overloads in table.items():
            for signature, run in overloads.items():
                add(name, signature, run)
    for name, (prefix, run) in _ORDER.items():
        for left, right in _ORDERED:
            ids = f"{prefix}_{_IDS.get(left, left)}" + (f"_{_IDS.get(right, right)}" if left != right else "")
            add(name, f"{ids} ({left}, {right}) -> bool", run)
    # The evaluator has its own way with these; the signatures are for the checker.
    add("_?_:_", "conditional (bool, A, A) -> A", _unreachable)
    add("_&&_", "logical_and (bool, bool) -> bool", _unreachable)
    add("_||_", "logical_or (bool, bool) -> bool", _unreachable)
    add("@not_strictly_false", "not_strictly_false (bool) -> bool", _unreachable)
    add("or", "optional_or_optional optional(V).(optional(V)) -> optional(V)", _unreachable)
    add("orValue", "optional_orValue_value optional(V).(V) -> V", _unreachable)
    add("_?._", "select_optional_field (dyn, string) -> optional(V)", _unreachable)
    add("!_", "logical_not (bool) -> bool", lambda a: not a)
    add("_==_", "equals (A, A) -> bool", equal)
    add("_!=_", "not_equals (A, A) -> bool", lambda a, b: not equal(a, b))
    add("_[_]", "index_list (list(A), int) -> A", index_list)
    add("_[_]", "index_map (map(A, B), A) -> B", index_map)
    add("_[_]", "optional_list_index_int (optional(list(V)), int) -> optional(V)", optional_index)
    add("_[_]", "optional_map_index_value (optional(map(K, V)), K) -> optional(V)", optional_index)
    add("_[?_]", "list_optindex_optional_int (list(V), int) -> optional(V)", optional_index)
    add("_[?_]", "optional_list_optindex_optional_int (optional(list(V)), int) -> optional(V)", optional_index)
    add("_[?_]", "map_optindex_optional_value (map(K, V), K) -> optional(V)", optional_index)
    add("_[?_]", "optional_map_optindex_optional_value (optional(map(K, V)), K) -> optional(V)", optional_index)
    add("@in", "in_list (A, list(A)) -> bool", lambda a, b: contains(b, a))
    add("@in", "in_map (A, map(A, B)) -> bool", lambda a, b: contains(b, a))
    for kind, suffix in (("bytes", "bytes"), ("list(A)", "list"), ("map(A,B)", "map"), ("string", "string")):
        add("size", f"size_{suffix} ({kind}) -> int", len)
        add("size", f"{suffix}_size {kind}.() -> int", len)
    add("type", "type (A) -> type(A)", _type_of)
    add("contains", "contains_string string.(string) -> bool", lambda a, b: b in a)
    add("endsWith", "ends_with_string string.(string) -> bool", str.endswith)
    add("startsWith", "starts_with_string string.(string) -> bool", str.startswith)
    add("matches", "matches (string, string) -> bool", regexes.found)
    add("matches", "matches_string string.(string) -> bool", regexes.found)
    for name, (identifier, part) in _DATE_PARTS.items():
        add(name, f"{identifier} timestamp.() -> int", _date_part(part))
        add(name, f"{identifier}_with_tz timestamp.(string) -> int", _date_part(part))
    for name, unit in _SPAN_PARTS.items():
        add(name, f"duration_to_{name[3:].lower()} duration.() -> int", _span_part(unit, whole=name != "getMilliseconds"))
    add("optional.of", "optional_of (V) -> optional(V)", lambda a: Optional(a, present=True))
    add(
        "optional.ofNonZeroValue", "optional_ofNonZeroValue (V) -> optional(V)", lambda a: NONE if is_zero(a) else Optional(a, present=True)
    )
    add("optional.none", "optional_none () -> optional(V)", lambda: NONE)
    add("value", "optional_value optional(V).() -> V", _value)
    add("hasValue", "optional_hasValue optional(V).() -> bool", lambda a: a.present)
    add("first", "list_first list(V).() -> optional(V)", lambda a: _or_none(a, 0))
    add("last", "list_last list(V).() -> optional(V)", lambda a: _or_none(a, -1))
    add("optional.unwrap", "optional_unwrap (list(optional(V))) -> list(V)", _unwrap)
    add("unwrapOpt", "optional_unwrapOpt list(optional(V)).() -> list(V)", _unwrap)
    add("cel.@mapInsert", "@mapInsert_map_key_value (map(K, V), K, V) -> map(K, V)", _insert)
    add("cel.@mapInsert", "@mapInsert_map_map (map(K, V), map(K, V)) -> map(K, V)", _insert_all)


def _type_of(value: Any) -> Type:
    return type_of_value(value)


def _date_part(part: Callable[[Any], int]) -> Callable[..., int]:
    return lambda moment, zone="": part(times.in_zone(moment, zone))


def _span_part(unit: int, *, whole: bool) -> Callable[[Duration], int]:
    if whole:
        return lambda span: int(span.nanoseconds / unit)
    return lambda span: _quotient(span.nanoseconds, unit)


_declare()
