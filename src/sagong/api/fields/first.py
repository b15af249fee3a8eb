"""Managers of objects that nobody has written before, with little to import: a server that starts notes them of all its own objects."""

from __future__ import annotations

from typing import Any

import msgspec

from sagong.api.fields import managers as managing
from sagong.api.fields.field_set import excluding, fields_of
from sagong.api.fields.managers import Managed, Manager
from sagong.api.fields.reset import bare, reset_filter
from sagong.api.fields.walk import changed, compare, field_set
from sagong.api.resources import Resource
from sagong.api.schema import shape_of

_encode = msgspec.json.Encoder().encode
_plain = msgspec.json.Decoder().decode


def created(row: Resource, obj: Any, name: str, time: str, *, unsent: tuple[str, ...] = ()) -> tuple[Manager, Managed]:
    """Return who wrote all that an object has; what the server itself filled in was `unsent`."""
    shape = shape_of(row.type)
    comparison = compare(_plain(_encode(row.type())), _plain(_encode(obj)), shape)
    fields = bare(reset_filter(row, "")(changed(comparison)))
    if unsent:
        fields = excluding(fields, fields_of(*unsent))
    return managing.updater(name, row.api_version, ""), Managed(fields, row.api_version, time)


def applied(row: Resource, obj: Any, name: str, time: str) -> tuple[Manager, Managed]:
    """Return who applied the conditions of an object's status; what is empty in them was not said."""
    said = [{field: value for field, value in item.items() if value != ""} for item in _plain(_encode(obj.status.conditions))]
    fields = field_set({"status": {"conditions": said}}, shape_of(row.type)) or {}
    return managing.applier(name, "status"), Managed(fields, row.api_version, time)
