"""The server's own writes: as everybody's, but not admitted and not authorized."""

from __future__ import annotations

from typing import Any

from sagong.api import defaults
from sagong.api.resources import Resource, resource_of
from sagong.api.types.base import ApiStruct
from sagong.api.types.meta import DeleteOptions
from sagong.server.contract import T, User
from sagong.server.registry.delete import delete_object
from sagong.server.registry.registry import Registry
from sagong.server.registry.storage import decode
from sagong.server.registry.write import Call, Written, create_object, update_object

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
