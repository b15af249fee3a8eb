"""Pruning: what the schema does not name is taken out, and so is null where it may not stand and nothing stands in for it."""

from __future__ import annotations

from typing import Any

from sagong.api.custom.schema import IMPLICIT, Schema


def prune(obj: Any, schema: Schema | None) -> list[str]:
    """Take out of an object, in place, what its schema does not know; return the paths of what is gone, sorted."""
    gone: list[str] = []
    _prune(obj, schema, "", gone)
    return sorted(gone)


def _prune(value: Any, schema: Schema | None, path: str, gone: list[str]) -> None:
    if isinstance(value, dict):
        _prune_object(value, schema, path, gone)
    elif isinstance(value, list):
        below = schema.items if schema is not None else None
        for index, item in enumerate(value):
            if isinstance(item, dict | list):
                if schema is not None and schema.preserve:
                    _within_preserved(item, below, f"{path}[{index}]", gone)
                else:
                    _prune(item, below, f"{path}[{index}]", gone)


def _prune_object(value: dict[str, Any], schema: Schema | None, path: str, gone: list[str]) -> None:
    if schema is None:
        gone += [f"{path}.{name}" if path else name for name in value]
        value.clear()
        return
    preserve = schema.preserve
    for name in list(value):
        if schema.embedded and name in IMPLICIT:
            continue
        below = schema.properties.get(name)
        item = value[name]
        if below is not None or schema.open:
            if isinstance(item, dict | list):
                _prune(item, below or schema.values, f"{path}.{name}" if path else name, gone)
        elif not preserve:
            if path or name not in IMPLICIT:
                gone.append(f"{path}.{name}" if path else name)
            del value[name]


def _within_preserved(value: Any, schema: Schema | None, path: str, gone: list[str]) -> None:
    """Look at the items of a list that keeps what it does not know: only what a schema names below is pruned by it."""
    if schema is None:
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            _within_preserved(item, schema.items, f"{path}[{index}]", gone)
        return
    for name, item in value.items() if isinstance(value, dict) else ():
        below = schema.properties.get(name)
        if (below is not None or schema.open) and not (schema.embedded and name in IMPLICIT):
            _prune(item, below or schema.values, f"{path}.{name}", gone)


def drop_nulls(value: Any, schema: Schema | None) -> None:
    """Take out, in place, each null of an object that is neither nullable nor defaulted."""
    if isinstance(value, dict):
        for name in list(value):
            below = schema.child(name) if schema is not None else None
            if value[name] is None and below is not None and not below.nullable and below.default is None:
                del value[name]
            elif isinstance(value[name], dict | list):
                drop_nulls(value[name], below)
    elif isinstance(value, list):
        for item in value:
            drop_nulls(item, schema.items if schema is not None else None)
