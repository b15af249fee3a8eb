"""The managers of an object's fields: metadata.managedFields as a dict, and back in upstream's order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from msgspec import Raw

from sagong.api.clock import format_time, parse_time
from sagong.api.fields import field_set
from sagong.api.fields.field_set import Fields, FieldsError
from sagong.api.types.meta import ManagedFieldsEntry

MAX_UPDATE_MANAGERS = 10
_ANCIENT = "ancient-changes"
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Manager(NamedTuple):
    """Who manages: appliers are told apart without their version, updaters with it."""

    name: str
    operation: str
    version: str
    subresource: str


def applier(name: str, subresource: str) -> Manager:
    """Return the identity of one who applies."""
    return Manager(name, "Apply", "", subresource)


def updater(name: str, version: str, subresource: str) -> Manager:
    """Return the identity of one who updates; nameless writers are `unknown`."""
    return Manager(name or "unknown", "Update", version, subresource)


class Managed(msgspec.Struct, frozen=True):
    """What a manager manages: field paths, in the version it wrote, and when it last did; `raw` is their FieldsV1 if known."""

    fields: Fields
    version: str
    time: str | None = None
    raw: bytes = b""


Managers = dict[Manager, Managed]


def decode(entries: Iterable[ManagedFieldsEntry]) -> Managers:
    """Read metadata.managedFields. Raises FieldsError when an entry is not in order."""
    managers: Managers = {}
    for index, entry in enumerate(entries):
        if entry.operation not in ("Apply", "Update"):
            raise FieldsError("operation must be `Apply` or `Update`")
        if not entry.apiVersion:
            raise FieldsError("apiVersion must not be empty")
        if entry.fieldsType != "FieldsV1":
            problem = f'invalid fieldsType "{entry.fieldsType}"' if entry.fieldsType else "missing fieldsType"
            raise FieldsError(f"{problem} in managed fields entry {index}")
        version = "" if entry.operation == "Apply" else entry.apiVersion
        raw = bytes(entry.fieldsV1) if entry.fieldsV1 else b"{}"
        manager = Manager(entry.manager, entry.operation, version, entry.subresource)
        managers[manager] = Managed(field_set.decode(raw), entry.apiVersion, entry.time, raw)
    return managers


def encode(managers: Managers) -> list[ManagedFieldsEntry]:
    """Write metadata.managedFields, appliers first, each kind by time and name."""
    entries = [
        ManagedFieldsEntry(
            manager=manager.name,
            operation=manager.operation,
            apiVersion=managed.version,
            time=managed.time,
            fieldsType="FieldsV1",
            fieldsV1=Raw(managed.raw or field_set.encode(managed.fields)),
            subresource=manager.subresource,
        )
        for manager, managed in managers.items()
    ]
    return sorted(entries, key=_place) if len(entries) > 1 else entries


def _place(entry: ManagedFieldsEntry) -> tuple[str, datetime, str, str, str]:
    return entry.operation, _moment(entry.time), entry.manager, entry.apiVersion, entry.subresource


def _moment(time: str | None) -> datetime:
    return parse_time(time) if time else _EPOCH


def stamp(now: datetime) -> str:
    """Return the time as entries carry it."""
    return format_time(now)


def cap(managers: Managers) -> Managers:
    """Fold the oldest updaters of a version into one, `ancient-changes`, while there are more than ten."""
    updaters = [manager for manager in managers if manager.operation == "Update"]
    if len(updaters) <= MAX_UPDATE_MANAGERS:
        return managers
    result, count = dict(managers), len(updaters)
    first: dict[str, Manager] = {}
    for manager in sorted(updaters, key=lambda m: (_moment(managers[m].time), m)):
        if count <= MAX_UPDATE_MANAGERS:
            break
        version = managers[manager].version
        if version not in first:
            first[version] = manager
            continue
        bucket = updater(_ANCIENT, version, "")
        base = result[bucket] if bucket in result else result.pop(first[version])
        old = result.pop(manager)
        result[bucket] = msgspec.structs.replace(base, fields=field_set.union_of(old.fields, base.fields), time=old.time, raw=b"")
        count -= 1
    return result


def is_reset(entries: Sequence[ManagedFieldsEntry]) -> bool:
    """Say whether a client asks to forget all managers: one entry with nothing in it."""
    return len(entries) == 1 and entries[0] == ManagedFieldsEntry()
