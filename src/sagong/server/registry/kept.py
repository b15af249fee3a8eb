"""What of a built-in object a write leaves alone: it need not be taken apart, completed and checked for a write that is not about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from sagong.api.resources import Resource
from sagong.server.registry import versions

_ABOUT: Mapping[str, frozenset[str]] = {
    "": frozenset({"apiVersion", "kind", "metadata"}),
    "status": frozenset({"apiVersion", "kind", "metadata", "status"}),
}
"""The members that a write may be about which leaves the rest alone, by subresource."""
_WHOLE = frozenset({"services", "customresourcedefinitions"})
"""Kinds whose status is completed by what their spec says: addresses' modes by a service's type, stored versions by its versions."""
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode


def kept_by_patch(row: Resource, subresource: str, body: bytes) -> tuple[str, ...]:
    """Return the fields that a patch leaves alone which is about metadata or status only; none where it is about more."""
    about = _about(row, subresource)
    sent = _split(body) if about else None
    return _others(row, about) if sent is not None and sent.keys() <= about else ()


def without_known(row: Resource, body: bytes, stored: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return a new status as it was sent, without all else where that is what is stored, byte for byte; and the fields left out then."""
    about = _about(row, "status")
    sent = _split(body) if about else None
    if sent is None or _encode(sent) != body:  # there is space between, or a member comes twice
        return body, ()
    new = {name: sent.pop(name) for name in about & sent.keys()}
    known = _split(stored) or {}
    for name in about & known.keys():
        del known[name]
    return (_encode(new), _others(row, about)) if sent == known else (body, ())


def with_kept(names: tuple[str, ...], source: Any, obj: Any) -> Any:
    """Put the source's fields into the object, which is returned."""
    for name in names:
        setattr(obj, name, getattr(source, name))
    return obj


def without_kept(obj: Any, names: tuple[str, ...]) -> Any:
    """Return the object with empty fields of these names."""
    empty = type(obj)()
    return msgspec.structs.replace(obj, **{name: getattr(empty, name) for name in names})


def _about(row: Resource, subresource: str) -> frozenset[str]:
    if row.module is None or not versions.is_stored(row) or (subresource and row.plural in _WHOLE):
        return frozenset()
    return _ABOUT.get(subresource, frozenset())


def _others(row: Resource, about: frozenset[str]) -> tuple[str, ...]:
    return tuple([name for name in row.type.__struct_fields__ if name not in about])


def _split(body: bytes) -> dict[str, msgspec.Raw] | None:
    try:
        return _members.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
