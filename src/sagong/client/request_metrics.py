"""What a client counts of its requests, under the names of client-go's."""

from __future__ import annotations

from collections.abc import Iterable

from sagong.api.exposition import Counts, Family, Histogram

_SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
_BYTES = (64, 256, 512, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216)
_WHO = ("verb", "host")


class RequestMetrics:
    """Counters and histograms of one client, or of several that share them."""

    def __init__(self) -> None:
        self.requests = Counts(
            "rest_client_requests_total",
            "Number of HTTP requests, partitioned by status code, method, and host.",
            ("code", "method", "host"),
        )
        self.retries = Counts(
            "rest_client_request_retries_total", "How often a request was sent again because the server asked for that.", ("code", *_WHO)
        )
        self.seconds = Histogram(
            "rest_client_request_duration_seconds", "How long requests take until their answers are read, in seconds.", _WHO, _SECONDS
        )
        self.waits = Histogram(
            "rest_client_rate_limiter_duration_seconds", "How long requests wait until this client may send them.", _WHO, _SECONDS
        )
        self.sent = Histogram("rest_client_request_size_bytes", "How many bytes the bodies of requests have.", _WHO, _BYTES)
        self.received = Histogram("rest_client_response_size_bytes", "How many bytes the bodies of answers have.", _WHO, _BYTES)

    def families(self) -> Iterable[Family]:
        """Return all of them."""
        return self.requests, self.retries, self.seconds, self.waits, self.sent, self.received
