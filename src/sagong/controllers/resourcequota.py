"""resourcequota: counts what each quota limits, so that admission knows what is left.

Admission adds to `used` what it lets in. This loop counts when a quota's limits are new, when something that it counts goes or
comes to use less, and now and then. What comes causes no count: admission has charged it, and a view that does not show it yet would
take the charge back. Where a count lowers `used` all the same, it is made again soon, for what that view may have missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from sagong.api.exposition import Family
from sagong.api.quantity import ZERO, compare
from sagong.api.quota_usage import SHORT_NAMES, Usage, count_name, matches, tracked_by, usage
from sagong.api.resources import TABLE, Resource, resource_of
from sagong.api.types.apiextensions import CustomResourceDefinition
from sagong.api.types.core import PersistentVolumeClaim, Pod, ResourceQuota, Service
from sagong.client.client import Client
from sagong.client.discovery import discovered
from sagong.client.endpoint import metadata_only
from sagong.client.informer import Informer
from sagong.client.plan import NOTHING, Plan, Update
from sagong.controllers.declaration import Controller, Key, Watch, writes
from sagong.controllers.runner import Informers, Loop
from sagong.controllers.view import Live

NAME, ACCOUNT = "resourcequota", "resourcequota-controller"
RESYNC = 300.0
"""Seconds until a quota is counted anew, for what was charged and never came."""
RECHECK = 2.0
"""Seconds until a count that lowered something is made again."""
SYNC_LIMIT = 10.0
MEASURED = (Pod, Service, PersistentVolumeClaim)


def plan(quota: ResourceQuota, counted: Usage) -> Plan:
    """Plan one quota, given the sums of what it counts; names that nothing can count for keep their last value."""
    hard = quota.spec.hard
    used = {name: str(counted[name]) if name in counted else quota.status.used.get(name) for name in hard}
    known = {name: amount for name, amount in used.items() if amount is not None}
    if quota.status.hard == hard and quota.status.used == known:
        return Plan(requeue_after=RESYNC)
    changed = quota.copy()
    changed.status.hard, changed.status.used = dict(hard), known
    lowered = any(compare(amount, known[name]) > 0 for name, amount in quota.status.used.items() if name in known)
    return Plan((Update(changed, "status"),), requeue_after=RECHECK if lowered else RESYNC)


class ResourceQuotas:
    """The loop, and informers for whatever resources quotas count."""

    def __init__(self, informers: Informers, client_of: Callable[[str], Client]) -> None:
        self._informers = informers
        self._counted: dict[Resource, Informer[Any]] = {}
        controller = Controller(
            name=NAME,
            account=ACCOUNT,
            watches=(Watch(ResourceQuota, changed=_limits_changed),),
            reads=MEASURED,
            writes=writes(("update", ResourceQuota, "status")),
            reconcile_live=self._reconcile,
        )
        self._loop = Loop(controller, informers, client_of(ACCOUNT))

    def attach(self) -> None:
        """Watch quotas and what they measure."""
        self._loop.attach()
        for kind in MEASURED:
            self._follow(resource_of(kind), self._informers.of(kind))
        self._informers.of(CustomResourceDefinition).add_handler(self._definition_changed)

    def _definition_changed(self, old: CustomResourceDefinition | None, new: CustomResourceDefinition | None) -> None:
        """Leave what is no longer served; look again at quotas that count what may be served from now on."""
        spec = (new or old or CustomResourceDefinition()).spec
        served = {version.name for version in spec.versions if version.served} if new is not None else set()
        for resource in list(self._counted):
            if (resource.group, resource.plural) == (spec.group, spec.names.plural) and resource.version not in served:
                del self._counted[resource]
                self._informers.drop(resource)
        name = f"count/{spec.names.plural}.{spec.group}"
        counted = any(tracked_by(resource, name) for resource in self._counted)
        for quota in self._informers.known(ResourceQuota).list() if served and not counted else ():
            if name in quota.spec.hard:
                self._loop.queue.add(Key(quota.metadata.namespace, quota.metadata.name))

    async def run(self) -> None:
        """Count until cancelled."""
        await self._loop.run()

    def metrics(self) -> Iterable[Family]:
        """Return the loop's counters."""
        return self._loop.metrics()

    async def _reconcile(self, live: Live, key: Key) -> Plan:
        quota = live.get(ResourceQuota, *key)
        if quota is None:
            return NOTHING
        await self._ensure(live.client, quota)
        sums: Usage = {}
        for resource, informer in self._counted.items():
            names = [name for name in quota.spec.hard if tracked_by(resource, name)]
            if not names:
                continue
            sums |= {name: sums.get(name, ZERO) for name in names}
            for obj in informer.list(key.namespace):
                if matches(quota, obj):
                    for name, amount in usage(resource, obj, live.now).items():
                        if name in names:
                            sums[name] += amount
        return plan(quota, sums)

    async def _ensure(self, client: Client, quota: ResourceQuota) -> None:
        """Follow the resources that a quota counts and no other did before."""
        missing = {name for name in quota.spec.hard if name.startswith("count/") or name in SHORT_NAMES}
        missing -= {name for resource in self._counted for name in missing if tracked_by(resource, name)}
        for name in missing:
            resource = await self._named(client, name)
            if resource is not None and resource.namespaced:
                informer = self._informers.showing(resource) or self._informers.of(metadata_only(resource))
                async with asyncio.timeout(SYNC_LIMIT):  # it may be gone again
                    await informer.wait_synced()
                self._follow(resource, informer)

    async def _named(self, client: Client, name: str) -> Resource | None:
        plural, _, group = name.removeprefix("count/").partition(".")
        known = next((row for row in TABLE if (row.group, row.plural) == (group, plural)), None)
        return known or next((row for row in await discovered(client) if count_name(row) == name), None)

    def _follow(self, resource: Resource, informer: Informer[Any]) -> None:
        if resource in self._counted:
            return
        self._counted[resource] = informer

        def changed(old: Any, new: Any) -> None:
            obj = new if new is not None else old
            quotas = self._informers.known(ResourceQuota).list(obj.metadata.namespace) if obj.metadata.namespace else ()
            if not quotas or not _freed(resource, old, new, self._loop.now):
                return
            for quota in quotas:
                if any(tracked_by(resource, name) for name in quota.spec.hard):
                    self._loop.queue.add(Key(quota.metadata.namespace, quota.metadata.name))

        informer.add_handler(changed)


def _limits_changed(_old: Any, new: Any) -> bool:
    return new is not None and new.spec.hard != new.status.hard


def _freed(resource: Resource, old: Any, new: Any, now: datetime) -> bool:
    """Say whether an object came to use less of anything, or other things; one that goes frees all."""
    if old is None:
        return False
    if new is None:
        return True
    before, after = usage(resource, old, now), usage(resource, new, now)
    return any(name not in after or after[name].nanos < amount.nanos for name, amount in before.items())
