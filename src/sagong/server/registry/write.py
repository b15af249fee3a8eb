"""create and update: admit, prepare, validate, compare-and-swap.

The order is upstream's (registry.Store Create and Update): the mutating plugins first, then the kind's strategy, validation,
the validating plugins, the store. Objects are in their storage version here; `row` is the one of the request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import CoroutineType
from typing import Any

from sagong.api import validation
from sagong.api.clock import format_time
from sagong.api.empty_lists import null_empty_lists
from sagong.api.errors import ApiError, BadRequestError, Cause, already_exists, conflict, forbidden, invalid
from sagong.api.fence import Fence
from sagong.api.field_errors import Errors
from sagong.api.resources import Resource
from sagong.api.warnings import warnings_of
from sagong.server.admission.plugin import Operation, Review
from sagong.server.contract import Attributes, User
from sagong.server.registry import managed, versions
from sagong.server.registry.registry import Registry
from sagong.server.registry.strategies import Circumstances, Strategy, strategy_of
from sagong.store.base import Entry, RevisionMismatchError

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"
_DOUBLE_OWNERS = (
    ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such "
    "requests as early as 1.24; please fix your requests"
)
NAME_BASE = 58
GENERATE_TRIES = 8
WRITE_TRIES = 200
UNSET = ("", "0")


def _unnoted(seconds: float) -> None:
    """Note nothing: nobody waits for the server's own writes."""


@dataclass(slots=True)
class Call:
    """The circumstances of one write: who, how, the warnings that came up, and annotations for the audit.

    `options` are those that the client sent: DeleteOptions, or a dict of what create, update and patch have. `admit` False skips
    admission: for the server's own writes. An apply sets `applied` (it tracks managers itself) and `force_create`. `waited` is told
    of seconds spent waiting for webhooks. `said_empty`: see `said_empty.py`. `fence`: the lease that the client must still hold.
    """

    user: User
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    dry_run: bool = False
    manager: str = ""
    warnings: list[str] = field(default_factory=list)
    admit: bool = True
    force_create: bool = False
    applied: bool = False
    options: Any = None
    annotations: dict[str, str] = field(default_factory=dict)
    waited: Callable[[float], None] = _unnoted
    said_empty: bool = False
    fence: Fence | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """The state after a write: stored bytes and their revision."""

    value: bytes
    revision: int
    created: bool = False


Transform = Callable[[Any, Entry | None], Any]


async def create_object(registry: Registry, row: Resource, obj: Any, call: Call) -> Written:
    """Create an object. Raises AlreadyExistsError, InvalidError, ForbiddenError."""
    if not obj.metadata.generateName or obj.metadata.name:
        return await _Write(registry, row, call).create(obj)
    for _ in range(GENERATE_TRIES - 1):
        try:
            return await _Write(registry, row, call).create(obj.copy())
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
    return await _Write(registry, row, call).create(obj)


async def update_object(registry: Registry, row: Resource, call: Call, transform: Transform) -> Written:
    """Change an object by `transform(old, entry) -> new`, again when another write came first.

    `transform` gets (None, None) for an object that is absent and may be created. A `new` with a resourceVersion holds only
    for that version. Raises NotFoundError, ConflictError, InvalidError, ForbiddenError.
    """
    write = _Write(registry, row, call)
    entry = registry.store.get(row.storage_key(call.namespace, call.name))
    for _ in range(WRITE_TRIES):
        try:
            if entry is None:
                return await write.create_absent(transform)
            return await write.update(entry, transform)
        except RevisionMismatchError as mismatch:
            entry = mismatch.current
    raise conflict(row.group, row.plural, call.name, MODIFIED)


class _Write:
    """One create or update under way."""

    def __init__(self, registry: Registry, row: Resource, call: Call) -> None:
        self._registry, self._row, self._call = registry, row, call
        self._strategy: Strategy = strategy_of(row)

    async def create(self, obj: Any) -> Written:
        row, call, registry = self._row, self._call, self._registry
        match_namespace(row, obj.metadata, call.namespace)
        drop_double_owners(obj.metadata, call)
        if row.module is None:
            row.extra.check_creatable(call.name or obj.metadata.name)
            await self._track(None, obj)
        else:
            managed.track(row, None, obj, call, registry.clock)
            null_empty_lists(obj)
        review = await self._mutated("CREATE", obj, None)
        obj = self._checked_again(obj, review.obj)
        self._found(obj.metadata)
        self._strategy.prepare_create(obj, self._circumstances())
        return await self._reserving(obj, None, lambda: self._insert(obj, review))

    def _found(self, meta: Any) -> None:
        """Fill in what a new object gets from the server."""
        random = self._registry.random
        meta.uid, meta.creationTimestamp = random.uid(), format_time(self._registry.clock.now())
        meta.selfLink, meta.deletionTimestamp, meta.deletionGracePeriodSeconds = "", None, None
        if meta.generateName and not meta.name:
            meta.name = meta.generateName[:NAME_BASE] + random.suffix()

    async def _insert(self, obj: Any, review: Review) -> Written:
        row, call, registry, meta = self._row, self._call, self._registry, obj.metadata
        self._refuse(await self._judged(obj, None), meta.name)
        await self._validated(review)
        if meta.resourceVersion not in UNSET:
            raise ApiError("resourceVersion should not be set on objects to be created", reason="", code=500)
        meta.resourceVersion = ""
        value = await self._encoded(obj)
        key = row.storage_key(meta.namespace, meta.name)
        try:
            if not call.dry_run:
                return await self._written(key, value, await registry.write(call.fence, key, value, 0), created=True)
        except RevisionMismatchError as mismatch:
            raise self._exists(meta, mismatch.current) from None
        if live := registry.store.get(key):
            raise self._exists(meta, live)
        return await self._written(key, value, 0, created=True)

    def _exists(self, meta: Any, live: Entry | None) -> ApiError:
        row = self._row
        error = already_exists(row.group, row.plural, meta.name)
        if live is not None and self._registry.storage.decode(row, live.value, live.revision).metadata.deletionTimestamp:
            message = f"object is being deleted: {error.message}"
            return type(error)(message, group=row.group, kind=row.plural, name=meta.name)
        return error

    async def create_absent(self, transform: Transform) -> Written:
        row, call = self._row, self._call
        if not call.force_create and (call.subresource or not self._strategy.create_on_update):
            raise self._registry.missing(row, call.name)
        obj = transform(None, None)
        if isinstance(obj, CoroutineType):
            obj = await obj
        if obj.metadata.resourceVersion not in UNSET:
            raise conflict(row.group, row.plural, call.name, MODIFIED)
        if obj.metadata.uid:
            detail = f"Precondition failed: UID in precondition: {obj.metadata.uid}, UID in object meta: "
            raise conflict(row.group, row.plural, call.name, detail)
        await self._may_create()
        return await self.create(obj)

    async def _may_create(self) -> None:
        """Check that one who creates by PUT or apply may create at all."""
        row, call, authorizer = self._row, self._call, self._registry.authorizer
        if authorizer is None or not call.admit:
            return
        asked = Attributes(
            call.user, "create", row.path(call.namespace), row.group, row.version, row.plural, namespace=call.namespace, name=call.name
        )
        decision = await authorizer.authorize(asked)
        if not decision.allowed:
            raise forbidden(row.group, row.plural, call.name, decision.reason)

    async def update(self, entry: Entry, transform: Transform) -> Written:
        row, call, registry = self._row, self._call, self._registry
        seen = entry if row.module is not None else (await row.extra.read([entry]))[0]
        old = registry.storage.decode(row, seen.value, entry.revision)
        new = transform(old, entry)
        if isinstance(new, CoroutineType):
            new = await new
        match_namespace(row, new.metadata, call.namespace)
        drop_double_owners(new.metadata, call)
        self._check_version(entry, new.metadata)
        if row.module is None:
            await self._track(old, new)
        else:
            managed.track(row, old, new, call, registry.clock)
            null_empty_lists(new)
        review = await self._mutated("UPDATE", new, old)
        new = self._checked_again(new, review.obj)
        new.metadata.generation = old.metadata.generation
        self._strategy.prepare_update(new, old, call.subresource, self._circumstances())
        keep_system_fields(new.metadata, old.metadata)
        if call.subresource:
            return await self._replace(entry, new, old, review)
        return await self._reserving(new, old, lambda: self._replace(entry, new, old, review))

    def _checked_again(self, sent: Any, admitted: Any) -> Any:
        """Return what admission made of an object, when that is another one as fit to go on as what was sent."""
        if admitted is not sent:
            match_namespace(self._row, admitted.metadata, self._call.namespace)
            drop_double_owners(admitted.metadata, self._call)
        return admitted

    def _check_version(self, entry: Entry, new: Any) -> None:
        row, name = self._row, self._call.name
        if new.resourceVersion in UNSET:
            if not self._strategy.unconditional_update:
                errors = Errors()
                errors.invalid("metadata.resourceVersion", 0, "must be specified for an update")
                raise invalid(row.group, row.plural, name, errors)
            new.resourceVersion = str(entry.revision)
        elif new.resourceVersion != str(entry.revision):
            raise conflict(row.group, row.plural, name, MODIFIED)

    async def _replace(self, entry: Entry, new: Any, old: Any, review: Review) -> Written:
        registry, call, row = self._registry, self._call, self._row
        managed.ignore_timestamps(new, old)
        self._refuse(await self._judged(new, old), new.metadata.name)
        await self._validated(review)
        value = await self._encoded(new)
        if self._goes(new, old.metadata):
            if not call.dry_run:
                revision = await registry.write(call.fence, entry.key, None, entry.revision)
                await registry.deleted(row, new)
                return await self._written("", value, revision)
        elif (value != entry.value or registry.stale(entry.key)) and not call.dry_run:
            return await self._written(entry.key, value, await registry.write(call.fence, entry.key, value, entry.revision))
        await registry.store.wait_revision(entry.revision)
        return await self._written(entry.key if value == entry.value else "", value, entry.revision)

    async def _judged(self, new: Any, old: Any) -> Sequence[Cause]:
        """Return what is wrong with an object; `old` None: a new one."""
        row, call = self._row, self._call
        if row.module is None:
            judge = (
                row.extra.check_create(new, call.warnings)
                if old is None
                else row.extra.check_update(new, old, call.subresource, call.warnings)
            )
            found: Sequence[Cause] = await judge
            return found
        if self._strategy.slow:
            causes = await asyncio.to_thread(_judge, new, old, call.subresource)
        else:
            causes = _judge(versions.judged(row, new), versions.judged(row, old), call.subresource)
        if not causes and call.admit:  # the server's own writes have nobody to warn
            call.warnings += warnings_of(new, old, call.subresource)
        return causes

    async def _encoded(self, obj: Any) -> bytes:
        """Return what is stored for an object."""
        row = self._row
        value: bytes = self._registry.storage.encode(row, obj) if row.module is not None else await row.extra.stored(obj)
        return value

    async def _written(self, key: str, value: bytes, revision: int, *, created: bool = False) -> Written:
        """Return the outcome; a custom resource is answered as its version has it."""
        if self._row.module is None:
            value = await self._row.extra.shown(key, value, revision)
        return Written(value, revision, created=created)

    async def _track(self, old: Any, new: Any) -> None:
        from sagong.server.custom.tracking import track  # noqa: PLC0415 - few servers have custom resources

        await track(self._row.extra, old, new, self._call, self._registry.clock.now())

    def _goes(self, new: Any, old_meta: Any) -> bool:
        """Tell whether this update took off the last thing that kept an object which is being deleted."""
        if new.metadata.finalizers or not old_meta.deletionTimestamp or old_meta.deletionGracePeriodSeconds:
            return False
        return self._strategy.gone is None or self._strategy.gone(new)

    async def _reserving(self, new: Any, old: Any, store: Callable[[], Any]) -> Written:
        """Store; where the kind has addresses and ports, take them before and settle after."""
        allocator = self._registry.allocator
        if not self._strategy.reserves or allocator is None:
            plain: Written = await store()
            return plain
        reservation = await allocator.allocate(new, old, dry_run=self._call.dry_run)
        try:
            written: Written = await store()
        except BaseException:
            reservation.revert()
            raise
        reservation.commit()
        return written

    def _refuse(self, causes: Sequence[Cause], name: str) -> None:
        if causes:
            raise invalid(versions.kind_group(self._row), self._row.kind, name, causes)

    def _circumstances(self) -> Circumstances:
        registry = self._registry
        call = self._call
        return Circumstances(call.user, format_time(registry.clock.now()), registry.random, call.warnings, call.said_empty)

    async def _mutated(self, operation: Operation, obj: Any, old: Any) -> Review:
        review = Review(operation, self._row, self._call, obj, old)
        if self._call.admit and self._registry.admission is not None:
            await self._registry.admission.mutate(review)
        return review

    async def _validated(self, review: Review) -> None:
        if self._call.admit and self._registry.admission is not None:
            await self._registry.admission.validate(review)


def _judge(new: Any, old: Any, subresource: str) -> Sequence[Cause]:
    return validation.validate_create(new) if old is None else validation.validate_update(new, old, subresource)


def match_namespace(row: Resource, meta: Any, namespace: str) -> None:
    """Put the URL's namespace into the object. Raises BadRequestError when the object says another."""
    if not row.namespaced:
        namespace = ""
    if meta.namespace == namespace:
        return
    if meta.namespace:
        raise BadRequestError("the namespace of the provided object does not match the namespace sent on the request")
    meta.namespace = namespace


def drop_double_owners(meta: Any, call: Call) -> None:
    """Keep one of several owner references to the same owner, and warn."""
    owners = meta.ownerReferences
    if len(owners) < 2 or len({owner.uid for owner in owners}) == len(owners):  # noqa: PLR2004 - one cannot be double
        return
    double = list(dict.fromkeys(owner.uid for owner in owners if owners.count(owner) > 1))
    meta.ownerReferences = [owner for index, owner in enumerate(owners) if owner not in owners[:index]]
    if double:
        call.warnings.append(f"{_DOUBLE_OWNERS}; duplicate UID(s) observed: {', '.join(double)}")


def keep_system_fields(new: Any, old: Any) -> None:
    """Put back what clients cannot change."""
    new.uid = new.uid or old.uid
    new.creationTimestamp = old.creationTimestamp
    if old.deletionTimestamp:
        new.deletionTimestamp = old.deletionTimestamp
    if new.deletionGracePeriodSeconds is None:
        new.deletionGracePeriodSeconds = old.deletionGracePeriodSeconds
