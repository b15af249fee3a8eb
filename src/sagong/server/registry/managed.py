"""managedFields: who manages which field, kept up to date by every write (KEP-555)."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import msgspec

from sagong.api.clock import Clock
from sagong.api.fields.manager import FieldManager, Version, field_manager
from sagong.api.fields.track import track_update
from sagong.api.resources import Resource
from sagong.api.schema import shape_of
from sagong.server.registry import versions
from sagong.server.registry.storage import to_dict


@functools.cache
def manager_of(row: Resource, subresource: str) -> FieldManager:
    """Return the field management of an endpoint; where a kind has two versions in a group, managers of the other one are understood."""
    manager = field_manager(row, subresource)
    others = [other for other in versions.siblings(row) if other is not row and other.group == row.group]
    return replace(manager, versions={other.api_version: _version(row, other) for other in others}) if others else manager


def _version(here: Resource, there: Resource) -> Version:
    def convert(source: Resource, target: Resource, obj: dict[str, Any]) -> dict[str, Any]:
        typed = msgspec.convert(obj, source.type)
        converted: dict[str, Any] = to_dict(versions.to_served(target, versions.to_stored(source, typed)))
        return converted

    return Version(shape_of(there.type), functools.partial(convert, here, there), functools.partial(convert, there, here))


def track(row: Resource, old: Any | None, new: Any, call: Any, clock: Clock) -> None:
    """Note in `new` what this write changes compared with `old` (None: a creation); an apply has noted it itself."""
    if call.applied or row.module is None:
        return
    served, before = versions.to_served(row, new), None if old is None else versions.to_served(row, old)
    track_update(manager_of(row, call.subresource), before, served, call.manager, clock.now())
    new.metadata.managedFields = served.metadata.managedFields


def ignore_timestamps(new: Any, old: Any) -> None:
    """Take the old managedFields where an update changes nothing but their times, so that it changes nothing at all."""
    before, after = old.metadata.managedFields, new.metadata.managedFields
    if before == after or [_timeless(entry) for entry in before] != [_timeless(entry) for entry in after]:
        return
    new.metadata.managedFields = before
    if new != old:
        new.metadata.managedFields = after


def _timeless(entry: Any) -> tuple[Any, ...]:
    return entry.manager, entry.operation, entry.apiVersion, entry.subresource, bytes(entry.fieldsV1 or b"")
