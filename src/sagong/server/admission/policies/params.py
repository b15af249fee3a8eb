"""The parameters of a policy: objects of its paramKind that a binding names or selects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sagong.api import selectors
from sagong.api.resources import Resource
from sagong.api.selectors import SelectorError
from sagong.api.types.admissionregistration import ParamKind, ParamRef
from sagong.server.registry.registry import Registry
from sagong.server.registry.storage import to_dict
from sagong.store.base import Entry


class ParamsError(Exception):
    """The parameters cannot be had; the text is upstream's."""


def kind_row(registry: Registry, kind: ParamKind | None) -> Resource | None:
    """Return the row of a paramKind, None for none. Raises ParamsError."""
    if kind is None:
        return None
    row = registry.table.by_kind(kind.apiVersion, kind.kind)
    if row is None:
        named = kind.apiVersion if "/" in kind.apiVersion else f"/{kind.apiVersion}"
        raise ParamsError(f"failed to find resource referenced by paramKind: '{named}, Kind={kind.kind}'")
    return row


async def collect(registry: Registry, row: Resource | None, ref: ParamRef | None, namespace: str) -> Sequence[dict[str, Any] | None]:
    """Return the parameters to evaluate with, one by one; (None,) where there are to be none. Raises ParamsError."""
    if row is None or ref is None:
        return (None,)
    if row.namespaced:
        namespace = ref.namespace or namespace
        if not namespace:
            raise ParamsError("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources")
    elif ref.namespace:
        raise ParamsError("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
    if ref.name:
        entry = registry.storage.entry(row, namespace, ref.name)
        found = [] if entry is None else await _read(registry, row, [entry])
    else:
        found = await _selected(registry, row, ref, namespace)
    if not found and ref.parameterNotFoundAction == "Deny":
        raise ParamsError("no params found for policy binding with `Deny` parameterNotFoundAction")
    return found


async def _selected(registry: Registry, row: Resource, ref: ParamRef, namespace: str) -> list[dict[str, Any]]:
    if ref.selector is None:
        raise ParamsError("one of name or selector must be provided")
    try:
        selector = selectors.from_label_selector(ref.selector)
    except SelectorError as error:
        raise ParamsError(str(error)) from error
    prefix = f"{row.storage_prefix}{namespace}/" if row.namespaced else row.storage_prefix
    every = await _read(registry, row, registry.store.list(prefix))
    return [obj for obj in every if selector.matches(obj["metadata"].get("labels") or {})]


async def _read(registry: Registry, row: Resource, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    if row.module is None:
        entries = await row.extra.read(entries)
    found = [to_dict(registry.storage.decode_served(row, entry.value, entry.revision)) for entry in entries]
    return [{**obj, "apiVersion": row.api_version, "kind": row.kind} for obj in found]
