"""The server's own metrics, under upstream's names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from sagong.api.exposition import CONTENT_TYPE, Histogram, Metric, exposition
from sagong.api.resources import ResourceTable
from sagong.server.deprecated import DEPRECATED
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer, Response
from sagong.server.pages import VERSION
from sagong.server.request_metrics import RequestMetrics
from sagong.store.base import Sized, Store

_OLD_DOCUMENTS = ("config.k8s.io", "v1alpha1")
"""Of /statusz and /flagz."""
_BUILD = {
    "major": "major",
    "minor": "minor",
    "git_version": "gitVersion",
    "git_commit": "gitCommit",
    "git_tree_state": "gitTreeState",
    "build_date": "buildDate",
    "go_version": "goVersion",
    "compiler": "compiler",
    "platform": "platform",
}


class Metrics(RequestMetrics):
    """Counts requests; the rest is looked up when somebody asks."""

    def __init__(self, store: Store, table: ResourceTable) -> None:
        super().__init__(table)
        self._store = store
        self.inflight: Counter[str] = Counter()
        self.users: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.more: list[Callable[[], Iterable[Metric | Histogram]]] = []

    async def page(self, exchange: Exchange) -> Answer:
        """Answer /metrics."""
        from sagong.api import features  # noqa: PLC0415 - as below
        from sagong.server import stability  # noqa: PLC0415 - loaded for those who look

        del exchange
        inflight = Metric("apiserver_current_inflight_requests", "gauge", "Currently used inflight request limit, by request kind.")
        for kind in ("mutating", "readOnly"):
            inflight.add(self.inflight[kind], request_kind=kind)
        families: list[Metric | Histogram] = [
            *self.families(),
            inflight,
            *self._authenticated(),
            self._deprecated(),
            *self._objects(),
            await self._size(),
            *(family for families in self.more for family in families()),
            _build(),
            features.enabled(),
        ]
        return Response(exposition(stability.leveled(families)).encode(), content_type=CONTENT_TYPE)

    def _authenticated(self) -> Iterator[Metric]:
        """Tell how often it was found out who asks; most names are not shown, for there may be many."""
        users = Metric(
            "authenticated_user_requests", "counter", "How many requests came from a user; names that say little are put together."
        )
        for name, count in self.users.items():
            users.add(count, username=name)
        attempts = Metric("authentication_attempts", "counter", "How often it was to be found out who asks, by what came of it.")
        for result, count in {"success": self.users.total(), **self.unknown}.items():
            attempts.add(count, result=result)
        yield from (users, attempts)

    def _deprecated(self) -> Metric:
        """Tell which deprecated resources have been asked for."""
        asked = Metric("apiserver_requested_deprecated_apis", "gauge", "Deprecated APIs that have been requested, by their labels.")
        for group, version, plural, subresource in sorted(self.resources()):
            of_core = not group and (version, plural) in DEPRECATED  # all resources that are deprecated are of that group
            if of_core or (group, version) == _OLD_DOCUMENTS:
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

    async def _size(self) -> Metric:
        size = Metric("apiserver_storage_size_bytes", "gauge", "How many bytes the database takes on its disk.")
        if isinstance(self._store, Sized) and (taken := await self._store.size()) is not None:
            size.add(taken, storage_cluster_id=self._store.cluster_id)
        return size


def _build() -> Metric:
    build = Metric("kubernetes_build_info", "gauge", "What the server was built from, labels of a constant 1.")
    build.add(1, **{label: str(VERSION[name]) for label, name in _BUILD.items()})
    return build
