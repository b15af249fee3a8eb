"""What the kubelet's own server counts of requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sagong.node.meters.ledger import Ledger

_LABELS = ("method", "path", "server_type", "long_running")
_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "CONNECT", "TRACE"})
_PATHS = frozenset(
    {
        *("healthz", "pods", "runningpods", "configz", "stats", "logs", "checkpoint"),
        *("metrics", "metrics/cadvisor", "metrics/probes", "metrics/resource"),
        *("run", "exec", "attach", "portForward", "containerLogs"),
    }
)
_LONG = frozenset({"exec", "attach", "portForward"})


class RequestMeter:
    """Counts for one server."""

    def __init__(self, ledger: Ledger) -> None:
        self._clock = ledger.clock
        self.total = ledger.count("http_requests_total", "How many requests the server got.", _LABELS)
        self.seconds = ledger.time("http_requests_duration_seconds", "How long the server takes to answer requests.", _LABELS)
        self.inflight = ledger.gauge("http_inflight_requests", "How many requests are being answered.", _LABELS)
        self.websockets = ledger.count(
            "websocket_streaming_requests_total",
            "How many requests for exec, attach and port-forward came as WebSockets.",
            ("subresource",),
        )

    @contextmanager
    def serving(self, method: str, path: str, upgrade: str = "") -> Iterator[None]:
        """Count a request for as long as it is served."""
        kind = _kind(path)
        labels = (method if method in _METHODS else "other", kind, "readwrite", "true" if kind in _LONG else "false")
        if kind in _LONG and upgrade == "websocket":
            self.websockets.add((kind.lower(),))
        self.total.add(labels)
        self.inflight.add(labels)
        began = self._clock.monotonic()
        try:
            yield
        finally:
            self.inflight.add(labels, -1)
            self.seconds.observe(self._clock.monotonic() - began, labels)


def _kind(path: str) -> str:
    parts = path.strip("/").split("/")
    root = "/".join(parts[:2]) if parts[0] == "metrics" else parts[0]
    return root if root in _PATHS else "other"
