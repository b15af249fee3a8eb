"""Writes the server's own objects: all of them in one batch when it starts, the vital ones again while it runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from sagong.api.clock import Clock, Random, format_time
from sagong.api.resources import resource_of
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
                row = resource_of(type(want.obj))
                yield Write(key, self._fresh(want.obj, row.api_version, row.kind), 0)
                continue
            live = msgspec.json.decode(entry.value, type=type(want.obj))
            before = msgspec.json.encode(live)
            want.merge(live, want.obj)
            after = msgspec.json.encode(live)
            if after != before:
                yield Write(key, after, entry.revision)

    def _fresh(self, obj: Any, api_version: str, kind: str) -> bytes:
        metadata = msgspec.structs.replace(obj.metadata, uid=self._random.uid(), creationTimestamp=self._now())
        return msgspec.json.encode(msgspec.structs.replace(obj, apiVersion=api_version, kind=kind, metadata=metadata))

    def _now(self) -> str:
        return format_time(self._clock.now())


def _key(want: Wanted) -> str:
    meta = want.obj.metadata  # type: ignore[attr-defined] # every resource's Struct has it
    return resource_of(type(want.obj)).storage_key(meta.namespace, meta.name)
