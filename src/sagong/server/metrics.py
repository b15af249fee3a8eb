"""The server's own metrics, under upstream's names."""

from __future__ import annotations

import os
import resource
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

from sagong.api.exposition import CONTENT_TYPE, Histogram, Metric, exposition
from sagong.api.resources import ResourceTable
from sagong.server.deprecated import DEPRECATED
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer, Response
from sagong.server.pages import VERSION
from sagong.server.request_info import RequestInfo
from sagong.store.base import Store

_LABELS = ("verb", "group", "version", "resource", "subresource", "scope", "component")
_BOUNDS = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60)
_VERBS = {"create": "POST", "update": "PUT"}
_VERBS |= {
    verb: verb.upper() for verb in ("get", "list", "watch", "patch", "delete", "deletecollection", "proxy", "connect", "post", "put")
}
_OTHER = "OTHER"
_MOST_LABELS = 5_000


class Metrics:
    """Counts requests; the rest is looked up when somebody asks."""

    def __init__(self, store: Store, table: ResourceTable) -> None:
        self._store, self._table = store, table
        self._requests: Counter[tuple[str, ...]] = Counter()
        self._durations = Histogram(
            "apiserver_request_duration_seconds", "Response latency distribution in seconds for each verb.", _LABELS, _BOUNDS
        )
        self.inflight: Counter[str] = Counter()
        self._labels: dict[tuple[object, ...], tuple[str, ...]] = {}
        self._long_running: Counter[tuple[str, ...]] = Counter()
        self.more: list[Callable[[], Iterable[Metric | Histogram]]] = []

    def answered(self, info: RequestInfo, code: int, seconds: float) -> None:
        """Count a request; the time of one that streams says nothing and is left out."""
        labels = self._labels_of(info)
        self._requests[(*labels, str(code))] += 1
        if not info.long_running:
            self._durations.observe(seconds, labels)

    def long_running(self, info: RequestInfo, delta: int) -> None:
        """Count a request that streams, while it does."""
        self._long_running[self._labels_of(info)] += delta

    def _labels_of(self, info: RequestInfo) -> tuple[str, ...]:
        """Return the labels of a request; what nobody serves has none of its own, since clients could make them up for ever."""
        resource = (info.group, info.version, info.resource, info.subresource)
        key = (info.verb, *resource, bool(info.name), bool(info.namespace), info.resource_request)
        labels = self._labels.get(key)
        if labels is None:
            row = self._table.by_path(info.group, info.version, info.resource) if info.resource_request else None
            known = row is not None and (not info.subresource or row.subresource(info.subresource) is not None)
            scope = "" if not known else "resource" if info.name else "namespace" if info.namespace else "cluster"
            labels = (_VERBS.get(info.verb, _OTHER), *(resource if known else ("",) * 4), scope, "apiserver")
            if len(self._labels) < _MOST_LABELS and (known or not info.resource_request):
                self._labels[key] = labels
        return labels

    def page(self, exchange: Exchange) -> Answer:
        """Answer /metrics."""
        del exchange
        requests = Metric("apiserver_request_total", "counter", "Counter of apiserver requests by their labels and HTTP code.")
        for (*values, code), count in self._requests.items():
            requests.add(count, code=code, **dict(zip(_LABELS, values, strict=True)))
        inflight = Metric("apiserver_current_inflight_requests", "gauge", "Currently used inflight request limit, by request kind.")
        for kind in ("mutating", "readOnly"):
            inflight.add(self.inflight[kind], request_kind=kind)
        streaming = Metric("apiserver_longrunning_requests", "gauge", "Gauge of all active long-running apiserver requests.")
        for labels, count in self._long_running.items():
            streaming.add(count, **dict(zip(_LABELS, labels, strict=True)))
        more = [family for families in self.more for family in families()]
        families: list[Metric | Histogram] = [
            requests,
            self._durations,
            inflight,
            streaming,
            self._deprecated(),
            *self._objects(),
            *more,
            _build(),
            *_process(),
        ]
        return Response(exposition(families).encode(), content_type=CONTENT_TYPE)

    def _deprecated(self) -> Metric:
        """Tell which deprecated resources have been asked for."""
        asked = Metric("apiserver_requested_deprecated_apis", "gauge", "Deprecated APIs that have been requested, by their labels.")
        for group, version, plural, subresource in sorted({(labels[1], labels[2], labels[3], labels[4]) for labels in self._requests}):
            if not group and (version, plural) in DEPRECATED:  # all of them are of the core group
                asked.add(1, group=group, version=version, resource=plural, subresource=subresource, removed_release="")
        return asked

    def _objects(self) -> Iterator[Metric]:
        stored = Metric("apiserver_storage_objects", "gauge", "Number of stored objects by their kind.")
        objects = Metric("apiserver_resource_objects", "gauge", "Number of stored objects by group and resource.")
        prefixes = {row.storage_prefix: row for row in self._table}
        for prefix, row in prefixes.items():
            count = self._store.count(prefix)
            stored.add(count, resource=row.group_resource)
            objects.add(count, group=row.group, resource=row.plural)
        yield from (stored, objects)


def _build() -> Metric:
    build = Metric("kubernetes_build_info", "gauge", "What the server was built from, labels of a constant 1.")
    said = {"major": "major", "minor": "minor", "git_version": "gitVersion", "git_commit": "gitCommit", "platform": "platform"}
    build.add(1, **{label: str(VERSION[name]) for label, name in said.items()})
    return build


def _process() -> list[Metric]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    size = os.sysconf("SC_PAGE_SIZE")
    virtual, resident = (int(field) * size for field in Path("/proc/self/statm").read_text().split()[:2])
    found: list[tuple[Literal["counter", "gauge"], str, str, float]] = [
        ("counter", "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", usage.ru_utime + usage.ru_stime),
        ("gauge", "process_resident_memory_bytes", "Resident memory size in bytes.", resident),
        ("gauge", "process_virtual_memory_bytes", "Virtual memory size in bytes.", virtual),
        ("gauge", "process_open_fds", "Number of open file descriptors.", sum(1 for _ in Path("/proc/self/fd").iterdir())),
        ("gauge", "process_max_fds", "Maximum number of open file descriptors.", resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        ("gauge", "process_start_time_seconds", "Start time of the process since unix epoch in seconds.", _started()),
    ]
    metrics = []
    for kind, name, text, value in found:
        metrics.append(Metric(name, kind, text))
        metrics[-1].add(value)
    return metrics


def _started() -> float:
    """Return when the process started: the kernel counts ticks since it booted."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    booted = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    return float(booted.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
