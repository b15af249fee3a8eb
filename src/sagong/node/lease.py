"""The node's heartbeat: a Lease in kube-node-lease, renewed every quarter of its life (KEP-589)."""

from __future__ import annotations

import logging
from typing import Protocol, TypeVar

from sagong.api.clock import Clock, format_micro_time
from sagong.api.errors import AlreadyExistsError, ApiError, ConflictError, NotFoundError
from sagong.api.types.coordination import Lease, LeaseSpec
from sagong.api.types.core import Node
from sagong.api.types.meta import ObjectMeta, OwnerReference

T = TypeVar("T")

NAMESPACE = "kube-node-lease"
_RENEWALS_A_LIFE = 4
_RETRY = 1.0
_MAX_RETRY = 7.0
_log = logging.getLogger(__name__)


class Writer(Protocol):
    """The part of the API client that a heartbeat needs."""

    async def get(self, kind: type[T], name: str, namespace: str = "") -> T:
        """Read one object."""
        ...

    async def create(self, obj: T) -> T:
        """Create."""
        ...

    async def update(self, obj: T) -> T:
        """Replace."""
        ...


class NodeLease:
    """Keeps one node's Lease fresh."""

    def __init__(self, client: Writer, clock: Clock, node: str, seconds: int = 40) -> None:
        """`seconds` is how long the node counts as alive after a heartbeat."""
        self._client = client
        self._clock = clock
        self._node = node
        self._seconds = seconds
        self._held: Lease | None = None

    async def run(self) -> None:
        """Renew for ever; failures are tried again soon, less often each time."""
        wait = _RETRY
        while True:
            try:
                await self.renew()
            except (ApiError, OSError) as error:
                tell = _log.info if isinstance(error, NotFoundError) else _log.warning
                tell("node lease of %s not renewed: %s", self._node, error)
                await self._clock.sleep(wait)
                wait = min(wait * 2, _MAX_RETRY)
            else:
                wait = _RETRY
                await self._clock.sleep(self._seconds / _RENEWALS_A_LIFE)

    async def renew(self) -> None:
        """Make or renew the Lease. Raises ApiError, OSError; the next call starts from what the server has.

        NotFoundError: there is no node yet that it could be of.
        """
        held, self._held = self._held, None
        if held is not None:
            try:
                self._held = await self._update(held)
            except (ConflictError, NotFoundError):  # someone else has changed or removed it
                pass
            else:
                return
        held = await self._find()
        self._held = await (self._create() if held is None else self._update(held))

    async def _update(self, held: Lease) -> Lease:
        if not held.metadata.ownerReferences:
            held.metadata.ownerReferences = await self._owners()
        held.spec.holderIdentity = self._node
        held.spec.leaseDurationSeconds = self._seconds
        held.spec.renewTime = format_micro_time(self._clock.now())
        return await self._client.update(held)

    async def _find(self) -> Lease | None:
        try:
            return await self._client.get(Lease, self._node, NAMESPACE)
        except NotFoundError:
            return None

    async def _create(self) -> Lease | None:
        spec = LeaseSpec(holderIdentity=self._node, leaseDurationSeconds=self._seconds, renewTime=format_micro_time(self._clock.now()))
        metadata = ObjectMeta(name=self._node, namespace=NAMESPACE, ownerReferences=await self._owners())
        try:
            return await self._client.create(Lease(metadata=metadata, spec=spec))
        except AlreadyExistsError:
            return None

    async def _owners(self) -> list[OwnerReference]:
        """Name the node as owner: the garbage collector removes its Lease with it. Raises NotFoundError: the Lease waits for the node."""
        node = await self._client.get(Node, self._node)
        return [OwnerReference(apiVersion="v1", kind="Node", name=self._node, uid=node.metadata.uid)]
