"""What requests came to, under upstream's names: counted once for each kind of request, so that a request costs few additions.

A kind is what a request's labels are made of. What nobody serves has no labels of its own, since clients could make them up for ever.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

from sagong.api.exposition import Histogram, Metric
from sagong.api.resources import ResourceTable
from sagong.server.exchange import Exchange

LABELS = ("verb", "group", "version", "resource", "subresource", "scope", "component")
_DURATIONS = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60)
_SLIS = _DURATIONS[2:]
_SIZES = (1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9)
_VERBS = {"create": "POST", "update": "PUT", "deletecollection": "DELETE", "proxy": "CONNECT", "head": "GET"}
_VERBS |= {verb: verb.upper() for verb in ("get", "list", "watch", "patch", "apply", "delete", "connect", "post", "put")}
_CONNECTS = frozenset({"attach", "exec", "log", "portforward", "proxy"})
_OTHER = "OTHER"
_READS = ("get", "list")
_CLIENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "cluster-policy-controller")
_ALL = ["All"]
_APPLY = "application/apply-patch+yaml"
_MOST_KINDS = 5_000


class _Kind:
    """The counts of one kind of request; None for what is not measured of it."""

    __slots__ = ("client", "codes", "dry_run", "durations", "labels", "sizes", "slis")

    def __init__(self, labels: tuple[str, ...], dry_run: str, client: str) -> None:
        self.labels, self.dry_run, self.client = labels, dry_run, client
        self.codes: dict[int, int] = {}
        self.durations: list[float] = []
        self.slis: list[float] | None = None
        self.sizes: list[float] | None = None


class RequestMetrics:
    """Counts requests."""

    def __init__(self, table: ResourceTable) -> None:
        self._table = table
        self._kinds: dict[tuple[object, ...], _Kind] = {}
        self._by_labels: dict[tuple[object, ...], _Kind] = {}
        self._long_running: Counter[tuple[str, ...]] = Counter()
        self._terminated: Counter[tuple[str, ...]] = Counter()
        self._durations = Histogram(
            "apiserver_request_duration_seconds", "How long requests took, in seconds, by their labels.", (*LABELS, "dry_run"), _DURATIONS
        )
        self._slis = Histogram(
            "apiserver_request_sli_duration_seconds",
            "How long requests took, in seconds, without the time that they waited for their turn and for webhooks.",
            LABELS,
            _SLIS,
        )
        self._sizes = Histogram("apiserver_response_sizes", "How large the answers to reads were, in bytes.", LABELS, _SIZES)

    def answered(self, exchange: Exchange, code: int, seconds: float, size: int = -1) -> None:
        """Count a request; `size` is that of its answer, where that is known."""
        kind = self._kind_of(exchange)
        kind.codes[code] = kind.codes.get(code, 0) + 1
        durations, slis, sizes = kind.durations, kind.slis, kind.sizes
        durations[bisect_left(_DURATIONS, seconds)] += 1
        durations[-1] += seconds
        if slis is not None:
            seconds -= exchange.waited
            slis[bisect_left(_SLIS, seconds)] += 1
            slis[-1] += seconds
        if sizes is not None and size >= 0:
            sizes[bisect_left(_SIZES, size)] += 1
            sizes[-1] += size
        if exchange.terminated:
            self._terminated[(*kind.labels, str(code))] += 1

    def sent(self, exchange: Exchange, size: int) -> None:
        """Count the size of an answer that was made while it was sent."""
        kind = self._kind_of(exchange)
        if kind.sizes is not None:
            kind.sizes[bisect_left(_SIZES, size)] += 1
            kind.sizes[-1] += size

    def long_running(self, exchange: Exchange, delta: int) -> None:
        """Count a request that streams, while it does."""
        self._long_running[self._kind_of(exchange).labels] += delta

    def _kind_of(self, exchange: Exchange) -> _Kind:
        info, request = exchange.info, exchange.request
        verb, dry_run, client = info.verb, "", ""
        if verb == "patch" and request.header("content-type") == _APPLY:
            verb = "apply"
        if request.query_string and "dryRun" in request.query_string:
            dry_run = "All" if request.query.get("dryRun") == _ALL else "invalid" if "dryRun" in request.query else ""
        agent = request.headers.get("user-agent")
        if agent is not None and agent[0].startswith(_CLIENTS):
            name, slash, _ = agent[0].partition("/")
            client = name if slash and name in _CLIENTS else ""
        what = (info.group, info.version, info.resource, info.subresource, bool(info.name), bool(info.namespace), info.resource_request)
        key = (verb, dry_run, client, *what)
        return self._kinds.get(key) or self._new(exchange, key)

    def _new(self, exchange: Exchange, key: tuple[object, ...]) -> _Kind:
        info = exchange.info
        verb, dry_run, client = (str(part) for part in key[:3])
        row = self._table.by_path(info.group, info.version, info.resource) if info.resource_request else None
        known = row is not None and (not info.subresource or row.subresource(info.subresource) is not None)
        known = known and len(self._by_labels) < _MOST_KINDS
        scope = "" if not known else "resource" if info.name or verb == "create" else "namespace" if info.namespace else "cluster"
        resource = (info.group, info.version, info.resource, info.subresource) if known or not info.resource_request else ("",) * 4
        shown = "CONNECT" if info.subresource in _CONNECTS else _VERBS.get(verb, _OTHER)
        labels = (shown, *resource, scope, "apiserver")
        kind = self._by_labels.get((labels, dry_run, client))
        if kind is None:
            kind = self._by_labels[labels, dry_run, client] = _Kind(labels, dry_run, client)
            kind.durations = self._durations.cell((*labels, dry_run))
            if not dry_run:
                kind.slis = self._slis.cell(labels)
            if verb in _READS:
                kind.sizes = self._sizes.cell(labels)
        if (known or not info.resource_request) and len(self._kinds) < _MOST_KINDS:
            self._kinds[key] = kind
        return kind

    def resources(self) -> set[tuple[str, ...]]:
        """Return group, version, resource and subresource of all that was asked for."""
        return {kind.labels[1:5] for kind in self._by_labels.values()}

    def families(self) -> Iterator[Metric | Histogram]:
        """Yield what /metrics shows."""
        requests = Metric("apiserver_request_total", "counter", "How many requests came, by their labels and the code of the answer.")
        for kind in self._by_labels.values():
            shown = {**dict(zip(LABELS, kind.labels, strict=True)), "dry_run": kind.dry_run, "system_client": kind.client}
            for code, count in kind.codes.items():
                requests.add(count, code=str(code), **shown)
        streaming = Metric(
            "apiserver_longrunning_requests", "gauge", "How many requests are streaming now: watches, logs, connections to pods."
        )
        for labels, count in self._long_running.items():
            streaming.add(count, **dict(zip(LABELS, labels, strict=True)))
        terminated = Metric("apiserver_request_terminations_total", "counter", "How many requests the server ended to save itself.")
        for values, count in self._terminated.items():
            terminated.add(count, **dict(zip((*LABELS, "code"), values, strict=True)))
        yield from (requests, self._durations, self._slis, self._sizes, streaming, terminated)
