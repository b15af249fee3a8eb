"""Who gets the resources that running pods ask for anew, and what the pod's conditions tell of it (KEP-1287).

A resize that does not fit is deferred: it is judged again when another pod ends or shrinks, and every few minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sagong.api.clock import Clock
from sagong.api.pods import priority, qos_class, requests
from sagong.api.quantity import ZERO
from sagong.api.types.core import Pod
from sagong.node.admission import Rejection
from sagong.node.allocations import Allocations
from sagong.node.events import Kind, PodEvents
from sagong.node.meters.resizes import ResizeMeter, Trigger
from sagong.node.resize_conditions import resize_message
from sagong.node.workers import PodWorker

RETRY_SECONDS = 180.0
_QOS_ORDER = ("Guaranteed", "Burstable", "BestEffort")


class Grants:
    """Judges the resizes of one node's pods."""

    def __init__(
        self,
        allocations: Allocations,
        workers: Callable[[], Sequence[PodWorker]],
        admit: Callable[[Pod, list[Pod]], Rejection | None],
        events: PodEvents,
        clock: Clock,
        *,
        meter: ResizeMeter,
    ) -> None:
        """`workers` returns those whose pods count."""
        self._meter = meter
        self._allocations = allocations
        self._workers = workers
        self._admit = admit
        self._events = events
        self._clock = clock

    async def run(self) -> None:
        """Judge now and then what was deferred, until cancelled."""
        while True:
            await self._clock.sleep(RETRY_SECONDS)
            self.look("periodic_retry")

    def look(self, trigger: Trigger) -> None:
        """Judge every resize that waits: first what asks for no more, then by priority, quality of service and age."""
        waiting = [worker for worker in self._workers() if worker.resizing]
        for worker in sorted(waiting, key=_order):
            others = [other.pod for other in self._workers() if other is not worker]
            rejection = self._admit(worker.wanted, others)
            if rejection is None:
                if worker.deferred_since:
                    self._meter.granted(trigger)
                self._allocations.allot(worker.wanted)
                worker.grant()
                self._tell(worker.wanted, "Normal", "ResizeStarted", "started")
            elif worker.defer("Deferred", rejection.message):
                self._tell(worker.wanted, "Warning", "ResizeDeferred", "Deferred", rejection.message)

    def _tell(self, pod: Pod, kind: Kind, reason: str, what: str, error: str = "") -> None:
        self._events.pod(pod, kind, reason, resize_message(pod, pod.metadata.generation, what, error))


def _order(worker: PodWorker) -> tuple[bool, int, int, str]:
    asked, has = requests(worker.wanted), requests(worker.pod)
    more = any(asked.get(name, ZERO) > has.get(name, ZERO) for name in ("cpu", "memory"))
    return more, -priority(worker.wanted), _QOS_ORDER.index(qos_class(worker.wanted)), worker.deferred_since or "~"
