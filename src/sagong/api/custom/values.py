"""Validation of values against a schema (OpenAPI v3 as definitions of resources may use it), in upstream's words.

A value that did not change since the stored object may go on breaking its schema (ratcheting): `pair` carries the old value along.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from sagong.api.custom.correlate import Pair
from sagong.api.custom.formats import conforms, supported
from sagong.api.custom.patterns import complaint
from sagong.api.custom.schema import Schema
from sagong.api.field_errors import Errors, show

WHOLE = "<nil>"  # where what is wrong with an object as a whole is said to be
_RANGES = {"int32": 2**31, "int64": 2**63}
_FLOAT_MAX = 3.4028234663852886e38
_LARGE = 1e21
_encode = msgspec.json.Encoder().encode
Json = Mapping[str, Any]
Add = Callable[[Errors, str], None]


class _Problem(NamedTuple):
    """One error: its text, which tells it from others, where it is (None: nowhere in particular), and how it is added."""

    text: str
    at: str | None
    add: Add


class _Result:
    """The outcome for one value: errors, and how many checks were made (alternatives are compared by that)."""

    __slots__ = ("matched", "problems")

    def __init__(self) -> None:
        self.problems: dict[str, _Problem] = {}
        self.matched = 0

    def merge(self, other: _Result) -> None:
        self.matched += other.matched
        for text, problem in other.problems.items():
            self.problems.setdefault(text, problem)

    def add(self, text: str, at: str | None, add: Add) -> None:
        self.problems.setdefault(text, _Problem(text, at, add))

    def invalid(self, path: str, value: Any, text: str) -> None:
        self.add(text, path, lambda errors, at: errors.invalid(at, value, text))

    def wrong_type(self, path: str, wanted: str, found: str) -> None:
        text = f"{path} in body must be of type {wanted}: {show(found)}"
        self.add(text, path, lambda errors, at: errors.type_invalid(at, found, text))

    def plain(self, text: str) -> None:
        self.add(text, None, lambda errors, at: errors.invalid(at, "", text))


def check_values(errors: Errors, value: Any, schema: Schema, *, path: str = "", pair: Pair | None = None) -> None:
    """Add what is wrong with a value; `path` is where it stands, "" for the whole object."""
    result = _validate(value, schema.source, "", pair)
    for problem in result.problems.values():
        below = (problem.at or "").removeprefix(".")
        somewhere = f"{path}.{below}" if path else below
        problem.add(errors, somewhere if problem.at is not None and below else path or WHOLE)


def _validate(value: Any, schema: Json, path: str, pair: Pair | None) -> _Result:
    result = _checked(value, schema, path, pair)
    if result.problems and pair is not None and pair.same:
        result.problems = {}
    return result


def _checked(value: Any, schema: Json, path: str, pair: Pair | None) -> _Result:
    result = _Result()
    kinds = _kinds(schema)
    form = supported(schema["format"], kinds[0] if len(kinds) == 1 else "") if schema.get("format") else ""
    if value is None:
        if kinds and not schema.get("nullable"):
            result.wrong_type(path, ",".join(kinds), "null")
        _enum(result, value, schema, path)
        return result
    if (kinds or form) and _type(result, value, kinds, form, path):
        result.matched += 1
    _alternatives(result, value, schema, path, pair)
    if isinstance(value, str):
        _string(result, value, schema, path)
        if form and form.replace("-", "") not in ("int32", "int64", "float", "double"):
            if not conforms(value, form):
                result.wrong_type(path, form, value)
            result.matched += 1
    elif isinstance(value, int | float) and not isinstance(value, bool):
        _number_range(result, value, path, kinds, form)
        _number(result, value, schema, path)
    elif isinstance(value, list):
        _array(result, value, schema, path, pair)
    _enum(result, value, schema, path)
    if isinstance(value, dict):
        _object(result, value, schema, path, pair)
    result.matched += 4
    return result


def _kinds(schema: Json) -> tuple[str, ...]:
    if schema.get("x-kubernetes-int-or-string"):
        return ("integer", "string")
    kind = schema.get("type")
    return (kind,) if kind else ()


def _type_of(value: Any) -> tuple[str, str]:
    """Return the type of a value and its format."""
    if isinstance(value, bool):
        return "boolean", ""
    if isinstance(value, int):
        return "integer", "int64"
    if isinstance(value, float):
        return "number", "double"
    return ("string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"), ""


def _type(result: _Result, value: Any, kinds: tuple[str, ...], form: str, path: str) -> bool:
    kind, own = _type_of(value)
    whole = isinstance(value, float) and value.is_integer() and "integer" in kinds
    counts = kind == "integer" and "number" in kinds
    textual = kind in ("string", "array")
    if not textual and form and not (kind in kinds or own == form or whole or counts):
        result.wrong_type(path, form, own)
    elif textual and form and not ({"number", "integer"} & set(kinds)):
        return True
    elif not (kind in kinds or whole or counts):
        result.wrong_type(path, ",".join(kinds), kind)
    else:
        return True
    return False


def _alternatives(result: _Result, value: Any, schema: Json, path: str, pair: Pair | None) -> None:
    """Check anyOf, oneOf, allOf and not."""
    if any_of := schema.get("anyOf"):
        best: _Result | None = None
        for found in (_validate(value, part, path, pair) for part in any_of):
            if not found.problems:
                best = found
                break
            best = found if best is None or found.matched > best.matched else best
        assert best is not None
        if best.problems:
            result.plain(f"{show(path)} must validate at least one schema (anyOf)")
        result.merge(best)
    if one_of := schema.get("oneOf"):
        _one_of(result, [_validate(value, part, path, pair) for part in one_of], path)
    if all_of := schema.get("allOf"):
        valid = 0
        for found in (_validate(value, part, path, pair) for part in all_of):
            valid += not found.problems
            result.merge(found)
        if valid != len(all_of):
            result.plain(f"{show(path)} must validate all the schemas (allOf){'' if valid else '. None validated'}")
    if schema.get("not") is not None and not _validate(value, schema["not"], path, pair).problems:
        result.plain(f"{show(path)} must not validate the schema (not)")
    result.matched += 1


def _one_of(result: _Result, found: list[_Result], path: str) -> None:
    valid = [one for one in found if not one.problems]
    if len(valid) == 1:
        result.merge(valid[0])
        return
    said = f"Found {len(valid)} valid alternatives" if valid else "Found none valid"
    result.plain(f"{show(path)} must validate one and only one schema (oneOf). {said}")
    if not valid:
        result.merge(max(found, key=lambda one: one.matched))


def _string(result: _Result, value: str, schema: Json, path: str) -> None:
    longest, shortest, pattern = schema.get("maxLength"), schema.get("minLength"), schema.get("pattern")
    if longest is not None and len(value) > longest:
        result.add(f"{path} too long", path, lambda errors, at: errors.too_long(at, longest))
    elif shortest is not None and len(value) < shortest:
        result.invalid(path, value, f"{path} in body should be at least {shortest} chars long")
    elif pattern and (shown := complaint(pattern, value)):
        result.invalid(path, value, f"{path} in body should match '{shown}'")
    result.matched += 1


def _number_range(result: _Result, value: float, path: str, kinds: tuple[str, ...], form: str) -> None:
    """Check that a number fits its type."""
    form = form if len(kinds) == 1 else ""
    if (form == "int32" and not -_RANGES[form] <= value < _RANGES[form]) or (kinds == ("integer",) and not -(2**63) <= value < 2**63):
        shown = f"with format {form}" if form else "(default format)"
        result.plain(f"Checked value must be of type integer {shown} in {path}")
    elif form == "float" and abs(value) > _FLOAT_MAX:
        result.plain(f"Checked value must be of type number with format float in {path}")


_BOUNDS: tuple[tuple[str, str, Callable[[float, float], bool]], ...] = (
    ("maximum", "less than", operator.gt),
    ("minimum", "greater than", operator.lt),
)


def _number(result: _Result, value: float, schema: Json, path: str) -> None:
    whole = isinstance(value, int)
    if (factor := schema.get("multipleOf")) is not None and not _is_multiple(value, factor):
        result.invalid(path, value, f"{path} in body should be a multiple of {go_number(int(factor) if whole else factor)}")
    for name, words, beyond in _BOUNDS:
        bound, exclusive = schema.get(name), bool(schema.get(f"exclusive{name.capitalize()}"))
        if bound is None:
            continue
        bound = math.trunc(bound) if whole else bound
        if beyond(value, bound) or (exclusive and value == bound):
            allowed = words if exclusive else f"{words} or equal to"
            result.invalid(path, value, f"{path} in body should be {allowed} {go_number(bound)}")
    result.matched += 1


def _is_multiple(value: float, factor: float) -> bool:
    if isinstance(value, int):
        return int(factor) > 0 and value % int(factor) == 0
    return factor > 0 and (1 / factor * value if factor < 1 else value / factor).is_integer()


def go_number(value: float) -> str:
    """Write a number as Go's %v does."""
    if isinstance(value, int):
        return str(value)
    if value.is_integer() and abs(value) < _LARGE:
        return str(int(value))
    return repr(value)


def _array(result: _Result, value: list[Any], schema: Json, path: str, pair: Pair | None) -> None:
    items = schema.get("items")
    if isinstance(items, Mapping):
        for index, item in enumerate(value):
            result.merge(_validate(item, items, f"{path}[{index}]", pair.item(index) if pair is not None else None))
    least, most, size = schema.get("minItems"), schema.get("maxItems"), len(value)
    if least is not None and size < least:
        result.invalid(path, size, f"{path} in body should have at least {least} items")
    if most is not None and size > most:
        result.add(f"{path} too many items", path, lambda errors, at: errors.too_many(at, size, most))
    if schema.get("uniqueItems") and len({_encode(item) for item in value}) < size:
        result.invalid(path, "", f"{path} in body shouldn't contain duplicates")
    result.matched += 1


def _enum(result: _Result, value: Any, schema: Json, path: str) -> None:
    allowed = schema.get("enum")
    if not allowed or any(value == option and isinstance(value, bool) == isinstance(option, bool) for option in allowed):
        return
    shown = [option if isinstance(option, str) else _encode(option).decode() for option in allowed]
    result.add(f"{path} not in enum", path, lambda errors, at: errors.not_supported(at, value, shown))


def _object(result: _Result, value: dict[str, Any], schema: Json, path: str, pair: Pair | None) -> None:
    least, most, size = schema.get("minProperties"), schema.get("maxProperties"), len(value)
    if least is not None and size < least:
        result.invalid(path, size, f"{path} in body should have at least {least} properties")
    if most is not None and size > most:
        result.add(f"{path} too many properties", path, lambda errors, at: errors.too_many(at, size, most))
    properties, others = schema.get("properties") or {}, schema.get("additionalProperties")
    for name, item in value.items():
        below = properties.get(name)
        if below is None and others is False:
            result.invalid(path, name, f"{path}.{name} in body is a forbidden property")
        below = below if below is not None else others
        if isinstance(below, Mapping):
            at = f"{path}.{name}" if path or name not in properties else name
            result.merge(_validate(item, below, at, _field(pair, name, path)))
    for name in schema.get("required") or ():
        if name not in value:
            at = f"{path}.{name}"
            result.add(f"{at} in body is required", at, lambda errors, at: errors.required(at))


def _field(pair: Pair | None, name: str, path: str) -> Pair | None:
    """Return the pair of a field; the kind of an object is never compared with what was stored."""
    if pair is None or (not path and name in ("apiVersion", "kind")):
        return None
    return pair.field(name)


def values_at(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """Yield what stands at a path of fields: one value, or none."""
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return
        value = value[name]
    yield value
