"""The order of a merged list: the patch's items as the patch has them, the server's own where they stood before.

Example: the object has [a, b, c], the patch names [c, x, a]; b stays before c: [b, c, x, a].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Items:
    """What a list holds: maps told apart by `merge_key`, or scalars ("")."""

    merge_key: str

    @property
    def is_maps(self) -> bool:
        """Say whether the items are maps."""
        return bool(self.merge_key)

    def identity(self, item: Any) -> Any:
        """Return what tells an item from the others."""
        return item.get(self.merge_key) if isinstance(item, dict) else item


def index_of(items: list[Any], wanted: Any, kind: Items) -> int:
    """Return the place of the item with the same identity, -1 where there is none."""
    identity = kind.identity(wanted)
    return next((place for place, item in enumerate(items) if kind.identity(item) == identity), -1)


def arrange(merged: list[Any], order: list[Any], before: list[Any], kind: Items) -> list[Any]:
    """Return the merged items: those in `order` in that order, the others between them as `before` had them."""
    named = _sorted([item for item in merged if index_of(order, item, kind) >= 0], order, kind)
    own = _sorted([item for item in merged if index_of(order, item, kind) < 0], before, kind)
    result: list[Any] = []
    while named and own:
        place, other = index_of(before, own[0], kind), index_of(before, named[0], kind)
        result.append(own.pop(0) if 0 <= place < other else named.pop(0))
    return [*result, *named, *own]


def _sorted(items: list[Any], order: list[Any], kind: Items) -> list[Any]:
    """Sort by place in `order`; items that are not in it come after the others, as they stood."""

    def place(item: Any) -> int:
        found = index_of(order, item, kind)
        return found if found >= 0 else len(order)

    return sorted(items, key=place)
