"""Field management of one endpoint: who owns which fields after a write, and server-side apply (KEP-555).

Objects are plain dicts here, as JSON has them, without metadata.managedFields; managers travel beside them.
Theory of operation: every write is compared with the live object. What it added or changed becomes the writer's and nobody
else's; what it removed is nobody's. An apply owns all that its configuration says, shares what is equal, must force what
differs, and what it said last time and no longer says is removed unless somebody else owns it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from sagong.api.codec import encode, to_builtins
from sagong.api.errors import ApiError, BadRequestError
from sagong.api.fields import managers as managing
from sagong.api.fields.conflicts import ApplyConflictError, conflict_of
from sagong.api.fields.field_set import Fields, common, minus, union_of
from sagong.api.fields.managers import Managed, Manager, Managers
from sagong.api.fields.merge import merge, reconcile, remove_items, with_named_fields
from sagong.api.fields.reset import Filter, bare, reset_filter
from sagong.api.fields.validate import problems
from sagong.api.fields.walk import Comparison, changed, compare, equal, field_set
from sagong.api.resources import Resource
from sagong.api.schema import Shape, shape_of
from sagong.api.structural_shape import shape_of_custom

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_BEFORE_APPLY = "before-first-apply"

Convert = Callable[[dict[str, Any], str], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Version:
    """Another version of the kind, in which some manager may have written: its shape, and the way to it and back."""

    shape: Shape
    to: Callable[[dict[str, Any]], dict[str, Any]]
    back: Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class FieldManager:
    """Field management at one version of a kind and one subresource ("" for the object itself).

    `shape` is that of the kind; `versions` the other ones by apiVersion. Managers of unknown versions are dropped.
    """

    api_version: str
    kind: str
    shape: Shape
    subresource: str = ""
    reset: Filter = lambda fields: fields
    versions: dict[str, Version] = field(default_factory=dict)

    def update(self, live: dict[str, Any], new: dict[str, Any], managers: Managers, name: str, now: datetime) -> Managers:
        """Return the managers after a plain write. `live` is `empty` of the kind for a creation."""
        managers = self._reconciled(managers)
        manager = managing.updater(name, self.api_version, self.subresource)
        comparison = self._compare(live, new)
        if not any(comparison):
            return managing.cap(self._yielded(managers, None, live, new, comparison))
        rest = self._yielded(managers, None, live, new, comparison)
        mine = bare(changed(comparison))
        if mine:
            before = rest.get(manager)
            rest[manager] = Managed(union_of(mine, before.fields) if before else mine, self.api_version, managing.stamp(now))
        return managing.cap(rest)

    def apply(
        self, live: dict[str, Any], config: dict[str, Any], managers: Managers, name: str, *, force: bool, now: datetime
    ) -> tuple[dict[str, Any], Managers]:
        """Return the object and its managers after an apply of `config`.

        The object is `live` itself when nothing changes. Raises ApplyConflictError, BadRequestError, ApiError (500) for a
        configuration that does not fit the schema.
        """
        self._check(config)
        managers = self._reconciled(managers) or self.update(self.empty(), live, {}, _BEFORE_APPLY, now)
        try:
            new, owners = self._apply(live, config, managers, name, force=force, now=now)
        except ApplyConflictError as conflict:
            if name != "kubectl" or (rest := conflict.outside(self._last_applied(live))):
                raise rest if name == "kubectl" and rest else conflict from None
            new, owners = self._apply(live, config, managers, name, force=True, now=now)
        if name == "kubectl" and _annotations(new).get(LAST_APPLIED):
            new = _with_last_applied(new, config)
        return new, owners

    def empty(self) -> dict[str, Any]:
        """Return the object that a creation is compared with."""
        struct = self.shape.struct
        return dict(_empty(self.shape)) if struct is not None else {"apiVersion": self.api_version, "kind": self.kind}

    def _apply(
        self, live: dict[str, Any], config: dict[str, Any], managers: Managers, name: str, *, force: bool, now: datetime
    ) -> tuple[dict[str, Any], Managers]:
        manager = managing.applier(name, self.subresource)
        merged = merge(live, config, self.shape)
        last = managers.get(manager)
        mine = Managed(self.reset(field_set(config, self.shape) or {}), self.api_version, last.time if last else None)
        owners = {**managers, manager: mine}
        new = self._prune(merged, owners, last)
        comparison = self._compare(live, new)
        owners = self._yielded(owners, manager, live, new, comparison, force=force)
        if manager in owners:
            fields = bare(owners[manager].fields)
            owners.pop(manager)
            if fields:
                owners[manager] = msgspec.structs.replace(mine, fields=fields, raw=last.raw if last and last.fields == fields else b"")
        if equal(new, live, self.shape):
            return live, owners
        if manager in owners:
            owners[manager] = msgspec.structs.replace(owners[manager], time=managing.stamp(now))
        return new, owners

    def _reconciled(self, managers: Managers) -> Managers:
        """Bring the fields of custom resources in line with a schema that has changed since: lists and maps may now be atomic."""
        if self.shape.struct is not None:
            return managers
        result = dict(managers)
        for manager, managed in managers.items():
            version = self._version(managed.version)
            fields = reconcile(managed.fields, version.shape) if version else managed.fields
            if fields is not managed.fields:
                result[manager] = msgspec.structs.replace(managed, fields=fields, raw=b"")
        return result

    def _compare(self, live: dict[str, Any], new: dict[str, Any]) -> Comparison:
        return Comparison(*map(self.reset, compare(live, new, self.shape)))

    def _yielded(
        self,
        managers: Managers,
        writer: Manager | None,
        live: dict[str, Any],
        new: dict[str, Any],
        comparison: Comparison,
        *,
        force: bool = True,
    ) -> Managers:
        """Return the managers without what the write took from them. Raises ApplyConflictError unless it may."""
        result, conflicts = dict(managers), dict[Manager, Fields]()
        for manager, managed in managers.items():
            if manager == writer:
                continue
            seen = comparison
            if managed.version != self.api_version:
                version = self.versions.get(managed.version)
                if version is None:
                    del result[manager]
                    continue
                seen = compare(version.to(live), version.to(new), version.shape)
            lost = common(managed.fields, changed(seen))
            if lost:
                conflicts[manager] = lost
            rest = minus(minus(managed.fields, lost), seen.removed)
            if not rest:
                del result[manager]
            elif rest is not managed.fields:
                result[manager] = msgspec.structs.replace(managed, fields=rest, raw=b"")
        if conflicts and not force:
            raise conflict_of(conflicts, managers)
        return result

    def _prune(self, merged: dict[str, Any], owners: Managers, last: Managed | None) -> dict[str, Any]:
        """Take out what the applier owned, no longer says, and nobody else owns."""
        if last is None or not last.fields:
            return merged
        version = self._version(last.version)
        if version is None:
            return merged
        shape = version.shape
        whole = version.to(merged)
        named_last = with_named_fields(last.fields, shape)
        pruned = remove_items(whole, named_last, shape)
        pruned = self._add_back_owned(whole, pruned, version, owners)
        dangling = minus(_set(whole, shape), _set(pruned, shape))
        return version.back(remove_items(whole, common(dangling, named_last), shape))

    def _add_back_owned(self, whole: dict[str, Any], pruned: dict[str, Any], pruned_in: Version, owners: Managers) -> dict[str, Any]:
        """Put back what some manager, the applier included, owns."""
        by_version: dict[str, Fields] = {}
        for managed in owners.values():
            by_version[managed.version] = union_of(by_version.get(managed.version, {}), managed.fields)
        for name, fields in by_version.items():
            version = self._version(name)
            if version is None:
                continue
            all_of_it = version.to(pruned_in.back(whole))
            kept = version.to(pruned_in.back(pruned))
            unowned = minus(minus(_set(all_of_it, version.shape), _set(kept, version.shape)), with_named_fields(fields, version.shape))
            pruned = pruned_in.to(version.back(remove_items(all_of_it, unowned, version.shape)))
        return pruned

    def _version(self, api_version: str) -> Version | None:
        return Version(self.shape, _same, _same) if api_version == self.api_version else self.versions.get(api_version)

    def _check(self, config: dict[str, Any]) -> None:
        api_version, kind = config.get("apiVersion") or "", config.get("kind") or ""
        if (api_version, kind) != (self.api_version, self.kind):
            shown = api_version if "/" in api_version else f"/{api_version}"
            raise BadRequestError(f"invalid object type: {shown}, Kind={kind}")
        if _metadata(config).get("managedFields") is not None:
            raise BadRequestError("metadata.managedFields must be nil")
        if wrong := problems(config, self.shape):
            raise ApiError(f"failed to create typed patch object ({described(config)}): {wrong}", reason="")

    def _last_applied(self, live: dict[str, Any]) -> Fields:
        """Return the fields that `kubectl apply` set from the client's side and nobody changed since: kubectl may take them over."""
        try:
            last = json.loads(_annotations(live).get(LAST_APPLIED, ""))
        except ValueError:
            return {}
        if not isinstance(last, dict) or last.get("apiVersion") != self.api_version or problems(last, self.shape):
            return {}
        fields = field_set(last, self.shape) or {}
        for part in compare(last, live, self.shape):
            fields = minus(fields, part)
        return fields


def _same(obj: dict[str, Any]) -> dict[str, Any]:
    return obj


def _set(value: dict[str, Any], shape: Shape) -> Fields:
    return with_named_fields(field_set(value, shape) or {}, shape)


@functools.cache
def _empty(shape: Shape) -> dict[str, Any]:
    assert shape.struct is not None
    empty: dict[str, Any] = to_builtins(shape.struct())
    return empty


def _metadata(obj: dict[str, Any]) -> dict[str, Any]:
    metadata = obj.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _annotations(obj: dict[str, Any]) -> dict[str, str]:
    return _metadata(obj).get("annotations") or {}


def _with_last_applied(obj: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """Keep the annotation of client-side apply up to date for clients that go back to it."""
    metadata = _metadata(config)
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != LAST_APPLIED}
    plain = {**config, "metadata": {**metadata, "annotations": annotations}}
    text = encode(plain).decode() + "\n"
    return {**obj, "metadata": {**_metadata(obj), "annotations": {**_annotations(obj), LAST_APPLIED: text}}}


def described(obj: dict[str, Any]) -> str:
    """Name an object as messages about apply do: `default/web; apps/v1, Kind=Deployment`."""
    metadata = _metadata(obj)
    api_version = obj.get("apiVersion", "")
    shown = api_version if "/" in api_version else f"/{api_version}"
    return f"{metadata.get('namespace', '')}/{metadata.get('name', '')}; {shown}, Kind={obj.get('kind', '')}"


def custom_field_manager(resource: Resource, schema: Mapping[str, Any] | None, subresource: str = "") -> FieldManager:
    """Return the field management of a custom resource's endpoint; `schema` is the openAPIV3Schema of its version.

    Make it anew when the schema changes: what managers own is then brought in line with the new one.
    """
    return FieldManager(
        api_version=resource.api_version,
        kind=resource.kind,
        shape=shape_of_custom(schema),
        subresource=subresource,
        reset=reset_filter(resource, subresource),
    )


def field_manager(resource: Resource, subresource: str = "") -> FieldManager:
    """Return the field management of a built-in resource's endpoint."""
    key = resource.group, resource.version, resource.plural, subresource  # a row itself takes long to hash
    if key not in _BUILT_IN:
        _BUILT_IN[key] = FieldManager(
            api_version=resource.api_version,
            kind=resource.kind,
            shape=shape_of(resource.type),
            subresource=subresource,
            reset=reset_filter(resource, subresource),
        )
    return _BUILT_IN[key]


_BUILT_IN: dict[tuple[str, str, str, str], FieldManager] = {}
