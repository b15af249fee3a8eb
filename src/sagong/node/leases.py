"""Leases of a containerd that was killed: its successor keeps for a day what they hold, such as the layer of a container half made."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sagong.node.cri import api_pb2 as cri
from sagong.node.cri.client import CriError, Runtime

log = logging.getLogger(__name__)


@dataclass
class Leases:
    """Removes them once for each start of containerd, which its socket tells: whoever had a lease before that is gone."""

    runtime: Runtime
    socket: Path
    _looked: float = field(default=0.0)

    async def prune(self) -> None:
        """Remove the leases that are older than the runtime. Raises OSError; a runtime without leases is left alone."""
        started = self.socket.stat().st_mtime
        if started == self._looked:
            return
        try:
            for lease in orphaned(await self.runtime.leases(), started):
                await self.runtime.remove_lease(lease)
        except CriError as error:
            if not (error.unimplemented or error.missing):
                log.info("leases not removed: %s", error)
                return
        self._looked = started


def orphaned(leases: Sequence[cri.Lease], started: float) -> Sequence[str]:
    """Return the leases that were made before the runtime started, at so many seconds since 1970."""
    return [lease.id for lease in leases if lease.created_at.seconds + lease.created_at.nanos / 1e9 < started]
