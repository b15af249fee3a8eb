"""Server-side apply (KEP-555): the request says what its manager wants of the object, and nothing else."""

from __future__ import annotations

from typing import Any

from sagong.api.errors import invalid
from sagong.api.field_errors import Errors
from sagong.api.fields.manager import FieldManager
from sagong.api.fields.track import apply_body
from sagong.api.resources import Resource
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer
from sagong.server.registry import versions
from sagong.server.registry.body import check_name, finish
from sagong.server.registry.managed import manager_of
from sagong.server.registry.registry import Registry
from sagong.server.registry.write import Call, update_object
from sagong.store.base import Entry


async def apply(registry: Registry, exchange: Exchange, row: Resource, call: Call) -> Answer:
    """Apply a configuration to an object, or create the object from it. Raises ApplyConflictError."""
    request = exchange.request
    check_manager(call)
    call.applied, call.force_create = True, not call.subresource
    force, strict = request.flag("force"), _strictness(request.param("fieldValidation"))

    def apply_by(manager: FieldManager, live: Any) -> Any:
        now = registry.clock.now()
        decoded = apply_body(manager, row, live, request.body, call.manager, force=force, now=now, strict=strict)
        call.warnings += (warning for warning in decoded.warnings if warning not in call.warnings)
        return decoded.obj

    def transform(old: Any, _: Entry | None) -> Any:
        live = None if old is None else versions.to_served(row, old)
        obj = finish(row, apply_by(manager_of(row, call.subresource), live))
        check_name(obj.metadata, call.name)
        return obj

    async def transform_custom(old: Any, _: Entry | None) -> Any:
        from sagong.server.custom.tracking import applied  # noqa: PLC0415 - few servers have custom resources

        obj = finish(row, await applied(row.extra, call.subresource, old, apply_by))
        check_name(obj.metadata, call.name)
        return obj

    written = await update_object(registry, row, call, transform if row.module is not None else transform_custom)
    return registry.answer(exchange, row, written.value, written.revision, 201 if written.created else 200)


def check_manager(call: Call) -> None:
    """Raise InvalidError when nobody applies."""
    if not call.manager:
        errors = Errors()
        errors.required("fieldManager", "is required for apply patch")
        raise invalid("meta.k8s.io", "PatchOptions", "", errors)


def _strictness(said: str) -> Any:
    return said or "Warn"
