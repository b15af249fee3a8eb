"""DefaultBinder: tell the API server where a pod goes."""

from __future__ import annotations

from sagong.api.types.core import Binding, ObjectReference, Pod
from sagong.api.types.meta import ObjectMeta
from sagong.client.client import Client
from sagong.scheduler.events import on
from sagong.scheduler.framework import State
from sagong.scheduler.pod_info import PodInfo


class DefaultBinder:
    """Bind."""

    name = "DefaultBinder"
    events = on()

    def __init__(self, client: Client) -> None:
        self._client = client

    async def bind(self, state: State, pod: PodInfo, node: str) -> bool:
        """Post the binding. Raises ApiError, OSError."""
        del state
        meta = ObjectMeta(name=pod.name, namespace=pod.namespace, uid=pod.uid)
        binding = Binding(metadata=meta, target=ObjectReference(kind="Node", name=node))
        await self._client.create_subresource(Pod, pod.name, pod.namespace, "binding", binding)
        return True
