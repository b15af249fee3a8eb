"""The generic verbs, each an async function (registry, exchange, row) -> Answer, and the table that finds them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sagong.api.errors import MethodNotAllowedError
from sagong.api.resources import Resource
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer
from sagong.server.registry.body import check_name, read_object, write_call
from sagong.server.registry.delete import delete, delete_collection
from sagong.server.registry.patch import patch
from sagong.server.registry.read import get, list_
from sagong.server.registry.registry import Registry
from sagong.server.registry.watch import watch
from sagong.server.registry.write import Written, create_object, update_object

Verb = Callable[[Registry, Exchange, Resource], Awaitable[Answer]]


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
    return answer_written(registry, exchange, row, written)


def answer_written(registry: Registry, exchange: Exchange, row: Resource, written: Written) -> Answer:
    """Answer with what was written."""
    return registry.answer(exchange, row, written.value, written.revision, 201 if written.created else 200)


VERBS: dict[str, Verb] = {
    "get": get,
    "list": list_,
    "watch": watch,
    "create": create,
    "update": update,
    "patch": patch,
    "delete": delete,
    "deletecollection": delete_collection,
}


def verb_of(row: Resource, verb: str) -> Verb:
    """Return the function of a verb. Raises MethodNotAllowedError when the row does not have it."""
    if verb not in row.verbs:
        raise MethodNotAllowedError("the server does not allow this method on the requested resource")
    return VERBS[verb]
