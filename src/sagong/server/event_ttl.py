"""Events live for an hour after their last change, as upstream's --event-ttl has it.

The store knows no times, so an event's hour is counted from when this loop first saw its revision: after a restart, anew.
"""

from __future__ import annotations

from sagong.api.clock import Clock
from sagong.store.base import RevisionMismatchError, Store, StoreWriteError

PREFIX = "/registry/events/"
TTL_SECONDS = 3600.0
INTERVAL = 60.0


async def expire_events(store: Store, clock: Clock) -> None:
    """Delete events whose hour is over, until cancelled."""
    seen: dict[str, tuple[int, float]] = {}
    while True:
        now = clock.monotonic()
        entries = store.list(PREFIX)
        known, seen = seen, {}
        for entry in entries:
            revision, since = known.get(entry.key, (0, now))
            seen[entry.key] = (entry.revision, since if revision == entry.revision else now)
            if now - seen[entry.key][1] > TTL_SECONDS:
                try:
                    await store.write(entry.key, None, entry.revision)
                except (RevisionMismatchError, StoreWriteError):
                    continue
        await clock.sleep(INTERVAL)
