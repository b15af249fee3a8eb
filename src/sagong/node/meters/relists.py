"""How the runtime is looked at: as a whole, which upstream calls relisting, and pod by pod."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from sagong.node.meters.ledger import Ledger


class RelistMeter:
    """Times the looks of one node."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._began: float | None = None
        self.seconds = ledger.time("pleg_relist_duration_seconds", "How long it takes to list all that the runtime has.")
        self.intervals = ledger.time("pleg_relist_interval_seconds", "How many seconds lie between two such listings.")
        self.pod_seconds = ledger.time("pleg_pod_relist_duration_seconds", "How long it takes to look at one pod in the runtime.")
        self.last_seen = ledger.gauge("pleg_last_seen_seconds", "When the runtime was last listed, in seconds since 1970.")
        self.orphans = ledger.count(
            "orphaned_runtime_pods_total", "How many pods ran in the runtime that no source had and no worker knew, and were ended."
        )

    @contextmanager
    def relisting(self) -> Iterator[None]:
        """Time a listing; one that fails counts as a listing, but not as seen."""
        clock = self._ledger.clock
        began, at = clock.monotonic(), clock.now()
        if self._began is not None:
            self.intervals.observe(began - self._began)
        with self._ledger.timing(self.seconds):
            yield
        self._began = began
        self.last_seen.set(int(at.timestamp()))

    def pod(self) -> AbstractContextManager[None]:
        """Time a look at one pod."""
        return self._ledger.timing(self.pod_seconds)
