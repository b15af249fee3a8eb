"""Brings pod statuses to the API: the newest of each pod, only what differs, and the final deletion of a pod that has ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from sagong.api.clock import Clock
from sagong.api.errors import ApiError, ConflictError, NotFoundError
from sagong.api.types.core import Pod, PodCondition, PodStatus
from sagong.node.conditions import OWNED
from sagong.node.phases import TERMINAL

WORKERS = 4
RETRY_SECONDS = 1.0
REFUSED_SECONDS = 10.0
log = logging.getLogger(__name__)


class Writer(Protocol):
    """The part of the API client that writes pods."""

    async def patch(self, kind: type[Pod], name: str, namespace: str, patch: Any, *, patch_type: Any, subresource: str) -> Pod:
        """Patch a subresource of a pod. Raises ApiError and OSError."""
        ...

    async def delete(
        self, kind: type[Pod], name: str, namespace: str = "", *, uid: str = "", grace_period_seconds: int | None = None
    ) -> None:
        """Delete a pod. Raises ApiError and OSError."""
        ...


@dataclass(slots=True)
class _Entry:
    status: PodStatus
    finished: bool = False
    dirty: bool = True
    since: float | None = None
    """when the oldest change was seen that the API does not show yet"""


class StatusManager:
    """The statuses of this node's pods. `api_pod` finds what the API has for a pod: itself, or a static pod's mirror."""

    def __init__(
        self,
        writer: Writer | None,
        clock: Clock,
        api_pod: Callable[[str], Pod | None],
        *,
        workers: int = WORKERS,
        changed: Callable[[str, PodStatus | None, PodStatus], None] = lambda _uid, _before, _after: None,
        synced: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        """Take the parts; `changed` is told of each new status, `synced` how many seconds it took until the API had it."""
        self._synced = synced
        self._writer, self._workers, self._changed = writer, workers, changed
        self._clock = clock
        self._api_pod = api_pod
        self._entries: dict[str, _Entry] = {}
        self._shown: dict[str, tuple[str, PodStatus]] = {}
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._queued: set[str] = set()
        self._busy: set[str] = set()

    def get(self, uid: str) -> PodStatus | None:
        """Return the newest status of the pod, whether or not the API has it yet."""
        entry = self._entries.get(uid)
        return entry.status if entry else None

    def set(self, uid: str, status: PodStatus) -> None:
        """Take a new status of the pod."""
        entry = self._entries.get(uid)
        if entry and entry.status == status:
            return
        self._changed(uid, entry.status if entry else None, status)
        since = entry.since if entry and entry.since is not None else self._clock.monotonic()
        self._entries[uid] = _Entry(status, finished=entry.finished if entry else False, since=since)
        self._enqueue(uid)

    def finish(self, uid: str) -> None:
        """Note that nothing of the pod is left on the node: the API may delete it if someone asked for that."""
        entry = self._entries.get(uid)
        if entry:
            entry.finished = True
            entry.dirty = True
            self._enqueue(uid)

    def reconcile(self, uid: str) -> None:
        """Look again whether the API shows what it should: the API's pod has changed, or has just appeared."""
        entry, pod = self._entries.get(uid), self._api_pod(uid)
        if entry and pod and (self._ripe(entry, pod) or _difference(pod.status, merged(pod.status, entry.status))):
            entry.dirty = True
            self._enqueue(uid)

    def forget(self, uid: str) -> None:
        """Drop a pod that is gone."""
        self._entries.pop(uid, None)
        self._shown.pop(uid, None)

    async def run(self) -> None:
        """Write until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._work())

    def _enqueue(self, uid: str) -> None:
        if self._writer is not None and uid not in self._queued:
            self._queued.add(uid)
            self._queue.put_nowait(uid)

    def _enqueue_later(self, uid: str, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._enqueue, uid)

    async def _work(self) -> None:
        while True:
            uid = await self._queue.get()
            self._queued.discard(uid)
            if uid in self._busy:  # another worker has this pod: look again when it is done
                self._enqueue_later(uid, 0.01)
                continue
            self._busy.add(uid)
            try:
                await self._write(uid)
            except OSError as error:
                log.debug("status of pod %s not written: %s", uid, error)
                self._enqueue_later(uid, RETRY_SECONDS)
            except ApiError as error:
                log.warning("status of pod %s refused: %s", uid, error)
                self._enqueue_later(uid, REFUSED_SECONDS)
            finally:
                self._busy.discard(uid)

    async def _write(self, uid: str) -> None:
        entry, pod = self._entries.get(uid), self._api_pod(uid)
        if entry is None or pod is None or self._writer is None or not entry.dirty:
            return
        meta, status = pod.metadata, entry.status
        entry.dirty = False
        try:
            known = self._known(uid, pod)
            wanted = merged(known, status)
            if difference := _difference(known, wanted):
                body = {"metadata": {"uid": meta.uid}, "status": difference}
                pod = await self._writer.patch(Pod, meta.name, meta.namespace, body, patch_type="strategic", subresource="status")
                self._shown[uid] = (pod.metadata.resourceVersion, pod.status)
            self._shows(uid, entry)
            if self._ripe(entry, pod):
                await self._writer.delete(Pod, meta.name, meta.namespace, uid=meta.uid, grace_period_seconds=0)
        except NotFoundError:
            self._shown.pop(uid, None)
        except ConflictError as error:  # another pod has the name, or somebody else wrote: the watch tells, but not of every refusal
            log.debug("status of pod %s not written: %s", uid, error)
            self._shown.pop(uid, None)
            entry.dirty = True
            self._enqueue_later(uid, RETRY_SECONDS)
        except BaseException:
            entry.dirty = True
            raise

    def _shows(self, uid: str, entry: _Entry) -> None:
        """Tell how long it took until the API showed what changed first; what has changed meanwhile is counted from now on."""
        if entry.since is None:
            return
        now = self._clock.monotonic()
        self._synced(now - entry.since)
        entry.since = None
        if (newer := self._entries.get(uid)) is not None and newer is not entry:
            newer.since = now

    def _known(self, uid: str, pod: Pod) -> PodStatus:
        """Return the newest status that the API is known to have: what it answered last, or what was watched since."""
        version, shown = self._shown.get(uid, ("0", pod.status))
        return shown if int(version or 0) > int(pod.metadata.resourceVersion or 0) else pod.status

    def _ripe(self, entry: _Entry, pod: Pod) -> bool:
        """Tell whether the API may forget the pod: deletion was asked for, and it has ended here. Mirrors are deleted elsewhere."""
        mirror = "kubernetes.io/config.mirror" in pod.metadata.annotations
        return entry.finished and not mirror and pod.metadata.deletionTimestamp is not None and entry.status.phase in TERMINAL


def merged(theirs: PodStatus, ours: PodStatus) -> PodStatus:
    """Return our status with what belongs to others: their conditions, claims, a nomination."""
    foreign = [found for found in theirs.conditions if found.type not in OWNED and not _ours(found, ours)]
    own = [found for found in ours.conditions if found.type in OWNED or _newly(found, theirs)]
    return msgspec.structs.replace(
        ours,
        conditions=[*foreign, *own],
        nominatedNodeName=theirs.nominatedNodeName,
        resourceClaimStatuses=theirs.resourceClaimStatuses,
        extendedResourceClaimStatus=theirs.extendedResourceClaimStatus,
        nodeAllocatableResourceClaimStatuses=theirs.nodeAllocatableResourceClaimStatuses,
    )


def _newly(found: PodCondition, theirs: PodStatus) -> bool:
    return found.type == "DisruptionTarget" and found not in theirs.conditions


def _ours(found: PodCondition, ours: PodStatus) -> bool:
    return found.type == "DisruptionTarget" and any(other.type == found.type and other != found for other in ours.conditions)


def _difference(before: PodStatus, after: PodStatus) -> dict[str, Any]:
    """Return a strategic merge patch that turns one status into the other, {} when they are equal."""
    if before == after:
        return {}
    old, new = _builtins(before), _builtins(after)
    patch: dict[str, Any] = {key: value for key, value in new.items() if old.get(key) != value and key != "conditions"}
    patch.update(dict.fromkeys(old.keys() - new.keys() - {"conditions"}))
    for key in ("podIPs", "hostIPs"):  # lists that would be merged by address
        if patch.get(key):
            patch[key] = [*patch[key], {"$patch": "replace"}]
    if conditions := _conditions(old.get("conditions", []), new.get("conditions", [])):
        patch["conditions"] = conditions
        patch["$setElementOrder/conditions"] = [{"type": item["type"]} for item in new.get("conditions", [])]
    return patch


def _conditions(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    known: Mapping[str, dict[str, Any]] = {item["type"]: item for item in old}
    changed = []
    for item in new:
        before = known.get(item["type"], {})
        if item != before:
            changed.append({**dict.fromkeys(before.keys() - item.keys()), **item})
    gone = known.keys() - {item["type"] for item in new}
    return [*changed, *({"$patch": "delete", "type": kind} for kind in sorted(gone))]


def _builtins(status: PodStatus) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(status)
    return found
