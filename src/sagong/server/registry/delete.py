"""delete and deletecollection: preconditions, finalizers, grace.

What happens follows from the object and the options: it goes at once; or it is marked (deletionTimestamp) and goes when its
last finalizer is taken off; or it is given a grace period (pods on a node) and goes when the kubelet says that it has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sagong.api import codec
from sagong.api.clock import format_time, parse_time
from sagong.api.errors import NotFoundError, conflict, invalid
from sagong.api.field_errors import Errors
from sagong.api.resources import Resource
from sagong.api.types.meta import DeleteOptions, Preconditions
from sagong.server import status
from sagong.server.admission.plugin import Review
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer, Request
from sagong.server.negotiation import body_media, of_status
from sagong.server.registry.options import integer, list_options
from sagong.server.registry.read import page
from sagong.server.registry.registry import Registry
from sagong.server.registry.splice import ListParts
from sagong.server.registry.strategies import strategy_of
from sagong.server.registry.write import MODIFIED, WRITE_TRIES, Call
from sagong.server.shown import shown
from sagong.store.base import Entry, RevisionMismatchError

ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"
_POLICIES = ("Foreground", "Background", "Orphan")


class Deleted:
    """How a deletion ended: `entry` is the last state; `gone` False: it is marked, and goes later."""

    __slots__ = ("gone", "revision", "value")

    def __init__(self, value: bytes, revision: int, *, gone: bool) -> None:
        self.value, self.revision, self.gone = value, revision, gone


def delete_options(request: Request) -> DeleteOptions:
    """Read DeleteOptions from the body, or from the query when there is none. Raises BadRequestError, InvalidError."""
    if request.body:
        options: DeleteOptions = codec.decode(request.body, body_media(request), DeleteOptions).obj
    else:
        options = DeleteOptions(
            gracePeriodSeconds=integer(request, "gracePeriodSeconds") if request.param("gracePeriodSeconds") else None,
            orphanDependents=request.flag("orphanDependents") if "orphanDependents" in request.query else None,
            propagationPolicy=request.param("propagationPolicy") or None,
            dryRun=request.query.get("dryRun", []),
        )
    errors = Errors()
    if options.propagationPolicy is not None and options.orphanDependents is not None:
        errors.invalid("propagationPolicy", options.propagationPolicy, "orphanDependents and deletionPropagation cannot be both set")
    if options.propagationPolicy is not None and options.propagationPolicy not in _POLICIES:
        errors.not_supported("propagationPolicy", options.propagationPolicy, [*_POLICIES, "nil"])
    if any(value != "All" for value in options.dryRun):
        errors.not_supported("dryRun", options.dryRun, ["All"])
    if errors:
        raise invalid("meta.k8s.io", "DeleteOptions", "", errors)
    return options


async def delete(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Delete one object; answer with its Status, or with the object while it is not gone."""
    info = exchange.info
    options = delete_options(exchange.request)
    call = Call(exchange.user, info.namespace, info.name, dry_run=bool(options.dryRun), warnings=exchange.warnings, options=options)
    call.annotations, call.waited, call.fence = exchange.annotations, exchange.wait, exchange.fence
    _warn(exchange, row, options)
    outcome = await delete_object(registry, row, call, options)
    code = 202 if not outcome.gone and options.orphanDependents is False else 200
    if outcome.gone and not strategy_of(row).returns_deleted:
        obj = registry.storage.decode(row, outcome.value, 0)
        done = status.success(name=obj.metadata.name, group=row.group, kind=row.plural, uid=obj.metadata.uid)
        return shown(done, of_status(exchange.request), code)
    return registry.answer(exchange, row, outcome.value, outcome.revision, code)


def _warn(exchange: Exchange, row: Resource, options: DeleteOptions) -> None:
    warning = strategy_of(row).delete_warning
    if warning and options.propagationPolicy is None and options.orphanDependents is None:
        exchange.warnings.append(warning)


async def delete_object(registry: Registry, row: Resource, call: Call, options: DeleteOptions) -> Deleted:
    """Delete one object. Raises NotFoundError, ConflictError, ForbiddenError."""
    entry = registry.store.get(row.storage_key(call.namespace, call.name))
    for _ in range(WRITE_TRIES):
        if entry is None:
            raise registry.missing(row, call.name)
        seen = entry if row.module is not None else (await row.extra.read([entry]))[0]
        obj = registry.storage.decode(row, seen.value, entry.revision)
        _check_preconditions(row, obj, options.preconditions)
        if call.admit and registry.admission is not None:
            review = Review("DELETE", row, call, None, obj)
            await registry.admission.mutate(review)
            await registry.admission.validate(review)
        try:
            if not _mark(registry, row, obj, options):
                outcome = await _keep(registry, row, entry, obj, call)
            else:
                revision = entry.revision if call.dry_run else await registry.write(call.fence, entry.key, None, entry.revision)
                outcome = Deleted(registry.storage.encode(row, obj), revision, gone=True)
        except RevisionMismatchError as mismatch:
            entry = mismatch.current
            continue
        if outcome.gone and not call.dry_run:
            await registry.deleted(row, obj)
        return outcome
    raise conflict(row.group, row.plural, call.name, MODIFIED)


async def _keep(registry: Registry, row: Resource, entry: Entry, obj: Any, call: Call) -> Deleted:
    shown = registry.storage.encode(row, obj)
    value = shown if row.module is not None else await row.extra.stored(obj)
    if call.dry_run or value == entry.value:
        return Deleted(shown, entry.revision, gone=False)
    return Deleted(shown, await registry.write(call.fence, entry.key, value, entry.revision), gone=False)


def _mark(registry: Registry, row: Resource, obj: Any, options: DeleteOptions) -> bool:
    """Mark the object as being deleted, in place. Return whether nothing keeps it."""
    strategy, meta, now = strategy_of(row), obj.metadata, registry.clock.now()
    if strategy.mark is not None and not strategy.mark(obj, now, options):
        return False
    graceful = False
    if strategy.grace is not None:
        outcome = _give_grace(meta, strategy.grace(obj, options), options, now)
        if outcome == "pending":
            return False
        graceful = outcome == "changed"
    meta.finalizers = collected_finalizers(meta.finalizers, options, strategy.default_policy)
    if meta.finalizers and not graceful:
        _set_deleted(meta, now)
    return not meta.finalizers and not (graceful and meta.deletionGracePeriodSeconds)


def _set_deleted(meta: Any, now: datetime) -> None:
    if not meta.deletionTimestamp:
        meta.generation += 1 if meta.generation else 0
    if not meta.deletionTimestamp or parse_time(meta.deletionTimestamp) > now:
        meta.deletionTimestamp = format_time(now)
    meta.deletionGracePeriodSeconds = 0


def _give_grace(meta: Any, grace: int, options: DeleteOptions, now: datetime) -> str:
    """Give the object a grace period: the first deletion sets it, a later one may only make it shorter."""
    if not meta.deletionTimestamp:
        meta.deletionTimestamp, meta.deletionGracePeriodSeconds = format_time(now + timedelta(seconds=grace)), grace
        meta.generation += 1 if meta.generation else 0
        return "changed"
    current, wanted = meta.deletionGracePeriodSeconds, options.gracePeriodSeconds
    if not current:
        return "over"
    if wanted is None or wanted >= current:
        return "pending"
    period = wanted if wanted >= 0 else 1
    moved = parse_time(meta.deletionTimestamp) - timedelta(seconds=current) + timedelta(seconds=period)
    if moved < now:
        moved, period = now, 1 if period else 0
    meta.deletionTimestamp, meta.deletionGracePeriodSeconds = format_time(moved), period
    return "changed"


def _check_preconditions(row: Resource, obj: Any, wanted: Preconditions | None) -> None:
    if wanted is None:
        return
    meta = obj.metadata
    if wanted.uid is not None and wanted.uid != meta.uid:
        text = f"the UID in the precondition ({wanted.uid}) does not match the UID in record ({meta.uid}). "
        raise conflict(row.group, row.kind, meta.name, text + "The object might have been deleted and then recreated")
    if wanted.resourceVersion is not None and wanted.resourceVersion != meta.resourceVersion:
        text = f"the ResourceVersion in the precondition ({wanted.resourceVersion}) does not match the ResourceVersion in record "
        raise conflict(row.group, row.kind, meta.name, text + f"({meta.resourceVersion}). The object might have been modified")


def collected_finalizers(finalizers: Sequence[str], options: DeleteOptions, default_policy: str) -> list[str]:
    """Return the finalizers with those that the garbage collector's policy adds or takes off."""
    if default_policy == "Unsupported":
        policy = "Background"
    elif options.orphanDependents is not None:
        policy = "Orphan" if options.orphanDependents else "Background"
    elif options.propagationPolicy is not None:
        policy = options.propagationPolicy
    else:
        policy = next((_BY_FINALIZER[name] for name in finalizers if name in _BY_FINALIZER), default_policy)
    kept = [name for name in finalizers if name not in _BY_FINALIZER]
    added = {"Orphan": [ORPHAN], "Foreground": [FOREGROUND]}.get(policy, [])
    result = kept + added
    return list(finalizers) if set(result) == set(finalizers) else result


_BY_FINALIZER = {ORPHAN: "Orphan", FOREGROUND: "Foreground"}


async def delete_collection(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Delete what a list with the same selectors would show; answer with that list."""
    info, request = exchange.info, exchange.request
    options = delete_options(request)
    _warn(exchange, row, options)
    chosen, fence = registry.selection(exchange, row), exchange.fence
    found, parts = await page(registry, row, info.namespace, list_options(request, watch=False), chosen)
    for entry in found:
        obj = registry.storage.decode(row, entry.value, entry.revision)
        call = Call(exchange.user, obj.metadata.namespace, obj.metadata.name, dry_run=bool(options.dryRun), warnings=exchange.warnings)
        call.options, call.annotations, call.waited, call.fence = options, exchange.annotations, exchange.wait, fence
        try:
            await delete_object(registry, row, call, options.copy())
        except NotFoundError:
            continue
    renderer = registry.renderer(exchange, row)
    return await renderer.list(found, ListParts(parts.revision))
