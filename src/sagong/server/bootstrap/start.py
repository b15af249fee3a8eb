"""Writes the server's own objects: all of them in one batch when it starts, the vital ones again while it runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from sagong.api.clock import Clock, Random, format_time
from sagong.api.fields import first, managers
from sagong.api.resources import Resource, resource_of
from sagong.server.bootstrap.objects import BootstrapConfig, Wanted, always, at_start
from sagong.store.base import RevisionMismatchError, Store, StoreWriteError, Write

INTERVAL = 10.0


class Bootstrap:
    """`start` before the server is ready; `run` for as long as it lives."""

    def __init__(self, config: BootstrapConfig, store: Store, *, clock: Clock, random: Random) -> None:
        self._config, self._store, self._clock, self._random = config, store, clock, random
        self._fine: dict[str, int] = {}
        """the revisions of vital objects that are as they should be"""

    async def start(self) -> None:
        """Bring everything into the store. Raises StoreWriteError, StoreClosedError."""
        await self._ensure(list(at_start(self._config, self._now())))

    async def run(self) -> None:
        """Bring back what is deleted or bent, every ten seconds, until cancelled."""
        looked_at = 0
        while True:
            await self._clock.sleep(INTERVAL)
            now = self._store.revision
            if self._fine and (now == looked_at or all(self._revision(key) == revision for key, revision in self._fine.items())):
                looked_at = now
                continue
            self._fine = {}
            try:
                await self._ensure(list(always(self._config, self._now())))
            except StoreWriteError:
                continue

    async def _ensure(self, wanted: list[Wanted]) -> None:
        while True:
            writes = list(self._writes(wanted))
            try:
                await self._store.write_all(writes)
            except RevisionMismatchError:
                continue  # somebody wrote in between; look again
            if not writes:
                self._fine = {key: self._revision(key) for key in map(_key, wanted)}
            return

    def _revision(self, key: str) -> int:
        entry = self._store.get(key)
        return entry.revision if entry is not None else 0

    def _writes(self, wanted: Iterable[Wanted]) -> Iterable[Write]:
        for want in wanted:
            key = _key(want)
            entry = self._store.get(key)
            if entry is None:
                yield Write(key, self._fresh(want), 0)
                continue
            live = msgspec.json.decode(entry.value, type=type(want.obj))
            before = msgspec.json.encode(live)
            want.merge(live, want.obj)
            if msgspec.json.encode(live) != before:
                self._track(want, msgspec.json.decode(before, type=type(want.obj)), live)
                yield Write(key, msgspec.json.encode(live), entry.revision)

    def _fresh(self, want: Wanted) -> bytes:
        """Return a new object as it is stored, with its managers."""
        obj: Any = want.obj
        row, now, managing = _row(want), self._now(), want.managing
        owners = dict([first.created(row, obj, managing.name, now, unsent=managing.unsent)])
        if managing.status and obj.status != type(obj.status)():
            owners |= [first.applied(row, obj, managing.status, now)]
        metadata = msgspec.structs.replace(
            obj.metadata, uid=self._random.uid(), creationTimestamp=now, managedFields=managers.encode(owners)
        )
        return msgspec.json.encode(msgspec.structs.replace(obj, apiVersion=row.api_version, kind=row.kind, metadata=metadata))

    def _track(self, want: Wanted, old: Any, new: Any) -> None:
        """Note who has changed an object."""
        from sagong.api.fields.track import track_update  # noqa: PLC0415 - a server that starts has nothing to do with it
        from sagong.server.registry.managed import manager_of  # noqa: PLC0415 - as above

        row, managing = _row(want), want.managing
        track_update(manager_of(row, ""), old, new, managing.name, self._clock.now())
        if managing.status and new.status != old.status and new.metadata.managedFields:
            owners = managers.decode(new.metadata.managedFields) | dict([first.applied(row, new, managing.status, self._now())])
            new.metadata.managedFields = managers.encode(owners)

    def _now(self) -> str:
        return format_time(self._clock.now())


def _row(want: Wanted) -> Resource:
    return resource_of(type(want.obj))


def _key(want: Wanted) -> str:
    meta = want.obj.metadata  # type: ignore[attr-defined] # every resource's Struct has it
    return _row(want).storage_key(meta.namespace, meta.name)
