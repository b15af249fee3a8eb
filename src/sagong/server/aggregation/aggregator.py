"""The aggregator: who serves which group version, whether they answer, and what they say they serve.

One task follows the APIService objects (and the definitions whose APIServices this server keeps); each remote one has a task that
looks at its Service, asks it every thirty seconds, and writes the condition Available.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sagong.api.clock import Clock, format_time
from sagong.api.errors import ApiError, ConflictError, NotFoundError
from sagong.api.exposition import Metric
from sagong.api.types.apiextensions import CustomResourceDefinition
from sagong.api.types.apiregistration import APIService
from sagong.api.types.core import Service
from sagong.server.aggregation import availability, documents, registration
from sagong.server.aggregation.availability import LOCAL, Finding
from sagong.server.aggregation.bell import Bell
from sagong.server.aggregation.connections import Connections, FetchError
from sagong.server.aggregation.documents import VersionDocument
from sagong.server.aggregation.openapi import RemoteOpenApi
from sagong.server.aggregation.resolve import SERVICE_NAME, slices
from sagong.server.aggregation.services import AVAILABLE, PREFIX, Backend, GroupVersion, available, backend_of, with_condition
from sagong.server.bootstrap.api_services import PRIORITIES
from sagong.server.contract import Objects
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer, Response
from sagong.store.base import Event, Store, StoreClosedError, StoreWriteError

log = logging.getLogger(__name__)

RESYNC = 30.0
REFRESH = 60.0
RETRY_FIRST = 0.25
_DEFINITIONS = "/registry/apiextensions.k8s.io/customresourcedefinitions/"
Priority = tuple[int, int]


class Aggregator:
    """`backends` are the group versions that others serve, once `synced`. `changed` is called when discovery has to be built anew."""

    def __init__(self, store: Store, objects: Objects, connections: Connections, clock: Clock, changed: Callable[[], None]) -> None:
        self._store, self._objects, self._connections, self._clock, self._changed = store, objects, connections, clock, changed
        self.backends: dict[GroupVersion, Backend] = {}
        self.priorities: dict[GroupVersion, Priority] = dict(_BUILT_IN)
        self.documents: dict[GroupVersion, VersionDocument] = {}
        self.openapi = RemoteOpenApi(connections, clock)
        self.synced = False
        self._available: set[str] = set()
        self._seen: list[APIService] = []
        self._tasks: dict[Backend, asyncio.Task[None]] = {}
        self._bells: dict[str, Bell] = {}
        self._noted: dict[str, Finding] = {}
        self._failures: Counter[tuple[str, str]] = Counter()
        self._discover_at: dict[Backend, float] = {}

    # --- what the rest of the server asks

    def serving(self, exchange: Exchange) -> Backend | None:
        """Return who serves a request; None: this server."""
        info = exchange.info
        if info.resource_request:
            return self.backends.get((info.group, info.version))
        first, _, rest = info.path.strip("/").partition("/")
        group, _, version = rest.partition("/")
        return self.backends.get((group, version)) if first == "apis" and version else None

    async def pass_on(self, exchange: Exchange, backend: Backend) -> Answer:
        """Have the backend answer."""
        from sagong.server.aggregation.proxy import proxy, unavailable  # noqa: PLC0415 - for servers with others behind

        if backend.name not in self._available:
            return unavailable()
        return await proxy(exchange.request, exchange.user, backend, self._connections)

    async def openapi_v3(self, exchange: Exchange, path: str) -> Answer | None:
        """Answer for the v3 document of a group version that another server has; None: it has none."""
        group, _, version = path.removeprefix("apis/").partition("/")
        backend = self.backends.get((group, version)) if path.startswith("apis/") else None
        if backend is None:
            return None
        made = await self.openapi.made(backend)
        return Response(made) if made is not None else await self.pass_on(exchange, backend)

    def metrics(self) -> Iterable[Metric]:
        """Return upstream's metrics of availability."""
        gauge = Metric(
            "aggregator_unavailable_apiservice",
            "gauge",
            "Gauge of APIServices which are marked as unavailable broken down by APIService name.",
        )
        for one in self._seen:
            gauge.add(0 if one.metadata.name in self._available else 1, name=one.metadata.name)
        counter = Metric(
            "aggregator_unavailable_apiservice_total",
            "counter",
            "Counter of APIServices which are marked as unavailable broken down by APIService name and reason.",
        )
        for (name, reason), count in self._failures.items():
            counter.add(count, name=name, reason=reason)
        return gauge, counter

    # --- the loops

    async def run(self) -> None:
        """Follow until cancelled."""
        bell = Bell(self._store, PREFIX, _DEFINITIONS)
        self._refresh()
        self.synced = True
        async with asyncio.TaskGroup() as group:
            group.create_task(bell.run())
            await self._write(registration.Changes(delete=tuple(registration.obsolete(self._seen))))
            while True:
                self._refresh()
                self._supervise(group)
                await self._register()
                await bell.wait()

    def _refresh(self) -> None:
        """Read all APIServices; the few of them are cheap, and decoded ones are kept."""
        seen = list(self._objects.list(APIService))
        changed = [one for one in seen if one not in self._seen]
        if not changed and len(seen) == len(self._seen):
            return
        self._seen = seen
        for one in changed:
            bell = self._bells.get(one.metadata.name)
            if bell is not None and not self._is_own_note(one):
                bell.ring()
        found = {(one.spec.group, one.spec.version): one for one in seen}
        remote = {key: backend for key, one in found.items() if (backend := backend_of(one)) is not None}
        self._available = {one.metadata.name for one in seen if available(one)}
        self.priorities = {**_BUILT_IN, **{key: (one.spec.groupPriorityMinimum, one.spec.versionPriority) for key, one in found.items()}}
        for key, backend in self.backends.items():
            if remote.get(key) != backend:
                self.documents.pop(key, None)
        self.backends = remote
        self.documents = {key: self.documents.get(key, VersionDocument()) for key in remote}
        self.openapi.forget({backend.name: backend for backend in remote.values()})
        self._changed()

    def _is_own_note(self, one: APIService) -> bool:
        """Tell whether a change is what was last written here: that is no reason to ask again."""
        noted = self._noted.get(one.metadata.name)
        shown = next((found for found in one.status.conditions if found.type == AVAILABLE), None)
        return noted is not None and shown is not None and (shown.reason, shown.message) == (noted.reason, noted.message)

    def _supervise(self, group: asyncio.TaskGroup) -> None:
        wanted = set(self.backends.values())
        for backend in [backend for backend in self._tasks if backend not in wanted]:
            self._tasks.pop(backend).cancel()
            self._discover_at.pop(backend, None)
        for backend in wanted - set(self._tasks):
            self._tasks[backend] = group.create_task(self._look_after(backend))

    async def _register(self) -> None:
        """Keep the APIServices of this server: those of custom resources, and the condition of all."""
        definitions = self._objects.list(CustomResourceDefinition) if self._store.count(_DEFINITIONS) else ()
        await self._write(registration.plan(registration.wanted(definitions), self._seen))
        for one in self._seen:
            if one.spec.service is None and not available(one):
                await self._note(one.metadata.name, LOCAL)

    async def _write(self, changes: registration.Changes) -> None:
        try:
            for new in changes.create:
                await self._objects.create(new)
            for changed in changes.update:
                await self._objects.update(changed)
            for gone in changes.delete:
                await self._objects.delete(APIService, gone.metadata.name)
        except (ApiError, StoreWriteError, StoreClosedError) as error:
            log.info("APIServices: %s", error)  # somebody else was faster; the change rings again

    async def _look_after(self, backend: Backend) -> None:
        bell = Bell(
            self._store,
            f"/registry/services/specs/{backend.namespace}/{backend.service}",
            f"/registry/endpointslices/{backend.namespace}/",
            matters=lambda event: _concerns(event, backend.service),
        )
        self._bells[backend.name] = bell
        async with asyncio.TaskGroup() as group:
            group.create_task(bell.run())
            pause = RETRY_FIRST
            while True:
                try:
                    settled = await self._look(backend)
                except Exception:
                    log.exception("APIService %s", backend.name)  # one that nobody thought of must not end the server
                    settled = False
                pause = RETRY_FIRST if settled else min(pause * 2, RESYNC)
                await bell.wait(RESYNC if settled else pause)

    async def _look(self, backend: Backend) -> bool:
        """Look at a backend once; tell whether there is no reason to look again soon."""
        service = self._objects.get(Service, backend.service, backend.namespace)
        obstacle = availability.obstacle(backend, service, slices(self._objects, backend.namespace, backend.service))
        found = obstacle or await availability.ask(backend, self._connections)
        settled = found.available or obstacle is not None
        if not found.available:
            self._describe(backend, None)
        elif self._clock.monotonic() >= self._discover_at.get(backend, 0.0):
            settled = await self._discover(backend)
        await self._note(backend.name, found)
        return settled

    async def _discover(self, backend: Backend) -> bool:
        try:
            document = await documents.fetch(backend, self._connections, self.documents.get((backend.group, backend.version)))
        except FetchError as error:
            log.info("discovery of %s: %s", backend.name, error)
            self._describe(backend, None)
            return False
        self._describe(backend, document)
        self._discover_at[backend] = self._clock.monotonic() + REFRESH
        return True

    def _describe(self, backend: Backend, document: VersionDocument | None) -> None:
        """Keep a document; None: what is known is stale."""
        key = backend.group, backend.version
        known = self.documents.get(key)
        if document is None:
            self._discover_at.pop(backend, None)
        if known is None:
            return
        self.documents[key] = document or VersionDocument(known.resources, etag=known.etag)
        if (known.resources, known.fresh) != (self.documents[key].resources, self.documents[key].fresh):
            self._changed()

    async def _note(self, name: str, found: Finding) -> None:
        """Write the condition, if it is another one."""
        live = self._objects.get(APIService, name)
        if live is None or (backend_of(live) is None) != (found is LOCAL):
            return
        new = with_condition(live, found.condition(format_time(self._clock.now())))
        if new.status == live.status:
            return
        if available(live) and not found.available:
            self._failures[name, found.reason] += 1
        self._noted[name] = found
        try:
            await self._objects.update(new, "status")
        except (ConflictError, NotFoundError):
            return  # it changed in between, which rings again
        except (ApiError, StoreWriteError, StoreClosedError) as error:
            log.warning("APIService %s: %s", name, error)


def _concerns(event: Event, service: str) -> bool:
    """Tell whether a change of a Service or a slice is about this Service."""
    if not event.key.startswith("/registry/endpointslices/"):
        return event.key.endswith(f"/{service}")
    mark = f'"{SERVICE_NAME}":"{service}"'.encode()
    return any(value is not None and mark in value for value in (event.value, event.previous))


def _priorities() -> Mapping[GroupVersion, Priority]:
    found: dict[Any, Priority] = {}
    for name, priority in PRIORITIES.items():
        group, _, version = name.rpartition("/")
        found[group, version] = priority
    return {**found, ("apiregistration.k8s.io", "v1"): (20_000, 15)}


_BUILT_IN = _priorities()
