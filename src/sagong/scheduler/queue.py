"""The scheduling queue: three places a waiting pod can be.

`active` holds pods to try now, by priority, then age. A pod that failed goes to `unschedulable` until something changes that may help it,
or five minutes have passed; then to `backoff` until its pause (1 s, doubled for each attempt, 10 s at most) is over, then to `active`. A
change that comes while a pod is being tried counts too: it could not be seen by that attempt.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from sagong.api import pods as facts
from sagong.api.clock import Clock
from sagong.api.types.core import Pod
from sagong.scheduler.framework import Change

FIRST_BACKOFF, LONGEST_BACKOFF = 1.0, 10.0
UNSCHEDULABLE_SECONDS = 300.0

MayHelp = Callable[[Pod, frozenset[str], Change], bool]
"""(pod, names of the plugins that rejected it, change) -> whether the change may make it schedulable."""


@dataclass(slots=True)
class QueuedPod:
    """A waiting pod: attempts so far, since when, and who rejected it last."""

    pod: Pod
    since: float
    attempts: int = 0
    rejected_by: frozenset[str] = frozenset()
    failed_at: float = 0.0
    gated: bool = False

    def backoff_until(self) -> float:
        """Return when the pod may be tried again."""
        if self.attempts == 0:
            return 0.0
        return self.failed_at + min(FIRST_BACKOFF * float(2 ** min(self.attempts - 1, 10)), LONGEST_BACKOFF)


@dataclass(order=True, slots=True)
class _Entry:
    order: tuple[float, float, int]
    uid: str = field(compare=False)


class SchedulingQueue:
    """Pods without a node, of the profiles we serve. For one event loop."""

    def __init__(self, clock: Clock, may_help: MayHelp, pre_enqueue: Callable[[Pod], str | None]) -> None:
        self._clock, self._may_help, self._pre_enqueue = clock, may_help, pre_enqueue
        self._pods: dict[str, QueuedPod] = {}
        self._active: list[_Entry] = []
        self._in_active: set[str] = set()
        self._backoff: set[str] = set()
        self._in_flight: dict[str, list[Change]] = {}
        self._wake = asyncio.Event()
        self._count = 0

    def __len__(self) -> int:
        return len(self._pods)

    def put(self, pod: Pod) -> None:
        """Add a pod, or take a new version of one that waits."""
        uid = pod.metadata.uid
        queued = self._pods.get(uid)
        if queued is None:
            queued = self._pods[uid] = QueuedPod(pod, self._clock.monotonic())
            self._try_activate(queued)
            return
        changed = queued.pod.metadata.generation != pod.metadata.generation or queued.pod.metadata.labels != pod.metadata.labels
        old, queued.pod = queued.pod, pod
        if queued.gated:
            self._try_activate(queued)
        elif uid in self._in_flight:
            self._in_flight[uid].append(Change("Pod", old, pod))
        elif changed and uid not in self._in_active:
            self._retry(queued)

    def drop(self, uid: str) -> None:
        """Forget a pod that is bound elsewhere, finished or deleted."""
        self._pods.pop(uid, None)
        self._in_active.discard(uid)
        self._backoff.discard(uid)
        self._in_flight.pop(uid, None)

    async def pop(self) -> QueuedPod:
        """Wait for the most urgent pod and take it; `failed` or `done` must follow."""
        while True:
            while self._active:
                uid = heapq.heappop(self._active).uid
                if uid in self._in_active:
                    self._in_active.discard(uid)
                    self._in_flight[uid] = []
                    queued = self._pods[uid]
                    queued.attempts += 1
                    return queued
            self._wake.clear()
            await self._wake.wait()

    def done(self, uid: str) -> None:
        """Forget a pod that has its node."""
        self.drop(uid)

    def failed(self, uid: str, rejected_by: frozenset[str]) -> None:
        """Take back a pod whose attempt failed; an empty `rejected_by` means an error, which is tried again after the pause."""
        changes = self._in_flight.pop(uid, [])
        queued = self._pods.get(uid)
        if queued is None:
            return
        queued.failed_at, queued.rejected_by = self._clock.monotonic(), rejected_by
        if not rejected_by or any(self._may_help(queued.pod, rejected_by, change) for change in changes):
            self._retry(queued)
            return
        asyncio.get_running_loop().call_later(UNSCHEDULABLE_SECONDS, self._flush, uid, queued.attempts)

    def changed(self, change: Change) -> None:
        """Something in the cluster changed: let the pods that it may help try again."""
        for waiting in self._in_flight.values():
            waiting.append(change)
        for uid, queued in list(self._pods.items()):
            idle = uid not in self._in_active and uid not in self._backoff and uid not in self._in_flight
            if idle and not queued.gated and self._may_help(queued.pod, queued.rejected_by, change):
                self._retry(queued)

    def _try_activate(self, queued: QueuedPod) -> None:
        queued.gated = self._pre_enqueue(queued.pod) is not None
        if not queued.gated:
            self._activate(queued)

    def _activate(self, queued: QueuedPod) -> None:
        uid = queued.pod.metadata.uid
        self._backoff.discard(uid)
        self._in_active.add(uid)
        self._count += 1
        heapq.heappush(self._active, _Entry((-facts.priority(queued.pod), queued.since, self._count), uid))
        self._wake.set()

    def _retry(self, queued: QueuedPod) -> None:
        uid = queued.pod.metadata.uid
        pause = queued.backoff_until() - self._clock.monotonic()
        if pause <= 0:
            self._activate(queued)
        elif uid not in self._backoff:
            self._backoff.add(uid)
            asyncio.get_running_loop().call_later(pause, self._backoff_over, uid)

    def _backoff_over(self, uid: str) -> None:
        if uid in self._backoff:
            self._activate(self._pods[uid])

    def _flush(self, uid: str, attempts: int) -> None:
        queued = self._pods.get(uid)
        if queued is not None and queued.attempts == attempts and uid not in self._in_active and uid not in self._in_flight:
            self._retry(queued)
