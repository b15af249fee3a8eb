"""Tells at once that something in the runtime has changed: CRI's event stream, or containerd's own where CRI has none."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sagong.api.clock import Clock
from sagong.node.cri import api_pb2 as cri
from sagong.node.cri.client import CriError, Runtime

RETRY_SECONDS = 1.0
_TOPIC = 'topic=="/tasks/exit"'
log = logging.getLogger(__name__)


class RuntimeEvents:
    """Follows the runtime. `changed` is told the id of a container or sandbox that has ended, or "" when events may have been missed."""

    def __init__(self, runtime: Runtime, clock: Clock, changed: Callable[[str], None]) -> None:
        self._runtime = runtime
        self._clock = clock
        self._changed = changed
        self._has_cri_events = True

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                if self._has_cri_events:
                    await self._follow_cri()
                else:
                    await self._follow_containerd()
            except CriError as error:
                if error.unimplemented and self._has_cri_events:
                    self._has_cri_events = False
                    continue
                log.info("the runtime's events broke off: %s", error)
            await self._clock.sleep(RETRY_SECONDS)
            self._changed("")

    async def _follow_cri(self) -> None:
        async for event in self._runtime.events():
            if event.container_event_type == cri.CONTAINER_STOPPED_EVENT:
                self._changed(event.container_id)

    async def _follow_containerd(self) -> None:
        async for envelope in self._runtime.containerd_events(_TOPIC):
            exit_event = cri.TaskExit.FromString(envelope.event.value)
            if exit_event.id == exit_event.container_id:  # not the end of an exec
                self._changed(exit_event.container_id)
