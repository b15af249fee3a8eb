"""What a containerd that was killed had still to collect.

Its successor keeps for a day what leases hold, such as the layer of a container half made. It also keeps the layers of containers that were
just being removed until it looks for such, which it does when another one is removed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sagong.node.cri import api_pb2 as cri
from sagong.node.cri.client import CriError, Runtime

_EMPTY = "sagong-empty"
log = logging.getLogger(__name__)


@dataclass
class Leases:
    """Removes leases once for each start of containerd, which its socket tells: whoever had one before that is gone."""

    runtime: Runtime
    socket: Path
    _looked: float = field(default=0.0)

    async def prune(self) -> None:
        """Remove leases older than the runtime, and layers of nobody. Raises OSError; a runtime without leases is left alone."""
        started = self.socket.stat().st_mtime
        if started == self._looked:
            return
        try:
            for lease in orphaned(await self.runtime.leases(), started):
                await self.runtime.remove_lease(lease)
            await self._collect_layers()
        except CriError as error:
            if not (error.unimplemented or error.missing):
                log.info("leases not removed: %s", error)
                return
        self._looked = started

    async def _collect_layers(self) -> None:
        """Remove an empty snapshot, after which containerd looks for layers of nobody. Raises CriError."""
        snapshotter = await self.runtime.snapshotter()
        try:
            await self.runtime.view_snapshot(snapshotter, _EMPTY, "", {})
        except CriError as error:
            if error.code != "ALREADY_EXISTS":
                raise
        await self.runtime.remove_snapshot(snapshotter, _EMPTY)


def orphaned(leases: Sequence[cri.Lease], started: float) -> Sequence[str]:
    """Return the leases that were made before the runtime started, at so many seconds since 1970."""
    return [lease.id for lease in leases if lease.created_at.seconds + lease.created_at.nanos / 1e9 < started]
