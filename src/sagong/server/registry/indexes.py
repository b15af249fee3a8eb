"""Which live objects a selector selects, without a look at each of them.

An index is made when a row is first listed with a selector. After that it only notes which keys are written, and reads what
became of them when it is asked: writes pay for a name in a set. One that nobody asks is given up in time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice

from sagong.api.clock import Clock
from sagong.api.resources import Resource
from sagong.server.registry.attributes import Reader
from sagong.server.registry.index import Index
from sagong.server.registry.selection import Selection
from sagong.server.registry.storage import Storage
from sagong.store.base import Entry, SlowWatcherError, Store, Watch

STEP = 512
MOST_NOTED = 20_000
SORTED_BELOW = 8  # a set that is smaller than this part of the keys is sorted; else the keys are gone through in order


class Indexes:
    """What reads the attributes of each row's objects, and the indexes that there are."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage, self._clock = storage, clock
        self._readers: dict[Resource, tuple[int, Reader]] = {}
        self._indexes: dict[Resource, tuple[Reader, RowIndex]] = {}

    def reader(self, row: Resource) -> Reader:
        """Return what reads the attributes of a row's objects."""
        serial = row.extra.kind.serial if row.module is None else 0
        known = self._readers.get(row)
        if known is None or known[0] != serial:
            known = self._readers[row] = serial, Reader(self._storage, row)
        return known[1]

    def of(self, row: Resource, selection: Selection) -> RowIndex | None:
        """Return the index to use for a selection; None when each object has to be looked at."""
        if selection.by_key or (row.module is None and (selection.terms or row.extra.kind.converts)):
            return None
        known = self._indexes.get(row)
        if known is None or known[0] is not selection.reader:
            if known is not None:
                known[1].close()
            made = RowIndex(self._storage.store, row.storage_prefix, Index(selection.reader), self._clock)
            known = self._indexes[row] = selection.reader, made
        return known[1]


class RowIndex:
    """The index of one row, and what has been written since it was last asked."""

    def __init__(self, store: Store, prefix: str, index: Index, clock: Clock) -> None:
        self._store, self._prefix, self._index, self._clock = store, prefix, index, clock
        self._watch: Watch | None = None
        self._written: set[str] = set()
        self._complete = False
        self._making = asyncio.Lock()

    async def select(self, prefix: str, selection: Selection, start: str, most: int) -> Sequence[Entry]:
        """Return the live entries under `prefix` that are selected, in key order, from key `start` on, `most` at most (0: all)."""
        await self._catch_up()
        store, live = self._store, self._store.get
        keys = self._index.select(selection.labels.requirements, selection.terms)
        if not keys:
            return ()
        wanted = selection.wants_key
        low = max(prefix, start)
        if len(keys) * SORTED_BELOW < store.count(prefix):
            chosen = sorted(key for key in keys if key >= low and key.startswith(prefix) and (wanted is None or wanted(key)))
            found = [entry for key in chosen[: most or None] if (entry := live(key)) is not None]
        else:
            passing = (e for e in store.list(prefix, start=start) if e.key in keys and (wanted is None or wanted(e.key)))
            found = list(islice(passing, most or None))
        return found

    def close(self) -> None:
        """Stop following the store."""
        self._break_off()

    async def _catch_up(self) -> None:
        """Bring the index up to date with what is visible now."""
        if not self._complete or self._watch is None:
            async with self._making:
                await self._make()
        self._note()
        if self._watch is None:  # it broke off meanwhile
            return await self._catch_up()
        self._read(self._written)
        self._written = set()
        return None

    def _read(self, keys: set[str]) -> None:
        index, read = self._index, self._index.reader.read
        for key in keys:
            entry = self._store.get(key)
            if entry is None:
                index.remove(key)
            elif index.stale(key, entry.revision):
                index.put(key, read(entry.value, entry.revision))

    async def _make(self) -> None:
        """Read all objects that are not known yet, a few at a time. What is written meanwhile is noted."""
        while not self._complete or self._watch is None:
            if self._watch is None:
                self._watch = self._store.watch(self._prefix, self._store.revision)
                self._watch.notify(self._note)
            live = [entry.key for entry in self._store.list(self._prefix)]
            for at in range(0, len(live), STEP):
                self._read(set(live[at : at + STEP]))
                await self._clock.sleep(0)
            self._read(set(self._index.keys() - set(live)))
            self._complete = True

    def _note(self) -> None:
        """Note what has been written, so that its events need not be kept."""
        if self._watch is None:
            return
        try:
            self._written.update(event.key for event in self._watch.take())
        except SlowWatcherError:
            self._break_off()
        if len(self._written) > max(MOST_NOTED, len(self._index)):
            self._index.clear()
            self._break_off()

    def _break_off(self) -> None:
        watch, self._watch, self._complete, self._written = self._watch, None, False, set()
        if watch is not None:
            watch.close()
