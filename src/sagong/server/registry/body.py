"""What a write brings along: its options from the query, its object from the body."""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from sagong.api import codec, defaults, normalize
from sagong.api.errors import BadRequestError, UnsupportedMediaTypeError, invalid
from sagong.api.field_errors import Errors
from sagong.api.resources import Resource
from sagong.api.types.apps import DaemonSet
from sagong.server.exchange import Exchange
from sagong.server.negotiation import PROTOBUF, body_media
from sagong.server.registry import versions
from sagong.server.registry.prepare_kinds import complete_daemon_set
from sagong.server.registry.storage import from_dict
from sagong.server.registry.strategies import strategy_of
from sagong.server.registry.write import Call

VALIDATIONS = get_args(codec.Validation)
MAX_MANAGER = 128
_UNKNOWN_FORMAT = "the body of the request was in an unknown format - accepted media types include"


def write_call(exchange: Exchange, kind: str, *, from_agent: bool = True) -> Call:
    """Return the circumstances of a write; `kind` names its options. Raises InvalidError for bad ones.

    The field manager is the one that the client names, else its user agent's first word (`from_agent`).
    """
    info, request = exchange.info, exchange.request
    call = Call(exchange.user, info.namespace, info.name, info.subresource, warnings=exchange.warnings)
    call.annotations, call.waited, call.fence = exchange.annotations, exchange.wait, exchange.fence
    if from_agent:
        call.manager = request.header("user-agent").partition("/")[0][:MAX_MANAGER]
    if not request.query_string:
        return call
    dry_run, manager = request.query.get("dryRun", []), request.param("fieldManager")
    errors = Errors()
    if any(value != "All" for value in dry_run):
        errors.not_supported("dryRun", dry_run, ["All"])
    if len(manager.encode()) > MAX_MANAGER:
        errors.too_long("fieldManager", MAX_MANAGER)
    if not manager.isprintable():
        errors.invalid("fieldManager", manager, "should only contain printable characters")
    if (said := request.param("fieldValidation")) and said not in VALIDATIONS:
        errors.not_supported("fieldValidation", said, ["", *sorted(VALIDATIONS)])
    if errors:
        raise invalid("meta.k8s.io", kind, "", errors)
    call.dry_run, call.manager = bool(dry_run), manager or call.manager
    sent = {"dryRun": dry_run, "fieldManager": manager, "fieldValidation": said}
    call.options = {name: value for name, value in sent.items() if value}
    return call


def note_empty(exchange: Exchange, row: Resource, call: Call) -> None:
    """Note whether the body says of a list or map that it is empty, for kinds where that counts."""
    strategy = strategy_of(row)
    if strategy.counts_empty and not call.subresource and (b"[" in exchange.request.body or b"{" in exchange.request.body):
        from sagong.server.registry.said_empty import says_empty  # noqa: PLC0415 - few kinds need it

        call.said_empty = says_empty(row, strategy.generation, exchange.request)


def read_object(exchange: Exchange, row: Resource, body: bytes | None = None, kept: tuple[str, ...] = ()) -> Any:
    """Decode the request's object into its storage version, with defaults. Raises BadRequestError.

    `body` is what is left of the request's when the fields `kept` are known.
    """
    request = exchange.request
    strict: Any = request.param("fieldValidation") or "Warn"
    media = body_media(request)
    if row.module is None and media == PROTOBUF:
        raise UnsupportedMediaTypeError(f"{_UNKNOWN_FORMAT}: application/json, application/yaml")
    coerce = row.extra.coerce if row.module is None else None
    decoded = codec.decode(request.body if body is None else body, media, row, strict=strict, coerce=coerce)
    exchange.warnings += decoded.warnings
    return finish(row, from_dict(decoded.obj) if row.module is None else decoded.obj, kept)


def finish(row: Resource, obj: Any, kept: tuple[str, ...] = ()) -> Any:
    """Bring an object that was just read into canonical form, with defaults, in its storage version. Raises BadRequestError.

    The fields `kept` are not there, or are in order.
    """
    for entry in obj.metadata.managedFields:
        if entry.fieldsV1 is not None and b" " in bytes(entry.fieldsV1):
            entry.fieldsV1 = msgspec.Raw(msgspec.json.format(bytes(entry.fieldsV1), indent=-1))
    if row.module is None:
        row.extra.complete(obj)
        return obj
    try:
        normalize.normalize(obj, kept)
        if isinstance(obj, DaemonSet):
            complete_daemon_set(obj)
    except ValueError as error:
        raise BadRequestError(f'{row.kind} in version "{row.version}" cannot be handled as a {row.kind}: {error}') from error
    defaults.apply_defaults(obj)
    return versions.to_stored(row, obj)


def check_name(meta: Any, name: str) -> None:
    """Raise BadRequestError when the object's name is not that of the URL."""
    if not meta.name:
        raise BadRequestError(f"the name of the object ({name} based on URL) was undeterminable: name must be provided")
    if meta.name != name:
        raise BadRequestError(f"the name of the object ({meta.name}) does not match the name on the URL ({name})")
