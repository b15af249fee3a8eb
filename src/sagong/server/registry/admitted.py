"""Admission of what is created without being stored: bindings, evictions, token requests, reviews."""

from __future__ import annotations

from typing import Any

from sagong.api.resources import Resource
from sagong.server.admission.plugin import Review
from sagong.server.registry.registry import Registry
from sagong.server.registry.write import Call


async def admitted(registry: Registry, row: Resource, call: Call, obj: Any) -> Any:
    """Return what admission makes of an object. Raises ApiError when it is refused."""
    if registry.admission is None:
        return obj
    review = Review("CREATE", row, call, obj, None)
    await registry.admission.mutate(review)
    await registry.admission.validate(review)
    return review.obj
