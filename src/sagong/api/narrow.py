"""Types that have only some fields of another: decoding the rest of an object would be for nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, get_args

import msgspec
from msgspec import NODEFAULT, Struct


def narrow(kind: type[Struct], paths: Iterable[str], raw: Collection[str] = ()) -> type[Struct]:
    """Return a type of the same name with the fields at the dotted paths only, of the same types and defaults, at the same places.

    Those of `raw` are objects that stay undecoded, `{}` where they are absent.
    """
    below: dict[str, list[str]] = {}
    for path in paths:
        name, _, deeper = path.partition(".")
        below.setdefault(name, []).append(deeper)
    members: list[tuple[str, Any, Any]] = []
    renamed: dict[str, str] = {}
    for field in msgspec.structs.fields(kind):
        if field.name not in below:
            continue
        renamed[field.name] = field.encode_name
        if field.name in raw:
            members.append((field.name, msgspec.Raw, msgspec.Raw(b"{}")))
            continue
        rest = below[field.name]
        inner = _struct(field.type)
        if inner is None or "" in rest:
            members.append((field.name, field.type, _default(field)))
            continue
        part = narrow(inner, rest, [path.removeprefix(f"{field.name}.") for path in raw if path.startswith(f"{field.name}.")])
        optional = type(None) in get_args(_bare(field.type))
        members.append((field.name, part | None if optional else part, _default(field, part)))
    return msgspec.defstruct(kind.__name__, members, rename=renamed.get, gc=False)


def _bare(annotation: Any) -> Any:
    """Return a type without what is said beside it."""
    return annotation.__origin__ if hasattr(annotation, "__metadata__") else annotation


def _struct(annotation: Any) -> type[Struct] | None:
    """Return the Struct of a field that is one, or None of it."""
    bare = _bare(annotation)
    options = [option for option in (get_args(bare) or (bare,)) if option is not type(None)]
    found = options[0] if len(options) == 1 else None
    return found if isinstance(found, type) and issubclass(found, Struct) else None


def _default(field: msgspec.structs.FieldInfo, part: type[Struct] | None = None) -> Any:
    """Return the default of a field; that of a Struct is made of the narrow one."""
    if field.default is not NODEFAULT:
        return field.default
    return msgspec.field(default_factory=field.default_factory if part is None else part)
