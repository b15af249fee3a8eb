"""get and list: answered from the store's memory as stored bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sagong.api.errors import BadRequestError, GoneError
from sagong.api.resources import Resource
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer
from sagong.server.negotiation import representation_of
from sagong.server.registry.options import (
    EXACT,
    ContinueExpiredError,
    ListOptions,
    decode_continue,
    encode_continue,
    list_options,
    parse_revision,
    too_large_revision,
)
from sagong.server.registry.registry import Registry
from sagong.server.registry.selection import Matcher, Selection
from sagong.server.registry.splice import ListParts
from sagong.store.base import CompactedError, Entry, FutureRevisionError, Store

PAGE = 512


async def get(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Answer with one object."""
    info, request = exchange.info, exchange.request
    if request.query_string and (said := request.param("resourceVersion")):
        await registry.wait_fresh(_revision(said))
    entry = registry.store.get(row.storage_key(info.namespace, info.name))
    if entry is None:
        representation_of(request, custom=row.module is None)  # what the client reads is looked at before what there is
        raise registry.missing(row, info.name)
    if row.module is None:
        (entry,) = await row.extra.read([entry])
    return registry.answer(exchange, row, entry.value, entry.revision)


def _revision(said: str) -> int:
    try:
        return parse_revision(said)
    except ValueError as error:
        raise BadRequestError(str(error)) from error


async def list_(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Answer with a list: all, those selected, or a page of them."""
    info, request = exchange.info, exchange.request
    renderer = registry.renderer(exchange, row)
    options = list_options(request, watch=False)
    chosen = registry.selection(exchange, row)
    if chosen.name is not None and (info.namespace or not row.namespaced) and not options.continue_token and options.match != EXACT:
        await registry.wait_fresh(options.revision or 0)
        entry = registry.store.get(list_prefix(row, info.namespace) + chosen.name)
        if entry is not None and row.module is None:
            (entry,) = await row.extra.read([entry])
        found: Sequence[Entry] = (
            [entry] if entry is not None and (not chosen.matcher or chosen.matcher(entry.key, entry.value, entry.revision)) else []
        )
        parts = ListParts(str(registry.store.revision))
    else:
        found, parts = await page(registry, row, info.namespace, options, chosen)
    return await renderer.list(found, parts)


def list_prefix(row: Resource, namespace: str) -> str:
    """Return the key prefix of a list."""
    return f"{row.storage_prefix}{namespace}/" if row.namespaced and namespace else row.storage_prefix


async def page(
    registry: Registry, row: Resource, namespace: str, options: ListOptions, selection: Selection
) -> tuple[Sequence[Entry], ListParts]:
    """Return the entries of one page, as `row` serves them, and the metadata of its list.

    Raises BadRequestError, GoneError, TimeoutApiError.
    """
    prefix = list_prefix(row, namespace)
    where = await _from_where(registry, prefix, options)
    at, limit = where.at, where.limit
    try:
        found, revision = await _find(registry, row, where, selection)
    except CompactedError:
        if options.continue_token:
            raise ContinueExpiredError(encode_continue(where.start.removeprefix(prefix), -1)) from None
        raise GoneError("The resourceVersion for the provided list is too old.") from None
    except FutureRevisionError as error:
        raise too_large_revision(at, error.current) from None
    parts = ListParts(str(revision))
    if limit and len(found) > limit:
        last = found[limit - 1].key
        parts.continue_ = encode_continue(last.removeprefix(prefix) + "\0", revision)
        if selection.matcher is None:
            parts.remaining = registry.store.count(prefix, start=last + "\0", revision=revision)
        found = found[:limit]
    return found, parts


class _Where(NamedTuple):
    """What a page is read from; `at` 0 or less: the latest revision."""

    prefix: str
    start: str
    at: int
    limit: int


async def _from_where(registry: Registry, prefix: str, options: ListOptions) -> _Where:
    if options.continue_token:
        if options.revision:
            raise BadRequestError("specifying resource version is not allowed when using continue")
        start, at = decode_continue(options.continue_token, prefix)
        return _Where(prefix, start, at, options.limit)
    if options.revision is None:
        return _Where(prefix, "", 0, options.limit)
    await registry.wait_fresh(options.revision)
    exact = options.match == EXACT or (not options.match and options.limit > 0 and options.revision > 0)
    return _Where(prefix, "", options.revision if exact else 0, options.limit if options.revision else 0)


async def _find(registry: Registry, row: Resource, where: _Where, selection: Selection) -> tuple[Sequence[Entry], int]:
    """Return what is selected: all, or one more than the limit; and at which revision. Raises CompactedError, FutureRevisionError."""
    store = registry.store
    latest = where.at <= 0 or where.at == store.revision
    if selection.matcher is not None and latest and (index := registry.indexes.of(row, selection)) is not None:
        found = await index.select(where.prefix, selection, where.start, where.limit and where.limit + 1)
        if where.at <= 0 or where.at == store.revision:
            revision = store.revision
            return found if row.module is not None else await row.extra.read(found), revision
    revision = where.at if where.at > 0 else store.revision
    if row.module is not None:
        return _collect(store, where, selection.matcher), revision
    return await _collect_custom(registry, row, where, selection.matcher), revision


def _collect(store: Store, where: _Where, matcher: Matcher | None) -> list[Entry]:
    """Return what is selected: all, or one more than the limit."""
    found: list[Entry] = []
    start, limit = where.start, where.limit
    while True:
        count = limit and (limit + 1 if matcher is None else max(PAGE, limit + 1))
        batch = _read(store, where, start, count)
        found += batch if matcher is None else (entry for entry in batch if matcher(entry.key, entry.value, entry.revision))
        if not limit or len(found) > limit or len(batch) < count:
            return found
        start = batch[-1].key + "\0"


async def _collect_custom(registry: Registry, row: Resource, where: _Where, matcher: Matcher | None) -> list[Entry]:
    """Do the same for custom resources, which are brought into their version before they are selected."""
    found: list[Entry] = []
    start, limit = where.start, where.limit
    while True:
        count = limit and (limit + 1 if matcher is None else max(PAGE, limit + 1))
        batch = await row.extra.read(_read(registry.store, where, start, count))
        found += batch if matcher is None else (entry for entry in batch if matcher(entry.key, entry.value, entry.revision))
        if not limit or len(found) > limit or len(batch) < count:
            return found
        start = batch[-1].key + "\0"


def _read(store: Store, where: _Where, start: str, count: int) -> Sequence[Entry]:
    if where.at > 0 and where.at != store.revision:
        return store.list_at(where.prefix, where.at, start=start, limit=count)
    return store.list(where.prefix, start=start, limit=count)
