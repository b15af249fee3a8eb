"""Who has which label and which field: the objects of one row, divided by the values that selectors have asked about.

With pods a (app=x), b (app=y) and c (no app), the division by the label app is {x: {a}, y: {b}}. `app=x` is {a}; `app` is {a, b};
`app!=x` is all but {a}: what is absent is in no set. Each condition is a union of such sets, or everything but one; a selector is
their intersection. A division is made when it is first asked for, and kept up to date from then on.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from sagong.api.field_selectors import Term
from sagong.api.selectors import Requirement
from sagong.server.registry.attributes import Attributes, Reader

DIVISIONS = 16

Sets = list[set[str]]
By = tuple[str, int]  # a label ("app", -1), or the field of that number ("", 3)


class Condition(NamedTuple):
    """The objects in one of `sets`, or in none of them."""

    sets: Sets
    among: bool

    @property
    def size(self) -> int:
        """How many objects are in the sets."""
        return sum(map(len, self.sets))


class Index:
    """The attributes of the objects under a prefix, by key. `reader.live` is where they are."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._live = reader.live
        self._divisions: OrderedDict[By, dict[str, set[str]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._live)

    def put(self, key: str, attributes: Attributes) -> None:
        """Take a new or changed object."""
        before = self._live.get(key)
        self._live[key] = attributes
        for by, division in self._divisions.items():
            old, new = _value(before, by) if before is not None else None, _value(attributes, by)
            if old != new:
                _leave(division, old, key)
                if new is not None:
                    division.setdefault(new, set()).add(key)

    def remove(self, key: str) -> None:
        """Take leave of an object; one that is not there does no harm."""
        before = self._live.pop(key, None)
        if before is not None:
            for by, division in self._divisions.items():
                _leave(division, _value(before, by), key)

    def clear(self) -> None:
        """Forget everything."""
        self._live.clear()
        self._divisions.clear()

    def stale(self, key: str, revision: int) -> bool:
        """Tell whether an object is not known as it was written at that revision."""
        known = self._live.get(key)
        return known is None or known.revision != revision

    def keys(self) -> AbstractSet[str]:
        """Return the keys of all objects."""
        return self._live.keys()

    def select(self, labels: Iterable[Requirement], fields: Iterable[tuple[int, Term]]) -> AbstractSet[str]:
        """Return the keys of the objects that meet all conditions; not to be changed."""
        conditions = [*(self._of_label(each) for each in labels), *(self._of_field(at, term) for at, term in fields)]
        conditions.sort(key=lambda condition: condition.size if condition.among else len(self._live))
        found: AbstractSet[str] | None = None
        for condition in conditions:
            if found is None and condition.among:
                found = condition.sets[0] if len(condition.sets) == 1 else set().union(*condition.sets)
                continue
            found = self._live.keys() if found is None else found
            if condition.among:
                found = set().union(*(found & part for part in condition.sets))
            else:
                for part in condition.sets:
                    found = found - part
            if not found:
                break
        return self._live.keys() if found is None else found

    def _of_label(self, asked: Requirement) -> Condition:
        division = self._division((asked.key, -1))
        operator, values = asked.operator, asked.values
        if operator in ("exists", "!"):
            return Condition(list(division.values()), operator == "exists")
        if operator in ("gt", "lt"):
            return Condition([part for value, part in division.items() if asked.matches({asked.key: value})], among=True)
        return Condition([division[value] for value in set(values) if value in division], operator not in ("notin", "!="))

    def _of_field(self, at: int, term: Term) -> Condition:
        division = self._division(("", at))
        if not term.value:  # an empty field is as one that is absent
            return Condition(list(division.values()), term.negated)
        return Condition([division[term.value]] if term.value in division else [], not term.negated)

    def _division(self, by: By) -> dict[str, set[str]]:
        division = self._divisions.get(by)
        if division is not None:
            self._divisions.move_to_end(by)
            return division
        division = {}
        for key, value in self._valued(by):
            division.setdefault(value, set()).add(key)
        self._divisions[by] = division
        if len(self._divisions) > DIVISIONS:
            self._divisions.popitem(last=False)
        return division

    def _valued(self, by: By) -> Iterator[tuple[str, str]]:
        name, at = by
        if at < 0:
            return ((key, value) for key, known in self._live.items() if (value := known.labels.get(name)) is not None)
        return ((key, value) for key, known in self._live.items() if (value := known.fields[at]))


def _value(attributes: Attributes, by: By) -> str | None:
    name, at = by
    return attributes.labels.get(name) if at < 0 else attributes.fields[at] or None


def _leave(division: dict[str, set[str]], value: str | None, key: str) -> None:
    part = division.get(value) if value is not None else None
    if part is not None and value is not None:
        part.discard(key)
        if not part:
            del division[value]
