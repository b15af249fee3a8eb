"""Tells the runtime the range of this node's pods, once the node has been given one; until then the runtime has no network for pods."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from sagong.api.clock import Clock
from sagong.node.cri.client import CriError

RETRY = 1.0
_log = logging.getLogger(__name__)


class Network(Protocol):
    """The part of the runtime that is needed here."""

    async def update_pod_cidr(self, pod_cidr: str) -> None:
        """Take the range. Raises CriError."""
        ...


class PodNetwork:
    """Follows the node's ranges."""

    def __init__(self, runtime: Network, clock: Clock, ranges: Callable[[], Sequence[str]]) -> None:
        self._runtime, self._clock, self._ranges = runtime, clock, ranges
        self._wake = asyncio.Event()
        self._told = ""

    def look(self) -> None:
        """Look now: the node may have changed."""
        self._wake.set()

    async def run(self) -> None:
        """Tell the runtime each new range, for ever."""
        while True:
            self._wake.clear()
            wanted = ",".join(self._ranges())
            if wanted and wanted != self._told:
                try:
                    await self._runtime.update_pod_cidr(wanted)
                except CriError as error:
                    _log.warning("the container runtime did not take the pods' range %s: %s", wanted, error)
                    await self._clock.sleep(RETRY)
                    continue
                _log.info("pods of this node get addresses of %s", wanted)
                self._told = wanted
            await self._wake.wait()
