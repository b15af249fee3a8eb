"""Counters, gauges and histograms in Prometheus' text format 0.0.4: the few lines of a client library that are needed here."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Family:
    """One named metric; its samples by label values."""

    def __init__(self, kind: str, name: str, text: str, labels: Sequence[str] = ()) -> None:
        self.kind, self.name, self.text, self.labels = kind, name, text, tuple(labels)
        self.values: dict[tuple[str, ...], float] = {}

    def add(self, amount: float = 1, *labels: str) -> None:
        """Count up."""
        self.values[labels] = self.values.get(labels, 0) + amount

    def set(self, value: float, *labels: str) -> None:
        """Set a gauge."""
        self.values[labels] = value

    def lines(self) -> Iterator[str]:
        """Yield the samples."""
        for values, value in self.values.items():
            yield f"{self.name}{_braces(zip(self.labels, values, strict=True))} {_number(value)}"


class Histogram(Family):
    """How often a value was at most each bound."""

    def __init__(self, name: str, text: str, bounds: Sequence[float], labels: Sequence[str] = ()) -> None:
        super().__init__("histogram", name, text, labels)
        self.bounds = tuple(bounds)
        self.series: dict[tuple[str, ...], tuple[list[int], list[float]]] = {}

    def observe(self, value: float, *labels: str) -> None:
        """Count one value."""
        counts, total = self.series.setdefault(labels, ([0] * (len(self.bounds) + 1), [0.0]))
        counts[bisect_left(self.bounds, value)] += 1
        total[0] += value

    def lines(self) -> Iterator[str]:
        """Yield buckets, sum and count."""
        for values, (counts, total) in self.series.items():
            pairs, seen = list(zip(self.labels, values, strict=True)), 0
            for bound, count in zip((*map(_number, self.bounds), "+Inf"), counts, strict=True):
                seen += count
                yield f"{self.name}_bucket{_braces([*pairs, ('le', bound)])} {seen}"
            yield f"{self.name}_sum{_braces(pairs)} {_number(total[0])}"
            yield f"{self.name}_count{_braces(pairs)} {seen}"


def exponential(start: float, factor: float, count: int) -> tuple[float, ...]:
    """Return bucket bounds, each `factor` times the one before."""
    return tuple(start * factor**n for n in range(count))


def render(families: Iterable[Family]) -> str:
    """Return the exposition of all families that have samples."""
    parts: list[str] = []
    for family in families:
        if lines := list(family.lines()):
            parts += (f"# HELP {family.name} {family.text}", f"# TYPE {family.name} {family.kind}", *lines)
    return "\n".join([*parts, ""])


def _braces(pairs: Iterable[tuple[str, str]]) -> str:
    inner = ",".join(f'{name}="{_escape(value)}"' for name, value in pairs)
    return f"{{{inner}}}" if inner else ""


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
