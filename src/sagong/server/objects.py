"""Typed access to the server's own state for the parts that live inside it: authentication, admission, allocation.

Decoded objects are kept until they change: an admission plugin reads the same namespace and service account for every pod.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sagong.api.resources import Resource, resource_of
from sagong.api.types.base import ApiStruct
from sagong.server.contract import T
from sagong.server.registry.registry import Registry
from sagong.store.base import Entry, StoreClosedError, Watch

MOST_KEPT = 5_000


class ServerObjects:
    """`contract.Objects` on the registry. What is read is shared and must not be changed."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._decoded: dict[str, tuple[int, Any]] = {}
        self._lists: dict[str, tuple[Watch, tuple[Any, ...]]] = {}

    def get(self, kind: type[T], name: str, namespace: str = "") -> T | None:
        """Return the object, with its resourceVersion."""
        row = resource_of(kind)
        entry = self._registry.store.get(row.storage_key(namespace, name))
        return None if entry is None else self._read(row, entry)

    def list(self, kind: type[T], namespace: str = "") -> Sequence[T]:
        """Return all of a kind (in one namespace)."""
        row, store = resource_of(kind), self._registry.store
        prefix = row.storage_prefix
        if not store.count(prefix):  # quick to tell, and so it is with most of what admission asks for
            return ()
        if not row.namespaced:
            return self._all(row, prefix)
        return [self._read(row, entry) for entry in store.list(f"{prefix}{namespace}/" if namespace else prefix)]

    def _all(self, row: Resource, prefix: str) -> Sequence[Any]:
        """Return all of what belongs to no namespace, which changes rarely: a watch tells when it does."""
        known = self._lists.get(prefix)
        if known is not None and not known[0].pending and not known[0].ended:
            return known[1]
        store = self._registry.store
        found = tuple(self._read(row, entry) for entry in store.list(prefix))
        if known is not None:
            known[0].close()
        try:
            self._lists[prefix] = store.watch(prefix, store.revision, capacity=1), found
        except StoreClosedError:
            self._lists.pop(prefix, None)
        return found

    async def create(self, obj: T) -> T:
        """Create. Raises AlreadyExistsError, InvalidError."""
        from sagong.server.registry import own  # noqa: PLC0415 - see registry/serving.py

        return await own.create(self._registry, obj)

    async def update(self, obj: T, subresource: str = "") -> T:
        """Replace; with a resourceVersion, only that version. Raises ConflictError, NotFoundError, InvalidError."""
        from sagong.server.registry import own  # noqa: PLC0415 - see registry/serving.py

        return await own.update(self._registry, obj, subresource)

    async def apply_status(self, obj: T, manager: str) -> T:
        """Apply a status, by force. Raises NotFoundError, InvalidError."""
        from sagong.server.registry import own  # noqa: PLC0415 - see registry/serving.py

        return await own.apply_status(self._registry, obj, manager)

    async def delete(self, kind: type[ApiStruct], name: str, namespace: str = "") -> None:
        """Delete. Raises NotFoundError."""
        from sagong.server.registry import own  # noqa: PLC0415 - see registry/serving.py

        await own.delete(self._registry, kind, name, namespace)

    def _read(self, row: Resource, entry: Entry) -> Any:
        known = self._decoded.get(entry.key)
        if known is not None and known[0] == entry.revision:
            return known[1]
        obj = self._registry.storage.decode(row, entry.value, entry.revision)
        if len(self._decoded) >= MOST_KEPT:
            self._decoded.clear()
        self._decoded[entry.key] = (entry.revision, obj)
        return obj
