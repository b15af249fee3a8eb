"""The one operation of defaulting: give unset fields a value. Unset is the Struct's own default: None, "", 0, an empty list."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import msgspec

from sagong.api.types.base import ApiStruct


def fill(obj: ApiStruct, values: Mapping[str, Any]) -> None:
    """Set each named field that is unset; a callable value is called for a fresh one."""
    zeros = _zeros(type(obj))
    for name, value in values.items():
        if getattr(obj, name) == zeros[name]:
            setattr(obj, name, value() if callable(value) else value)


@functools.cache
def _zeros(kind: type[ApiStruct]) -> dict[str, Any]:
    return {
        field.name: field.default_factory() if field.default is msgspec.NODEFAULT and callable(field.default_factory) else field.default
        for field in msgspec.structs.fields(kind)
    }
