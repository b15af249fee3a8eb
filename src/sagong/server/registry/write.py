"""create and update: decode, default, admit, prepare, validate, compare-and-swap, answer.

The order is upstream's (registry.Store Create and Update): what the client sent is admitted by the mutating plugins, then the
strategy has its say, then validation, then the validating plugins, then the store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

try:
    from sagong.api import validation
except ImportError:

    class validation:
        validate_create = staticmethod(lambda obj: [])
        validate_update = staticmethod(lambda new, old, sub: [])


from sagong.api.clock import format_time
from sagong.api.errors import ApiError, BadRequestError, already_exists, conflict, invalid
from sagong.api.resources import Resource
from sagong.server.admission.chain import Review
from sagong.server.contract import User
from sagong.server.registry import managed
from sagong.server.registry.registry import Registry
from sagong.server.registry.strategies import Strategy, strategy_of
from sagong.store.base import Entry, RevisionMismatchError

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"
NAME_BASE = 58
GENERATE_TRIES = 8
WRITE_TRIES = 200


@dataclass(slots=True)
class Call:
    """The circumstances of one write: who, how, and the warnings that came up."""

    user: User
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    dry_run: bool = False
    manager: str = ""
    warnings: list[str] = field(default_factory=list)
    admit: bool = True
    options: Any = None


@dataclass(frozen=True, slots=True)
class Written:
    """The state after a write: stored bytes, their revision, and whether the object was created or deleted by it."""

    value: bytes
    revision: int
    created: bool = False
    deleted: bool = False


Transform = Callable[[Any, Entry | None], Any]


class Writer:
    """The write path of every resource."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._store, self._storage = registry.store, registry.storage

    async def create(self, row: Resource, obj: Any, call: Call) -> Written:
        """Create an object. Raises AlreadyExistsError, InvalidError, ForbiddenError."""
        generate = obj.metadata.generateName and not obj.metadata.name
        if not generate:
            return await self._create_once(row, obj, call)
        template = obj.copy()
        for attempt in range(1, GENERATE_TRIES + 1):
            try:
                return await self._create_once(row, obj, call)
            except ApiError as error:
                if error.reason != "AlreadyExists" or attempt == GENERATE_TRIES:
                    raise
                obj = template.copy()
        raise AssertionError("unreachable")

    async def _create_once(self, row: Resource, obj: Any, call: Call) -> Written:
        strategy = strategy_of(row)
        meta = obj.metadata
        match_namespace(row, meta, call.namespace)
        managed.on_write(row, None, obj, call, self._registry.clock)
        review = Review("CREATE", row, call, obj, None)
        await self._mutate(review)
        obj = review.obj
        meta = obj.metadata
        meta.uid, meta.creationTimestamp = self._registry.random.uid(), format_time(self._registry.clock.now())
        meta.selfLink, meta.deletionTimestamp, meta.deletionGracePeriodSeconds = "", None, None
        if meta.generateName and not meta.name:
            meta.name = meta.generateName[:NAME_BASE] + self._registry.random.suffix()
        if meta.resourceVersion not in ("", "0"):
            raise ApiError("resourceVersion should not be set on objects to be created", reason="", code=500)
        meta.resourceVersion = ""
        strategy.prepare_create(obj)
        reservation = None
        if strategy.reserves and self._registry.allocator is not None:
            reservation = await self._registry.allocator.allocate(obj, None, dry_run=call.dry_run)
        try:
            if causes := validation.validate_create(obj):
                raise invalid(row.group, row.kind, meta.name, causes)
            call.warnings += strategy.warnings(obj, None)
            await self._validate(review)
            written = await self._insert(row, obj, call)
        except BaseException:
            if reservation is not None:
                reservation.revert()
            raise
        if reservation is not None:
            reservation.commit()
        return written

    async def _insert(self, row: Resource, obj: Any, call: Call) -> Written:
        meta = obj.metadata
        key = row.storage_key(meta.namespace, meta.name)
        value = self._storage.encode(row, obj)
        try:
            if call.dry_run:
                if live := self._store.get(key):
                    raise RevisionMismatchError(key, live)
                return Written(value, 0, created=True)
            return Written(value, await self._store.write(key, value, 0), created=True)
        except RevisionMismatchError as mismatch:
            raise self._exists(row, meta, mismatch.current) from None

    def _exists(self, row: Resource, meta: Any, live: Entry | None) -> ApiError:
        error = already_exists(row.group, row.plural, meta.name)
        if live is not None and self._storage.decode(row, live.value, live.revision).metadata.deletionTimestamp:
            error.args = (f"object is being deleted: {error.message}",)
            error.message = str(error)
        if meta.generateName:
            error.retry_after = 1
        return error

    async def update(self, row: Resource, call: Call, transform: Transform, *, create_missing: bool = False) -> Written:
        """Change an object by `transform(old, entry) -> new`, again when another write came first.

        `transform` gets (None, None) for an object that is absent and may be created. `new` with a resourceVersion holds
        only for that version. Raises NotFoundError, ConflictError, InvalidError, ForbiddenError.
        """
        strategy = strategy_of(row)
        key = row.storage_key(call.namespace, call.name)
        entry = self._store.get(key)
        for _ in range(WRITE_TRIES):
            if entry is None:
                if not create_missing and not (strategy.create_on_update and not call.subresource):
                    raise self._registry.missing(row, call.name)
                return await self._create_absent(row, call, transform)
            old = self._storage.decode(row, entry.value, entry.revision)
            try:
                return await self._update_once(row, strategy, entry, old, transform(old, entry), call)
            except RevisionMismatchError as mismatch:
                entry = mismatch.current
        raise conflict(row.group, row.plural, call.name, MODIFIED)

    async def _create_absent(self, row: Resource, call: Call, transform: Transform) -> Written:
        obj = transform(None, None)
        if obj.metadata.resourceVersion not in ("", "0"):
            raise self._registry.missing(row, call.name)
        if obj.metadata.uid:
            detail = f"Precondition failed: UID in precondition: {obj.metadata.uid}, UID in object meta: "
            raise conflict(row.group, row.plural, call.name, detail)
        return await self._create_once(row, obj, call)

    async def _update_once(self, row: Resource, strategy: Strategy, entry: Entry, old: Any, new: Any, call: Call) -> Written:
        match_namespace(row, new.metadata, call.namespace)
        self._check_version(row, strategy, entry, old, new, call)
        managed.on_write(row, old, new, call, self._registry.clock)
        review = Review("UPDATE", row, call, new, old)
        await self._mutate(review)
        new = review.obj
        keep_system_fields(new.metadata, old.metadata)
        strategy.prepare_update(new, old, call.subresource)
        reservation = None
        if strategy.reserves and not call.subresource and self._registry.allocator is not None:
            reservation = await self._registry.allocator.allocate(new, old, dry_run=call.dry_run)
        try:
            if causes := validation.validate_update(new, old, call.subresource):
                raise invalid(row.group, row.kind, new.metadata.name, causes)
            call.warnings += strategy.warnings(new, old)
            await self._validate(review)
            written = await self._replace(row, entry, new, call)
        except BaseException:
            if reservation is not None:
                reservation.revert()
            raise
        if reservation is not None:
            reservation.commit()
        return written

    def _check_version(self, row: Resource, strategy: Strategy, entry: Entry, old: Any, new: Any, call: Call) -> None:
        wanted = new.metadata.resourceVersion
        if new.metadata.uid and new.metadata.uid != old.metadata.uid:
            detail = f"Precondition failed: UID in precondition: {new.metadata.uid}, UID in object meta: {old.metadata.uid}"
            raise conflict(row.group, row.plural, call.name, detail)
        if not wanted or wanted == "0":
            if not strategy.unconditional_update:
                raise invalid(row.group, row.kind, call.name, validation.must_be_specified())
            new.metadata.resourceVersion = str(entry.revision)
        elif wanted != str(entry.revision):
            raise conflict(row.group, row.plural, call.name, MODIFIED)

    async def _replace(self, row: Resource, entry: Entry, new: Any, call: Call) -> Written:
        value = self._storage.encode(row, new)
        meta = new.metadata
        if meta.deletionTimestamp and not meta.finalizers and not meta.deletionGracePeriodSeconds and strategy_of(row).gone(new):
            revision = entry.revision if call.dry_run else await self._store.write(entry.key, None, entry.revision)
            return Written(value, revision, deleted=True)
        if value == entry.value or call.dry_run:
            await self._registry.wait_fresh(entry.revision)
            return Written(value, entry.revision)
        return Written(value, await self._store.write(entry.key, value, entry.revision))

    async def _mutate(self, review: Review) -> None:
        if review.call.admit and self._registry.admission is not None:
            await self._registry.admission.mutate(review)

    async def _validate(self, review: Review) -> None:
        if review.call.admit and self._registry.admission is not None:
            await self._registry.admission.validate(review)


def match_namespace(row: Resource, meta: Any, namespace: str) -> None:
    """Put the URL's namespace into the object. Raises BadRequestError when the object says another."""
    if not row.namespaced:
        namespace = ""
    if meta.namespace == namespace:
        return
    if meta.namespace:
        raise BadRequestError("the namespace of the provided object does not match the namespace sent on the request")
    meta.namespace = namespace


def keep_system_fields(new: Any, old: Any) -> None:
    """Put back what clients cannot change."""
    new.uid, new.creationTimestamp, new.selfLink = old.uid, old.creationTimestamp, ""
    new.deletionTimestamp, new.deletionGracePeriodSeconds = old.deletionTimestamp, old.deletionGracePeriodSeconds
    new.generation = old.generation
    if not new.managedFields and old.managedFields:
        new.managedFields = old.managedFields
