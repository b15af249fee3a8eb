"""Server-side tables: what `kubectl get` shows of each kind (upstream's printers). Wide cells are always filled; clients choose.

One module per field of work, each with a TABLE of kind -> Printer. A kind without one shows its name and when it was made, a
custom resource its name and age.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sagong.api.humanduration import since
from sagong.api.printers import control, core, network, pods, storage, workloads
from sagong.api.printers.columns import Cells, Printer, printer
from sagong.api.resources import Resource
from sagong.api.types.core import Pod
from sagong.api.types.meta import TableColumnDefinition, TableRowCondition

__all__ = ["columns", "columns_of", "is_plain", "row", "row_conditions"]

_TABLE: dict[type, Printer] = {}
for _module in (control, core, network, pods, storage, workloads):
    _TABLE.update(_module.TABLE)


def _plain(obj: Any, _: datetime) -> Cells:
    return [obj.metadata.name, obj.metadata.creationTimestamp]


def _custom(obj: Mapping[str, Any], now: datetime) -> Cells:
    metadata = obj.get("metadata", {})
    return [metadata.get("name", ""), since(metadata.get("creationTimestamp"), now)]


_PLAIN = printer("Name", "Created At:date", cells=_plain)
_CUSTOM = printer("Name", "Age:date", cells=_custom)


def columns(resource: Resource) -> tuple[TableColumnDefinition, ...]:
    """Return the columns of a resource's table."""
    return columns_of(resource.type) if resource.module is not None else _CUSTOM.columns


def columns_of(kind: type) -> tuple[TableColumnDefinition, ...]:
    """Return the columns of a Struct's table; a subresource's kind (Scale) has a table too."""
    return _TABLE.get(kind, _PLAIN).columns


def is_plain(resource: Resource) -> bool:
    """Say whether a built-in kind has no printer of its own, so that a table of none of its objects has null for rows."""
    return resource.module is not None and resource.type not in _TABLE


def row(obj: Any, now: datetime) -> Cells:
    """Return one object's cells, in the order of its columns. Ages are counted up to `now`."""
    found = _CUSTOM if isinstance(obj, Mapping) else _TABLE.get(type(obj), _PLAIN)
    return found.cells(obj, now)


def row_conditions(obj: Any) -> list[TableRowCondition]:
    """Return the conditions of one object's row; only pods that have finished have any."""
    return pods.conditions(obj) if isinstance(obj, Pod) else []
