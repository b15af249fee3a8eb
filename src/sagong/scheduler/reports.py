"""What pods are told: the PodScheduled condition and the nominated node in their status, one write at a time for each pod."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from sagong.api import pods as facts
from sagong.api.clock import Clock, format_time
from sagong.api.errors import ApiError
from sagong.api.types.core import Pod, PodCondition
from sagong.client.client import Client
from sagong.client.endpoint import names_only

log = logging.getLogger(__name__)
NOTE_LIMIT = 1024


@dataclass(slots=True)
class _Report:
    """What is to be written; None leaves a field as it is."""

    pod: Pod
    condition: PodCondition | None
    nominated: str | None


class Reports:
    """Writes in the background; what comes while a pod is being written replaces what still waits."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self._waiting: dict[str, _Report] = {}
        self._writing: dict[str, asyncio.Task[None]] = {}

    def write(self, pod: Pod, tasks: asyncio.TaskGroup, *, condition: PodCondition | None = None, nominated: str | None = None) -> None:
        """Write a condition, a nominated node ("" for none), or both."""
        uid = pod.metadata.uid
        before = self._waiting.get(uid)
        if before is not None:
            condition = condition or before.condition
            nominated = before.nominated if nominated is None else nominated
        self._waiting[uid] = _Report(pod, condition, nominated)
        if uid not in self._writing:
            self._writing[uid] = tasks.create_task(self._write_all(uid))

    async def settle(self, uid: str) -> None:
        """Wait until nothing more will be written about a pod: what still waits is void, since the pod has found its node."""
        self._waiting.pop(uid, None)
        task = self._writing.get(uid)
        if task is not None:
            await asyncio.wait([task])

    async def _write_all(self, uid: str) -> None:
        try:
            while (report := self._waiting.pop(uid, None)) is not None:
                patch = status_patch(report.pod, report.condition, report.nominated, format_time(self._clock.now()))
                if patch is not None:
                    await self._patch(report.pod, patch)
        finally:
            del self._writing[uid]

    async def _patch(self, pod: Pod, patch: dict[str, Any]) -> None:
        meta = pod.metadata
        try:
            await self._client.patch(names_only(Pod), meta.name, meta.namespace, patch, patch_type="strategic", subresource="status")
        except (ApiError, OSError) as error:
            log.info("status of %s/%s: %s", meta.namespace, meta.name, error)


def status_patch(pod: Pod, condition: PodCondition | None, nominated: str | None, now: str) -> dict[str, Any] | None:
    """Return the strategic merge patch that brings a pod's status there, None if it is there."""
    status: dict[str, Any] = {}
    if nominated is not None and nominated != pod.status.nominatedNodeName:
        status["nominatedNodeName"] = nominated or None
    if condition is not None:
        known = facts.condition(pod, condition.type)
        same_status = known is not None and known.status == condition.status
        condition.lastTransitionTime = known.lastTransitionTime if known is not None and same_status else now
        condition.observedGeneration = pod.metadata.generation
        if known != condition:
            status["conditions"] = [condition]
    return {"metadata": {"uid": pod.metadata.uid}, "status": status} if status else None


def note(message: str) -> str:
    """Cut an event's message to what an event may have."""
    return message if len(message) <= NOTE_LIMIT else f"{message[: NOTE_LIMIT - 4]} ..."
