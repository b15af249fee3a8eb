"""Where a node's meters get their families, so that the page of metrics has all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sagong.api.clock import Clock
from sagong.api.exposition import DEFAULT_BOUNDS, Counts, Family, Gauge, Histogram


class Ledger:
    """The families of one node; `prefix` begins the names that are given without one."""

    def __init__(self, clock: Clock, prefix: str = "kubelet_") -> None:
        self.clock = clock
        self.families: list[Family] = []
        self._prefix = prefix

    def count(self, name: str, text: str, labels: tuple[str, ...] = (), *, prefix: str | None = None) -> Counts:
        """Return a new counter."""
        self.families.append(made := Counts(self._whole(name, prefix), text, labels))
        return made

    def gauge(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
        """Return a new gauge."""
        self.families.append(made := Gauge(self._prefix + name, text, labels))
        return made

    def time(
        self, name: str, text: str, labels: tuple[str, ...] = (), bounds: Iterable[float] = DEFAULT_BOUNDS, *, prefix: str | None = None
    ) -> Histogram:
        """Return a new histogram."""
        self.families.append(made := Histogram(self._whole(name, prefix), text, labels, tuple(bounds)))
        return made

    @contextmanager
    def timing(self, histogram: Histogram, *labels: str) -> Iterator[None]:
        """Observe how many seconds the block takes, however it ends."""
        began = self.clock.monotonic()
        try:
            yield
        finally:
            histogram.observe(self.clock.monotonic() - began, labels)

    def _whole(self, name: str, prefix: str | None) -> str:
        return (self._prefix if prefix is None else prefix) + name
