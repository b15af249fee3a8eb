"""What the kubelet's own server counts of requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from sagong.api.errors import ApiError
from sagong.api.exposition import Counts, Histogram
from sagong.node.meters.ledger import Ledger

_LABELS = ("method", "path", "server_type", "long_running")
_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "CONNECT", "TRACE"})
_PATHS = frozenset(
    {
        *("healthz", "pods", "runningpods", "configz", "stats", "logs", "checkpoint", "statusz", "flagz"),
        *("metrics", "metrics/cadvisor", "metrics/probes", "metrics/resource"),
        *("run", "exec", "attach", "portForward", "containerLogs"),
    }
)
_REVIEW_SECONDS = (0.25, 0.5, 0.7, 1, 1.5, 3, 5, 10)
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

        self._reviews = {
            kind: _reviews(ledger, kind, what) for kind, what in (("authn", "who somebody is"), ("authz", "whether somebody may"))
        }
        self.tokens = ledger.count(
            "authentication_token_cache_request_total", "How often a token was looked up, and known or not.", ("status",), prefix=""
        )

    @contextmanager
    def reviewing(self, kind: Literal["authn", "authz"]) -> Iterator[None]:
        """Count a question to the API server: who somebody is, or whether he may do something."""
        total, seconds = self._reviews[kind]
        began, code = self._clock.monotonic(), "<error>"
        try:
            yield
            code = "201"
        except ApiError as error:
            code = str(error.code)
            raise
        finally:
            total.add((code,))
            seconds.observe(self._clock.monotonic() - began, (code,))

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


def _reviews(ledger: Ledger, kind: str, what: str) -> tuple[Counts, Histogram]:
    name, label = f"apiserver_delegated_{kind}_request", ("code",)
    return (
        ledger.count(f"{name}_total", f"How often the API server was asked {what}, by its answer.", label, prefix=""),
        ledger.time(f"{name}_duration_seconds", "How long that took.", label, _REVIEW_SECONDS, prefix=""),
    )


def _kind(path: str) -> str:
    parts = path.strip("/").split("/")
    root = "/".join(parts[:2]) if parts[0] == "metrics" else parts[0]
    return root if root in _PATHS else "other"
