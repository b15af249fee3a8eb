"""The generic verbs, each an async function (registry, exchange, row) -> Answer, and the table that finds them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, get_args

from sagong.api import codec, defaults
from sagong.api.errors import BadRequestError, MethodNotAllowedError, invalid
from sagong.api.field_errors import Errors
from sagong.api.resources import Resource
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer
from sagong.server.negotiation import body_media
from sagong.server.registry.delete import delete, delete_collection
from sagong.server.registry.patch import patch
from sagong.server.registry.read import get, list_
from sagong.server.registry.registry import Registry
from sagong.server.registry.storage import from_dict
from sagong.server.registry.watch import watch
from sagong.server.registry.write import Call, Writer, Written

Verb = Callable[[Registry, Exchange, Resource], Awaitable[Answer]]
_VALIDATIONS = get_args(codec.Validation)
MAX_MANAGER = 128


def write_call(exchange: Exchange, kind: str) -> Call:
    """Return the circumstances of a write; `kind` names its options. Raises InvalidError for bad ones."""
    info, request = exchange.info, exchange.request
    call = Call(exchange.user, info.namespace, info.name, info.subresource, warnings=exchange.warnings)
    call.manager = _user_agent_manager(request.header("user-agent"))
    if not request.query_string:
        return call
    dry_run, manager = request.query.get("dryRun", []), request.param("fieldManager")
    errors = Errors()
    if any(value != "All" for value in dry_run):
        errors.not_supported("dryRun", dry_run, ["All"])
    if len(manager) > MAX_MANAGER:
        errors.invalid("fieldManager", manager, "may not be more than 128 bytes")
    if not manager.isprintable():
        errors.invalid("fieldManager", manager, "should only contain printable characters")
    if (said := request.param("fieldValidation")) and said not in _VALIDATIONS:
        errors.not_supported("fieldValidation", said, ["", *_VALIDATIONS])
    if errors:
        raise invalid("meta.k8s.io", kind, "", errors)
    call.dry_run, call.manager = bool(dry_run), manager or call.manager
    return call


def _user_agent_manager(agent: str) -> str:
    return agent.partition("/")[0][:MAX_MANAGER]


def read_body(exchange: Exchange, row: Resource) -> Any:
    """Decode the request's object and apply defaults. Raises BadRequestError."""
    request = exchange.request
    strict: Any = request.param("fieldValidation") or "Warn"
    decoded = codec.decode(request.body, body_media(request), row, strict=strict)
    exchange.warnings += decoded.warnings
    obj = decoded.obj
    if row.module is None:
        return from_dict(obj)
    defaults.apply_defaults(obj)
    return obj


async def create(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Create one object."""
    call = write_call(exchange, "CreateOptions")
    obj = read_body(exchange, row)
    written = await Writer(registry).create(row, obj, call)
    return registry.answer(exchange, row, written.value, written.revision, 201)


async def update(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Replace one object."""
    call = write_call(exchange, "UpdateOptions")
    obj = read_body(exchange, row)
    check_name(obj.metadata, call.name)
    written = await Writer(registry).update(row, call, lambda _old, _entry: obj.copy())
    return answer_written(registry, exchange, row, written)


def check_name(meta: Any, name: str) -> None:
    """Raise BadRequestError when the object's name is not that of the URL."""
    if not meta.name:
        raise BadRequestError("name must be provided")
    if meta.name != name:
        raise BadRequestError(f"the name of the object ({meta.name}) does not match the name on the URL ({name})")


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
