"""What watches send, under upstream's names."""

from __future__ import annotations

from collections.abc import Iterator

from sagong.api.exposition import Histogram, Metric
from sagong.api.resources import Resource

_BOUNDS = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 2, 4, 6, 8, 10, 15, 20, 30, 45, 60)
_RESOURCE = ("group", "version", "resource")


class Sent:
    """How many events were sent."""

    __slots__ = ("events",)

    def __init__(self) -> None:
        self.events = 0


class WatchMetrics:
    """Counts, by resource."""

    def __init__(self) -> None:
        self._sent: dict[tuple[str, ...], Sent] = {}
        self._lists = Histogram(
            "apiserver_watch_list_duration_seconds",
            "How long it took to send all that there was to watches that ask for it, in seconds.",
            (*_RESOURCE, "scope"),
            _BOUNDS,
        )

    def sent(self, row: Resource) -> Sent:
        """Return where the events of a resource are counted."""
        return self._sent.setdefault((row.group, row.version, row.plural), Sent())

    def listed(self, row: Resource, scope: str, seconds: float) -> None:
        """Count a watch that has sent all that there was."""
        self._lists.observe(seconds, (row.group, row.version, row.plural, scope))

    def families(self) -> Iterator[Metric | Histogram]:
        """Yield what /metrics shows."""
        events = Metric("apiserver_watch_events_total", "counter", "How many events were sent to those who watch.")
        for labels, sent in self._sent.items():
            if sent.events:
                events.add(sent.events, **dict(zip(_RESOURCE, labels, strict=True)))
        yield from (events, self._lists)
