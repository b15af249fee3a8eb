"""The garbage collector at work: follows every resource there is, and looks at what changes of owners concern."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from sagong.api.errors import ApiError, NotFoundError
from sagong.api.exposition import Family
from sagong.api.resources import Resource
from sagong.api.types.apiextensions import CustomResourceDefinition
from sagong.api.types.apiregistration import APIService
from sagong.api.types.core import ObjectReference
from sagong.api.types.meta import OwnerReference
from sagong.client.client import Client
from sagong.client.discovery import DiscoveryError, discover
from sagong.client.endpoint import metadata_only
from sagong.client.plan import NOTHING, Emit, Plan
from sagong.controllers.declaration import Controller, Key
from sagong.controllers.garbage_collector.decide import plan_foreground, plan_orphaning, plan_owned
from sagong.controllers.garbage_collector.graph import Graph, Item
from sagong.controllers.runner import Informers, Loop
from sagong.controllers.view import Live

NAME, ACCOUNT = "garbage-collector", "generic-garbage-collector"
IGNORED = frozenset({"events", "events.events.k8s.io"})
SETTLE, RETRY = 1.0, 15.0
log = logging.getLogger(__name__)


class GarbageCollector:
    """Follows the resources that discovery names, again whenever definitions of resources change."""

    def __init__(self, informers: Informers, client_of: Callable[[str], Client]) -> None:
        self._informers, self._client = informers, client_of(ACCOUNT)
        self._graph = Graph()
        self._stale = asyncio.Event()
        self._stale.set()
        controller = Controller(
            name=NAME,
            account=ACCOUNT,
            component="garbage-collector-controller",
            watches=(),
            writes={"*": ("delete", "patch")},
            reconcile_live=self._reconcile,
            workers=20,
        )
        self._loop = Loop(controller, informers, self._client)

    def attach(self) -> None:
        """Watch the definitions of resources."""
        for kind in (CustomResourceDefinition, APIService):
            self._informers.of(kind).add_handler(self._definitions_changed)

    async def run(self) -> None:
        """Collect until cancelled."""
        await self._refresh()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._loop.run())
            group.create_task(self._keep_up())

    def metrics(self) -> Iterable[Family]:
        """Return the loop's counters."""
        return self._loop.metrics()

    def _definitions_changed(self, _old: Any, _new: Any) -> None:
        self._stale.set()

    async def _keep_up(self) -> None:
        while True:
            await self._stale.wait()
            await self._client.clock.sleep(SETTLE)  # a new definition is served a moment later
            await self._refresh()

    async def _refresh(self) -> None:
        """Follow what is new, wait until it is seen; leave what is gone. What a server that is silent now has is left alone."""
        known = set(self._graph.resources)
        while True:
            self._stale.clear()
            try:
                served = [row for row in await discover(self._client) if _is_collectable(row)]
                break
            except DiscoveryError as error:
                log.warning("garbage collection goes on without them: %s", error)
                groups = {row.group for row in error.found}
                served = [row for row in error.found if _is_collectable(row)] + [row for row in known if row.group not in groups]
                break
            except (ApiError, OSError) as error:
                log.warning("cannot discover resources: %s", error)
                await self._client.clock.sleep(RETRY)
        for resource in known - set(served):
            self._graph.unfollow(resource)
            self._informers.drop(resource)
        fresh = []
        for resource in served:
            if resource not in known:
                informer = self._informers.showing(resource) or self._informers.of(metadata_only(resource))
                self._graph.follow(resource, informer, self._loop.queue.add)
                fresh.append(informer)
        for informer in fresh:
            await informer.wait_synced()

    async def _reconcile(self, live: Live, key: Key) -> Plan:
        item = self._graph.item(key)
        if item is None:
            return NOTHING
        dependents = self._graph.dependents(item.meta.uid)
        if item.orphans_dependents:
            return plan_orphaning(item, dependents)
        if item.waits_for_dependents:
            return plan_foreground(item, dependents)
        if item.deleting:
            return NOTHING
        solid: list[OwnerReference] = []
        waiting: list[OwnerReference] = []
        for reference in item.meta.ownerReferences:
            resource = self._graph.resource_of(reference)
            if resource is None or (resource.namespaced and not item.meta.namespace):
                return self._unresolved(item, reference, resource)
            owner = self._graph.owner(reference, item.meta.namespace)
            if owner is not None:
                (waiting if owner.waits_for_dependents else solid).append(reference)
            elif await self._exists(live.client, resource, reference, item.meta.namespace):
                solid.append(reference)
        return plan_owned(item, solid, waiting, dependents)

    async def _exists(self, client: Client, resource: Resource, reference: OwnerReference, namespace: str) -> bool:
        """Ask the server about an owner that no informer shows."""
        if self._graph.is_absent(reference.uid):
            return False
        try:
            owner = await client.get(metadata_only(resource), reference.name, namespace if resource.namespaced else "")
        except NotFoundError:
            owner = None
        if owner is None or owner.metadata.uid != reference.uid:
            self._graph.note_absent(reference.uid)
            return False
        return True

    def _unresolved(self, item: Item, reference: OwnerReference, resource: Resource | None) -> Plan:
        """Delete nothing for an owner of a kind that is not served, or that cannot be one."""
        if resource is None:
            return Plan(requeue_after=RETRY)
        about = ObjectReference(
            apiVersion=item.place.resource.api_version, kind=item.place.resource.kind, name=item.place.name, uid=item.meta.uid
        )
        said = (
            f"ownerRef [{reference.apiVersion}/{reference.kind}, namespace: , name: {reference.name}, uid: {reference.uid}]"
            f' does not exist in namespace "{item.meta.namespace}"'
        )
        return Plan((Emit(about, "Warning", "OwnerRefInvalidNamespace", said),))


def _is_collectable(row: Resource) -> bool:
    return {"delete", "list", "watch"} <= set(row.verbs) and row.group_resource not in IGNORED
