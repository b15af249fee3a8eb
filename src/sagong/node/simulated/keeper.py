"""Keeps the Node objects and leases of simulated nodes: a few hands that go round all nodes, so that the work is spread over time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from sagong.api.clock import format_time
from sagong.api.errors import AlreadyExistsError, ApiError
from sagong.api.types.core import Node
from sagong.client.client import Client
from sagong.client.events import Recorder
from sagong.client.informer import Informer
from sagong.node import node_status
from sagong.node.lease import NodeLease
from sagong.node.node_status import Reports
from sagong.node.simulated.node import Shared, SimulatedNode

HANDS = 8
LOOK_SECONDS = 10.0
RENEW_TRIES = 5
_log = logging.getLogger(__name__)


class Kept:
    """One node and what is known of its object."""

    def __init__(self, node: SimulatedNode, lease: NodeLease, reports: Reports) -> None:
        self.node, self.lease, self.reports = node, lease, reports
        self.fine: Node | None = None
        """the object when it was last found to say all that it should"""


class Keeper:
    """Registers nodes, then reports and renews for ever."""

    def __init__(self, client: Client, known: Informer[Node], nodes: Sequence[SimulatedNode], recorder: Recorder, shared: Shared) -> None:
        self._client, self._known, self._recorder, self._clock = client, known, recorder, shared.clock
        settings = self._settings = shared.settings
        self._kept = [
            # reports of nodes that were made together are not due together
            Kept(
                node,
                NodeLease(client, shared.clock, node.name, settings.lease_seconds),
                Reports(shared.clock, settings.report_seconds * (0.7 + 0.6 * shared.random.uniform())),
            )
            for node in nodes
        ]

    async def run(self) -> None:
        """Work until cancelled."""
        shares = [self._kept[hand::HANDS] for hand in range(HANDS)]
        async with asyncio.TaskGroup() as group:
            for share in shares:
                group.create_task(self._renew(share))
                group.create_task(self._report(share))

    def kept(self, name: str) -> Kept:
        """Return what is kept of a node."""
        return next(kept for kept in self._kept if kept.node.name == name)

    async def look(self, kept: Kept) -> None:
        """Write what is due of a node now."""
        await self._try(kept, self._write)

    async def _renew(self, share: Sequence[Kept]) -> None:
        """Register all as fast as it goes; then renew one after another, evenly over the period."""
        for kept in share:
            if self._known.get("", kept.node.name) is None:
                await self._try(kept, self._register)
            await self._try(kept, _renew)
        while True:
            began = self._clock.monotonic()
            for place, kept in enumerate(share):
                await self._until(began + self._settings.renew_seconds * place / len(share))
                await self._try(kept, _renew)
            await self._until(began + self._settings.renew_seconds)

    async def _until(self, time: float) -> None:
        await self._clock.sleep(max(0.0, time - self._clock.monotonic()))

    async def _report(self, share: Sequence[Kept]) -> None:
        """Look at all nodes now and then; write what is due."""
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            for kept in share:
                await self.look(kept)

    async def _register(self, kept: Kept) -> None:
        wanted = kept.node.object(format_time(self._clock.now()))
        try:
            await self._client.create(wanted)
        except AlreadyExistsError:
            return
        kept.reports.written()

    async def _write(self, kept: Kept) -> None:
        known = self._known.get("", kept.node.name)
        if known is None:
            await self._register(kept)
            return
        if known is kept.fine and not kept.reports.overdue:
            return
        old = known.status
        new = kept.node.status(known, format_time(self._clock.now())).status
        if not kept.reports.due(old, new):
            kept.fine = known
            return
        patch = node_status.status_patch(old, new)
        await self._client.patch(Node, kept.node.name, "", patch, patch_type="strategic", subresource="status")
        kept.reports.written()
        for reason, message in node_status.changes(old, new):
            self._recorder.event(_reference(kept.node.name), "Normal", reason, f"Node {kept.node.name} {message}")

    async def _try(self, kept: Kept, step: Callable[[Kept], Awaitable[None]]) -> None:
        try:
            await step(kept)
        except (ApiError, OSError) as error:
            _log.warning("simulated node %s: %s", kept.node.name, error)


async def _renew(kept: Kept) -> None:
    """Renew, trying a few times at once as the kubelet does: a whole period later the node could count as lost."""
    for tries_left in reversed(range(RENEW_TRIES)):
        try:
            await kept.lease.renew()
        except (ApiError, OSError):
            if not tries_left:
                raise
        else:
            return


def _reference(name: str) -> Node:
    node = Node(apiVersion="v1", kind="Node")
    node.metadata.name = node.metadata.uid = name  # as the kubelet files events of nodes
    return node
