"""The scale subresource: replicas of a workload as autoscaling/v1 Scale, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sagong.api import selectors
from sagong.api.errors import conflict, invalid
from sagong.api.field_errors import Errors
from sagong.api.fields.manager import FieldManager
from sagong.api.fields.scale import to_parent, to_scale
from sagong.api.fields.track import apply_body, track_update
from sagong.api.patch import CONTENT_TYPES, patch_object
from sagong.api.resources import Resource
from sagong.api.schema import shape_of
from sagong.api.types.autoscaling_v1 import Scale, ScaleSpec, ScaleStatus
from sagong.api.types.meta import ObjectMeta
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer
from sagong.server.registry import answer
from sagong.server.registry.body import check_name, write_call
from sagong.server.registry.patch import APPLY, unsupported
from sagong.server.registry.registry import Registry
from sagong.server.registry.storage import decode, to_dict
from sagong.server.registry.write import Call, Transform, update_object
from sagong.store.base import Entry


async def get_scale(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Answer with the scale of one object."""
    info = exchange.info
    entry = registry.storage.entry(row, info.namespace, info.name)
    if entry is None:
        raise registry.missing(row, info.name)
    if row.module is None:
        (entry,) = await row.extra.read([entry])
    return answer.viewed(exchange, scale_at(row, registry.storage.decode(row, entry.value, entry.revision)), registry.clock.now())


async def update_scale(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Set the replicas of one object."""
    call = write_call(exchange, "UpdateOptions")
    scale: Scale = answer.read(exchange, Scale)
    check_name(scale.metadata, call.name)
    return await _write(registry, exchange, row, call, lambda _, __: scale)


async def patch_scale(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Patch the scale of one object."""
    request = exchange.request
    media = request.header("content-type").partition(";")[0].strip()
    call = write_call(exchange, "PatchOptions", from_agent=media != APPLY[0])
    if media == APPLY[0]:
        return await _apply_scale(registry, exchange, row, call)
    patch_type = CONTENT_TYPES.get(media)
    if patch_type is None:
        raise unsupported(row)
    strict: Any = request.param("fieldValidation") or "Warn"

    def patched(old: Any, _: Entry | None) -> Any:
        scale = scale_at(row, old, before=True)
        scale.apiVersion, scale.kind = "autoscaling/v1", "Scale"
        return patch_object(to_dict(scale), request.body, patch_type, Scale, strict=strict).obj

    return await _write(registry, exchange, row, call, patched)


async def _apply_scale(registry: Registry, exchange: Exchange, row: Resource, call: Call) -> Answer:
    """Apply a configuration of the scale. Raises ApplyConflictError."""
    from sagong.server.registry.apply import check_manager  # noqa: PLC0415 - brings in the machinery of field sets

    check_manager(call)
    request = exchange.request
    strict: Any = request.param("fieldValidation") or "Warn"

    def applied(old: Any, _: Entry | None) -> Any:
        live = scale_at(row, old, before=True)
        live.apiVersion, live.kind = "autoscaling/v1", "Scale"
        live.metadata.managedFields = to_scale(old.metadata.managedFields, _replicas_path(row))
        now = registry.clock.now()
        return apply_body(_MANAGER, Scale, live, request.body, call.manager, force=request.flag("force"), now=now, strict=strict).obj

    return await _write(registry, exchange, row, call, applied, tracked=True)


async def _write(registry: Registry, exchange: Exchange, row: Resource, call: Call, wanted: Transform, *, tracked: bool = False) -> Answer:
    """Write the scale that is wanted; `tracked`: its managers are brought up to date already."""

    def transform(obj: Any, entry: Entry | None) -> Any:
        scale = wanted(obj, entry)
        new = set_scale(row, obj.copy(), scale)
        if not tracked:
            _track(obj, row, scale, partial(track_update, name=call.manager, now=registry.clock.now()))
        new.metadata.managedFields = to_parent(
            obj.metadata.managedFields, scale.metadata.managedFields, row.api_version, _replicas_path(row)
        )
        return new

    call.subresource, call.applied = "scale", True
    written = await update_object(registry, row, call, transform)
    obj: Any = decode(row, written.value)
    obj.metadata.resourceVersion = str(written.revision)
    return answer.viewed(exchange, scale_at(row, obj), registry.clock.now())


def scale_at(row: Resource, obj: Any, *, before: bool = False) -> Scale:
    """Return the scale of any object; `before` it is changed, replicas that were never set can be told from zero."""
    if row.module is not None:
        return scale_of(obj)
    from sagong.server.custom import scale as custom  # noqa: PLC0415 - few servers have custom resources

    return custom.scale_of(row.extra, obj, unset=custom.UNSET if before else 0)


_MANAGER = FieldManager("autoscaling/v1", "Scale", shape_of(Scale), "scale")


def _track(obj: Any, row: Resource, new: Scale, track: Callable[[FieldManager, Scale, Scale], None]) -> None:
    """Note who manages the replicas: the owner of spec.replicas of the Scale owns them in the object."""
    old = scale_at(row, obj)
    old.metadata.managedFields = to_scale(obj.metadata.managedFields, _replicas_path(row))
    new.metadata.managedFields = []
    track(_MANAGER, old, new)


def _replicas_path(row: Resource) -> str:
    path: str = row.extra.scale.specReplicasPath.removeprefix(".") if row.module is None else "spec.replicas"
    return path


def set_scale(row: Resource, obj: Any, scale: Scale) -> Any:
    """Put a scale into its object. Raises InvalidError, ConflictError."""
    meta = obj.metadata
    if scale.spec.replicas < 0 and not (row.module is None and scale.spec.replicas == -(2**31)):
        errors = Errors()
        errors.invalid("spec.replicas", scale.spec.replicas, "must be greater than or equal to 0")
        raise invalid("autoscaling", "Scale", meta.name, errors)
    if scale.metadata.uid not in ("", meta.uid):
        text = f"Precondition failed: UID in precondition: {scale.metadata.uid}, UID in object meta: {meta.uid}"
        raise conflict(row.group, f"{row.plural}/scale", meta.name, text)
    if row.module is None:
        from sagong.server.custom import scale as custom  # noqa: PLC0415 - few servers have custom resources

        custom.set_replicas(row.extra, obj, scale.spec.replicas)
    else:
        obj.spec.replicas = scale.spec.replicas
    meta.resourceVersion = scale.metadata.resourceVersion
    return obj


def scale_of(obj: Any) -> Scale:
    """Return the scale of a workload."""
    meta, selector = obj.metadata, obj.spec.selector
    plain = selectors.from_labels(selector) if isinstance(selector, dict) else selectors.from_label_selector(selector)
    return Scale(
        metadata=ObjectMeta(
            name=meta.name,
            namespace=meta.namespace,
            uid=meta.uid,
            resourceVersion=meta.resourceVersion,
            creationTimestamp=meta.creationTimestamp,
        ),
        spec=ScaleSpec(replicas=obj.spec.replicas or 0),
        status=ScaleStatus(replicas=obj.status.replicas, selector=str(plain)),
    )
