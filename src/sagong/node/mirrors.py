"""Mirror pods: what the API shows of static pods, so that kubectl sees them. A mirror has no effect on the pod it mirrors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sagong.api.clock import Clock
from sagong.api.errors import AlreadyExistsError, ApiError, ConflictError, NotFoundError
from sagong.api.pods import is_mirror
from sagong.api.types.core import Pod
from sagong.api.types.meta import ObjectMeta, OwnerReference
from sagong.node.static_pods import HASH, MIRROR

RETRY_SECONDS = 1.0
log = logging.getLogger(__name__)


class Writer(Protocol):
    """The part of the API client that creates and deletes pods."""

    async def create(self, obj: Pod) -> Pod:
        """Create a pod. Raises ApiError and OSError."""
        ...

    async def delete(
        self, kind: type[Pod], name: str, namespace: str = "", *, uid: str = "", grace_period_seconds: int | None = None
    ) -> Any:
        """Delete a pod. Raises ApiError and OSError."""
        ...


def mirror_of(pod: Pod, node_name: str, node_uid: str) -> Pod:
    """Return the mirror of a static pod; the node owns it, as NodeRestriction demands (KEP-1314)."""
    mirror = pod.copy()
    owner = OwnerReference(apiVersion="v1", kind="Node", name=node_name, uid=node_uid, controller=True)
    meta = pod.metadata
    mirror.metadata = ObjectMeta(
        name=meta.name,
        namespace=meta.namespace,
        labels=dict(meta.labels),
        annotations={**meta.annotations, MIRROR: meta.annotations[HASH]},
        ownerReferences=[owner],
    )
    return mirror


class Mirrors:
    """Keeps one mirror for each static pod. `shown` finds the API's pod of a name, `node_uid` is "" until the node is registered."""

    def __init__(
        self,
        writer: Writer,
        clock: Clock,
        node_name: str,
        node_uid: Callable[[], str],
        shown: Callable[[str, str], Pod | None],
    ) -> None:
        self._writer = writer
        self._clock = clock
        self._node_name = node_name
        self._node_uid = node_uid
        self._shown = shown
        self._wanted: Mapping[str, Pod] = {}
        self._stale: list[Pod] = []
        self._wake = asyncio.Event()

    def want(self, pods: Mapping[str, Pod]) -> None:
        """Take the static pods there should be mirrors of, by uid."""
        self._wanted = pods
        self.look()

    def look(self) -> None:
        """Look again: mirrors have changed."""
        self._wake.set()

    async def run(self) -> None:
        """Create and delete mirrors until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            done = [await self._settle(pod) for pod in list(self._wanted.values())]
            if not all(done):
                await self._clock.sleep(RETRY_SECONDS)
                self._wake.set()

    async def remove(self, mirror: Pod) -> None:
        """Delete a mirror whose static pod is gone. Raises nothing: what is gone is gone, the rest is seen again."""
        meta = mirror.metadata
        try:
            await self._writer.delete(Pod, meta.name, meta.namespace, uid=meta.uid, grace_period_seconds=0)
        except (NotFoundError, ConflictError):
            return
        except (ApiError, OSError) as error:
            log.warning("mirror pod %s/%s not deleted: %s", meta.namespace, meta.name, error)

    async def _settle(self, pod: Pod) -> bool:
        """Make the mirror right; False: try again."""
        meta = pod.metadata
        shown = self._shown(meta.namespace, meta.name)
        if shown is not None:
            if shown.metadata.annotations.get(MIRROR) == meta.annotations[HASH] and not shown.metadata.deletionTimestamp:
                return True
            if is_mirror(shown):
                await self.remove(shown)
            return False
        node_uid = self._node_uid()
        if not node_uid:
            return False
        try:
            await self._writer.create(mirror_of(pod, self._node_name, node_uid))
        except AlreadyExistsError:
            return False
        except (ApiError, OSError) as error:
            log.warning("mirror pod %s/%s not created: %s", meta.namespace, meta.name, error)
            return False
        return True
