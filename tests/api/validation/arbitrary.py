"""Objects of any kind with arbitrary content, valid as to types and hardly otherwise."""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec

from sagong.api.types.base import Scalar

_WORDS = [
    *(
        "",
        "a",
        "A",
        "x y",
        "a/b",
        "a.b/c",
        "*",
        "/",
        "/a/../b",
        ".",
        "..",
        "é",
        "\x00",
        "a" * 70,
        "1",
        "-1",
        "10%",
        "0-5",
        "1,3-4",
        "v1",
        "get",
    ),
    *("10.0.0.1", "::1", "10.0.0.0/8", "None", "https://a.b/c", "cpu", "memory", "hugepages-2Mi", "example.com/gpu", "* * * * *", "$(X)"),
    *("True", "In", "Exists", "Always", "Never", "TCP", "IPv4", "ClusterIP", "LoadBalancer", "ExternalName", "Indexed", "RollingUpdate"),
    *("Resource", "Container", "Utilization", "Local", "User", "ServiceAccount", "Webhook", "object", "array", "string", "map", "set"),
    *("Limited", "Queue", "Approved", "NoExecute", "windows", "Recreate", "Opaque", "kubernetes.io/tls", "JSONPatch", "ExactCount"),
]
_SCALARS = {
    "quantity": ["1", "1Gi", "-1", "500m", "0", "1e3"],
    "time": ["2020-01-01T00:00:00Z"],
    "micro-time": ["2020-01-01T00:00:00.000000Z"],
}
_PLAIN: dict[Any, list[Any]] = {
    str: _WORDS,
    bool: [True, False],
    int: [-1, 0, 1, 2, 80, 1000, 70000, 2**31 - 1],
    float: [0.0, 1.5],
    bytes: [b"", b"a", b"-----BEGIN CERTIFICATE REQUEST-----\nYQ==\n-----END CERTIFICATE REQUEST-----\n"],
    type(None): [None],
}
_DEEP, _DEEPEST = 3, 7


def arbitrary(kind: type[msgspec.Struct], random: Random, depth: int = 0) -> Any:
    """Build an object; the deeper, the emptier."""
    obj = kind()
    for name, hint in _hints(kind).items():
        if name in kind.__struct_fields__ and random.random() < (0.6 if depth < _DEEP else 0.3):
            setattr(obj, name, _value(hint, random, depth))
    return obj


@functools.cache
def _hints(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _value(hint: Any, random: Random, depth: int) -> Any:
    for extra in getattr(hint, "__metadata__", ()):
        if isinstance(extra, Scalar) and extra.name in _SCALARS:
            return random.choice(_SCALARS[extra.name])
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    many = range(random.choice([0, 0, 1, 1, 2, 3]) if depth < _DEEPEST else 0)
    inner: Callable[[Any], Any] = lambda part: _value(part, random, depth + 1)  # noqa: E731 # it is short
    if origin in (typing.Annotated, typing.Union, types.UnionType):
        return inner(arguments[0] if origin is typing.Annotated else random.choice(arguments))
    if origin is list:
        return [inner(arguments[0]) for _ in many]
    if origin is dict:
        return {inner(arguments[0]): inner(arguments[1]) for _ in many}
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return arbitrary(hint, random, depth + 1)
    return random.choice(_PLAIN.get(hint, [None, 1, "a", [1], {"a": 1}]))
