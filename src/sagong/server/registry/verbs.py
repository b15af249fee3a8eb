"""create and update: the verbs that take a whole object."""

from __future__ import annotations

from sagong.api.resources import Resource
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer
from sagong.server.registry.body import check_name, read_object, write_call
from sagong.server.registry.registry import Registry
from sagong.server.registry.write import create_object, update_object


async def create(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Create one object."""
    call = write_call(exchange, "CreateOptions")
    obj = read_object(exchange, row)
    written = await create_object(registry, row, obj, call)
    return registry.answer(exchange, row, written.value, written.revision, 201)


async def update(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Replace one object."""
    call = write_call(exchange, "UpdateOptions")
    obj = read_object(exchange, row)
    check_name(obj.metadata, call.name)
    written = await update_object(registry, row, call, lambda _old, _entry: obj.copy())
    return registry.answer(exchange, row, written.value, written.revision, 201 if written.created else 200)
