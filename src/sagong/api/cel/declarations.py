"""What functions there are: a table of signatures, each with what it does.

    functions.add("startsWith", "starts_with_string string.(string) -> bool", str.startswith)

A signature is the overload's id, then `(parameters) -> result` or `receiver.(parameters) -> result`. A, B, K and V are any type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sagong.api.cel import types
from sagong.api.cel.types import Type

_SIGNATURE = re.compile(r"(\S+) (?:(\S+)\.)?\((.*)\) -> (.*)")
_WORD = re.compile(r"[A-Za-z_.0-9]+|[(),]")
_PLAIN = {
    "bool": types.BOOL, "int": types.INT, "uint": types.UINT, "double": types.DOUBLE, "string": types.STRING, "bytes": types.BYTES,
    "null": types.NULL, "dyn": types.DYN, "type": types.TYPE, "duration": types.DURATION, "timestamp": types.TIMESTAMP,
}  # fmt: skip
_MADE: dict[str, Callable[..., Type]] = {
    "list": types.list_of,
    "map": types.map_of,
    "optional": types.optional_of,
    "type": types.type_of,
}
_PARAMETERS = {name: Type("param", name) for name in "ABKVT"}


@dataclass(frozen=True, slots=True)
class Overload:
    """One signature of a function. `parameters` begin with the receiver when it is called as a member."""

    id: str
    parameters: tuple[Type, ...]
    result: Type
    member: bool
    run: Callable[..., Any]

    @property
    def generic(self) -> bool:
        """Say whether any type in it is a parameter."""
        return any(map(_has_parameter, (*self.parameters, self.result)))


class Functions:
    """A table of functions by name."""

    def __init__(self, *tables: Functions) -> None:
        self._overloads: dict[str, tuple[Overload, ...]] = {}
        self._types: dict[str, Type] = {}
        for table in tables:
            for name, overloads in table._overloads.items():  # noqa: SLF001 - its own class
                self._overloads[name] = (*self._overloads.get(name, ()), *overloads)
            self._types |= table._types  # noqa: SLF001 - its own class

    def type(self, short: str, made: Type) -> Type:
        """Name a type of this table's own, for its signatures; expressions name it by its full name."""
        self._types[short] = made
        return made

    def add(self, name: str, signature: str, run: Callable[..., Any]) -> None:
        """Declare one overload."""
        match = _SIGNATURE.fullmatch(signature)
        assert match, signature
        identifier, receiver, parameters, result = match.groups()
        kinds = tuple(self._parse_all(parameters))
        if receiver:
            kinds = (*self._parse_all(receiver), *kinds)
        overload = Overload(identifier, kinds, next(self._parse_all(result)), receiver is not None, run)
        self._overloads[name] = (*self._overloads.get(name, ()), overload)

    def get(self, name: str) -> tuple[Overload, ...]:
        """Return the overloads of a function, () when there is none."""
        return self._overloads.get(name, ())

    def named_type(self, name: str) -> Type | None:
        """Return the type that an expression may name so."""
        plain = _NAMEABLE.get(name)
        return plain or next((made for made in self._types.values() if made.name == name), None)

    def _parse_all(self, text: str) -> Iterator[Type]:
        words = _WORD.findall(text)
        at = 0

        def one() -> Type:
            nonlocal at
            word = words[at]
            at += 1
            inner: list[Type] = []
            if at < len(words) and words[at] == "(":
                while words[at] != ")":
                    at += 1
                    inner.append(one())
                at += 1
            return self._named(word, inner)

        while at < len(words):
            yield one()
            at += 1  # the comma

    def _named(self, word: str, inner: list[Type]) -> Type:
        if inner:
            return _MADE[word](*inner)
        return _PARAMETERS.get(word) or self._types.get(word) or _PLAIN[word]


_NAMEABLE = {
    **{name: made for name, made in _PLAIN.items() if name not in ("dyn", "null", "duration", "timestamp")},
    "null_type": types.NULL,
    "list": types.list_of(types.DYN),
    "map": types.map_of(types.DYN, types.DYN),
    "optional_type": types.optional_of(types.DYN),
    "google.protobuf.Duration": types.DURATION,
    "google.protobuf.Timestamp": types.TIMESTAMP,
}


def _has_parameter(kind: Type) -> bool:
    return kind.kind == "param" or any(map(_has_parameter, kind.parameters))
