"""The objects that plugins read, followed from the first pod on that needs their kind.

Most clusters never need half of the kinds, and each costs a connection and its objects.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, cast

from sagong.api.types.apps import ReplicaSet, ReplicaSetSpec, StatefulSet, StatefulSetSpec
from sagong.api.types.core import PodTemplateSpec, ReplicationController
from sagong.client.client import Client
from sagong.client.informer import Informer

T = TypeVar("T")
Handler = Callable[[str, Any, Any], None]
"""(kind's name, object before, object after)."""


class Sources:
    """Listers over informers. `on_change` hears of every change of a kind that is followed."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.on_change: Handler = lambda _kind, _old, _new: None
        self._informers: dict[type, Informer[Any]] = {}
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Run the informers until cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            for informer in self._informers.values():
                self._tasks.create_task(informer.run())
            await asyncio.Event().wait()

    async def wait_synced(self) -> None:
        """Wait for the first lists of what is followed from the start."""
        for informer in tuple(self._informers.values()):
            await informer.wait_synced()

    def informer(self, kind: type[T], *, field_selector: str = "") -> Informer[T]:
        """Follow a kind from the start, with handlers of the caller's own."""
        informer: Informer[T] = Informer(self._client, kind, field_selector=field_selector)
        self._informers[kind] = informer
        return informer

    async def follow(self, kinds: Iterable[type]) -> bool:
        """See to it that these kinds are followed; return whether that took a wait."""
        fresh = [kind for kind in dict.fromkeys(kinds) if kind not in self._informers]
        for kind in fresh:
            informer: Informer[Any] = Informer(self._client, kind, transform=_TRIMS.get(kind))
            informer.add_handler(functools.partial(self.on_change, kind.__name__))
            self._informers[kind] = informer
            if self._tasks is not None:
                self._tasks.create_task(informer.run())
        for kind in fresh:
            await self._informers[kind].wait_synced()
        return bool(fresh)

    def get(self, kind: type[T], namespace: str, name: str) -> T | None:
        """Return one object."""
        return cast("T | None", self._informers[kind].get(namespace, name))

    def list(self, kind: type[T], namespace: str = "") -> Sequence[T]:
        """Return all objects of a kind, or a namespace's."""
        return cast("Sequence[T]", self._informers[kind].list(namespace))


def _replica_set(owner: ReplicaSet) -> ReplicaSet:
    owner.spec = ReplicaSetSpec(selector=owner.spec.selector)
    return owner


def _stateful_set(owner: StatefulSet) -> StatefulSet:
    owner.spec = StatefulSetSpec(selector=owner.spec.selector)
    return owner


def _replication_controller(owner: ReplicationController) -> ReplicationController:
    owner.spec.template = PodTemplateSpec()
    return owner


_TRIMS: dict[type, Callable[[Any], Any]] = {
    ReplicaSet: _replica_set,
    StatefulSet: _stateful_set,
    ReplicationController: _replication_controller,
}
"""Only the selectors of owners are read, and their templates are most of them."""
