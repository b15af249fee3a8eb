"""What was computed for rows and still holds: pods of one template ask the same of every node, and between two of them few nodes change."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np

from sagong.scheduler.columns import Bools, Ints, grown

MAX_MEMORIES = 128
MAX_CHANGES = 1024
Compute = Callable[[Ints], Ints]
"""Rows in, a value for each of them out."""


class Journal:
    """Which rows changed, in order. `stamps`: by row, the number of its last change."""

    def __init__(self, size: int) -> None:
        self.stamps: Ints = np.zeros(size, np.int64)
        self._rows: list[int] = []
        self._dropped = 0

    @property
    def end(self) -> int:
        """How many changes there were."""
        return self._dropped + len(self._rows)

    def note(self, row: int) -> None:
        """Note a change of a row."""
        self._rows.append(row)
        self.stamps[row] = self.end
        if len(self._rows) > MAX_CHANGES:
            half = MAX_CHANGES // 2
            del self._rows[:half]
            self._dropped += half

    def since(self, place: int, stamps: Ints) -> Ints:
        """Return the rows that changed since, or since the given stamps when that is too long ago."""
        if place < self._dropped:
            return np.flatnonzero(stamps != self.stamps)
        return np.array(list(dict.fromkeys(self._rows[place - self._dropped :])), np.int64)

    def grow(self, size: int) -> None:
        """Make room for more rows."""
        self.stamps = grown(self.stamps, size)


class _Memory:
    """`stale`: the rows whose values are to be computed again when they are asked for."""

    __slots__ = ("seen", "stale", "stamps", "values")

    def __init__(self, size: int) -> None:
        self.values: Ints = np.zeros(size, np.int64)
        self.stamps: Ints = np.full(size, -1, np.int64)
        self.stale: Bools = np.zeros(size, np.bool_)
        self.seen = -1


class Memories:
    """Values by key, those that were not asked for longest forgotten first. One journal tells which rows of them are stale.

    Only what is asked for is computed: a large cluster is rated in parts, and until a part's turn comes its changes add up to one call.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._kept: OrderedDict[Hashable, _Memory] = OrderedDict()

    def recall(self, key: Hashable, exists: Bools, rows: Ints | slice, compute: Compute) -> Ints:
        """Return the values for some rows, computing those of rows that changed; rows that do not exist have 0."""
        memory = self._kept.get(key)
        if memory is None or len(memory.values) != len(exists):
            memory = self._kept[key] = _Memory(len(exists))
            if len(self._kept) > MAX_MEMORIES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        if memory.seen != self._journal.end:
            changed = self._journal.since(memory.seen, memory.stamps)
            memory.stamps[changed] = self._journal.stamps[changed]
            memory.values[changed] = 0
            memory.stale[changed] = exists[changed]
            memory.seen = self._journal.end
        stale = memory.stale[rows]
        if stale.any():
            found = np.flatnonzero(stale) if isinstance(rows, slice) else rows[stale]
            memory.values[found] = compute(found)
            memory.stale[found] = False
        return memory.values[rows]
