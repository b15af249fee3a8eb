"""Carries out preemptions beside the cycle (KEP-4832): victims are told why, deleted with their grace, and an event says for whom."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence

from sagong.api.clock import Clock, format_time
from sagong.api.errors import ApiError, NotFoundError
from sagong.api.types.core import Pod, PodCondition
from sagong.client.client import Client
from sagong.client.endpoint import names_only
from sagong.client.events import Recorder
from sagong.scheduler.plugins.default_preemption import REASON
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.reports import status_patch

log = logging.getLogger(__name__)


class Evictor:
    """Evicts victims. `find_pod` returns a pod as the informer shows it; `cancel` ends the binding of one that is only assumed."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        *,
        find_pod: Callable[[str, str], Pod | None],
        cancel: Callable[[str], bool],
    ) -> None:
        self._client, self._clock = client, clock
        self._find_pod, self._cancel = find_pod, cancel
        self._running: dict[str, PodInfo | None] = {}
        self._last: dict[str, str] = {}
        """Preemptors by the last of their victims."""

    def is_running(self, uid: str) -> bool:
        """Say whether victims of this pod are still to be evicted.

        Not once the last one is on its way: its end, which lets the pod try again, may be seen before our own call returns.
        """
        if uid not in self._running:
            return False
        last = self._running[uid]
        if last is None:
            return True
        seen = self._find_pod(last.namespace, last.name)
        return seen is not None and seen.metadata.deletionTimestamp is None

    async def evict(self, preemptor: PodInfo, node: str, victims: Sequence[PodInfo], recorder: Recorder) -> bool:
        """Evict all, the last when the others are done; return whether all went well. `begin` was called for them."""
        staying = [victim for victim in victims if not victim.leaving]
        try:
            if not staying:
                return True
            done = await asyncio.gather(*(self._evict(preemptor, node, victim, recorder) for victim in staying[:-1]))
            if not all(done):
                return False
            self._running[preemptor.uid] = staying[-1]
            self._last[staying[-1].uid] = preemptor.uid
            return await self._evict(preemptor, node, staying[-1], recorder)
        finally:
            del self._running[preemptor.uid]
            if staying:
                self._last.pop(staying[-1].uid, None)

    def preemptors_for(self, victim: str) -> Collection[str]:
        """Return the pods, by uid, that may be tried again once this victim is gone."""
        preemptor = self._last.get(victim)
        return () if preemptor is None else (preemptor,)

    def begin(self, preemptor: PodInfo) -> None:
        """Hold the preemptor back from now on: `evict` follows."""
        self._running[preemptor.uid] = None

    async def _evict(self, preemptor: PodInfo, node: str, victim: PodInfo, recorder: Recorder) -> bool:
        message = f"Preempted by pod {preemptor.uid} on node {node}"
        if self._cancel(victim.uid):
            recorder.event(victim.pod, "Normal", "Preempted", f"{message} (in kube-scheduler memory).")
            return True
        condition = PodCondition(
            type="DisruptionTarget",
            status="True",
            reason=REASON,
            message=f"{preemptor.pod.spec.schedulerName}: preempting to accommodate a higher priority pod",
        )
        patch = status_patch(victim.pod, condition, None, format_time(self._clock.now()))
        try:
            if patch is not None:
                await self._client.patch(
                    names_only(Pod), victim.name, victim.namespace, patch, patch_type="strategic", subresource="status"
                )
            await self._client.delete(Pod, victim.name, victim.namespace, uid=victim.uid)
        except NotFoundError:
            return True
        except (ApiError, OSError) as error:
            log.warning("evicting %s/%s for %s/%s: %s", victim.namespace, victim.name, preemptor.namespace, preemptor.name, error)
            return False
        recorder.event(victim.pod, "Normal", "Preempted", message)
        return True
