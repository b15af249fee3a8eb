"""managedFields of custom resources. Managers that wrote in another version are understood through the definition's converter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from sagong.api.fields.track import entries_of, track_update
from sagong.server.custom.conversion import Json
from sagong.server.custom.kind import CustomVersion, plain
from sagong.server.registry.storage import CustomObject, from_dict

T = TypeVar("T")


async def track(version: CustomVersion, old: CustomObject | None, new: CustomObject, call: Any, now: datetime) -> None:
    """Note in `new` what this write changes compared with `old` (None: a creation)."""
    if call.applied:
        return
    before, after = (plain(old) if old is not None else None), plain(new)

    def note(manager: Any) -> None:
        track_update(manager, before, after, call.manager, now)

    foreign = old is not None and _has_foreign(version, old)
    await with_manager(version, call.subresource, note, foreign=foreign)
    new.metadata.managedFields = entries_of(after)


def _has_foreign(version: CustomVersion, obj: CustomObject) -> bool:
    return any(entry.apiVersion != version.api_version for entry in obj.metadata.managedFields)


async def with_manager(version: CustomVersion, subresource: str, use: Callable[[Any], T], *, foreign: bool = True) -> T:
    """Use the field management of an endpoint; where it may have to call a webhook, in a thread."""
    converter = version.kind.converter
    if converter.is_plain or not foreign or len(version.kind.versions) == 1:
        return use(version.manager(subresource))
    loop = asyncio.get_running_loop()

    def convert(obj: Json, api_version: str) -> Json:
        (converted,) = asyncio.run_coroutine_threadsafe(converter.convert([obj], api_version), loop).result()
        return converted

    return await asyncio.to_thread(lambda: use(version.manager(subresource, convert)))


async def applied(version: CustomVersion, subresource: str, old: CustomObject | None, apply_by: Callable[[Any, Any], Json]) -> CustomObject:
    """Return the object after an apply; `apply_by(manager, live)` does it."""
    live = plain(old) if old is not None else None
    foreign = old is not None and _has_foreign(version, old)
    obj = await with_manager(version, subresource, lambda manager: apply_by(manager, live), foreign=foreign)
    version.coerce(obj, applied=True)
    return from_dict(obj)
