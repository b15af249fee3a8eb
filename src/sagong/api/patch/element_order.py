"""The order of a merged list: the patch's items as the patch has them, the server's own where they stood before.

Example: the object has [a, b, c], the patch names [c, x, a]; b stays before c: [b, c, x, a].
"""

from __future__ import annotations

from collections.abc import Callable
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


def _places(items: list[Any], kind: Items) -> Callable[[Any], int]:
    """Return what `index_of` would return for each item, without looking at the whole list each time."""
    try:
        known: dict[Any, int] = {kind.identity(item): place for place, item in reversed(tuple(enumerate(items)))}
    except TypeError:  # what tells items apart should be a scalar, and is a list or map
        return lambda wanted: index_of(items, wanted, kind)

    def place(wanted: Any) -> int:
        try:
            return known.get(kind.identity(wanted), -1)
        except TypeError:
            return -1

    return place


def arrange(merged: list[Any], order: list[Any], before: list[Any], kind: Items) -> list[Any]:
    """Return the merged items: those in `order` in that order, the others between them as `before` had them."""
    in_order, in_before = _places(order, kind), _places(before, kind)
    named = _sorted([item for item in merged if in_order(item) >= 0], in_order, len(order))
    own = _sorted([item for item in merged if in_order(item) < 0], in_before, len(before))
    result: list[Any] = []
    while named and own:
        place, other = in_before(own[0]), in_before(named[0])
        result.append(own.pop(0) if 0 <= place < other else named.pop(0))
    return [*result, *named, *own]


def _sorted(items: list[Any], place: Callable[[Any], int], last: int) -> list[Any]:
    """Sort by place; items that have none come after the others, as they stood."""
    return sorted(items, key=lambda item: found if (found := place(item)) >= 0 else last)
