"""A store to write roles, bindings and pods into, and an authorizer on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sagong.api.resources import resource_of
from sagong.api.types.base import ApiStruct
from sagong.cluster.clock import RealClock, RealRandom
from sagong.server.authz.authorizer import ChainAuthorizer
from sagong.server.bootstrap.objects import BootstrapConfig
from sagong.server.bootstrap.start import Bootstrap
from sagong.server.contract import Attributes, User
from sagong.store.sqlite import SqliteStore


class Policy:
    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.authorizer = ChainAuthorizer(store)

    async def put(self, obj: Any) -> None:
        kind: type[ApiStruct] = type(obj)
        key = resource_of(kind).storage_key(obj.metadata.namespace, obj.metadata.name)
        entry = self.store.get(key)
        await self.store.write(key, msgspec.json.encode(obj), entry.revision if entry else 0)

    async def drop(self, key: str) -> None:
        entry = self.store.get(key)
        assert entry is not None
        await self.store.write(key, None, entry.revision)

    def may(self, user: User, verb: str, resource: str, **more: Any) -> bool:
        resource, _, subresource = resource.partition("/")
        return self.authorizer.decide(Attributes(user, verb, resource=resource, subresource=subresource, **more)).allowed

    def reason(self, user: User, verb: str, resource: str, **more: Any) -> str:
        resource, _, subresource = resource.partition("/")
        return self.authorizer.decide(Attributes(user, verb, resource=resource, subresource=subresource, **more)).reason


Opened = Callable[[], AbstractAsyncContextManager[Policy]]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    @asynccontextmanager
    async def open_policy() -> AsyncIterator[Policy]:
        store = await SqliteStore.open(tmp_path / "store", durable=False)
        config = BootstrapConfig(["10.96.0.0/12"], "192.168.0.2", 6443)
        await Bootstrap(config, store, clock=RealClock(), random=RealRandom()).start()
        yield Policy(store)
        await store.close()

    return open_policy
