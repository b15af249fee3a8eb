"""Admission of what is created without being stored: bindings, evictions, token requests, reviews."""

from __future__ import annotations

from typing import Any

from sagong.api import defaults
from sagong.api.codec import target_of
from sagong.api.fields.manager import FieldManager
from sagong.api.fields.track import track_update
from sagong.api.resources import Resource
from sagong.api.schema import shape_of
from sagong.api.types.base import ApiStruct
from sagong.api.types.meta import ObjectMeta
from sagong.server.admission.plugin import Review
from sagong.server.registry.registry import Registry
from sagong.server.registry.write import Call


async def review_of(registry: Registry, row: Resource, call: Call, obj: Any) -> Any:
    """Return what admission makes of an object that comes back answered: it says who wrote it, as one that is stored would.

    Raises ApiError when it is refused.
    """
    defaults.apply_defaults(obj)
    if not call.subresource:
        _forget_what_servers_say(obj.metadata)
    kind: type[ApiStruct] = type(obj)
    target = target_of(kind)
    fields = FieldManager(target.api_version, target.kind, shape_of(kind), call.subresource)
    track_update(fields, None, obj, call.manager, registry.clock.now())
    return await admitted(registry, row, call, obj)


async def admitted(registry: Registry, row: Resource, call: Call, obj: Any) -> Any:
    """Return what admission makes of an object. Raises ApiError when it is refused."""
    if registry.admission is None:
        return obj
    review = Review("CREATE", row, call, obj, None)
    await registry.admission.mutate(review)
    await registry.admission.validate(review)
    return review.obj


def _forget_what_servers_say(meta: ObjectMeta) -> None:
    meta.uid = meta.selfLink = meta.creationTimestamp = ""
    meta.deletionTimestamp = meta.deletionGracePeriodSeconds = None
