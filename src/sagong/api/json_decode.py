"""The slow, exact reading of JSON into a kind: every unknown or duplicate field, wrong type and null, as Go's decoder tells it.

`codec.decode` comes here only when the fast decoder refused, or found duplicates. The texts are those of encoding/json and
sigs.k8s.io/json, because clients show them to their users.
"""

from __future__ import annotations

import binascii
import math
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

from sagong.api import quantity
from sagong.api.json_syntax import JsonError, Number, Pairs, go_quote, json_type
from sagong.api.named_types import MAPS, type_name
from sagong.api.scalars import normal_time
from sagong.api.schema import Shape

MAX_STRICT_ERRORS = 100
_RANGES = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1), "uint32": (0, 2**32 - 1)}
_GO_NAMES = {"bytes": "[]uint8", "float": "float64", "any": "interface {}"}
_ABSENT: Any = object()
_INTEGRAL = 2.0**63  # whole numbers below this are integers to Go
_At = tuple[str, tuple[str, ...]]  # the Go struct and the names of the fields on the way, as its errors tell
_BASE64 = re.compile(r"[A-Za-z0-9+/]")


class TypeMismatchError(JsonError):
    """A value of the wrong JSON type: what it is ("string", "number 1.5"), and the Go type and kind of shape that stand there.

    `kind` is "" where the type reads itself (times, int-or-strings).
    """

    def __init__(self, described: str, go_type: str, at: _At = ("", ()), kind: str = "") -> None:
        struct, names = at
        target = f"Go struct field {struct}.{'.'.join(names)}" if names else "Go value"
        super().__init__(f"json: cannot unmarshal {described} into {target} of type {go_type}")
        self.described, self.go_type, self.kind = described, go_type, kind


class Walker:
    """Fits a parsed value to a Shape. `problems` holds the strict errors, in order and once each."""

    def __init__(self) -> None:
        self.problems: dict[str, None] = {}
        self._first_error: JsonError | None = None

    def fit(self, value: Any, shape: Shape) -> Any:
        """Return plain dicts, lists and scalars that the fast decoder accepts. Raises JsonError."""
        result = self._walk(value, shape, "", ("", ()), _ABSENT)
        if self._first_error:
            raise self._first_error
        return {} if result is _ABSENT else result

    def fit_custom(self, value: Any) -> Any:
        """Return a custom resource's dict, noting duplicate fields. Raises JsonError."""
        if not isinstance(value, Pairs):
            raise TypeMismatchError(json_type(value), "map[string]interface {}")
        return self._any(value, "", watch=True)

    def _note(self, kind: str, path: str, name: str) -> None:
        if len(self.problems) < MAX_STRICT_ERRORS:
            self.problems.setdefault(f"{kind} field {go_quote(f'{path}.{name}' if path else name)}")

    def _walk(self, value: Any, shape: Shape, path: str, at: _At, before: Any) -> Any:
        if value is None:
            return _null(shape, before)
        if shape.kind == "union":
            return self._union(value, shape, path, at)
        if shape.kind in ("any", "raw"):
            return self._any(value, path, watch=False)
        return self._fit(value, shape, path, at, before) if _accepts(shape, value) else self._wrong(value, shape, at)

    def _union(self, value: Any, shape: Shape, path: str, at: _At) -> Any:
        option = next((option for option in shape.options if _accepts(option, value)), None)
        if option is None:
            return self._wrong(value, shape, at)
        problems, self.problems = self.problems, {}  # upstream reads these types apart, and not strictly
        fitted = self._walk(value, option, path, at, _ABSENT)
        self.problems = problems
        return fitted

    def _fit(self, value: Any, shape: Shape, path: str, at: _At, before: Any) -> Any:
        if shape.kind == "list":
            return self._list(value, shape, path, at)
        known = before if isinstance(before, dict) else {}
        if shape.kind == "object":
            return self._object(value, shape, path, at[1], known)
        return self._map(value, shape, path, at, known) if shape.kind == "map" else self._scalar(value, shape, at)

    def _object(self, value: Pairs, shape: Shape, path: str, names: tuple[str, ...], result: dict[str, Any]) -> dict[str, Any]:
        fields, seen = shape.fields, set()
        struct = shape.struct.__name__ if shape.struct else ""
        for key, item in value:
            field = fields.get(key)
            if field is None:
                self._note("unknown", path, key)
                continue
            if key in seen:
                self._note("duplicate", path, key)
            seen.add(key)
            below = f"{path}.{key}" if path else key
            fitted = self._walk(
                item, field.shape, below, (struct, (*names, *(go for go, _ in field.inlined), key)), result.get(key, _ABSENT)
            )
            if fitted is _ABSENT:
                result.pop(key, None)
            else:
                result[key] = fitted
        return result

    def _map(self, value: Pairs, shape: Shape, path: str, at: _At, result: dict[str, Any]) -> dict[str, Any]:
        assert shape.element is not None
        seen = set()
        for key, item in value:
            if key in seen:
                self._note("duplicate", path, key)
            seen.add(key)
            fitted = self._walk(item, shape.element, f"{path}.{key}", at, _ABSENT)
            result[key] = _zero(shape.element) if fitted is _ABSENT else fitted
        return result

    def _list(self, value: list[Any], shape: Shape, path: str, at: _At) -> list[Any]:
        assert shape.element is not None
        fitted = [self._walk(item, shape.element, f"{path}[{index}]", at, _ABSENT) for index, item in enumerate(value)]
        return [_zero(shape.element) if item is _ABSENT else item for item in fitted]

    def _any(self, value: Any, path: str, *, watch: bool) -> Any:
        if isinstance(value, Pairs):
            result: dict[str, Any] = {}
            for key, item in value:
                if watch and key in result:
                    self._note("duplicate", path, key)
                result[key] = self._any(item, f"{path}.{key}" if path else key, watch=watch)
            return result
        if isinstance(value, list):
            return [self._any(item, f"{path}[{index}]", watch=watch) for index, item in enumerate(value)]
        return plain_number(value) if isinstance(value, Number) else value

    def _scalar(self, value: Any, shape: Shape, at: _At) -> Any:
        if read := _READERS.get(shape.kind):
            try:
                return read(value)
            except TypeMismatchError as error:
                raise TypeMismatchError(error.described, error.go_type, at) from error
        if shape.kind == "bytes":
            return self._bytes(value)
        low, high = _RANGES[shape.kind]
        if _is_integer(value) and low <= int(value) <= high:
            return int(value)
        return self._wrong(value, shape, at, f"number {value}")

    def _bytes(self, value: str) -> Any:
        try:
            return b64encode(b64decode(value.replace("\n", "").replace("\r", ""), validate=True)).decode()
        except (binascii.Error, ValueError):
            self._save(JsonError(f"illegal base64 data at input byte {_corrupt_at(value)}"))
            return _ABSENT

    def _wrong(self, value: Any, shape: Shape, at: _At, described: str = "") -> Any:
        if shape.kind == "union":
            if any(option.kind == "bool" for option in shape.options):
                raise JsonError("boolean or JSON schema expected")
            return _ABSENT
        named = type_name(at[0], at[1][-1]) if at[1] else ""
        self._save(TypeMismatchError(described or json_type(value), _go_type(shape, named), at, shape.kind))
        return _ABSENT

    def _save(self, error: JsonError) -> None:
        self._first_error = self._first_error or error


_LONGEST, _SHOWN = 20, 60


def plain_number(text: str) -> int | float:
    """Read a number of a field without a type: an integer when it is one and fits 64 bits, else a float."""
    if _is_integer(text) and -(2**63) <= int(text) < 2**63:
        return int(text)
    return plain_float(text)


def plain_float(text: str) -> int | float:
    """Read a number with a fraction or an exponent; a whole one is an integer, as it is once Go has written it again."""
    value = float(text)
    if math.isinf(value):
        raise JsonError(f"json: cannot unmarshal number {text[:_SHOWN]} into Go value of type float64")
    return int(value) if value.is_integer() and abs(value) < _INTEGRAL else value


def _is_integer(text: str) -> bool:
    """Tell whether a JSON number is an integer that may fit 64 bits: what is longer than those is not worth reading."""
    return len(text) <= _LONGEST and text.lstrip("-").isdigit()


def _quantity(value: Any) -> str:
    text = value.strip() if isinstance(value, str) else json_type(value)
    try:
        quantity.parse(text)
    except quantity.QuantityError as error:
        raise JsonError(str(error)) from error
    return str(text)


def _time(value: Any, *, micro: bool = False) -> str:
    if json_type(value) != "string":
        raise TypeMismatchError(json_type(value), "string")
    try:
        return normal_time(value, micro=micro)
    except ValueError as error:
        raise JsonError(str(error)) from error


def _int_or_string(value: Any) -> int | str:
    if isinstance(value, str) and not isinstance(value, Number):
        return value
    if isinstance(value, Number) and _is_integer(value) and -(2**31) <= int(value) < 2**31:
        return int(value)
    described = f"number {value}" if isinstance(value, Number) else json_type(value)
    raise TypeMismatchError(described, "int32")


def _null(shape: Shape, before: Any) -> Any:
    """Return what null leaves: lists, maps and pointers go, other values stay as they were."""
    return _ABSENT if shape.kind in ("list", "map", "any") else before


def _zero(shape: Shape) -> Any:
    zeros: dict[str, Any] = {
        "object": {},
        "map": {},
        "list": [],
        "string": "",
        "bool": False,
        "bytes": "",
        "quantity": "0",
        "any": None,
        "time": "",
    }
    return zeros.get(shape.kind, 0)


_READERS: dict[str, Callable[[Any], Any]] = {
    "string": str,
    "bool": bool,
    "float": plain_float,
    "quantity": _quantity,
    "time": _time,
    "micro-time": lambda value: _time(value, micro=True),
    "int-or-string": _int_or_string,
}
_JSON_KINDS = {
    "object": "object",
    "map": "object",
    "list": "array",
    "string": "string",
    "bytes": "string",
    "bool": "bool",
    **dict.fromkeys(("int32", "int64", "uint32", "float"), "number"),
    "union": "",
}


def _accepts(shape: Shape, value: Any) -> bool:
    """Say whether a value is of the JSON type that the shape needs; scalars with texts of their own judge for themselves."""
    wanted = _JSON_KINDS.get(shape.kind)
    return wanted is None or wanted == json_type(value)


def _go_type(shape: Shape, named: str = "") -> str:
    if shape.kind == "list" and named:
        return f"[]{named}"
    if named and (shape.kind == "map") == (named in MAPS) and shape.kind != "quantity":
        return named
    if shape.kind == "object" and shape.struct is not None:
        module = shape.struct.__module__.rsplit(".", 1)[-1]
        return f"{'v2' if module == 'autoscaling' else 'v1'}.{shape.struct.__name__}"
    if shape.element is not None:
        return ("[]" if shape.kind == "list" else "map[string]") + _go_type(shape.element)
    if shape.kind in ("quantity", "time", "micro-time", "int-or-string"):
        return {"quantity": "resource.Quantity", "time": "v1.Time", "micro-time": "v1.MicroTime"}.get(shape.kind, "intstr.IntOrString")
    return _GO_NAMES.get(shape.kind, shape.kind)


def _corrupt_at(text: str) -> int:
    """Return the offset at which Go's decoder gives up."""
    in_quantum = 0
    for index, character in enumerate(text):
        if character in "\r\n":
            continue
        if character == "=" and in_quantum >= 2:  # noqa: PLR2004 - padding may stand for the last two of four characters
            rest = text[index + 1 :].lstrip("\r\n")
            if in_quantum == 2 and not rest.startswith("="):  # noqa: PLR2004 - one character of padding is missing
                return len(text) if not rest else index
            return len(text) - len(rest.removeprefix("=") if in_quantum == 2 else rest)  # noqa: PLR2004 - as above
        if not _BASE64.match(character):
            return index
        in_quantum = (in_quantum + 1) % 4
    return len(text) - in_quantum
