"""What the verbs share: the store through the resource table, the parts plugged into the server, and how an object is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sagong.api.clock import Clock, Random
from sagong.api.errors import NotFoundError, conflict, not_found
from sagong.api.exposition import Histogram, Metric
from sagong.api.fence import Fence
from sagong.api.resources import Resource, ResourceTable, resource_of
from sagong.api.types.coordination import Lease
from sagong.server.admission.chain import Chain
from sagong.server.cel_metrics import CelMetrics
from sagong.server.contract import Authorizer, Connector, Issuer, RuleLister, ServiceAllocator, TokenReviewer
from sagong.server.exchange import Exchange
from sagong.server.messages import JSON, Response
from sagong.server.negotiation import representation_of
from sagong.server.registry.groups import Groups
from sagong.server.registry.indexes import Indexes
from sagong.server.registry.options import too_large_revision
from sagong.server.registry.render import RenderCache, Renderer
from sagong.server.registry.selection import Selection, selection
from sagong.server.registry.storage import Storage
from sagong.server.registry.watch_metrics import WatchMetrics
from sagong.server.webhooks.client import WebhookClient
from sagong.store.base import Store, StoreWriteError

if TYPE_CHECKING:
    from sagong.store.encryption.encryption import Encryption

FRESH_SECONDS = 3.0
_LEASES = resource_of(Lease)


@dataclass(slots=True)
class Registry:
    """Everything a verb needs."""

    store: Store
    storage: Storage
    table: ResourceTable
    clock: Clock
    random: Random
    admission: Chain | None = None
    authorizer: Authorizer | None = None
    rules: RuleLister | None = None
    tokens: TokenReviewer | None = None
    issuer: Issuer | None = None
    allocator: ServiceAllocator | None = None
    connector: Connector | None = None
    webhooks: WebhookClient | None = None
    encryption: Encryption | None = None
    families: list[Callable[[], Iterable[Metric | Histogram]]] = field(default_factory=list)
    rendered: RenderCache = field(default_factory=RenderCache)
    watches: WatchMetrics = field(default_factory=WatchMetrics)
    cel: CelMetrics = field(init=False)
    indexes: Indexes = field(init=False)
    groups: Groups = field(init=False)

    def __post_init__(self) -> None:
        """Make what follows from the rest."""
        self.indexes = Indexes(self.storage, self.clock)
        self.groups = Groups(self.store)
        self.cel = CelMetrics(self.clock)
        self.families += [self.watches.families, self.cel.families]

    def selection(self, exchange: Exchange, row: Resource) -> Selection:
        """Return what a request about objects of `row` selects. Raises BadRequestError."""
        return selection(exchange.request, row, self.indexes.reader(row), exchange.info.name)

    def metrics(self) -> Iterable[Metric | Histogram]:
        """Return the metrics of the parts."""
        return [family for families in self.families for family in families()]

    def renderer(self, exchange: Exchange, row: Resource) -> Renderer:
        """Return what renders the answer to a request about objects of `row`."""
        chosen = representation_of(exchange.request, custom=row.module is None)
        return Renderer(self.storage, row, chosen, exchange.request, self.clock)

    def answer(self, exchange: Exchange, row: Resource, value: bytes, revision: int, status: int = 200) -> Response:
        """Answer with one object."""
        chosen = exchange.representation or representation_of(exchange.request, custom=row.module is None)
        if chosen.media == JSON and not chosen.target and not chosen.pretty:
            return Response(self.storage.whole(row, value, revision), status)
        return Renderer(self.storage, row, chosen, exchange.request, self.clock).answer(value, revision, status=status)

    async def wait_fresh(self, revision: int) -> None:
        """Wait until `revision` is visible. Raises TimeoutApiError when it does not come up within 3 s."""
        if revision <= self.store.revision:
            return
        try:
            async with asyncio.timeout(FRESH_SECONDS):
                await self.store.wait_revision(revision)
        except (TimeoutError, StoreWriteError):
            raise too_large_revision(revision, self.store.revision) from None

    async def write(self, fence: Fence | None, key: str, value: bytes | None, expected: int) -> int:
        """Write for a client, if it still holds the lease that it stands on. Raises ConflictError, RevisionMismatchError."""
        if fence is not None:
            self._check_held(fence)
        return await self.store.write(key, value, expected)

    def _check_held(self, fence: Fence) -> None:
        entry = self.storage.entry(_LEASES, fence.namespace, fence.name)
        lease: Lease | None = self.storage.decode(_LEASES, entry.value, entry.revision) if entry else None
        if lease is None or lease.spec.holderIdentity != fence.holder:
            raise conflict(_LEASES.group, _LEASES.plural, fence.name, f"{fence.holder} does not hold it")

    def stale(self, key: str) -> bool:
        """Tell whether a value is to be written even when it does not change: another key encrypted it."""
        return self.encryption is not None and self.encryption.stale(key)

    async def deleted(self, row: Resource, obj: Any) -> None:
        """Let go of what an object held that is gone from the store now."""
        if (row.group, row.plural) == ("", "services") and self.allocator is not None:
            await self.allocator.release(obj)

    def missing(self, row: Resource, name: str) -> NotFoundError:
        """Return `pods "a" not found`."""
        return not_found(row.group, row.plural, name)
