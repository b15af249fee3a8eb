"""`"%s has %d".format([a, b])`: %s, %d, %f, %e, %b, %o, %x and %X."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from sagong.api.cel import times
from sagong.api.cel.errors import CostExceeded, EvaluationError
from sagong.api.cel.numbers import format_double
from sagong.api.cel.types import Type
from sagong.api.cel.values import Duration, Host, Timestamp, UInt, type_of_value
from sagong.api.field_errors import quote

CLAUSE = re.compile(r"%(%|(?:\.([0-9]*))?(.)?)", re.DOTALL)
_DIGITS = 6
_LONGEST_PRECISION = 4


def formatted(template: str, arguments: list[Any]) -> str:
    """Fill in the clauses, one argument each. Raises EvaluationError."""
    at = 0

    def fill(match: re.Match[str]) -> str:
        nonlocal at
        if match[1] == "%":
            return "%"
        if at >= len(arguments):
            raise EvaluationError(f"index {at} out of range")
        verb, precision = match[3] or "", match[2]
        if verb not in _VERBS:
            raise EvaluationError(f'could not parse formatting clause: unrecognized formatting clause "{verb}"')
        argument = arguments[at]
        at += 1
        if precision and len(precision) > _LONGEST_PRECISION:
            raise CostExceeded
        try:
            return _VERBS[verb](argument, _DIGITS if not precision else int(precision))
        except EvaluationError as error:
            raise EvaluationError(f"error during formatting: {error}") from None

    return CLAUSE.sub(fill, template)


def _name(value: Any) -> str:
    return type_of_value(value).runtime_name


def _text(value: Any, _: int = 0) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(sorted(f"{_literal(key)}:{_literal(item)}" for key, item in value.items())) + "}"
    writer = _TEXTS.get(type(value)) or (str if isinstance(value, Host) else None)
    if writer is None:
        raise EvaluationError(
            "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, "
            f"and timestamps, was given {_name(value)}"
        )
    return writer(value)


def _literal(value: Any) -> str:
    """Return the value as it stands in a list or map: near enough to how an expression would write it."""
    text = f"{value:.{_DIGITS}f}" if type(value) is float and math.isfinite(value) else _text(value)
    kind = type(value)
    if kind is str or (kind is float and not math.isfinite(value)):
        return quote(text)
    return _LITERALS[kind](quote(text)) if kind in _LITERALS else text


_LITERALS: dict[type, Callable[[str], str]] = {
    bytes: lambda quoted: f"b{quoted}",
    Timestamp: lambda quoted: f"timestamp({quoted})",
    Duration: lambda quoted: f"duration({quoted})",
}
_TEXTS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "null",
    bool: lambda value: "true" if value else "false",
    str: str,
    int: str,
    UInt: lambda value: str(int(value)),
    float: format_double,
    bytes: lambda value: value.decode("utf-8", "replace"),
    Timestamp: times.format_timestamp,
    Duration: times.format_duration,
    Type: lambda value: value.runtime_name,
}


def _decimal(value: Any, _: int) -> str:
    if isinstance(value, bool) or not isinstance(value, int):
        raise EvaluationError(f"decimal clause can only be used on integers, was given {_name(value)}")
    return str(int(value))


def _number(value: Any, clause: str) -> float:
    if value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    if not isinstance(value, float):
        raise EvaluationError(f"{clause} clause can only be used on doubles, was given {_name(value)}")
    return value


def _fixed(value: Any, precision: int) -> str:
    """Write as in English: groups of three."""
    number = _number(value, "fixed-point")
    return f"{number:,.{precision}f}" if math.isfinite(number) else _infinite(number)


def _scientific(value: Any, precision: int) -> str:
    """Write as in English: a mantissa, a cross, a power of ten."""
    number = _number(value, "scientific")
    if not math.isfinite(number):
        return _infinite(number)
    mantissa, _, exponent = f"{number:.{precision}e}".partition("e")
    return f"{mantissa}\u202f\u00d7\u202f10{exponent.removeprefix('+').translate(_SUPERSCRIPT)}"


_SUPERSCRIPT = str.maketrans("0123456789-", "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207b")


def _infinite(number: float) -> str:
    return "NaN" if math.isnan(number) else "\u221e" if number > 0 else "-\u221e"


def _binary(value: Any, _: int) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return f"{int(value):b}"
    raise EvaluationError(f"only integers and bools can be formatted as binary, was given {_name(value)}")


def _octal(value: Any, _: int) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{int(value):o}"
    raise EvaluationError(f"octal clause can only be used on integers, was given {_name(value)}")


def _hex(value: Any, _: int) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{int(value):x}"
    if isinstance(value, (str, bytes)):
        return (value.encode() if isinstance(value, str) else value).hex()
    raise EvaluationError(f"only integers, byte buffers, and strings can be formatted as hex, was given {_name(value)}")


_VERBS: dict[str, Callable[[Any, int], str]] = {
    "s": _text,
    "d": _decimal,
    "f": _fixed,
    "e": _scientific,
    "b": _binary,
    "o": _octal,
    "x": _hex,
    "X": lambda value, precision: _hex(value, precision).upper(),
}
