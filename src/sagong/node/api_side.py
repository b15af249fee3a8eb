"""What the kubelet has of the API: a client, events, and local copies of what concerns this node. Without an API there is none of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from sagong.api.errors import NotFoundError
from sagong.api.types.core import Node, Pod, Service
from sagong.api.types.node import RuntimeClass
from sagong.client.client import Client
from sagong.client.events import Recorder
from sagong.client.informer import Informer

log = logging.getLogger(__name__)


class ApiSide:
    """The API as one node sees it."""

    def __init__(self, client: Client, node_name: str) -> None:
        self.client = client
        self.node_name = node_name
        self.recorder = Recorder(client, "kubelet", host=node_name)
        self.services = Informer(client, Service)
        self.runtime_classes = Informer(client, RuntimeClass)
        self.nodes = Informer(client, Node, field_selector=f"metadata.name={node_name}")
        self.pods = Informer(client, Pod, field_selector=f"spec.nodeName={node_name}")

    def tasks(self) -> list[Coroutine[Any, Any, None]]:
        """Return what must run; pods are followed by `follow_pods`."""
        return [self.recorder.run(), self.services.run(), self.runtime_classes.run(), self.nodes.run()]

    async def follow_pods(self, changed: Callable[[Pod | None, Pod | None], None], ready: Callable[[], None]) -> None:
        """Follow this node's pods, once Services are known: containers get them as variables. `ready` is called after the first list.

        Pods of the first list come in the order in which they were let in: an earlier kubelet's before those that still have to be.
        """
        await self.services.wait_synced()
        await self.nodes.wait_synced()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.pods.run())
            await self.pods.wait_synced()
            for pod in sorted(self.pods.list(), key=_let_in):
                changed(None, pod)
            self.pods.add_handler(changed)
            ready()

    def node(self) -> Node | None:
        """Return this node's object."""
        return self.nodes.get("", self.node_name)

    def all_services(self) -> Sequence[Service]:
        """Return every Service."""
        return self.services.list()

    def handler(self, runtime_class: str) -> str | None:
        """Return the runtime handler of a RuntimeClass, None when there is no such class."""
        found = self.runtime_classes.get("", runtime_class)
        return found.handler if found else None


def _let_in(pod: Pod) -> tuple[bool, str, int]:
    meta = pod.metadata
    return not pod.status.startTime, pod.status.startTime or meta.creationTimestamp or "", int(meta.resourceVersion or 0)


class NoApi:
    """Stands in for the API where there is none: nothing is found, events are only logged."""

    async def get(self, kind: type[Any], name: str, namespace: str = "") -> Any:
        """Find nothing."""
        raise NotFoundError(f'{kind.__name__.lower()} "{namespace}/{name}" not found: this node has no API server')

    async def create_subresource(self, kind: type[Any], name: str, namespace: str, subresource: str, body: Any) -> Any:
        """Give nothing."""
        del body
        raise NotFoundError(f'{kind.__name__.lower()} "{namespace}/{name}" has no {subresource}: this node has no API server')

    def event(self, obj: Any, type: str, reason: str, message: str) -> None:  # noqa: A002 - the recorder's signature
        """Log the event."""
        log.info("%s %s %s/%s: %s", type, reason, obj.namespace, obj.name, message)
