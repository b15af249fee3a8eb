"""A local, current copy of one kind: list, then watch from there, for ever.

The watch resumes at the last revision seen, after any interruption. Only when the server no longer has that revision (410, or
a server whose history is another), or has nothing but errors for it, is the kind listed again; what vanished meanwhile is then
reported as deleted. A page that fails is asked for again: of many pages one will. All readers share the stored objects: `copy()`
before changing one.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from sagong.api.clock import Clock
from sagong.api.errors import ApiError, GoneError
from sagong.api.resources import Resource
from sagong.client.client import Client
from sagong.client.endpoint import Endpoint, Identity, ListOf, endpoint_of

T = TypeVar("T")
Handler = Callable[[T | None, T | None], None]

PAGE = 500
WATCH_SECONDS = 300  # and up to as much again, so that watches do not end together
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 3.0
TRIES = 5
"""how often a page, or a watch at one revision, is asked for while the server has errors"""
NAMESPACE_INDEX = "namespace"
log = logging.getLogger(__name__)


class Informer(Generic[T]):
    """The objects of a kind, by key (`namespace/name`, or `name`) and by index."""

    def __init__(
        self,
        client: Client,
        kind: type[T] | Resource | Endpoint[T],
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        clock: Clock | None = None,
        transform: Callable[[T], T] | None = None,
    ) -> None:
        self._client, self._clock = client, clock or client.clock
        self.endpoint: Endpoint[T] = endpoint_of(kind)
        self.synced = asyncio.Event()
        self._namespace, self._labels, self._fields = namespace, label_selector, field_selector
        self._transform = transform
        self._objects: dict[str, T] = {}
        self._indexes: dict[str, dict[str, dict[str, T]]] = {}
        self._keys_of: dict[str, Callable[[T], Iterable[str]]] = {}
        self._handlers: list[Handler[T]] = []
        self._version = ""
        self._seen = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._leaving: dict[str, list[tuple[str, asyncio.Future[None]]]] = {}

    # Reading.

    def get(self, namespace: str, name: str) -> T | None:
        """Return one object; the namespace is empty for cluster-scoped kinds."""
        return self._objects.get(f"{namespace}/{name}" if namespace else name)

    def list(self, namespace: str = "") -> Sequence[T]:
        """Return all objects, or a namespace's."""
        return self.by_index(NAMESPACE_INDEX, namespace) if namespace else tuple(self._objects.values())

    def by_index(self, index: str, value: str) -> Sequence[T]:
        """Return the objects that have `value` among their keys of the index."""
        if index == NAMESPACE_INDEX and index not in self._indexes:
            self.add_index(NAMESPACE_INDEX, lambda obj: (self.endpoint.identity(obj).namespace,))
        return tuple(self._indexes[index].get(value, {}).values())

    def __len__(self) -> int:
        return len(self._objects)

    def add_index(self, name: str, keys: Callable[[T], Iterable[str]]) -> None:
        """Keep an index: `keys` returns the values under which an object is found. A second call of that name is ignored."""
        if name in self._indexes:
            return
        self._keys_of[name] = keys
        self._indexes[name] = {}
        for key, obj in self._objects.items():
            self._index(name, key, None, obj)

    def add_handler(self, handler: Handler[T]) -> None:
        """Call `handler(old, new)` for each change from now on, and at once for what is there."""
        self._handlers.append(handler)
        for obj in tuple(self._objects.values()):
            handler(None, obj)

    async def wait_synced(self) -> None:
        """Wait for the first complete list."""
        await self.synced.wait()

    async def wait_revision(self, resource_version: str) -> None:
        """Wait until the copy shows a revision, such as that of an own write."""
        if not resource_version.isdigit() or int(resource_version) <= self._seen:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (int(resource_version), id(future), future))
        await future

    async def wait_deleted(self, namespace: str, name: str, uid: str) -> None:
        """Wait until the copy shows that the object of that uid (any, if empty) is gone, or is being deleted."""
        obj = self.get(namespace, name)
        if obj is None or _leaves(obj, uid):
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._leaving.setdefault(_key(self.endpoint.identity(obj)), []).append((uid, future))
        await future

    # Following.

    async def run(self) -> None:
        """Follow the server until cancelled; who waits for something to be shown is let go then."""
        try:
            await self._keep_following()
        finally:
            self._let_go()

    async def _keep_following(self) -> None:
        pause, refused = FIRST_PAUSE, 0
        while True:
            started, before = self._clock.monotonic(), self._version
            try:
                await self._follow()
            except GoneError:
                self._version = ""
            except ApiError as error:
                log.warning("%s: %s", self.endpoint.resource.group_resource, error)
                refused = refused + 1 if self._version == before else 1
                if not _passes(error) or refused == TRIES:
                    self._version, refused = "", 0
            except OSError as error:
                log.debug("%s: %s", self.endpoint.resource.group_resource, error)
            if self._clock.monotonic() - started > LONGEST_PAUSE:
                pause = FIRST_PAUSE
                continue
            await self._clock.sleep(pause * (1 + self._client.random.uniform()))
            pause = min(pause * 2, LONGEST_PAUSE)

    def _let_go(self) -> None:
        leaving = [future for waiting in self._leaving.values() for _, future in waiting]
        for future in (*(future for _, _, future in self._waiting), *leaving):
            if not future.done():
                future.set_result(None)
        self._waiting.clear()
        self._leaving.clear()

    async def _follow(self) -> None:
        if not self._version:
            await self._relist()
        watch = self._client.watch(
            self.endpoint,
            self._namespace,
            resource_version=self._version,
            label_selector=self._labels,
            field_selector=self._fields,
            timeout_seconds=int(WATCH_SECONDS * (1 + self._client.random.uniform())),
        )
        async for event in watch:
            named = self.endpoint.identity(event.object)
            if event.type == "DELETED":
                self._drop(named)
            elif event.type != "BOOKMARK":
                self._put(event.object, named)
            self._advance(named.resource_version)

    async def _relist(self) -> None:
        fresh: dict[str, T] = {}
        token = version = ""
        while True:
            page = await self._page(token)
            version = page.resourceVersion
            for obj in page.items:
                fresh[_key(self.endpoint.identity(obj))] = obj
            token = page.metadata.continue_
            if not token:
                break
        for key in [key for key in self._objects if key not in fresh]:
            self._drop(self.endpoint.identity(self._objects[key]))
        for obj in fresh.values():
            self._put(obj, self.endpoint.identity(obj))
        self._advance(version)
        self.synced.set()

    async def _page(self, token: str) -> ListOf[T]:
        """Ask for a page, again when that fails. Raises GoneError at once: the list has to begin anew."""
        tries = 0
        while True:
            try:
                return await self._client.list(
                    self.endpoint,
                    self._namespace,
                    label_selector=self._labels,
                    field_selector=self._fields,
                    limit=PAGE,
                    continue_token=token,
                )
            except (ApiError, OSError) as error:
                tries += 1
                if not token or tries == TRIES or not _passes(error):
                    raise
            await self._clock.sleep(min(FIRST_PAUSE * 2**tries, LONGEST_PAUSE) * (1 + self._client.random.uniform()))

    def _put(self, new: T, named: Identity) -> None:
        _trim(new)
        if self._transform is not None:
            new = self._transform(new)
        key = _key(named)
        old = self._objects.get(key)
        if old is not None:
            before = self.endpoint.identity(old)
            if before.resource_version == named.resource_version:
                return
            if before.uid != named.uid:  # deleted and created again while nobody watched
                self._drop(before)
                old = None
        self._objects[key] = new
        if self._leaving:
            self._notify_leaving(key, new)
        for name in self._indexes:
            self._index(name, key, old, new)
        for handler in self._handlers:
            handler(old, new)

    def _drop(self, named: Identity) -> None:
        key = _key(named)
        old = self._objects.pop(key, None)
        if old is None:
            return
        self._notify_leaving(key, None)
        for name in self._indexes:
            self._index(name, key, old, None)
        for handler in self._handlers:
            handler(old, None)

    def _index(self, name: str, key: str, old: T | None, new: T | None) -> None:
        index, keys = self._indexes[name], self._keys_of[name]
        if old is not None:
            for value in keys(old):
                bucket = index.get(value)
                if bucket is not None and bucket.pop(key, None) is not None and not bucket:
                    del index[value]
        if new is not None:
            for value in keys(new):
                index.setdefault(value, {})[key] = new

    def _notify_leaving(self, key: str, now: T | None) -> None:
        for uid, future in self._leaving.pop(key, ()):
            if now is not None and not _leaves(now, uid):
                self._leaving.setdefault(key, []).append((uid, future))
            elif not future.done():
                future.set_result(None)

    def _advance(self, version: str) -> None:
        if not version:
            return
        self._version = version
        if version.isdigit():
            self._seen = int(version)
            while self._waiting and self._waiting[0][0] <= self._seen:
                future = heapq.heappop(self._waiting)[2]
                if not future.done():
                    future.set_result(None)


def _passes(error: ApiError | OSError) -> bool:
    """Tell whether a server that says this may well say something else a moment later."""
    return isinstance(error, OSError) or error.code in (429, 500, 502, 503)


def _key(named: Identity) -> str:
    return f"{named.namespace}/{named.name}" if named.namespace else named.name


def _leaves(obj: Any, uid: str) -> bool:
    meta = obj.get("metadata", {}) if isinstance(obj, dict) else obj.metadata
    if isinstance(meta, dict):
        return "deletionTimestamp" in meta or (bool(uid) and meta.get("uid") != uid)
    return meta.deletionTimestamp is not None or (bool(uid) and meta.uid != uid)


def _trim(obj: Any) -> None:
    """Drop managedFields, half of an object's size: no reader needs them and the server keeps its own."""
    if isinstance(obj, dict):
        obj.get("metadata", {}).pop("managedFields", None)
    else:
        obj.metadata.managedFields = []
