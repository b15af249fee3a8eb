"""The types of CEL, as values that print as upstream's messages name them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "bool", "int", "uint", "double", "string", "bytes", "null", "duration", "timestamp",
    "list", "map", "struct", "opaque", "type", "param", "dyn", "error",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Type:
    """One type. Two are the same when kind, name and parameters are; a struct's fields are its `Provider`'s business."""

    kind: Kind
    name: str
    parameters: tuple[Type, ...] = ()

    def __str__(self) -> str:
        inner = ", ".join(map(str, self.parameters))
        return f"{self.name}({inner})" if inner else self.name

    @property
    def runtime_name(self) -> str:
        """What `type(x)` is called once a value has it."""
        return _RUNTIME_NAMES.get(self.kind, self.name)


_RUNTIME_NAMES = {"null": "null_type", "duration": "google.protobuf.Duration", "timestamp": "google.protobuf.Timestamp"}

BOOL = Type("bool", "bool")
INT = Type("int", "int")
UINT = Type("uint", "uint")
DOUBLE = Type("double", "double")
STRING = Type("string", "string")
BYTES = Type("bytes", "bytes")
NULL = Type("null", "null")
DURATION = Type("duration", "duration")
TIMESTAMP = Type("timestamp", "timestamp")
DYN = Type("dyn", "dyn")
ERROR = Type("error", "!error!")
TYPE = Type("type", "type")


def list_of(element: Type) -> Type:
    """Return `list(element)`."""
    return Type("list", "list", (element,))


def map_of(key: Type, value: Type) -> Type:
    """Return `map(key, value)`."""
    return Type("map", "map", (key, value))


def optional_of(value: Type) -> Type:
    """Return `optional_type(value)`."""
    return Type("opaque", "optional_type", (value,))


def type_of(value: Type) -> Type:
    """Return the type of a type."""
    return Type("type", "type", (value,))


def struct(name: str) -> Type:
    """Return a type with fields: a schema's object, or a value of a library such as `kubernetes.Quantity`."""
    return Type("struct", name)


def opaque(name: str) -> Type:
    """Return a type without fields, such as `net.IP`."""
    return Type("opaque", name)


def is_optional(kind: Type) -> bool:
    """Say whether it is an optional."""
    return kind.kind == "opaque" and kind.name == "optional_type"


def unwrapped(kind: Type) -> tuple[Type, bool]:
    """Return what an optional holds and True; anything else and False."""
    return (kind.parameters[0], True) if is_optional(kind) else (kind, False)
