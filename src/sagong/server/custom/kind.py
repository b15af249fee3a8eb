"""A definition as the server serves it, and each of its versions: the `extra` of their rows."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import msgspec

from sagong.api.codec import to_builtins
from sagong.api.custom.coerce import coerce
from sagong.api.custom.columns import Columns
from sagong.api.custom.defaults import apply_defaults
from sagong.api.custom.prune import drop_nulls, prune
from sagong.api.custom.schema import Schema, as_resource
from sagong.api.custom.validate import Validator, finalizer_warnings
from sagong.api.errors import Cause, forbidden
from sagong.api.fields.manager import FieldManager, Version, custom_field_manager
from sagong.api.json_syntax import JsonError
from sagong.api.resources import SCALE, STATUS, Resource, Sub
from sagong.api.schema import Shape
from sagong.api.structural_shape import shape_of_custom
from sagong.api.types.apiextensions import CustomResourceDefinition, CustomResourceDefinitionVersion, CustomResourceSubresourceScale
from sagong.server.custom.conditions import is_true
from sagong.server.custom.conversion import Converter, Json, plainly
from sagong.server.custom.strategy import CustomStrategy
from sagong.server.registry.storage import CustomObject
from sagong.store.base import Entry, Event

if TYPE_CHECKING:
    from sagong.api.custom.rules import Rules

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_serials = itertools.count(1)
MOST_KEPT = 50_000
THREAD_FROM = 256
_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
Convert = Callable[[Json, str], Json]


class Closes(Protocol):
    """What is told that it is over."""

    def close(self) -> None:
        """End."""
        ...


class CustomKind:
    """One definition, as it was when its rows were made. When it changes, other rows take their place and this one is retired."""

    def __init__(self, definition: CustomResourceDefinition, converter: Converter) -> None:
        self.definition, self.converter = definition, converter
        self.serial = next(_serials)
        self.terminating = False
        self.retired = False
        self._watches: set[Closes] = set()
        self.versions = {version.name: CustomVersion(self, version) for version in definition.spec.versions}

    @property
    def rows(self) -> list[Resource]:
        """The rows of the versions that are served."""
        return [version.row for version in self.versions.values() if version.spec.served]

    @functools.cached_property
    def converts(self) -> bool:
        """Whether reading an object may change more of it than its version: a converter is asked."""
        conversion = self.definition.spec.conversion
        return conversion is not None and conversion.strategy == "Webhook"

    @functools.cached_property
    def storage(self) -> CustomVersion:
        """The version that objects are stored in."""
        return next(version for version in self.versions.values() if version.spec.storage)

    def retire(self) -> None:
        """End all watches: their clients begin anew."""
        self.retired = True
        for watch in tuple(self._watches):
            watch.close()

    def begin_watch(self, watch: Closes) -> None:
        """Note a watch that has to end with this kind."""
        if self.retired:
            watch.close()
        self._watches.add(watch)

    def end_watch(self, watch: Closes) -> None:
        """Forget a watch."""
        self._watches.discard(watch)


class CustomVersion:
    """One version of a definition."""

    def __init__(self, kind: CustomKind, spec: CustomResourceDefinitionVersion) -> None:
        self.kind, self.spec = kind, spec
        self.row = _row(self)
        self.api_version = self.row.api_version
        self.selectable_fields = tuple(field.jsonPath.removeprefix(".") for field in spec.selectableFields)
        self._seen: dict[str, tuple[int, bytes | None]] = {}
        self._managers: dict[tuple[str, bool], FieldManager] = {}
        self._compiled: Rules | None = None

    @functools.cached_property
    def source(self) -> Json | None:
        """The openAPIV3Schema as JSON."""
        schema = self.spec.schema.openAPIV3Schema if self.spec.schema is not None else None
        return to_builtins(schema) if schema is not None else None

    @functools.cached_property
    def published(self) -> Json | None:
        """The schema that is told to clients, with the fields that can be selected."""
        if self.source is None or self.keeps_unknown or is_true(self.kind.definition, "NonStructuralSchema"):
            return None
        paths = [{"fieldPath": path} for path in self.selectable_fields]
        return {**self.source, "x-kubernetes-selectable-fields": paths} if paths else self.source

    @functools.cached_property
    def schema(self) -> Schema:
        """The schema, ready for use."""
        return as_resource(Schema(self.source) if self.source is not None else None)

    @functools.cached_property
    def keeps_unknown(self) -> bool:
        """Whether fields that the schema does not know stay, everywhere."""
        return self.kind.definition.spec.preserveUnknownFields

    @property
    def scale(self) -> CustomResourceSubresourceScale | None:
        """The paths of the scale subresource."""
        return self.spec.subresources.scale if self.spec.subresources is not None else None

    @property
    def has_status(self) -> bool:
        """Whether the status has a subresource of its own."""
        return self.spec.subresources is not None and self.spec.subresources.status is not None

    @functools.cached_property
    def validator(self) -> Validator:
        """What the version demands of its objects."""
        return Validator(self.api_version, self.row.kind, self.row.namespaced, self.schema, self.scale, self._rules)

    def _rules(self) -> Rules | None:
        if self._compiled is None:
            from sagong.api.custom.rules import rules_of  # noqa: PLC0415 - brings in CEL, which most definitions do not need

            self._compiled = rules_of(self.schema)
        return self._compiled

    @functools.cached_property
    def columns(self) -> Columns:
        """The columns of tables."""
        return Columns(self.spec.additionalPrinterColumns)

    @property
    def warning(self) -> str:
        """What is said to those who use a deprecated version."""
        if not self.spec.deprecated:
            return ""
        return self.spec.deprecationWarning or f"{self.api_version} {self.row.kind} is deprecated"

    def coerce(self, obj: Json, *, applied: bool = False) -> list[str]:
        """Bring an object that a client sent in line with the schema, in place; return its strict problems. Raises JsonError.

        One that was applied keeps its nulls: they are refused where none may stand, for dropping them would drop what is owned.
        """
        try:
            return coerce(obj, self.schema, keep_unknown=self.keeps_unknown, keep_nulls=applied)
        except RecursionError:
            raise JsonError("exceeded max depth") from None

    @functools.cached_property
    def strategy(self) -> CustomStrategy:
        """How objects are written."""
        return CustomStrategy(has_status=self.has_status)

    @functools.cached_property
    def shape(self) -> Shape:
        """The shape of objects, for field management."""
        return shape_of_custom(None if self.keeps_unknown else self.source)

    def manager(self, subresource: str, convert: Convert = plainly) -> FieldManager:
        """Return the field management of an endpoint; `convert` is how objects get into other versions."""
        key = subresource, convert is plainly
        if key not in self._managers or convert is not plainly:
            own = custom_field_manager(self.row, None if self.keeps_unknown else self.source, subresource)
            others = [other for other in self.kind.versions.values() if other is not self]
            versions = {other.api_version: _field_version(self.api_version, other, convert) for other in others}
            self._managers[key] = replace(own, versions=versions)
        return self._managers[key]

    def complete(self, obj: CustomObject) -> None:
        """Fill in defaults."""
        apply_defaults(obj.content, self.schema)

    async def check_create(self, obj: CustomObject, warnings: list[str]) -> list[Cause]:
        """Return what is wrong with a new object."""
        warnings += finalizer_warnings(obj.metadata.finalizers)
        return await self._judged(lambda: self.validator.create(plain(obj), obj.metadata, warnings))

    async def check_update(self, new: CustomObject, old: CustomObject, subresource: str, warnings: list[str]) -> list[Cause]:
        """Return what is wrong with an object that is to replace the old one, or with its new status."""
        after, before = (plain(new), new.metadata), (plain(old), old.metadata)
        if subresource == "status":
            return await self._judged(lambda: self.validator.update_status(after, before, warnings))
        warnings += finalizer_warnings({*new.metadata.finalizers} - {*old.metadata.finalizers})
        return await self._judged(lambda: self.validator.update(after, before, warnings))

    async def _judged(self, judge: Callable[[], list[Cause]]) -> list[Cause]:
        return await asyncio.to_thread(judge) if self._heavy else judge()

    @functools.cached_property
    def _heavy(self) -> bool:
        """Whether judging may take long."""
        rules = self._rules() if self.schema.has_rules else None
        return rules is not None and rules.heavy

    def check_creatable(self, name: str) -> None:
        """Raise ForbiddenError when the definition is being deleted."""
        if self.kind.terminating:
            text = "create not allowed while custom resource definition is terminating"
            raise forbidden(self.row.group, self.row.plural, name, text)

    async def read(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return stored objects as this version has them. Raises ApiError when the converter fails."""
        found, waiting = self._look(entries)
        if waiting:
            values = [entry.value for entry in waiting.values()]
            objects = self._stored(values) if len(values) < THREAD_FROM else await asyncio.to_thread(self._stored, values)
            foreign = [index for index, obj in enumerate(objects) if obj.get("apiVersion") != self.api_version]
            if foreign:
                converted = await self.kind.converter.convert([objects[index] for index in foreign], self.api_version)
                for index, obj in zip(foreign, converted, strict=True):
                    self.tidy(obj)
                    objects[index] = obj
            for index, obj in zip(waiting, objects, strict=True):
                found[index] = self._note(entries[index], encode(obj))
        return [entry for entry in found if entry is not None]

    def read_at_once(self, entries: Sequence[Entry]) -> list[Entry]:
        """Do the same where the converter is plain, without waiting for anything."""
        found, waiting = self._look(entries)
        for index, entry in waiting.items():
            (obj,) = self._stored([entry.value])
            if obj.get("apiVersion") != self.api_version:
                obj = plainly(obj, self.api_version)
                self.tidy(obj)
            found[index] = self._note(entry, encode(obj))
        return [entry for entry in found if entry is not None]

    async def read_events(self, events: Sequence[Event]) -> list[Event]:
        """Return changes of stored objects as this version has them."""
        return _with_values(events, await self.read(_now(events)), await self.read(_before(events)))

    def read_events_at_once(self, events: Sequence[Event]) -> list[Event]:
        """Do the same where the converter is plain, without waiting for anything."""
        return _with_values(events, self.read_at_once(_now(events)), self.read_at_once(_before(events)))

    def _look(self, entries: Sequence[Entry]) -> tuple[list[Entry | None], dict[int, Entry]]:
        """Return what is known of entries, and those of which nothing is, by their place."""
        found = [self._known(entry) for entry in entries]
        return found, {index: entries[index] for index, known in enumerate(found) if known is None}

    def _known(self, entry: Entry) -> Entry | None:
        revision, value = self._seen.get(entry.key, (0, None))
        if revision != entry.revision or not entry.key:
            return None
        return entry if value is None else Entry(entry.key, value, entry.revision, entry.created)

    def _note(self, entry: Entry, value: bytes) -> Entry:
        same = value == entry.value
        if not entry.key:  # it is stored nowhere
            return Entry(entry.key, value, entry.revision, entry.created)
        if len(self._seen) >= MOST_KEPT:
            self._seen.clear()
        self._seen[entry.key] = (entry.revision, None if same else value)
        return entry if same else Entry(entry.key, value, entry.revision, entry.created)

    def _stored(self, values: Sequence[bytes]) -> list[Json]:
        """Return stored objects in the versions that they are stored in, with what has become their default since."""
        return [self._completed(_decode(value)) for value in values]

    def _completed(self, obj: Json) -> Json:
        version = self.kind.versions.get(str(obj.get("apiVersion", "")).rpartition("/")[2])
        if version is not None:
            version.tidy(obj)
            apply_defaults(obj, version.schema)
        return obj

    def tidy(self, obj: Json) -> None:
        """Take out of an object what the schema does not know, in place."""
        if not self.keeps_unknown:
            prune(obj, self.schema)
            drop_nulls(obj, self.schema)
        meta = obj.setdefault("metadata", {})
        if isinstance(meta, dict) and not meta.get("generation"):
            meta["generation"] = 1

    async def stored(self, obj: CustomObject) -> bytes:
        """Return what is stored for an object of this version. Raises ApiError when the converter fails."""
        kept, obj.metadata.resourceVersion = obj.metadata.resourceVersion, ""
        try:
            content = plain(obj)
        finally:
            obj.metadata.resourceVersion = kept
        storage = self.kind.storage
        if storage is not self:
            (content,) = await self.kind.converter.convert([content], storage.api_version)
            storage.tidy(content)
        return encode(content)

    async def shown(self, key: str, value: bytes, revision: int) -> bytes:
        """Return this version of what was just stored."""
        (entry,) = await self.read([Entry(key, value, revision, 0)])
        return entry.value


def _now(events: Sequence[Event]) -> list[Entry]:
    return [Entry(event.key, event.value, event.revision, 0) for event in events if event.value is not None]


def _before(events: Sequence[Event]) -> list[Entry]:
    return [Entry(f"{event.key}\0", event.previous, event.previous_revision, 0) for event in events if event.previous is not None]


def _with_values(events: Sequence[Event], now: Sequence[Entry], before: Sequence[Entry]) -> list[Event]:
    """Return events with other values than their own, in the same order."""
    values, previous = iter(now), iter(before)
    return [
        Event(
            event.key,
            next(values).value if event.value is not None else None,
            event.revision,
            next(previous).value if event.previous is not None else None,
            event.previous_revision,
        )
        for event in events
    ]


def plain(obj: CustomObject) -> Json:
    """Return an object as JSON."""
    found: Json = _decode(_encode({"apiVersion": obj.apiVersion, "kind": obj.kind, "metadata": obj.metadata, **obj.content}))
    return found


def encode(obj: Json) -> bytes:
    """Return the JSON of an object, with apiVersion, kind and metadata in front."""
    head = {"apiVersion": obj.get("apiVersion", ""), "kind": obj.get("kind", ""), "metadata": obj.get("metadata") or {}}
    return _encode(head | {name: value for name, value in obj.items() if name not in head})


def _field_version(here: str, there: CustomVersion, convert: Convert) -> Version:
    return Version(there.shape, lambda obj: convert(obj, there.api_version), lambda obj: convert(obj, here))


def _row(version: CustomVersion) -> Resource:
    definition, spec = version.kind.definition, version.spec
    names = definition.status.acceptedNames
    subresources: list[Sub] = []
    if version.has_status:
        subresources.append(Sub(STATUS.name, names.kind, STATUS.verbs))
    if version.scale is not None:
        subresources.append(SCALE)
    return Resource(
        definition.spec.group,
        spec.name,
        names.kind,
        definition.spec.names.plural,
        names.singular,
        definition.spec.scope == "Namespaced",
        _VERBS,
        short_names=tuple(names.shortNames),
        categories=tuple(names.categories),
        subresources=tuple(subresources),
        list_kind=names.listKind,
        extra=version,
    )
