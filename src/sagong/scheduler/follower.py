"""What the informers tell, carried into cache, queue and nominations, and told to the pods that wait for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from sagong.api import pods as facts
from sagong.api.types.core import Namespace, Node, Pod
from sagong.scheduler.cache import Cache
from sagong.scheduler.events import ADD, DELETE, Change, change, node_changes, pod_changes
from sagong.scheduler.nominator import Nominator
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.queue import SchedulingQueue


@dataclass(frozen=True, slots=True)
class Follower:
    """`interest`: by kind, the unions of actions that some plugin waits for; `ours`: the scheduler names whose pods we place."""

    cache: Cache
    queue: SchedulingQueue
    nominator: Nominator
    interest: Mapping[str, Collection[int]]
    ours: Collection[str]

    def changed(self, change: Change, only: Callable[[PodInfo], bool] | None = None) -> None:
        """Let pods try again that the change may help."""
        if any(change.is_one_of(actions) for actions in self.interest.get(change.kind, ())):
            self.queue.changed(change, only)

    def other(self, kind: str, old: Any, new: Any) -> None:
        """Follow an object that only plugins look at."""
        self.changed(change(kind, old, new))

    def node(self, old: Node | None, new: Node | None) -> None:
        """Follow a node."""
        self.cache.set_node(old, new)
        for found in node_changes(old, new):
            self.changed(found)

    def namespace(self, old: Namespace | None, new: Namespace | None) -> None:
        """Follow a namespace."""
        named = new or old
        if named is not None:
            self.cache.set_namespace(named.metadata.name, new.metadata.labels if new is not None else None)
        if old is None or new is None or old.metadata.labels != new.metadata.labels:
            self.changed(change("Namespace", old, new))

    def pod(self, old: Pod | None, new: Pod | None) -> None:
        """Follow a pod: one that waits goes to the queue, one that has a node to the cache."""
        pod = new or old
        if pod is None:
            return
        was_assumed = self.cache.is_assumed(pod.metadata.uid)
        if new is not None and not new.spec.nodeName and new.metadata.deletionTimestamp is None:
            if not was_assumed and new.spec.schedulerName in self.ours:
                self._waiting(old, new)
        elif was_assumed and not pod.spec.nodeName:
            self._assumed_is_leaving(pod.metadata.uid)
        else:
            self._placed_or_gone(old, new, pod.metadata.uid, was_assumed=was_assumed)

    def forget_assumed(self, info: PodInfo) -> None:
        """Free what a pod holds that will not be bound after all, as if it were deleted."""
        node = self.cache.node_of(info.uid)
        if self.cache.forget(info.uid):
            spec = msgspec.structs.replace(info.pod.spec, nodeName=node)
            gone = msgspec.structs.replace(info.pod, spec=spec)
            self.changed(Change("Pod", DELETE, gone, None), lambda other: other.uid != info.uid)

    def _placed_or_gone(self, old: Pod | None, new: Pod | None, uid: str, *, was_assumed: bool) -> None:
        before, now = self.cache.set_pod(new, old)
        self.queue.drop(uid)
        self.nominator.forget(uid)
        if before is not None and now is not None and not was_assumed:
            for found in pod_changes(before, now):
                self.changed(found)
        elif now is not None:
            self.changed(Change("Pod", ADD, None, new))
        elif before is not None:
            self.changed(Change("Pod", DELETE, old or new, None))
        elif old is not None and old.status.nominatedNodeName:
            self._nomination_ended(old)

    def _waiting(self, old: Pod | None, new: Pod) -> None:
        queued = self.queue.get(new.metadata.uid)
        before = queued.info if queued is not None else None
        info = PodInfo.of(new, before)
        self.nominator.follow(info, before)
        if before is None:
            self.queue.add(info)
        else:
            self.queue.update(info, pod_changes(before, info))
        if old is not None and old.status.nominatedNodeName not in ("", new.status.nominatedNodeName):
            self._nomination_ended(old)

    def _nomination_ended(self, pod: Pod) -> None:
        """Let those try again for whom a nominated pod counted as if it were there."""
        priority = facts.priority(pod)
        self.changed(Change("Pod", DELETE, pod, None), lambda info: info.priority <= priority)

    def _assumed_is_leaving(self, uid: str) -> None:
        """Free what a pod holds that is deleted before it was seen bound; its binding will fail."""
        info = self.cache.get(uid)
        if info is not None:
            self.forget_assumed(info)
