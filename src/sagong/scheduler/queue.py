"""The scheduling queue: the places where a waiting pod can be.

`active` holds pods to try now, by priority, then age. A pod that was rejected goes to `unschedulable` until a change comes that one of
the plugins that rejected it waits for, or five minutes have passed; it then goes to `backoff` until its pause is over (1 s, doubled for
each rejection, 10 s at most). A pod whose attempt ended in an error goes to `error` for a pause of its own. While nothing is active,
pods of `backoff` are taken before their time (KEP-5142). A gated pod is unschedulable, and only what its gate waits for moves it.

A change that comes while a pod is being tried could not be seen by that attempt: it is kept, and looked at when the pod comes back.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sagong.api.clock import Clock
from sagong.scheduler.events import Change
from sagong.scheduler.pod_info import PodInfo

FIRST_BACKOFF, LONGEST_BACKOFF = 1.0, 10.0
UNSCHEDULABLE_SECONDS, FLUSH_SECONDS = 300.0, 30.0
WINDOW = 1.0
"""Pauses end on whole seconds, so that all pods of a second are ordered by priority."""

Place = Literal["active", "backoff", "error", "unschedulable", "in flight", "gone"]
_PAUSING: tuple[Place, ...] = ("backoff", "error")
Urgency = Callable[[PodInfo, float], tuple[float, float]]
"""(pod, since when it waits) -> what pods are ordered by, the least first."""


@dataclass(slots=True)
class QueuedPod:
    """A waiting pod, and what its attempts came to. `since`: when it was put into the queue, last time."""

    info: PodInfo
    since: float
    place: Place = "gone"
    attempts: int = 0
    first_tried: float | None = None
    rejections: int = 0
    errors: int = 0
    rejected_by: frozenset[str] = frozenset()
    gate: str = ""
    flushed: bool = False
    ticket: int = 0


@dataclass(order=True, slots=True)
class _Entry:
    order: tuple[float, float, float, int]
    queued: QueuedPod = field(compare=False)
    ticket: int = field(compare=False)

    def is_current(self, place: Place) -> bool:
        return self.queued.ticket == self.ticket and self.queued.place == place


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds of the first and the longest pause; a longest of 0 means none."""

    first: float = FIRST_BACKOFF
    longest: float = LONGEST_BACKOFF

    def until(self, queued: QueuedPod) -> float:
        """Return when a pod may be tried again."""
        count = queued.errors or queued.rejections
        if not count or not self.longest:
            return 0.0
        pause = min(self.first * 2.0 ** min(count - 1, 30), self.longest)
        return (queued.since + pause) // WINDOW * WINDOW


class Asked(Protocol):
    """What the queue wants to know of plugins (`hints.Hints`)."""

    def gate_of(self, info: PodInfo) -> str:
        """Return what keeps a pod out of the queue, "" for nothing."""
        ...

    def concerned(self, gate: str, change: Change) -> Collection[str] | None:
        """Return the uids of pods whose gate a change may open, None for all."""
        ...

    def listens(self, rejected_by: Collection[str], change: Change) -> bool:
        """Say whether any of these plugins waits for such changes."""
        ...

    def may_help(self, info: PodInfo, rejected_by: Collection[str], change: Change) -> bool:
        """Say whether a change may make a pod schedulable that these plugins rejected."""
        ...


class Parked:
    """Unschedulable pods, together with those that wait for the same: the same gate, or rejection by the same plugins."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, frozenset[str]], dict[str, QueuedPod]] = {}
        self._where: dict[str, tuple[str, frozenset[str]]] = {}

    def __len__(self) -> int:
        return len(self._where)

    def __iter__(self) -> Iterator[QueuedPod]:
        return (queued for pods in tuple(self._groups.values()) for queued in tuple(pods.values()))

    def add(self, queued: QueuedPod) -> None:
        """Park a pod, or note that it now waits for something else."""
        self.remove(queued.info.uid)
        key = self._where[queued.info.uid] = (queued.gate, queued.rejected_by)
        self._groups.setdefault(key, {})[queued.info.uid] = queued

    def remove(self, uid: str) -> None:
        """Forget a pod."""
        key = self._where.pop(uid, None)
        if key is not None:
            del self._groups[key][uid]
            if not self._groups[key]:
                del self._groups[key]

    def waiting_for(self, change: Change, asked: Asked) -> list[QueuedPod]:
        """Return those that a change may concern."""
        found: list[QueuedPod] = []
        for (gate, rejected_by), pods in self._groups.items():
            if not gate:
                if asked.listens(rejected_by, change):
                    found += pods.values()
                continue
            uids = asked.concerned(gate, change)
            found += pods.values() if uids is None else [pods[uid] for uid in uids if uid in pods]
        return found


class SchedulingQueue:
    """Pods without a node, of the profiles we serve. For one event loop."""

    def __init__(self, clock: Clock, asked: Asked, backoff: Backoff | None = None, urgency: Urgency | None = None) -> None:
        self._urgency = urgency or (lambda info, since: (float(-info.priority), since))
        self._clock, self._asked, self._backoff = clock, asked, backoff or Backoff()
        self._pods: dict[str, QueuedPod] = {}
        self._heaps: dict[str, list[_Entry]] = {"active": [], "backoff": [], "error": []}
        self._unschedulable = Parked()
        self._in_flight: dict[str, list[Change]] = {}
        self._wake = asyncio.Event()
        self._tickets = 0
        self._flushed = float("-inf")
        self.incoming: Counter[tuple[str, str]] = Counter()
        """How many pods came into each place, by (place, what for)."""

    def __len__(self) -> int:
        return len(self._pods)

    @property
    def is_active(self) -> bool:
        """Whether a pod waits to be tried now."""
        return bool(self._heaps["active"])

    def get(self, uid: str) -> QueuedPod | None:
        """Return a waiting pod, or one that is being tried."""
        return self._pods.get(uid)

    def pending(self) -> dict[str, int]:
        """Count the waiting pods as the metric scheduler_pending_pods names them."""
        counts = {"active": 0, "backoff": 0, "gated": 0, "unschedulable": 0}
        for queued in self._pods.values():
            if queued.place == "unschedulable":
                counts["gated" if queued.gate else "unschedulable"] += 1
            elif queued.place != "in flight":
                counts["backoff" if queued.place == "error" else queued.place] += 1
        return counts

    def rejected(self) -> Counter[str]:
        """Count the waiting pods by the plugins that rejected them."""
        return Counter(plugin for queued in self._pods.values() for plugin in queued.rejected_by)

    # Coming and going.

    def add(self, info: PodInfo) -> None:
        """Add a pod."""
        queued = self._pods[info.uid] = QueuedPod(info, self._clock.monotonic())
        self._activate(queued, "UnschedulablePodAdd")

    def update(self, info: PodInfo, changes: Iterable[Change]) -> None:
        """Take a new version of a pod that waits, or is being tried."""
        queued = self._pods.get(info.uid)
        if queued is None:
            self.add(info)
            return
        queued.info = info
        if queued.place == "in flight":
            self._in_flight.get(info.uid, []).extend(changes)
        elif queued.place == "unschedulable":
            for change in changes:
                if self._is_worth(queued, change) and self._requeue(queued, change.label):
                    break

    def drop(self, uid: str) -> None:
        """Forget a pod that has its node, is finished or deleted."""
        queued = self._pods.pop(uid, None)
        if queued is not None:
            self._leave(queued)
        self._in_flight.pop(uid, None)

    async def pop(self) -> QueuedPod:
        """Wait for the most urgent pod and take it; `failed` or `done` must follow."""
        while True:
            self.flush()
            queued = self._first("active") or self._first("backoff")
            if queued is not None:
                self._leave(queued)
                queued.place = "in flight"
                self._in_flight[queued.info.uid] = []
                queued.attempts += 1
                queued.first_tried = queued.first_tried or self._clock.monotonic()
                return queued
            await self._wait()

    def done(self, uid: str) -> None:
        """Forget the changes of a pod that needs no other attempt as it seems; it is still ours if binding fails."""
        self._in_flight.pop(uid, None)

    def failed(self, queued: QueuedPod, rejected_by: frozenset[str]) -> None:
        """Take back a pod whose attempt failed; an empty `rejected_by` means an error, which is tried again after the pause."""
        uid = queued.info.uid
        changes = self._in_flight.pop(uid, [])
        if self._pods.get(uid) is not queued:
            return
        queued.since, queued.rejected_by, queued.flushed = self._clock.monotonic(), rejected_by, False
        if rejected_by:
            queued.rejections += 1
            queued.errors = 0
        else:
            queued.errors += 1
        if not rejected_by or any(self._is_worth(queued, change) for change in changes):
            self._requeue(queued, "ScheduleAttemptFailure")
        else:
            self._park(queued)

    # Moving.

    def changed(self, change: Change, only: Callable[[PodInfo], bool] | None = None) -> None:
        """Something in the cluster changed: let the pods that it may help try again."""
        for changes in self._in_flight.values():
            changes.append(change)
        if not self._unschedulable:
            return
        for queued in self._unschedulable.waiting_for(change, self._asked):
            if (only is None or only(queued.info)) and self._is_worth(queued, change):
                self._requeue(queued, change.label)

    def activate(self, uid: str) -> None:
        """Try a pod at once, or once more when it comes back from an attempt."""
        queued = self._pods.get(uid)
        if queued is None:
            return
        if queued.place == "in flight":
            self._in_flight.get(uid, []).append(Change("*", 0, None, None))
        elif queued.place != "active":
            self._activate(queued, "ForceActivate")

    def reopen(self, uid: str, *, again: bool) -> None:
        """Ask the gates anew about a pod that one holds back; let in, it is tried `again`, or waits for what may help it."""
        queued = self._pods.get(uid)
        if queued is None or queued.place != "unschedulable" or not queued.gate:
            return
        if again:
            self._requeue(queued, "ForceActivate")
        elif not self._is_gated(queued):
            self._unschedulable.add(queued)

    def flush(self) -> None:
        """Move what has waited long enough."""
        now = self._clock.monotonic()
        for place in _PAUSING:
            heap = self._heaps[place]
            while heap and (not heap[0].is_current(place) or heap[0].order[0] < now // WINDOW * WINDOW):
                entry = heapq.heappop(heap)
                if entry.is_current(place):
                    self._push(entry.queued, "active", "BackoffComplete")
        if now - self._flushed < FLUSH_SECONDS:
            return
        self._flushed = now
        for queued in self._unschedulable:
            if now - queued.since > UNSCHEDULABLE_SECONDS and not queued.gate:
                queued.flushed = True
                self._requeue(queued, "UnschedulableTimeout")

    def _is_worth(self, queued: QueuedPod, change: Change) -> bool:
        return not queued.rejected_by or change.kind == "*" or self._asked.may_help(queued.info, queued.rejected_by, change)

    def _requeue(self, queued: QueuedPod, why: str) -> bool:
        """Move to backoff while the pause lasts, else to active; return whether nothing gates it."""
        if self._is_gated(queued):
            return False
        if self._backoff.until(queued) >= self._clock.monotonic() // WINDOW * WINDOW:
            self._push(queued, "backoff" if queued.rejected_by else "error", why)
        else:
            self._push(queued, "active", why)
        return True

    def _activate(self, queued: QueuedPod, why: str) -> None:
        if not self._is_gated(queued):
            self._push(queued, "active", why)

    def _is_gated(self, queued: QueuedPod) -> bool:
        """Ask the gates; a pod that one holds is parked."""
        queued.gate = self._asked.gate_of(queued.info)
        if queued.gate:
            queued.rejected_by |= {queued.gate}
            self._park(queued)
        return bool(queued.gate)

    def _park(self, queued: QueuedPod) -> None:
        if queued.place != "unschedulable":
            self._leave(queued)
            queued.place = "unschedulable"
            self.incoming["gated" if queued.gate else "unschedulable", "ScheduleAttemptFailure"] += 1
        self._unschedulable.add(queued)

    def _push(self, queued: QueuedPod, place: Place, why: str) -> None:
        self._leave(queued)
        queued.place = place
        self._tickets += 1
        queued.ticket = self._tickets
        until = 0.0 if place == "active" else self._backoff.until(queued)
        order = (until, *self._urgency(queued.info, queued.since), queued.ticket)
        heapq.heappush(self._heaps[place], _Entry(order, queued, queued.ticket))
        self.incoming["backoff" if place == "error" else place, why] += 1
        self._wake.set()

    def _leave(self, queued: QueuedPod) -> None:
        """Leave the place where the pod is; its entries in heaps are void."""
        if queued.place == "unschedulable":
            self._unschedulable.remove(queued.info.uid)
        queued.place = "gone"

    def _first(self, place: Place) -> QueuedPod | None:
        heap = self._heaps[place]
        while heap:
            entry = heapq.heappop(heap)
            if entry.is_current(place):
                return entry.queued
        return None

    async def _wait(self) -> None:
        """Wait for a pod, or for the next pause or term to end; without waiting pods nothing ticks."""
        self._wake.clear()
        pauses = [entry.order[0] + WINDOW - self._clock.monotonic() for entry in self._heaps["error"][:1]]
        pauses += [FLUSH_SECONDS] if self._unschedulable else []
        timer = asyncio.get_running_loop().call_later(max(min(pauses), 0.01), self._wake.set) if pauses else None
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()
