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

        self.connections = ledger.count(
            "evented_pleg_connection_success_count", "How often the runtime's events were subscribed to, and came."
        )
        self.connection_errors = ledger.count("evented_pleg_connection_error_count", "How often they could not be, or broke off.")
        self.lateness = ledger.time(
            "evented_pleg_connection_latency_seconds", "Seconds from what an event tells until the kubelet takes it."
        )

    def told(self, nanoseconds: int) -> None:
        """Count an event about what was so many nanoseconds after 1970."""
        self.lateness.observe(max(self._ledger.clock.now().timestamp() - nanoseconds / 1e9, 0.0))

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
