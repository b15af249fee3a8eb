"""What the proxy measures, under upstream's names (pkg/proxy/metrics)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sagong.api.clock import parse_time
from sagong.network import metrics
from sagong.network.http import Answer
from sagong.network.metrics import Family, Histogram, exponential
from sagong.network.service_table import FAMILY_NAMES, ServiceTable

_SYNC_BOUNDS: Final = exponential(0.001, 2, 15)
_PROGRAMMING_BOUNDS: Final = (0.25, 0.5, *range(1, 60), *range(60, 120, 5), *range(120, 301, 30))


class ProxyMetrics:
    """The proxy's metrics."""

    def __init__(self, families: Iterable[str]) -> None:
        self._families = tuple(families)
        by_family = ("ip_family",)
        self.sync = Histogram("kubeproxy_sync_proxy_rules_duration_seconds", "SyncProxyRules latency in seconds", _SYNC_BOUNDS, by_family)
        self.full = Histogram(
            "kubeproxy_sync_full_proxy_rules_duration_seconds", "SyncProxyRules latency for full resyncs", _SYNC_BOUNDS, by_family
        )
        self.partial = Histogram(
            "kubeproxy_sync_partial_proxy_rules_duration_seconds", "SyncProxyRules latency for partial resyncs", _SYNC_BOUNDS, by_family
        )
        self.programming = Histogram(
            "kubeproxy_network_programming_duration_seconds", "In Cluster Network Programming Latency", _PROGRAMMING_BOUNDS, by_family
        )
        self.synced = _family("gauge", "sync_proxy_rules_last_timestamp_seconds", "The last time proxy rules were successfully synced")
        self.queued = _family("gauge", "sync_proxy_rules_last_queued_timestamp_seconds", "The last time a sync of proxy rules was queued")
        self.failures = _family("counter", "sync_proxy_rules_nftables_sync_failures_total", "Cumulative proxy nftables sync failures")
        self.flows = _family("counter", "conntrack_reconciler_deleted_entries_total", "Cumulative conntrack flows deleted")
        self.no_local = Family(
            "gauge",
            "kubeproxy_sync_proxy_rules_no_local_endpoints_total",
            "Number of services with a Local traffic policy and no endpoints",
            ("traffic_policy", "ip_family"),
        )
        self.services = Family("counter", "kubeproxy_sync_proxy_rules_service_changes_total", "Cumulative proxy rules Service changes")
        self.endpoints = Family("counter", "kubeproxy_sync_proxy_rules_endpoint_changes_total", "Cumulative proxy rules Endpoint changes")

    def queue(self, now: datetime) -> None:
        """Note that a sync is wanted."""
        for family in self._families:
            self.queued.set(now.timestamp(), family)

    def done(self, seconds: float, now: datetime, triggers: Iterable[str], *, full: bool) -> None:
        """Count one sync, and how long ago the changes happened that it brings (`triggers`, RFC 3339)."""
        delays = [(now - parse_time(when)).total_seconds() for when in triggers]
        for family in self._families:
            self.sync.observe(seconds, family)
            (self.full if full else self.partial).observe(seconds, family)
            self.synced.set(now.timestamp(), family)
            for delay in delays:
                self.programming.observe(delay, family)

    def look_at(self, table: ServiceTable) -> None:
        """Count the services whose policy Local keeps everyone from them."""
        lost = [row for row in table.services if row.anywhere and not row.local]
        family = FAMILY_NAMES[table.family]
        self.no_local.set(sum(row.internal_local for row in lost), "internal", family)
        self.no_local.set(sum(row.external_local and row.external for row in lost), "external", family)

    def failed(self) -> None:
        """Count one sync that the kernel refused."""
        for family in self._families:
            self.failures.add(1, family)

    def page(self) -> Answer:
        """Return the exposition."""
        return Answer(
            metrics.render(value for value in vars(self).values() if isinstance(value, Family)), content_type=metrics.CONTENT_TYPE
        )


def _family(kind: str, name: str, text: str) -> Family:
    return Family(kind, f"kubeproxy_{name}", text, ("ip_family",))
