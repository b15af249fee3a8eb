"""All pods of this node: which there should be, by source, and one worker for each.

    API informer --+
                     show / hide --> worker (SYNC -> ... -> FINISHED) --> when hidden and finished: forgotten
    manifests ------+

A pod that vanishes from its source is ended. A static pod waits until an older one of its name has finished.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from sagong.api.pods import is_mirror, is_static
from sagong.api.types.core import Pod
from sagong.node.admission import Rejection
from sagong.node.lifecycle import State
from sagong.node.meters.resizes import Trigger
from sagong.node.phases import FAILED, TERMINAL
from sagong.node.statuses import Verdict
from sagong.node.workers import Machinery, PodWorker

Admit = Callable[[Pod, list[Pod]], Rejection | None]
log = logging.getLogger(__name__)


class Pods:
    """The workers of a node. `gone` is told each pod that neither a source nor a worker knows any more; it says `left` when done."""

    def __init__(self, admit: Admit, gone: Callable[[Pod], None]) -> None:
        self._admit = admit
        self._resized: Callable[[Trigger], None] = lambda _: None
        self._gone = gone
        self._machinery: Machinery | None = None
        self._group: asyncio.TaskGroup | None = None
        self._workers: dict[str, PodWorker] = {}
        self._hidden: set[str] = set()
        self._leaving: set[str] = set()
        self._seen: dict[str, float] = {}
        self._waiting: dict[str, Pod] = {}
        self._static: Mapping[str, Pod] = {}
        self._mirrors: dict[tuple[str, str], Pod] = {}
        self._api: dict[str, Pod] = {}

    def use(self, machinery: Machinery, resized: Callable[[Trigger], None] = lambda _: None) -> None:
        """Take what workers work with. Machinery and pods know each other, so one comes second.

        `resized` is called when a pod asks for other resources, or when a pod that has ended has given some back, with the reason.
        """
        self._machinery = machinery
        self._resized = resized

    async def run(self) -> None:
        """Host the workers until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for worker in self._workers.values():
                group.create_task(worker.run(), name=f"pod-{worker.uid}")
            await asyncio.get_running_loop().create_future()

    # What sources say.

    def static_changed(self, pods: Mapping[str, Pod]) -> None:
        """Take all static pods there should be."""
        before, self._static = self._static, pods
        for uid in before.keys() - pods.keys():
            self._hide(uid)
        for uid in pods.keys() - before.keys():
            self._show(pods[uid])

    def api_changed(self, old: Pod | None, new: Pod | None) -> None:
        """Take a change of the API's pods of this node."""
        if old is not None and (new is None or new.metadata.uid != old.metadata.uid):
            self._api.pop(old.metadata.uid, None)
            if is_mirror(old):
                self._mirrors.pop((old.metadata.namespace, old.metadata.name), None)
            else:
                self._hide(old.metadata.uid)
        if new is None:
            return
        self._api[new.metadata.uid] = new
        if is_mirror(new):
            self._mirrors[(new.metadata.namespace, new.metadata.name)] = new
        else:
            self._show(new)

    def shown(self, uid: str) -> Pod | None:
        """Return what the API has for a pod: itself, or its mirror."""
        worker = self._workers.get(uid)
        if worker is not None and worker.static:
            mirror = self._mirrors.get((worker.pod.metadata.namespace, worker.pod.metadata.name))
            same = mirror is not None and mirror.metadata.annotations.get("kubernetes.io/config.mirror") == uid
            return mirror if same else None
        return self._api.get(uid)

    def mirror(self, namespace: str, name: str) -> Pod | None:
        """Return the mirror pod of that name."""
        return self._mirrors.get((namespace, name))

    def mirrors(self) -> list[Pod]:
        """Return all mirror pods of this node."""
        return list(self._mirrors.values())

    # What the node says.

    def wake(self, uid: str, ended: str = "") -> None:
        """Let the pod's worker look; `ended` is a container or sandbox of it that has."""
        if worker := self._workers.get(uid):
            worker.wake(ended)

    def wake_all(self) -> None:
        """Let every worker look."""
        for worker in self._workers.values():
            worker.wake()

    def finished(self, uid: str) -> None:
        """Take note that a worker has come to its end."""
        self._resized("pods_removed")
        for waiting in list(self._waiting.values()):
            self._start(waiting)
        if uid in self._hidden:
            self._forget(uid)

    def left(self, uid: str) -> None:
        """Take note that nothing is left of a pod that was forgotten; should it be shown again, it may begin now."""
        self._leaving.discard(uid)
        if uid in self._waiting:
            waiting = self._waiting[uid]
            if self._machinery is not None:
                self._machinery.restarted(is_static(waiting))
            self._start(waiting)

    @property
    def idle(self) -> bool:
        """Tell whether there is no pod at all, coming, running or leaving."""
        return not (self._workers or self._waiting or self._leaving)

    def worker(self, uid: str) -> PodWorker | None:
        """Return the worker of a pod."""
        return self._workers.get(uid)

    def all(self) -> list[PodWorker]:
        """Return all workers, also of pods that have finished and are still shown."""
        return list(self._workers.values())

    def counting(self) -> list[PodWorker]:
        """Return the workers whose pods use the node's resources, as the scheduler counts: what its source has dropped does not."""
        return [worker for uid, worker in self._workers.items() if worker.counts and uid not in self._hidden]

    def known(self, uid: str) -> bool:
        """Tell whether a pod has a worker, waits for one, or is being removed."""
        return uid in self._workers or uid in self._waiting or uid in self._leaving

    def find(self, namespace: str, name: str) -> PodWorker | None:
        """Return the worker of the pod of that name; the one that still runs, should there be two."""
        found = [w for w in self._workers.values() if (w.pod.metadata.namespace, w.pod.metadata.name) == (namespace, name)]
        return min(found, key=lambda worker: worker.state is State.FINISHED, default=None)

    # The rest is how.

    def _show(self, pod: Pod) -> None:
        worker = self._workers.get(pod.metadata.uid)
        if worker is not None and pod.metadata.uid in self._hidden:
            self._waiting[pod.metadata.uid] = pod  # it is being ended, and begins anew then
        elif worker is not None:
            worker.update(pod)
            if worker.resizing:
                self._resized("pod_updated")
            if self._machinery is not None:
                self._machinery.statuses.reconcile(pod.metadata.uid)
        else:
            self._start(pod)

    def _start(self, pod: Pod) -> None:
        assert self._machinery is not None
        uid, meta = pod.metadata.uid, pod.metadata
        static = is_static(pod)
        seen = self._seen.setdefault(uid, self._machinery.clock.monotonic())
        if uid in self._workers or uid in self._leaving or (static and self._rivals(pod)):
            self._waiting[uid] = pod
            return
        self._waiting.pop(uid, None)
        worker = PodWorker(pod, self._machinery, static=static, seen=seen)
        del self._seen[uid]
        others = [other.pod for other in self.counting()]
        self._workers[uid] = worker
        active = pod.status.phase not in TERMINAL and not meta.deletionTimestamp
        rejection = self._admit(worker.pod, others) if active and not pod.status.startTime else None
        if rejection is None and active:
            self._machinery.allocations.allot(worker.pod)
        elif rejection is not None:
            self._machinery.events.pod(pod, "Warning", rejection.reason, rejection.message)
            worker.reject(Verdict(FAILED, rejection.reason, f"Pod was rejected: {rejection.message}"))
        if worker.resizing:
            # an earlier kubelet has left a resize waiting: judged when the other pods are here too
            asyncio.get_running_loop().call_soon(self._resized, "pods_added")
        if self._group is not None:
            self._group.create_task(worker.run(), name=f"pod-{uid}")

    def _rivals(self, pod: Pod) -> list[PodWorker]:
        name = (pod.metadata.namespace, pod.metadata.name)
        others = (w for w in self._workers.values() if (w.pod.metadata.namespace, w.pod.metadata.name) == name)
        return [worker for worker in others if worker.static and worker.state is not State.FINISHED]

    def _hide(self, uid: str) -> None:
        self._waiting.pop(uid, None)
        self._seen.pop(uid, None)
        worker = self._workers.get(uid)
        if worker is None:
            return
        self._hidden.add(uid)
        if worker.state is State.FINISHED:
            self._forget(uid)
        else:
            worker.end()

    def _forget(self, uid: str) -> None:
        worker = self._workers.pop(uid)
        self._hidden.discard(uid)
        if self._machinery is not None:
            self._machinery.statuses.forget(uid)
            self._machinery.prober.forget(uid)
            self._machinery.allocations.forget(uid)
        self._leaving.add(uid)
        self._gone(worker.pod)
