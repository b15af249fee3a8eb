"""Shims of nobody.

A client of containerd 1.6 that goes away while a shim is being started, as a kubelet that is killed does, takes the call with it:
containerd gives up, removes what it has written down, and leaves the shim running without a task. Nothing would ever end that one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sagong.api.clock import Clock
from sagong.node.cri.client import CriError, Runtime
from sagong.node.remains import shims_of

GRACE_SECONDS = 10.0
"""Longer than a shim takes to end that containerd has just let go of."""
LOOK_SECONDS = 5.0
"""All processes are looked through: not at each of the many looks at the runtime that a busy node takes."""
log = logging.getLogger(__name__)


@dataclass
class Shims:
    """Ends shims of containers that containerd has not written down: it does so before it starts a shim, and until that has ended."""

    runtime: Runtime
    socket: str
    clock: Clock
    _strange: Mapping[str, float] = field(default_factory=dict)
    """Since when shims have been of nobody, in seconds of the monotonic clock."""
    _not_before: float = 0.0

    async def prune(self, sandboxes: Collection[str]) -> None:
        """Look once, beside the sandboxes that are known. A runtime that has no containerd's API, and so no shims, is left alone."""
        now, strange = self.clock.monotonic(), dict[str, float]()
        if now < self._not_before:
            return
        self._not_before = now + LOOK_SECONDS
        shims = await asyncio.to_thread(shims_of, self.socket)
        try:
            for container in shims.keys() - sandboxes:
                if not await self.runtime.recorded(container):
                    strange[container] = self._strange.get(container, now)
        except CriError as error:
            log.info("shims not looked at: %s", error)
            return
        self._strange = strange
        for container, since in strange.items():
            if now - since >= GRACE_SECONDS:
                log.warning("ending the shim of container %s, which containerd does not know any more", container)
                for pid in shims[container]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
