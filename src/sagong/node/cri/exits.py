"""Tells at once that something in the runtime has changed: CRI's event stream, or containerd's own where CRI has none.

The events say how containers ended, which is worth remembering: a containerd that is killed while it takes a dead container's task down
has forgotten the exit code when it comes back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from sagong.api.clock import Clock
from sagong.node.cri import api_pb2 as cri
from sagong.node.cri.client import CriError, Runtime
from sagong.node.meters.ledger import Ledger
from sagong.node.meters.relists import RelistMeter

FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.1, 1.0
SUBSCRIBED_SECONDS = 0.1
"""after which a subscription surely stands; what ended before that is looked for"""
_TOPIC = 'topic=="/tasks/exit"'
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class End:
    """How a container ended; `finished_at` in nanoseconds since 1970."""

    exit_code: int
    finished_at: int


class RuntimeEvents:
    """Follows the runtime.

    `changed` is told the id of a container or sandbox that has ended, after `ended` was told how; "" when events may have been missed.
    """

    def __init__(
        self,
        runtime: Runtime,
        clock: Clock,
        changed: Callable[[str], None],
        ended: Callable[[str, End], None] = lambda _, __: None,
        *,
        meter: RelistMeter | None = None,
    ) -> None:
        self._meter = meter or RelistMeter(Ledger(clock))
        self._runtime = runtime
        self._clock = clock
        self._changed = changed
        self._ended = ended
        self._has_cri_events = True

    async def run(self) -> None:
        """Follow until cancelled."""
        pause = FIRST_RETRY_SECONDS
        missed = False
        while True:
            began = self._clock.monotonic()
            stands = asyncio.get_running_loop().call_later(SUBSCRIBED_SECONDS, self._stands, missed)
            try:
                await (self._follow_cri() if self._has_cri_events else self._follow_containerd())
            except CriError as error:
                if error.unimplemented and self._has_cri_events:
                    self._has_cri_events = False
                    continue
                log.info("the runtime's events broke off: %s", error)
                self._meter.connection_errors.add()
            finally:
                stands.cancel()
            missed = True
            pause = FIRST_RETRY_SECONDS if self._clock.monotonic() - began > LONGEST_RETRY_SECONDS else pause
            await self._clock.sleep(pause)
            pause = min(pause * 2, LONGEST_RETRY_SECONDS)

    def _stands(self, missed: bool) -> None:  # noqa: FBT001 - a timer's argument
        self._meter.connections.add()
        if missed:
            self._changed("")

    async def _follow_cri(self) -> None:
        async for event in self._runtime.events():
            self._meter.told(event.created_at)
            if event.container_event_type == cri.CONTAINER_STOPPED_EVENT:
                for status in event.containers_statuses:
                    if status.id == event.container_id and status.state == cri.CONTAINER_EXITED:
                        self._ended(status.id, End(status.exit_code, status.finished_at))
                self._changed(event.container_id)

    async def _follow_containerd(self) -> None:
        async for envelope in self._runtime.containerd_events(_TOPIC):
            exit_event = cri.TaskExit.FromString(envelope.event.value)
            if exit_event.id == exit_event.container_id:  # not the end of an exec
                at = exit_event.exited_at.seconds * 10**9 + exit_event.exited_at.nanos
                self._meter.told(at)
                self._ended(exit_event.id, End(exit_event.exit_status, at))
                self._changed(exit_event.container_id)
