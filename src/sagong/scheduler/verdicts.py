"""What the filters say of many nodes: for each node the first filter that refuses counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sagong.scheduler.columns import Bools, Ints
from sagong.scheduler.framework import Refusal, Refusals, Unfit


class Verdicts:
    """Collects refusals. `rank`: the filter's place in the profile's order."""

    def __init__(self, size: int) -> None:
        self._by: npt.NDArray[np.int16] = np.zeros(size, np.int16)
        """The number of the answer that counts, from 1; -1 for a node whose reason is in `_single`; 0 for none."""
        self._answers: list[tuple[int, Refusals]] = []
        self._single: dict[int, tuple[int, Unfit]] = {}

    @property
    def open(self) -> Bools:
        """Which nodes nothing refused."""
        found: Bools = self._by == 0
        return found

    def take(self, rank: int, refusals: Refusals | None) -> None:
        """Take a filter's answer; filters come in order."""
        if refusals is not None:
            self._answers.append((rank, refusals))
            np.copyto(self._by, len(self._answers), where=self.open & (refusals.codes != 0))

    def set(self, place: int, rank: int, unfit: Unfit) -> None:
        """Let a reason against one node count instead of what is known."""
        self._by[place], self._single[place] = -1, (rank, unfit)

    def later_than(self, rank: int) -> Sequence[tuple[int, int]]:
        """Return the nodes whose refusal comes from a later filter, and its rank."""
        ranks = [(place, self._rank(place)) for place in np.flatnonzero(self._by).tolist()]
        return [(place, own) for place, own in ranks if own > rank]

    def refusals(self, places: Ints, rows: Ints) -> list[Refusal]:
        """Return who is refused and why, of the nodes at these places, which are in these rows of the table."""
        found: list[Refusal] = []
        by = self._by[places]
        for number, (_, answer) in enumerate(self._answers, 1):
            mine = by == number
            codes, of_mine = answer.codes[places[mine]], rows[mine]
            found += [Refusal(answer.why(int(code)), of_mine[codes == code]) for code in dict.fromkeys(codes.tolist())]
        single: dict[Unfit, list[int]] = {}
        for index in np.flatnonzero(by < 0).tolist():
            single.setdefault(self._single[int(places[index])][1], []).append(int(rows[index]))
        return found + [Refusal(unfit, np.array(alike, np.int64)) for unfit, alike in single.items()]

    def _rank(self, place: int) -> int:
        number = int(self._by[place])
        return self._single[place][0] if number < 0 else self._answers[number - 1][0]
