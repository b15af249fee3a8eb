"""The last stage: the verb of a resource request, or the page at a path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sagong.server.aggregation.aggregator import Aggregator
from sagong.server.deprecated import DEPRECATED
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer, page_not_found
from sagong.server.negotiation import representation_of
from sagong.server.registry.registry import Registry
from sagong.server.registry.serving import CONNECTED, PROXY, not_allowed, sub_verb, verb_of

Page = Callable[[Exchange], Awaitable[Answer] | Answer]
_ANY_METHOD = ("/healthz", "/livez", "/readyz", "/metrics")
_BY_NAME = ("get", "update", "patch", "delete")
_WRITING = ("create", "update", "patch", "delete", "deletecollection")
_SELECTING = ("list", "watch")
_ALL_NAMESPACES = ("list", "watch", "deletecollection")


class Dispatch:
    """Finds who answers. `pages` are exact paths; a key that ends in `/` covers what is below it."""

    def __init__(self, registry: Registry, pages: dict[str, Page], aggregator: Aggregator) -> None:
        self._registry, self._pages, self._aggregator = registry, pages, aggregator

    async def __call__(self, exchange: Exchange) -> Answer | None:
        """Answer; None when nothing is there."""
        if self._aggregator.backends:
            backend = self._aggregator.serving(exchange)
            if backend is not None:
                return await self._aggregator.pass_on(exchange, backend)
        if exchange.info.resource_request:
            return await self._resource(exchange)
        page = self._find(exchange.info.path)
        if page is None:
            return _no_page(exchange)
        if exchange.request.method not in ("GET", "HEAD") and not exchange.info.path.startswith(_ANY_METHOD):
            raise not_allowed()
        answer = page(exchange)
        return await answer if isinstance(answer, Awaitable) else answer

    async def _resource(self, exchange: Exchange) -> Answer | None:
        info = exchange.info
        row = self._registry.table.by_path(info.group, info.version, info.resource)
        if row is None and not self._registry.table.has(info.group, info.version):
            return _no_page(exchange)
        if row is not None and (deprecated := DEPRECATED.get((row.api_version, row.plural))):
            exchange.warnings.append(deprecated)
            exchange.annotations["k8s.io/deprecated"] = "true"
        if row is not None and row.module is None and row.extra.warning:
            exchange.warnings.append(row.extra.warning)
        if exchange.request.method == "HEAD" and info.subresource != PROXY:
            raise not_allowed()
        if row is None or (row.namespaced and not info.namespace and info.verb not in _ALL_NAMESPACES):
            return None
        if info.verb in _WRITING and info.subresource not in CONNECTED:
            exchange.representation = representation_of(exchange.request, custom=row.module is None)  # before anything is done
        if not info.subresource:
            if bool(info.name) != (info.verb in _BY_NAME) and info.verb not in _SELECTING:
                raise not_allowed()
            return await verb_of(row, info.verb)(self._registry, exchange, row)
        sub = row.subresource(info.subresource)
        return await sub_verb(row, sub, info.verb)(self._registry, exchange, row) if sub is not None else None

    def _find(self, path: str) -> Page | None:
        page = self._pages.get(path.rstrip("/")) or self._pages.get(path)
        while page is None and (path := path.rstrip("/")).count("/") > 1:
            path = path[: path.rindex("/") + 1]
            page = self._pages.get(path) if path != "/" else None
        return page


def _no_page(exchange: Exchange) -> Answer | None:
    """Say that nothing is there: under /api as a Status, elsewhere in plain text, as upstream's muxes do."""
    return None if exchange.info.path.startswith("/api/") else page_not_found()
