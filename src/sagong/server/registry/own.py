"""The server's own writes: as everybody's, but not admitted and not authorized."""

from __future__ import annotations

from typing import Any

from sagong.api import codec, defaults
from sagong.api.fields.track import apply_body
from sagong.api.resources import Resource, resource_of
from sagong.api.types.base import ApiStruct
from sagong.api.types.meta import DeleteOptions
from sagong.server.contract import T, User
from sagong.server.registry.body import finish
from sagong.server.registry.delete import delete_object
from sagong.server.registry.managed import manager_of
from sagong.server.registry.registry import Registry
from sagong.server.registry.storage import decode
from sagong.server.registry.write import Call, Written, create_object, update_object
from sagong.store.base import Entry

APISERVER = User("system:apiserver", groups=("system:masters",))
MANAGER = "kube-apiserver"


async def create(registry: Registry, obj: T) -> T:
    """Create. Raises AlreadyExistsError, InvalidError."""
    row, new = resource_of(type(obj)), obj.copy()
    defaults.apply_defaults(new)
    return _result(type(obj), row, await create_object(registry, row, new, _call(new)))


async def update(registry: Registry, obj: T, subresource: str) -> T:
    """Replace. Raises ConflictError, NotFoundError, InvalidError."""
    row, new = resource_of(type(obj)), obj.copy()
    defaults.apply_defaults(new)
    call = _call(new, subresource)
    return _result(type(obj), row, await update_object(registry, row, call, lambda _old, _entry: new.copy()))


async def apply_status(registry: Registry, obj: T, manager: str) -> T:
    """Apply a status, by force. Raises NotFoundError, InvalidError."""
    row = resource_of(type(obj))
    new: Any = obj
    config = {"apiVersion": row.api_version, "kind": row.kind, "metadata": {"name": new.metadata.name}, "status": new.status}
    call = Call(APISERVER, new.metadata.namespace, new.metadata.name, "status", manager=manager, admit=False, applied=True)

    def transform(old: Any, _: Entry | None) -> Any:
        fields = manager_of(row, "status")
        return finish(row, apply_body(fields, row, old, codec.encode(config), manager, force=True, now=registry.clock.now()).obj)

    return _result(type(obj), row, await update_object(registry, row, call, transform))


async def delete(registry: Registry, kind: type[ApiStruct], name: str, namespace: str) -> None:
    """Delete. Raises NotFoundError."""
    call = Call(APISERVER, namespace, name, manager=MANAGER, admit=False)
    await delete_object(registry, resource_of(kind), call, DeleteOptions())


def _call(obj: Any, subresource: str = "") -> Call:
    return Call(APISERVER, obj.metadata.namespace, obj.metadata.name, subresource, manager=MANAGER, admit=False)


def _result(kind: type[T], row: Resource, written: Written) -> T:
    obj = decode(row, written.value)
    obj.metadata.resourceVersion = str(written.revision)
    assert isinstance(obj, kind)
    return obj
