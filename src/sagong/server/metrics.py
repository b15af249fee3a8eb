"""The server's own metrics, under upstream's names."""

from __future__ import annotations

import os
import resource
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from sagong.api.exposition import CONTENT_TYPE, Histogram, Metric, exposition
from sagong.api.resources import ResourceTable
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer, Response
from sagong.server.request_info import RequestInfo, long_running
from sagong.store.base import Store

_LABELS = ("verb", "group", "version", "resource", "subresource", "scope", "component")
_BOUNDS = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60)
_VERBS = {"create": "POST", "update": "PUT", "patch": "PATCH", "get": "GET", "list": "LIST", "watch": "WATCH", "delete": "DELETE"}


class Metrics:
    """Counts requests; the rest is looked up when somebody asks."""

    def __init__(self, store: Store, table: ResourceTable) -> None:
        self._store, self._table = store, table
        self._requests: Counter[tuple[str, ...]] = Counter()
        self._durations = Histogram(
            "apiserver_request_duration_seconds", "Response latency distribution in seconds for each verb.", _LABELS, _BOUNDS
        )
        self.inflight: Counter[str] = Counter()
        self._long_running: Counter[tuple[str, ...]] = Counter()
        self.more: list[Callable[[], Iterable[Metric | Histogram]]] = []

    def answered(self, info: RequestInfo, code: int, seconds: float) -> None:
        """Count a request; the time of one that streams says nothing and is left out."""
        labels = _labels_of(info)
        self._requests[(*labels, str(code))] += 1
        if not long_running(info):
            self._durations.observe(seconds, labels)

    def long_running(self, info: RequestInfo, delta: int) -> None:
        """Count a request that streams, while it does."""
        self._long_running[_labels_of(info)] += delta

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
        families: list[Metric | Histogram] = [requests, self._durations, inflight, streaming, self._objects(), *more, *_process()]
        return Response(exposition(families).encode(), content_type=CONTENT_TYPE)

    def _objects(self) -> Metric:
        objects = Metric("apiserver_storage_objects", "gauge", "Number of stored objects by their kind.")
        prefixes = {row.storage_prefix: row for row in self._table}
        for prefix, row in prefixes.items():
            objects.add(self._store.count(prefix), resource=row.group_resource)
        return objects


def _labels_of(info: RequestInfo) -> tuple[str, ...]:
    verb = _VERBS.get(info.verb) or ("DELETECOLLECTION" if info.verb == "deletecollection" else info.verb.upper())
    scope = "" if not info.resource_request else "resource" if info.name else "namespace" if info.namespace else "cluster"
    return (verb, info.group, info.version, info.resource, info.subresource, scope, "apiserver")


def _process() -> list[Metric]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = Metric("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.")
    cpu.add(usage.ru_utime + usage.ru_stime)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    memory = Metric("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.")
    memory.add(pages * os.sysconf("SC_PAGE_SIZE"))
    files = Metric("process_open_fds", "gauge", "Number of open file descriptors.")
    files.add(sum(1 for _ in Path("/proc/self/fd").iterdir()))
    return [cpu, memory, files]
