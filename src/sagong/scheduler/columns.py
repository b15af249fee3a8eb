"""The state of all nodes as arrays: one row for each node, one array for each thing that filters and scores ask about.

A node keeps its row while it exists; rows that are free hold zeros. What changes with a pod or a node is written into its row, so that
an attempt computes over all nodes at once and copies nothing. Amounts are int64, as upstream's are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sagong.scheduler.pod_info import Labels, PodInfo

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

FIRST_ROWS = 64
MAX_COLUMNS = 64


def grown(values: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """Return a longer array that starts with these values and goes on with zeros."""
    longer = np.zeros(size, values.dtype)
    longer[: len(values)] = values
    return longer


class Sums:
    """What the pods of each row come to: how many, what they ask for, and cpu and memory as nodes are rated by."""

    __slots__ = ("asked", "count", "pods", "rated_cpu", "rated_memory")

    def __init__(self, size: int) -> None:
        self.asked: dict[str, Ints] = {}
        self.pods, self.rated_cpu, self.rated_memory = (np.zeros(size, np.int64) for _ in range(3))
        self.count = 0
        """All pods together."""

    def add(self, row: int, info: PodInfo, sign: int = 1) -> None:
        """Count a pod, or with -1 count it no longer."""
        for name, amount in info.asked.items():
            values = self.asked.get(name)
            if values is None:
                values = self.asked[name] = np.zeros(len(self.pods), np.int64)
            values[row] += sign * amount
        self.pods[row] += sign
        self.rated_cpu[row] += sign * info.rated[0]
        self.rated_memory[row] += sign * info.rated[1]
        self.count += sign

    def grow(self, size: int) -> None:
        """Make room for more rows."""
        self.asked = {name: grown(values, size) for name, values in self.asked.items()}
        self.pods, self.rated_cpu, self.rated_memory = (grown(values, size) for values in (self.pods, self.rated_cpu, self.rated_memory))

    def plus(self, others: Iterable[Sums], sign: int = 1) -> Sums:
        """Return the sums with others added, or with -1 taken off."""
        total = self.take(slice(None))
        for other in others:
            for name, values in other.asked.items():
                total.asked[name] = total.asked[name] + sign * values if name in total.asked else sign * values
            total.pods = total.pods + sign * other.pods
            total.rated_cpu = total.rated_cpu + sign * other.rated_cpu
            total.rated_memory = total.rated_memory + sign * other.rated_memory
        return total

    def take(self, rows: Ints | slice) -> Sums:
        """Return the sums of some rows; with indices they are copies."""
        taken = Sums(0)
        taken.asked = {name: values[rows] for name, values in self.asked.items()}
        taken.pods, taken.rated_cpu, taken.rated_memory = self.pods[rows], self.rated_cpu[rows], self.rated_memory[rows]
        return taken


class LabelColumn:
    """One label's values, numbered: the number of each row's value, 0 where the label is missing. A value is a topology domain."""

    __slots__ = ("_present", "codes", "key", "numbers", "version")

    def __init__(self, key: str, labels: Sequence[Labels]) -> None:
        self.key = key
        self.codes: Ints = np.zeros(len(labels), np.int64)
        self.numbers: dict[str, int] = {}
        self._present: Bools | None = None
        self.version = 0
        """Rises when a row's value changes."""
        for row, own in enumerate(labels):
            if key in own:
                self.set(row, own)

    @property
    def size(self) -> int:
        """How many numbers there are, that for missing included."""
        return len(self.numbers) + 1

    @property
    def present(self) -> Bools:
        """Whether some row has the value, by its number."""
        if self._present is None:
            self._present = np.bincount(self.codes, minlength=self.size) > 0
            self._present[0] = False
        return self._present

    def set(self, row: int, labels: Labels) -> None:
        """Follow a change of a row's labels."""
        value = labels.get(self.key)
        code = 0 if value is None else self.numbers.setdefault(value, self.size)
        if self.codes[row] != code:
            self.codes[row] = code
            self._present = None
            self.version += 1

    def number(self, labels: Labels) -> int:
        """Return the number of the value in these labels."""
        value = labels.get(self.key)
        return 0 if value is None else self.numbers.get(value, 0)

    def grow(self, size: int) -> None:
        """Make room for more rows."""
        self.codes = grown(self.codes, size)
        self.version += 1

    def sum(self, counts: Ints, where: Bools | None = None) -> Floats:
        """Add up counts of rows by domain: an array by number, 0 for missing."""
        codes = self.codes
        if where is not None:
            codes, counts = codes[where], counts[where]
        found = np.bincount(codes, weights=counts, minlength=self.size).astype(np.float64, copy=False)
        found[0] = 0
        return found


class PortBook:
    """Which rows have a host port taken, and at which addresses."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken: dict[tuple[str, int], dict[int, Counter[str]]] = {}

    def count(self, row: int, info: PodInfo, sign: int) -> None:
        """Take a pod's ports, or with -1 give them back."""
        for port in info.ports:
            key = (port.protocol, port.port)
            rows = self._taken.setdefault(key, {})
            addresses = rows.setdefault(row, Counter())
            addresses[port.ip] += sign
            if not addresses[port.ip]:
                del addresses[port.ip]
            if not addresses:
                del rows[row]
            if not rows:
                del self._taken[key]

    def taken(self, protocol: str, port: int) -> dict[int, Counter[str]]:
        """Return the addresses by row."""
        return self._taken.get((protocol, port), {})
