"""Which old value a new one came from: what ratcheting and transition rules compare with.

Fields correlate by name and items of a list of type map by their keys; other lists only as a whole.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sagong.api.custom.schema import Schema

_encode = msgspec.json.Encoder(order="sorted").encode
_UNKNOWN: Any = object()


class Pair:
    """A value, the old value it came from, and their schema."""

    __slots__ = ("_by_keys", "_same", "new", "old", "schema")

    def __init__(self, new: Any, old: Any, schema: Schema) -> None:
        self.new, self.old, self.schema = new, old, schema
        self._by_keys: dict[bytes, Any] | None = None
        self._same: bool | None = None

    def field(self, name: str) -> Pair | None:
        """Return the pair of a field, None where there is nothing to compare with."""
        below = self.schema.child(name)
        if below is None or not isinstance(self.old, dict) or not isinstance(self.new, dict):
            return None
        return Pair(self.new[name], self.old[name], below) if name in self.old and name in self.new else None

    def item(self, index: int) -> Pair | None:
        """Return the pair of a list's item."""
        schema = self.schema
        if schema.items is None or schema.list_type != "map" or not isinstance(self.old, list) or not isinstance(self.new, list):
            return None
        if self._by_keys is None:
            self._by_keys = {key: item for item in reversed(self.old) if (key := map_key(schema, item)) is not None}
        key = map_key(schema, self.new[index])
        old = self._by_keys.get(key, _UNKNOWN) if key is not None else _UNKNOWN
        return None if old is _UNKNOWN else Pair(self.new[index], old, schema.items)

    @property
    def same(self) -> bool:
        """Whether nothing changed; the order of a list of type map is nothing."""
        if self._same is None:
            self._same = self._compare()
        return self._same

    def _compare(self) -> bool:
        new, old = self.new, self.old
        if isinstance(new, dict) and isinstance(old, dict):
            return new.keys() == old.keys() and (
                identical(new, old) or all((pair := self.field(name)) is not None and pair.same for name in new)
            )
        if isinstance(new, list) and isinstance(old, list) and self.schema.list_type == "map":
            return len(new) == len(old) and all((pair := self.item(index)) is not None and pair.same for index in range(len(new)))
        return identical(new, old)


def identical(new: Any, old: Any) -> bool:
    """Say whether two values are the same JSON; to Python alone 1 and true are equal."""
    return bool(new == old) and _encode(new) == _encode(old)


def map_key(schema: Schema, item: Any) -> bytes | None:
    """Return what identifies an item of a list of type map, None when it lacks a key."""
    if not isinstance(item, dict) or not all(key in item for key in schema.keys):
        return None
    return _encode([item[key] for key in schema.keys])
