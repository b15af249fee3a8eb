"""The compaction policy: history is kept for five to ten minutes, as upstream's API server has etcd keep it.

A store also bounds its history by size on its own; then this finds less to do.
"""

from __future__ import annotations

from sagong.api.clock import Clock
from sagong.store.base import Store, StoreWriteError

INTERVAL = 300.0


async def compact_regularly(store: Store, clock: Clock, interval: float = INTERVAL) -> None:
    """Compact every `interval` seconds to where the store was `interval` seconds ago, until cancelled."""
    before = store.revision
    while True:
        await clock.sleep(interval)
        now = store.revision
        if before > store.oldest:
            try:
                await store.compact(before)
            except StoreWriteError:
                continue  # no space; the next round makes up for it
        before = now
