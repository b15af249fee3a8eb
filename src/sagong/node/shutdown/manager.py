"""The kubelet's side of a shutdown: no more pods, the node is not ready, and those that run end group by group."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sagong.api.clock import Clock
from sagong.api.types.core import Pod
from sagong.node.admission import Rejection
from sagong.node.shutdown.order import Period, grace, groups

_LOOK_SECONDS = 0.1
log = logging.getLogger(__name__)


@dataclass
class Shutdown:
    """Ends the pods of one node."""

    rules: Sequence[Period]
    pods: Callable[[], Sequence[Pod]]
    """pods that use the node"""
    end: Callable[[Pod, int], None]
    """ends a pod within so many seconds"""
    ended: Callable[[str], bool]
    """whether nothing of a pod is left"""
    clock: Clock
    changed: Callable[[], None] = field(default=lambda: None)
    """told when the node begins to shut down, and when it does not after all"""
    coming: bool = False
    told: Callable[[datetime, datetime | None], None] = field(default=lambda _began, _ended: None)
    """told when a shutdown began, and then when the pods had ended"""

    @property
    def seconds(self) -> float:
        """Return how long it takes at most."""
        return sum(period.seconds for period in self.rules)

    def problems(self) -> Sequence[str]:
        """Return why the node is not ready."""
        return ["node is shutting down"] if self.coming else []

    def refuse(self) -> Rejection | None:
        """Return why no pod is let in, or None."""
        return Rejection("NodeShutdown", "Pod was rejected as the node is shutting down.") if self.coming else None

    def cancel(self) -> None:
        """Go on: the machine does not go down."""
        self.coming = False
        self.changed()

    async def begin(self) -> None:
        """End all pods in their order; return when they have ended, or their time is over."""
        self.coming = True
        self.changed()
        began = self.clock.now()
        self.told(began, None)
        try:
            await self._end_all()
        finally:
            self.told(began, self.clock.now())

    async def _end_all(self) -> None:
        for period, members in groups(self.pods(), self.rules):
            log.info("the node shuts down: %d pods of priority %d and above have %.0f s", len(members), period.priority, period.seconds)
            for pod in members:
                self.end(pod, grace(pod, period))
            try:
                async with asyncio.timeout(period.seconds):
                    while not all(self.ended(pod.metadata.uid) for pod in members):
                        await self.clock.sleep(_LOOK_SECONDS)
            except TimeoutError:
                log.warning("some pods of priority %d and above have not ended in %.0f s", period.priority, period.seconds)
