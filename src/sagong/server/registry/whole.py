"""create and update: the verbs that take a whole object."""

from __future__ import annotations

from typing import Any

from sagong.api.errors import conflict
from sagong.api.resources import Resource
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer
from sagong.server.registry.body import check_name, note_empty, read_object, write_call
from sagong.server.registry.registry import Registry
from sagong.server.registry.write import Transform, create_object, update_object
from sagong.store.base import Entry


async def create(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Create one object."""
    call = write_call(exchange, "CreateOptions")
    obj = read_object(exchange, row)
    written = await create_object(registry, row, obj, call)
    return registry.answer(exchange, row, written.value, written.revision, 201)


async def update(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Replace one object."""
    call = write_call(exchange, "UpdateOptions")
    note_empty(exchange, row, call)
    obj = read_object(exchange, row)
    check_name(obj.metadata, call.name)
    written = await update_object(registry, row, call, _replacing(row, obj))
    return registry.answer(exchange, row, written.value, written.revision, 201 if written.created else 200)


def _replacing(row: Resource, obj: Any) -> Transform:
    """Return the transform of a PUT; an object with a uid replaces only the one of that uid."""

    def transform(old: Any, entry: Entry | None) -> Any:
        meta = obj.metadata
        if old is not None and entry is not None and meta.uid and meta.uid != old.metadata.uid:
            where = f"StorageError: invalid object, Code: 4, Key: {entry.key}, ResourceVersion: 0, AdditionalErrorMsg: "
            detail = f"Precondition failed: UID in precondition: {meta.uid}, UID in object meta: {old.metadata.uid}"
            raise conflict(row.group, row.plural, meta.name, where + detail)
        return obj.copy()

    return transform
