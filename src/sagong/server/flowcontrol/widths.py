"""How many seats a request takes: one, unless it lists much or wakes many watchers. Pure."""

from __future__ import annotations

import math
from typing import NamedTuple

BYTES_PER_SEAT = 100_000
MOST_AT_ONCE = 1_000_000
MOST_LIST_SEATS = 100
MOST_WRITE_SEATS = 10
WATCHES_PER_SEAT = 10
EVENT_SECONDS = 0.005


class Width(NamedTuple):
    """Seats while it runs, then `final` seats for `extra` seconds, for the work that it leaves behind."""

    seats: int = 1
    final: int = 0
    extra: float = 0.0

    @property
    def most(self) -> int:
        """The seats that it needs to start."""
        return max(self.seats, self.final)


ONE = Width()


def of_list(count: int, average_size: float, limit: int, *, single: bool, widest: int) -> Width:
    """Return the width of a list of `count` objects; `widest` 0: the level sets no bound."""
    objects = 1 if single else min(count, limit) if limit > 0 else count
    seats = math.ceil(min(objects * average_size, MOST_AT_ONCE) / BYTES_PER_SEAT)
    return Width(max(1, min(seats, _bound(widest, MOST_LIST_SEATS))))


def of_write(watchers: int, *, widest: int) -> Width:
    """Return the width of a write that `watchers` watches hear of."""
    if watchers < WATCHES_PER_SEAT:
        return ONE
    wanted = math.ceil(watchers / WATCHES_PER_SEAT)
    final = min(wanted, _bound(widest, MOST_WRITE_SEATS))
    return Width(1, final, wanted * EVENT_SECONDS / final)


def _bound(widest: int, most: int) -> int:
    return min(widest, most) if widest else most
