"""managedFields: who manages which field, kept up to date by every write (KEP-555)."""

from __future__ import annotations

from typing import Any

from sagong.api.clock import Clock
from sagong.api.fields.manager import FieldManager, field_manager
from sagong.api.fields.track import track_update
from sagong.api.resources import Resource
from sagong.server.registry import versions


def manager_of(row: Resource, subresource: str) -> FieldManager | None:
    """Return the field management of an endpoint, at the storage version; None where fields are not tracked."""
    return field_manager(versions.stored_row(row), subresource) if row.module is not None else None


def track(row: Resource, old: Any | None, new: Any, call: Any, clock: Clock) -> None:
    """Note in `new` what this write changes compared with `old` (None: a creation); an apply has noted it itself."""
    manager = None if call.applied else manager_of(row, call.subresource)
    if manager is not None:
        track_update(manager, old, new, call.manager, clock.now())


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
