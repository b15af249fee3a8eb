"""Follows the objects that configure priority and fairness; tells each FlowSchema whether its level is there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from sagong.api.clock import Clock, format_time
from sagong.api.errors import ApiError
from sagong.api.types.flowcontrol import FlowSchema, FlowSchemaCondition, FlowSchemaStatus, PriorityLevelConfiguration
from sagong.api.types.meta import ObjectMeta
from sagong.server.contract import FLOW_CONSUMER, Objects
from sagong.server.flowcontrol.fairness import Fairness
from sagong.server.flowcontrol.levels import usable
from sagong.store.base import SlowWatcherError, Store, StoreClosedError, StoreWriteError

log = logging.getLogger(__name__)

PREFIXES = ("/registry/flowschemas/", "/registry/prioritylevelconfigurations/")
BORROW_SECONDS = 10.0
PAUSE_SECONDS = 1.0
DANGLING = "Dangling"


class Consumer:
    """`run` until cancelled."""

    def __init__(self, fairness: Fairness, store: Store, objects: Objects, clock: Clock) -> None:
        self._fairness, self._store, self._objects, self._clock = fairness, store, objects, clock
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Follow."""
        self.configure()
        async with asyncio.TaskGroup() as group:
            for prefix in PREFIXES:
                group.create_task(self._follow(prefix))
            group.create_task(self._borrow())
            group.create_task(self._tell())

    def configure(self) -> None:
        """Take the objects as they are now."""
        self._fairness.configure(self._objects.list(PriorityLevelConfiguration), self._objects.list(FlowSchema))
        self._changed.set()

    async def _follow(self, prefix: str) -> None:
        while True:
            try:
                watch = self._store.watch(prefix, self._store.revision)
                self.configure()
                async for _ in watch:
                    self.configure()
            except SlowWatcherError:
                continue
            except StoreClosedError:
                return
            return

    async def _borrow(self) -> None:
        while True:
            await self._clock.sleep(BORROW_SECONDS)
            self._fairness.adjust()

    async def _tell(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            for schema in dangling(
                self._objects.list(FlowSchema), self._objects.list(PriorityLevelConfiguration), format_time(self._clock.now())
            ):
                try:
                    await self._objects.apply_status(schema, FLOW_CONSUMER)
                except (ApiError, StoreWriteError) as error:
                    log.info("cannot tell FlowSchema %s about its level: %s", schema.metadata.name, error)
                except StoreClosedError:
                    return
            await self._clock.sleep(PAUSE_SECONDS)


def dangling(schemas: Sequence[FlowSchema], levels: Sequence[PriorityLevelConfiguration], now: str) -> list[FlowSchema]:
    """Return the schemas whose Dangling condition is wrong, with nothing but their names and the right one."""
    there = {level.metadata.name for level in levels if usable(level)}
    changed = []
    for schema in schemas:
        name = schema.spec.priorityLevelConfiguration.name
        wanted = _condition(name, there=name in there, now=now)
        live = next((one for one in schema.status.conditions if one.type == DANGLING), None)
        if live is not None and (live.status, live.reason, live.message) == (wanted.status, wanted.reason, wanted.message):
            continue
        changed.append(FlowSchema(metadata=ObjectMeta(name=schema.metadata.name), status=FlowSchemaStatus(conditions=[wanted])))
    return changed


def _condition(name: str, *, there: bool, now: str) -> FlowSchemaCondition:
    text = f'This FlowSchema references the PriorityLevelConfiguration object named "{name}"'
    if there:
        return FlowSchemaCondition(type=DANGLING, status="False", lastTransitionTime=now, reason="Found", message=f"{text} and it exists")
    message = f"{text} but there is no such object"
    return FlowSchemaCondition(type=DANGLING, status="True", lastTransitionTime=now, reason="NotFound", message=message)
