"""What the DNS server counts, under CoreDNS' names."""

from __future__ import annotations

from sagong.network import metrics
from sagong.network.dns.wire import RCODE_NAMES, TYPE_NAMES, Query
from sagong.network.http import Answer


class DnsMetrics:
    """Requests and responses."""

    def __init__(self) -> None:
        self._requests = metrics.Family(
            "counter",
            "coredns_dns_requests_total",
            "Counter of DNS requests made per zone, protocol and family.",
            ("server", "zone", "proto", "type"),
        )
        self._responses = metrics.Family(
            "counter",
            "coredns_dns_responses_total",
            "Counter of response status codes.",
            ("server", "zone", "rcode", "plugin"),
        )

    def count(self, query: Query, rcode: int, transport: str, how: str) -> None:
        """Count one answered question."""
        self._requests.add(1, "dns://:53", ".", transport, TYPE_NAMES.get(query.type, "other"))
        self._responses.add(1, "dns://:53", ".", RCODE_NAMES.get(rcode, str(rcode)), "kubernetes" if how == "answered" else "forward")

    def page(self) -> Answer:
        """Return the exposition."""
        return Answer(metrics.render((self._requests, self._responses)), content_type=metrics.CONTENT_TYPE)
