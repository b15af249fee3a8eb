"""Prometheus' text format, version 0.0.4: what the components show under /metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metric(Struct):
    """A family of samples."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    samples: list[tuple[dict[str, str], float]] = field(default_factory=list)
    level: str = ""
    """How stable it is (KEP-1209): STABLE, BETA, ALPHA, or not said."""

    def add(self, value: float, **labels: str) -> None:
        """Add a sample."""
        self.samples.append((labels, value))

    def lines(self) -> Iterator[str]:
        """Yield the lines of the family, none when it has no samples."""
        if self.samples:
            yield f"# HELP {self.name} {_described(self.level, self.help)}"
            yield f"# TYPE {self.name} {self.kind}"
            yield from (f"{self.name}{_labels(labels)} {value:.12g}" for labels, value in self.samples)


class Histogram:
    """Counts in buckets, by label values; the upper bounds are in ascending order."""

    def __init__(self, name: str, help_text: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        self.name, self._help, self._labels, self._bounds = name, help_text, tuple(labels), tuple(bounds)
        self._counts: dict[tuple[str, ...], list[float]] = {}
        self.level = ""

    def observe(self, value: float, labels: tuple[str, ...]) -> None:
        """Count a value."""
        counts = self.cell(labels)
        counts[bisect_left(self._bounds, value)] += 1
        counts[-1] += value

    def cell(self, labels: tuple[str, ...]) -> list[float]:
        """Return the counts for label values, to add to: one for each bucket, one for what is beyond all, and the sum."""
        counts = self._counts.get(labels)
        if counts is None:
            counts = self._counts[labels] = [0.0] * (len(self._bounds) + 2)
        return counts

    def lines(self) -> Iterator[str]:
        """Yield the lines of the family, none when nothing was counted."""
        if not self._counts:
            return
        yield f"# HELP {self.name} {_described(self.level, self._help)}"
        yield f"# TYPE {self.name} histogram"
        for values, counts in self._counts.items():
            labels = dict(zip(self._labels, values, strict=True))
            seen = 0.0
            for bound, count in zip((*self._bounds, float("inf")), counts, strict=False):
                seen += count
                edge = "+Inf" if bound == float("inf") else f"{bound:g}"
                yield f"{self.name}_bucket{_labels({**labels, 'le': edge})} {seen:.12g}"
            yield f"{self.name}_sum{_labels(labels)} {counts[-1]:.12g}"
            yield f"{self.name}_count{_labels(labels)} {seen:.12g}"


def exposition(families: Iterable[Metric | Histogram]) -> str:
    """Return the text."""
    return "\n".join([*(line for family in families for line in family.lines()), ""])


def _described(level: str, text: str) -> str:
    return f"[{level}] {text}" if level else text


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in sorted(labels.items())) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
