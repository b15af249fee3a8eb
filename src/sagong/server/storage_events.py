"""How many changes came from the store, by resource.

The changes queue up and are read some hundreds at a time, or when somebody asks, so that a write costs next to nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sagong.api.exposition import Metric
from sagong.api.resources import Resource, ResourceTable
from sagong.store.base import CompactedError, SlowWatcherError, Store, StoreClosedError

_PREFIX = "/registry/"
_MOST_WAITING = 500


class StorageEvents:
    """Counts changes from now on."""

    def __init__(self, store: Store, table: ResourceTable) -> None:
        self._store, self._table = store, table
        self._counts: Counter[tuple[str, str]] = Counter()
        self._waiting = 0
        self._watch = store.watch(_PREFIX, store.revision)
        self._watch.notify(self._wake)

    def families(self) -> Iterator[Metric]:
        """Yield what /metrics shows."""
        self._read()
        family = Metric("apiserver_storage_events_received_total", "counter", "How many changes came from the store, by resource.")
        for (group, plural), count in self._counts.items():
            family.add(count, group=group, resource=plural)
        yield family

    def _wake(self) -> None:
        self._waiting += 1
        if self._waiting >= _MOST_WAITING:
            self._read()

    def _read(self) -> None:
        self._waiting = 0
        rows = {row.storage_prefix: row for row in self._table}
        try:
            for event in self._watch.take():
                row = _row_of(event.key, rows)
                if row is not None:
                    self._counts[row.group, row.plural] += 1
            if not self._watch.ended:
                return
        except SlowWatcherError:
            pass  # the store begins anew: what was lost meanwhile is not known
        try:
            self._watch = self._store.watch(_PREFIX, self._store.revision)
            self._watch.notify(self._wake)
        except (CompactedError, StoreClosedError):
            return


def _row_of(key: str, rows: dict[str, Resource]) -> Resource | None:
    _, _, first, second, *_ = (*key.split("/", 4), "", "")
    return rows.get(f"{_PREFIX}{first}/{second}/") or rows.get(f"{_PREFIX}{first}/")
