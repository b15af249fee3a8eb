"""Prometheus' text format, version 0.0.4: what the components show under /metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
DEFAULT_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Prometheus' own choice for durations in seconds."""
_INFINITY = float("inf")


def exponential(first: float, factor: float, count: int) -> list[float]:
    """Return bounds of which each is the one before times a factor, rounded at each step as upstream's are."""
    bounds = [first]
    while len(bounds) < count:
        bounds.append(bounds[-1] * factor)
    return bounds


class Metric(Struct):
    """A family of samples, filled when the page is read."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    samples: list[tuple[dict[str, str], float]] = field(default_factory=list)
    level: str = ""
    """How stable it is (KEP-1209): STABLE, BETA, ALPHA, or not said."""

    def add(self, value: float, /, **labels: str) -> None:
        """Add a sample."""
        self.samples.append((labels, value))

    def rows(self) -> Iterator[str]:
        """Yield the lines of samples."""
        yield from (f"{self.name}{_labels(labels)} {_number(value)}" for labels, value in self.samples)

    def lines(self) -> Iterator[str]:
        """Yield the lines of the family, none when it has no samples."""
        return _family(self)


class Counts:
    """Sums by label values, kept up as things happen; without labels there is one, which starts at 0."""

    kind: Literal["counter", "gauge"] = "counter"
    level = ""

    def __init__(self, name: str, help_text: str, labels: Sequence[str] = ()) -> None:
        self.name, self.help, self._labels = name, help_text, tuple(labels)
        self.values: dict[tuple[str, ...], float] = {} if labels else {(): 0.0}

    def add(self, labels: tuple[str, ...] = (), value: float = 1.0) -> None:
        """Add to one of them."""
        self.values[labels] = self.values.get(labels, 0.0) + value

    def rows(self) -> Iterator[str]:
        """Yield the lines of samples."""
        for values, count in self.values.items():
            yield f"{self.name}{_labels(dict(zip(self._labels, values, strict=True)))} {count:.12g}"

    def lines(self) -> Iterator[str]:
        """Yield the lines of the family, none when nothing was counted."""
        return _family(self)


class Gauge(Counts):
    """What rises and falls, by label values; without labels there is one, which starts at 0."""

    kind = "gauge"

    def set(self, value: float, labels: tuple[str, ...] = ()) -> None:
        """Let one of them be this."""
        self.values[labels] = value


class Histogram:
    """Counts in buckets, by label values; the upper bounds are in ascending order. Without labels there is one, which starts at 0."""

    kind: Literal["histogram"] = "histogram"
    level = ""

    def __init__(self, name: str, help_text: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        self.name, self.help, self._labels, self._bounds = name, help_text, tuple(labels), tuple(bounds)
        self._counts: dict[tuple[str, ...], list[float]] = {} if labels else {(): [0.0] * (len(self._bounds) + 2)}

    def observe(self, value: float, labels: tuple[str, ...] = ()) -> None:
        """Count a value."""
        counts = self._counts.get(labels) or self.cell(labels)
        counts[bisect_left(self._bounds, value)] += 1
        counts[-1] += value

    def cell(self, labels: tuple[str, ...]) -> list[float]:
        """Return the counts for label values, to add to: one for each bucket, one for what is beyond all, and the sum."""
        counts = self._counts.get(labels)
        if counts is None:
            counts = self._counts[labels] = [0.0] * (len(self._bounds) + 2)
        return counts

    def drop(self, labels: tuple[str, ...]) -> None:
        """Forget the counts for label values."""
        self._counts.pop(labels, None)

    def rows(self) -> Iterator[str]:
        """Yield the lines of samples."""
        edges = [*map(_edge, self._bounds), "+Inf"]
        for values, counts in self._counts.items():
            labels = dict(zip(self._labels, values, strict=True))
            seen = 0.0
            for edge, count in zip(edges, counts, strict=False):
                seen += count
                yield f"{self.name}_bucket{_labels({**labels, 'le': edge})} {seen:.12g}"
            yield f"{self.name}_sum{_labels(labels)} {counts[-1]:.12g}"
            yield f"{self.name}_count{_labels(labels)} {seen:.12g}"

    def lines(self) -> Iterator[str]:
        """Yield the lines of the family, none when nothing was counted."""
        return _family(self)


Family = Metric | Counts | Histogram


def exposition(families: Iterable[Family]) -> str:
    """Return the text; the samples of families of one name, from several parts of a process, are put together."""
    named: dict[str, list[Family]] = {}
    for family in families:
        named.setdefault(family.name, []).append(family)
    return "\n".join([*(line for same in named.values() for line in _family(*same)), ""])


def _family(first: Family, *others: Family) -> Iterator[str]:
    rows = [row for family in (first, *others) for row in family.rows()]
    if rows:
        yield f"# HELP {first.name} {f'[{first.level}] ' if first.level else ''}{first.help}"
        yield f"# TYPE {first.name} {first.kind}"
        yield from rows


def _number(value: float) -> str:
    return "+Inf" if value == _INFINITY else f"{value:.12g}"


def _edge(bound: float) -> str:
    """Write a bound as Go does: the fewest digits that mean it, with an exponent from a million on."""
    if bound == _INFINITY:
        return "+Inf"
    text = repr(float(bound))
    if 1e-4 <= abs(bound) < 1e6 or bound == 0 or "e" in text:  # noqa: PLR2004 - where Go's shortest form changes
        return text.removesuffix(".0")
    digits = len(text.replace(".0", "").replace(".", "").strip("0"))
    return f"{bound:.{max(digits - 1, 0)}e}"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in sorted(labels.items())) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
