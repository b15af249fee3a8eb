"""The loop that turns definitions in the store into served resources: conditions, rows of the table, discovery, cleaning up.

Where nobody defines anything, nothing but a watch is made: the rest is imported with the first definition.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sagong.api.clock import format_time
from sagong.api.errors import ConflictError, NotFoundError
from sagong.api.resources import TABLE, Resource
from sagong.server.registry.registry import Registry
from sagong.store.base import CompactedError, Entry, SlowWatcherError, StoreClosedError

if TYPE_CHECKING:
    from sagong.api.types.apiextensions import CustomResourceDefinition
    from sagong.server.custom.kind import CustomKind

PREFIX = "/registry/apiextensions.k8s.io/customresourcedefinitions/"
RETRY = 1.0
log = logging.getLogger(__name__)


class Definitions:
    """All definitions, and the rows that the server serves for them. `changed` is called when the table has other rows."""

    def __init__(self, registry: Registry, changed: Sequence[Callable[[], None]]) -> None:
        self._registry, self._changed = registry, changed
        self._known: dict[str, CustomResourceDefinition] = {}
        self._kinds: dict[str, CustomKind] = {}
        self._revision = 0
        self._group: asyncio.TaskGroup | None = None
        self._cleaning: set[str] = set()

    def install(self) -> None:
        """Serve what was established before: to be called before the first request."""
        store = self._registry.store
        self._revision = store.revision
        entries = store.list(PREFIX)
        if entries:
            self._read(entries)
            self._serve(self._known)

    async def run(self) -> None:
        """Follow the definitions until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            await self._judge(list(self._known))
            while True:
                try:
                    await self._follow()
                except (SlowWatcherError, CompactedError):
                    self._relist()
                except StoreClosedError:
                    return
                else:
                    return

    async def _follow(self) -> None:
        watch = self._registry.store.watch(PREFIX, self._revision)
        try:
            async for events in watch:
                names = []
                for event in events:
                    name = event.key.removeprefix(PREFIX)
                    names.append(name)
                    if event.value is None:
                        self._known.pop(name, None)
                    else:
                        self._read([Entry(event.key, event.value, event.revision, 0)])
                    self._revision = event.revision
                await self._judge(dict.fromkeys(names))
        finally:
            watch.close()

    def _relist(self) -> None:
        """Begin anew after changes were missed."""
        store = self._registry.store
        self._revision = store.revision
        self._known.clear()
        self._read(store.list(PREFIX))

    def _read(self, entries: Sequence[Entry]) -> None:
        from sagong.api.resources import resource_of  # noqa: PLC0415 - with the first definition
        from sagong.api.types.apiextensions import CustomResourceDefinition  # noqa: PLC0415

        row = resource_of(CustomResourceDefinition)
        for entry in entries:
            self._known[entry.key.removeprefix(PREFIX)] = self._registry.storage.decode(row, entry.value, entry.revision)

    async def _judge(self, names: Sequence[str] | dict[str, None]) -> None:
        """Bring status and rows of these definitions, and of those that could have their names now, up to date."""
        if not names:
            return
        groups = {name.partition(".")[2] for name in names}
        self._serve(names)
        for name in [*names, *(name for name in self._known if name.partition(".")[2] in groups and name not in names)]:
            definition = self._known.get(name)
            if definition is None:
                continue
            try:
                await self._judge_one(name, definition)
            except StoreClosedError:
                raise
            except Exception:  # one definition must not end the loop for all
                log.exception("cannot bring %s up to date", name)
                self._again(name)

    async def _judge_one(self, name: str, definition: CustomResourceDefinition) -> None:
        from sagong.server.custom import conditions  # noqa: PLC0415 - with the first definition

        others = [other for other in self._known.values() if other is not definition and other.spec.group == definition.spec.group]
        now = format_time(self._registry.clock.now())
        judged = conditions.judged(definition, others, now)
        if judged.status != definition.status:
            self._known[name] = judged
            self._serve([name])  # those who see the condition find the resource
            self._known[name] = await self._write(judged)
        if judged.metadata.deletionTimestamp and judged.metadata.uid not in self._cleaning:
            self._clean(self._known[name])

    async def _write(self, definition: CustomResourceDefinition) -> CustomResourceDefinition:
        from sagong.server.registry import own  # noqa: PLC0415 - see registry/serving.py

        try:
            return await own.update(self._registry, definition, "status")
        except (ConflictError, NotFoundError):
            return definition  # it changed: the watch will tell

    def _again(self, name: str) -> None:
        async def later() -> None:
            await self._registry.clock.sleep(RETRY)
            await self._judge([name])

        assert self._group is not None
        self._group.create_task(later())

    def _clean(self, definition: CustomResourceDefinition) -> None:
        from sagong.server.custom.finalizer import clean_up  # noqa: PLC0415 - few definitions are ever deleted

        assert self._group is not None
        uid = definition.metadata.uid
        self._cleaning.add(uid)
        task = self._group.create_task(clean_up(self._registry, definition, lambda: self._kinds.get(definition.metadata.name)))
        task.add_done_callback(lambda _: self._cleaning.discard(uid))

    def _serve(self, names: Sequence[str] | dict[str, CustomResourceDefinition] | dict[str, None]) -> None:
        """Make the rows of these definitions what they should be."""
        from sagong.server.custom import conditions  # noqa: PLC0415 - with the first definition

        changed = False
        for name in names:
            definition, kind = self._known.get(name), self._kinds.get(name)
            served = definition is not None and conditions.is_served(definition)
            if kind is not None and definition is not None and served and _same(kind.definition, definition):
                terminating = conditions.is_true(definition, "Terminating")
                changed, kind.terminating = changed or terminating != kind.terminating, terminating
                continue
            if kind is not None:
                self._take_down(name, kind)
                changed = True
            if definition is not None and served:
                self._put_up(name, definition)
                changed = True
        if changed:
            for tell in self._changed:
                tell()

    def _put_up(self, name: str, definition: CustomResourceDefinition) -> None:
        from sagong.server.custom import conditions  # noqa: PLC0415 - with the first definition
        from sagong.server.custom.converters import converter_of  # noqa: PLC0415
        from sagong.server.custom.kind import CustomKind  # noqa: PLC0415

        kind = CustomKind(definition, converter_of(definition, self._registry))
        kind.terminating = conditions.is_true(definition, "Terminating")
        self._kinds[name] = kind
        for row in kind.rows:
            if not _is_built_in(row):
                self._registry.table.add(row)

    def _take_down(self, name: str, kind: CustomKind) -> None:
        del self._kinds[name]
        for row in kind.rows:
            if not _is_built_in(row):
                self._registry.table.remove(row)
        kind.retire()


def _is_built_in(row: Resource) -> bool:
    return TABLE.by_path(row.group, row.version, row.plural) is not None


def _same(old: CustomResourceDefinition, new: CustomResourceDefinition) -> bool:
    """Say whether two states of a definition are served alike."""
    return old.metadata.uid == new.metadata.uid and old.spec == new.spec and old.status.acceptedNames == new.status.acceptedNames
