"""get and list: answered from the store's memory as stored bytes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from sagong.api.errors import BadRequestError, GoneError
from sagong.api.resources import Resource
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer
from sagong.server.registry.options import (
    EXACT,
    ContinueExpiredError,
    ListOptions,
    decode_continue,
    encode_continue,
    list_options,
    too_large_revision,
)
from sagong.server.registry.registry import Registry
from sagong.server.registry.selection import Matcher, selection
from sagong.server.registry.splice import ListParts
from sagong.store.base import CompactedError, Entry, FutureRevisionError

PAGE = 512


async def get(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Answer with one object."""
    info, request = exchange.info, exchange.request
    if request.query_string and (options := list_options(request, watch=False)).revision:
        await registry.wait_fresh(options.revision)
    entry = registry.store.get(row.storage_key(info.namespace, info.name))
    if entry is None:
        raise registry.missing(row, info.name)
    return registry.answer(exchange, row, entry.value, entry.revision)


async def list_(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Answer with a list: all, those selected, or a page of them."""
    info, request = exchange.info, exchange.request
    renderer = registry.renderer(exchange, row)
    options = list_options(request, watch=False)
    chosen = selection(request, registry.storage, row, info.name)
    prefix = list_prefix(row, info.namespace)
    if chosen.name is not None and (info.namespace or not row.namespaced) and not options.continue_token and options.match != EXACT:
        await registry.wait_fresh(options.revision or 0)
        entry = registry.store.get(prefix + chosen.name)
        found: Sequence[Entry] = [entry] if entry is not None and (not chosen.matcher or chosen.matcher(entry.value)) else []
        parts = ListParts(str(registry.store.revision))
    else:
        found, parts = await page(registry, prefix, options, chosen.matcher)
    return renderer.response(renderer.list(found, parts), accept_encoding=request.header("accept-encoding"))


def list_prefix(row: Resource, namespace: str) -> str:
    """Return the key prefix of a list."""
    return f"{row.storage_prefix}{namespace}/" if row.namespaced and namespace else row.storage_prefix


async def page(registry: Registry, prefix: str, options: ListOptions, matcher: Matcher | None) -> tuple[Sequence[Entry], ListParts]:
    """Return the entries of one page and the metadata of its list."""
    store = registry.store
    start, at, limit = "", 0, options.limit
    if options.continue_token:
        if options.revision:
            raise BadRequestError("specifying resource version is not allowed when using continue")
        start, at = decode_continue(options.continue_token, prefix)
    elif options.revision is not None:
        await registry.wait_fresh(options.revision)
        exact = options.match == EXACT or (not options.match and limit > 0 and options.revision > 0)
        at = options.revision if exact else 0
        limit = 0 if options.revision == 0 else limit
    revision = at if at > 0 else store.revision
    found: list[Entry] = []
    try:
        while True:
            count = 0 if not limit else (limit + 1 - len(found) if matcher is None else max(PAGE, limit + 1))
            batch = _read(registry, prefix, at, start, count)
            found += batch if matcher is None else (entry for entry in batch if matcher(entry.value))
            if not limit or len(found) > limit or len(batch) < count:
                break
            start = batch[-1].key + "\0"
    except CompactedError:
        if options.continue_token:
            raise ContinueExpiredError(encode_continue(start.removeprefix(prefix), -1)) from None
        raise GoneError("The resourceVersion for the provided list is too old.") from None
    except FutureRevisionError as error:
        raise too_large_revision(at, error.current) from None
    parts = ListParts(str(revision))
    if limit and len(found) > limit:
        last = found[limit - 1].key
        parts.continue_ = encode_continue(last.removeprefix(prefix) + "\0", revision)
        if matcher is None:
            parts.remaining = _remaining(registry, prefix, at, last)
        found = list(islice(found, limit))
    return found, parts


def _read(registry: Registry, prefix: str, at: int, start: str, count: int) -> Sequence[Entry]:
    store = registry.store
    if at > 0 and at != store.revision:
        return store.list_at(prefix, at, start=start, limit=count)
    return store.list(prefix, start=start, limit=count)


def _remaining(registry: Registry, prefix: str, at: int, last: str) -> int:
    return len(_read(registry, prefix, at, last + "\0", 0))
