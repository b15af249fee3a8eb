"""Runs control loops: one informer for each kind, whoever reads it; a queue and workers for each loop.

A reconcile ends when the informers show what it wrote. The next one of the same key therefore sees its own writes, and there
is no need for what upstream calls expectations: nothing is created twice because a cache was slow.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar, cast

from sagong.api.cause import cause_id
from sagong.api.clock import Random
from sagong.api.errors import ApiError, ConflictError, NotFoundError
from sagong.api.exposition import Family, Metric
from sagong.api.resources import Resource
from sagong.client.accounts import Accounts
from sagong.client.client import Client
from sagong.client.endpoint import Endpoint, endpoint_of
from sagong.client.events import Recorder
from sagong.client.informer import Informer
from sagong.client.plan import Outcome, Written, apply
from sagong.client.workqueue import RateLimiter, WorkQueue
from sagong.controllers.declaration import Controller, Key, Keys, Kind, Watch
from sagong.controllers.meter import Attempt
from sagong.controllers.queue_names import queue_of
from sagong.controllers.view import INDEXES, View, controller_of

T = TypeVar("T")
OBSERVE_LIMIT = 300.0  # seconds until a write that no informer shows is taken for seen; as long as upstream expects its own
MANAGER = "kube-controller-manager"
log = logging.getLogger(__name__)


class Informers:
    """The shared informers, made as loops ask for them. They follow the server once `run` is called."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._informers: dict[Endpoint[Any], Informer[Any]] = {}
        self._by_kind: dict[Kind, Informer[Any]] = {}
        self._tasks: dict[Endpoint[Any], asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None

    def of(self, kind: Kind) -> Informer[Any]:
        """Return the informer of a kind."""
        endpoint = endpoint_of(kind)
        if endpoint not in self._informers:
            self._informers[endpoint] = Informer(self._client, endpoint)
            self._start(endpoint)
        return self._informers[endpoint]

    def known(self, kind: Kind) -> Informer[Any]:
        """Return the informer of a declared kind. Raises LookupError."""
        informer = self._by_kind.get(kind)
        if informer is None:
            informer = self._informers.get(endpoint_of(kind))
            if informer is None:
                raise LookupError(f"{endpoint_of(kind).resource.group_resource} is read and not declared")
            self._by_kind[kind] = informer
        return informer

    def showing(self, resource: Resource) -> Informer[Any] | None:
        """Return an informer that shows a resource's objects, in whatever form."""
        return next((found for end, found in self._informers.items() if end.resource == resource), None)

    def drop(self, resource: Resource) -> None:
        """Stop following a resource that is no longer served."""
        self._by_kind.clear()
        for endpoint in [end for end in self._informers if end.resource == resource]:
            del self._informers[endpoint]
            if task := self._tasks.pop(endpoint, None):
                task.cancel()

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for endpoint in self._informers:
                self._start(endpoint)
            await asyncio.Event().wait()

    def _start(self, endpoint: Endpoint[Any]) -> None:
        if self._group is not None and endpoint not in self._tasks:
            self._tasks[endpoint] = self._group.create_task(self._informers[endpoint].run())


class InformerView:
    """The informers as a `View` (and, with the client, a `Live` one)."""

    def __init__(self, informers: Informers, client: Client) -> None:
        self._informers, self.client = informers, client

    @property
    def now(self) -> datetime:
        """The wall-clock time."""
        return self.client.clock.now()

    @property
    def random(self) -> Random:
        """Chance."""
        return self.client.random

    def get(self, kind: type[T], namespace: str, name: str) -> T | None:
        """Return one object."""
        return cast("T | None", self._informers.known(kind).get(namespace, name))

    def list(self, kind: type[T], namespace: str = "") -> Sequence[T]:
        """Return all objects, or a namespace's."""
        return self._informers.known(kind).list(namespace)

    def by_index(self, kind: type[T], index: str, value: str) -> Sequence[T]:
        """Return objects by one of INDEXES, which is built when first asked for."""
        informer = self._informers.known(kind)
        informer.add_index(index, INDEXES[index])
        return informer.by_index(index, value)


class Loop:
    """One controller at work."""

    def __init__(self, controller: Controller, informers: Informers, client: Client) -> None:
        """`client` acts as the controller: it writes, records events, and reads what `reconcile_live` asks for."""
        self.controller = controller
        self._client, self._informers = client, informers
        self._view = InformerView(informers, client)
        limiter: RateLimiter[Key] = RateLimiter(client.clock, longest=controller.longest_delay)
        self.queue = WorkQueue(client.clock, limiter, name=queue_of(controller.name))
        self.recorder = Recorder(client, controller.component or f"{controller.name}-controller")
        self.reconciled = self.failed = 0
        self._run = client.random.suffix(8)
        self.meter = controller.meter()

    @property
    def now(self) -> datetime:
        """The wall-clock time."""
        return self._client.clock.now()

    def attach(self) -> None:
        """Have changes of what the controller watches and owns fill the queue."""
        for watch in self.controller.watches:
            self._informers.of(watch.kind).add_handler(self._handler(watch))
        for kind in self.controller.owns:
            self._informers.of(kind).add_handler(self._handler(Watch(kind, self._owners())))
        for kind in self.controller.reads:
            self._informers.of(kind)
        for kind, handler in self.meter.handlers():
            self._informers.of(kind).add_handler(handler)

    async def run(self) -> None:
        """Work until cancelled, once all that the controller looks at is there."""
        for kind in self.controller.kinds:
            await self._informers.of(kind).wait_synced()
        for key in self.controller.start:
            self.queue.add(key)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.recorder.run())
            for _ in range(self.controller.workers):
                group.create_task(self._work())

    def metrics(self) -> Iterable[Family]:
        """Return the loop's counters, those of its queue, and those that only it has."""
        name = self.controller.name
        running = Metric("running_managed_controllers", "gauge", "Indicates where instances of a controller are currently running")
        running.add(1, name=name, manager=MANAGER)
        total = Metric("controller_reconcile_total", "counter", "How often a loop looked at a key.")
        total.add(self.reconciled, name=name)
        failed = Metric("controller_reconcile_errors_total", "counter", "How often that failed, so that it was tried again.")
        failed.add(self.failed, name=name)
        return running, *self.queue.metrics.families(len(self.queue)), total, failed, *self.meter.families(self._view)

    async def _work(self) -> None:
        while True:
            key = await self.queue.get()
            rest = 0.0
            try:
                rest = await self._reconcile(key)
            finally:
                self.queue.done(key, rest)

    async def _reconcile(self, key: Key) -> float:
        """Look at a key once; return how long it may rest."""
        cause_id.set(f"{self.controller.name}:{key}:{self._run}-{self.reconciled}")
        self.reconciled += 1
        try:
            outcome = await self._attempt(key)
        except Exception:  # a loop must outlive one object that it cannot handle; the trace names it
            log.exception("%s: %s", self.controller.name, key)
            self.failed += 1
            self.queue.add_rate_limited(key)
            return 0.0
        if outcome.failure is not None:
            level = logging.DEBUG if isinstance(outcome.failure, ConflictError | NotFoundError) else logging.WARNING
            log.log(level, "%s: %s: %s", self.controller.name, key, outcome.failure)
            self.failed += 1
            self.queue.add_rate_limited(key)
            return 0.0
        self.queue.forget(key)
        if outcome.requeue_after is not None:
            self.queue.add_after(key, outcome.requeue_after)
        return outcome.rest

    async def _attempt(self, key: Key) -> Outcome:
        before, began = self.meter.before(self._view, key), self._client.clock.monotonic()
        if self.controller.reconcile is not None:
            plan = self.controller.reconcile(self._view, key)
        elif self.controller.reconcile_live is not None:
            try:
                plan = await self.controller.reconcile_live(self._view, key)
            except (ApiError, OSError) as error:
                return Outcome(failure=error)
        else:
            raise LookupError(f"{self.controller.name} has no reconcile")
        if plan.actions and log.isEnabledFor(logging.INFO):
            log.info("%s: %s: %s", self.controller.name, key, plan.summary())
        outcome = await apply(plan, self._client, self.recorder, declared=self.controller.writes)
        took = self._client.clock.monotonic() - began
        if outcome.written:
            await self._observe(outcome.written)
        self.meter.after(Attempt(key, before, plan, outcome, took, self.now))
        return outcome

    async def _observe(self, written: Iterable[Written]) -> None:
        """Wait until the informers show the writes."""
        try:
            async with asyncio.timeout(OBSERVE_LIMIT):
                for write in written:
                    informer = self._informers.showing(write.resource)
                    if informer is None:
                        continue
                    if write.resource_version:
                        await informer.wait_revision(write.resource_version)
                    elif write.uid:
                        await informer.wait_deleted(write.namespace, write.name, write.uid)
        except TimeoutError:
            log.warning("%s: own writes not seen in %g s", self.controller.name, OBSERVE_LIMIT)

    def _handler(self, watch: Watch) -> Any:
        changed, keys, view, add = watch.changed, watch.keys, self._view, self.queue.add

        def handle(old: Any, new: Any) -> None:
            if changed is not None and not changed(old, new):
                return
            for obj in (old, new):
                if obj is not None:
                    for key in keys(view, obj):
                        add(key)

        return handle

    def _owners(self) -> Keys:
        """Return what tells the key of an object's owner, if that is of the kind that the controller is about."""
        primary = endpoint_of(self.controller.watches[0].kind).resource
        kind, group, namespaced = primary.kind, primary.api_version.partition("/")[0], primary.namespaced

        def owner(_view: View, obj: Any) -> Iterable[Key]:
            found = controller_of(obj)
            if found is None or found.kind != kind or found.apiVersion.partition("/")[0] != group:
                return ()
            return (Key(obj.metadata.namespace if namespaced else "", found.name),)

        return owner


class Part(Protocol):
    """What a runner runs: a loop, or something that needs more than a loop."""

    def attach(self) -> None:
        """Name the informers that are needed; called for all parts before any runs."""
        ...

    async def run(self) -> None:
        """Work until cancelled."""
        ...

    def metrics(self) -> Iterable[Family]:
        """Return counters."""
        ...


PartMaker = Callable[[Informers, Callable[[str], Client]], Part]


class Runner:
    """All loops of a process."""

    def __init__(
        self,
        client: Client,
        controllers: Iterable[Controller],
        *,
        accounts: Accounts | None = None,
        makers: Iterable[PartMaker] = (),
    ) -> None:
        """`client` reads for the informers; with `accounts` each loop acts as its own. `makers` make parts that are no loops."""
        self.informers = Informers(client)

        def client_of(account: str) -> Client:
            return accounts.client_of(account) if accounts and account else client

        self.parts: list[Part] = [Loop(controller, self.informers, client_of(controller.account)) for controller in controllers]
        self.parts += [make(self.informers, client_of) for make in makers]

    async def run(self) -> None:
        """Run until cancelled."""
        for part in self.parts:
            part.attach()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.informers.run())
            for part in self.parts:
                group.create_task(part.run())

    def metrics(self) -> Iterable[Family]:
        """Return the counters of all parts."""
        return [family for part in self.parts for family in part.metrics()]
