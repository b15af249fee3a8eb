"""What a mutation's change makes of an object. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sagong.api.fields.field_set import element_text
from sagong.api.fields.merge import merge
from sagong.api.fields.validate import problems
from sagong.api.fields.walk import ItemError, child_shape, resolve
from sagong.api.patch.json_patch import JsonPatchError, apply
from sagong.api.policies.mutating import Change, Json, MutationError
from sagong.api.schema import Shape


def changed(obj: Json, change: Change, shape: Shape) -> Json:
    """Return the object with the change; it is not changed itself. Raises MutationError."""
    return _applied(obj, change.content, shape) if change.kind == "ApplyConfiguration" else _patched(obj, change.content)


def _patched(obj: Json, operations: list[Json]) -> Json:
    try:
        patched: Json = apply(obj, operations)
    except JsonPatchError as error:
        if str(error).endswith("test failed"):
            return obj
        raise MutationError(f"JSON Patch: {error}") from error
    return patched


def _applied(obj: Json, config: Json, shape: Shape) -> Json:
    config = {**config, "apiVersion": obj.get("apiVersion", ""), "kind": obj.get("kind", "")}
    wrong = problems(config, shape)
    if wrong:
        raise MutationError(f"error applying patch: failed to convert patch object to typed object: {wrong}")
    atomics = list(_atomics(config, shape, ""))
    if atomics:
        refused = f"may not mutate atomic arrays, maps or structs: {', '.join(atomics)}"
        raise MutationError(f"error applying patch: invalid ApplyConfiguration: {refused}")
    try:
        merged: Json = merge(obj, config, shape)
    except ItemError as error:
        raise MutationError(f"error applying patch: failed to merge patch: {error}") from error
    return merged


def _atomics(value: Any, shape: Shape, path: str) -> Iterator[str]:
    """Yield the paths of lists and maps in a configuration that are owned as a whole: setting one would drop what it does not name."""
    shape = resolve(shape, value)
    if isinstance(value, dict):
        if shape.leaf:
            yield path
        for name, item in value.items():
            yield from _atomics(item, child_shape(shape, name), f"{path}.{name}")
    elif isinstance(value, list):
        if shape.leaf:
            yield path
        for index, item in enumerate(value):
            yield from _atomics(item, shape.element or Shape.ANY, f"{path}{element_text(f'i:{index}')}")
