"""create and update: the verbs that take a whole object."""

from __future__ import annotations

from typing import Any

from sagong.api.errors import conflict
from sagong.api.resources import Resource
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer
from sagong.server.registry.body import check_name, note_empty, read_object, write_call
from sagong.server.registry.kept import with_kept, without_known
from sagong.server.registry.registry import Registry
from sagong.server.registry.write import UNSET, Transform, create_object, update_object
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
    body, kept = _sent(registry, exchange, row)
    obj = read_object(exchange, row, body, kept)
    check_name(obj.metadata, call.name)
    written = await update_object(registry, row, call, _replacing(row, obj, kept))
    return registry.answer(exchange, row, written.value, written.revision, 201 if written.created else 200)


def _sent(registry: Registry, exchange: Exchange, row: Resource) -> tuple[bytes, tuple[str, ...]]:
    """Return the body, and the fields that are missing there since they are as stored: a new status mostly comes with the old rest."""
    info, body = exchange.info, exchange.request.body
    entry = registry.store.get(row.storage_key(info.namespace, info.name)) if info.subresource == "status" else None
    return without_known(row, body, entry.value) if entry is not None else (body, ())


def _replacing(row: Resource, obj: Any, kept: tuple[str, ...]) -> Transform:
    """Return the transform of a PUT; an object with a uid replaces only the one of that uid. The fields `kept` are the old one's."""
    uid, once = obj.metadata.uid, obj.metadata.resourceVersion not in UNSET

    def transform(old: Any, entry: Entry | None) -> Any:
        if old is not None and entry is not None and uid and uid != old.metadata.uid:
            where = f"StorageError: invalid object, Code: 4, Key: {entry.key}, ResourceVersion: 0, AdditionalErrorMsg: "
            detail = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {old.metadata.uid}"
            raise conflict(row.group, row.plural, obj.metadata.name, where + detail)
        return with_kept(kept, old, obj if once else obj.copy())

    return transform
