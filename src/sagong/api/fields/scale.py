"""Managed fields across the scale subresource: who owns the parent's replica count owns spec.replicas of its Scale."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sagong.api.fields import managers as managing
from sagong.api.fields.field_set import fields_of, has, minus
from sagong.api.fields.managers import Managed, Managers
from sagong.api.types.meta import ManagedFieldsEntry

_SCALE_VERSION = "autoscaling/v1"
_PATH = ("f:spec", "f:replicas")
_REPLICAS = fields_of("spec.replicas")


def to_scale(entries: Sequence[ManagedFieldsEntry], replicas: str = "spec.replicas") -> list[ManagedFieldsEntry]:
    """Return the managers of a Scale: those of the parent's replica count, which stands at the dotted path `replicas`."""
    path = _path(replicas)
    return managing.encode(
        {
            manager: Managed(_REPLICAS, _SCALE_VERSION, managed.time)
            for manager, managed in managing.decode(entries).items()
            if has(managed.fields, path)
        }
    )


def to_parent(
    parent: Sequence[ManagedFieldsEntry], scale: Sequence[ManagedFieldsEntry], api_version: str, replicas: str = "spec.replicas"
) -> list[ManagedFieldsEntry]:
    """Return the parent's managers after a write through its Scale; `api_version` is the parent's."""
    path, counts = _path(replicas), fields_of(replicas)
    before, after = managing.decode(parent), managing.decode(scale)
    result: Managers = {}
    for manager, managed in before.items():
        if not has(managed.fields, path):
            result[manager] = managed
        elif manager in after:
            result[manager] = managed
            del after[manager]
        elif rest := minus(managed.fields, counts):
            result[manager] = msgspec.structs.replace(managed, fields=rest, raw=b"")
    for manager, managed in after.items():
        if has(managed.fields, _PATH):
            known = before.get(manager)
            result[manager] = Managed(counts, api_version, known.time if known else managed.time)
    return managing.encode(result)


def _path(dotted: str) -> tuple[str, ...]:
    return tuple(f"f:{name}" for name in dotted.split("."))
