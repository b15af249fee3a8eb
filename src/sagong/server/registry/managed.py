"""managedFields: who manages which field, kept up to date by every write (api/fields)."""

from __future__ import annotations

from typing import Any

from sagong.api.clock import Clock
from sagong.api.resources import Resource


def on_write(row: Resource, old: Any, new: Any, call: Any, clock: Clock) -> None:
    """Note in `new` what this write changed compared with `old` (None: a creation)."""
    del row, old, new, call, clock
