"""Pods that the node itself ends: evicted, preempted, or because the machine goes down. They fail, and say why."""

from __future__ import annotations

from dataclasses import dataclass

from sagong.api.types.core import Pod
from sagong.node.conditions import condition
from sagong.node.events import PodEvents
from sagong.node.lifecycle import State
from sagong.node.phases import FAILED
from sagong.node.pods import Pods
from sagong.node.statuses import Verdict

PREEMPTED = "Preempted in order to admit critical pod"
SHUT_DOWN = "Pod was terminated in response to imminent node shutdown."


@dataclass(frozen=True)
class Endings:
    """Ends pods of one node."""

    pods: Pods
    events: PodEvents

    def active(self) -> list[Pod]:
        """Return the pods that use the node."""
        return [worker.pod for worker in self.pods.all() if worker.counts]

    def evict(self, pod: Pod, message: str, grace: int, *, disruption: bool) -> None:
        """End a pod within so many seconds: because the node runs short, a disruption, or because it broke its own limits."""
        self._end(pod, "Evicted", message, message if disruption else "", grace)

    def preempt(self, pod: Pod) -> None:
        """End a pod so that a critical one can be let in."""
        self._end(pod, "Preempting", PREEMPTED, "Pod was preempted by Kubelet to accommodate a critical pod.")

    def shut_down(self, pod: Pod, grace: int) -> None:
        """End a pod because the machine goes down, within so many seconds."""
        self._end(pod, "Terminated", SHUT_DOWN, SHUT_DOWN, grace)

    def has_ended(self, uid: str) -> bool:
        """Tell whether nothing of a pod runs any more."""
        worker = self.pods.worker(uid)
        return worker is None or worker.state in (State.TERMINATED, State.FINISHED)

    def _end(self, pod: Pod, reason: str, message: str, told: str, grace: int | None = None) -> None:
        self.events.pod(pod, "Warning", reason, message)
        # what is a pod's own fault is no disruption: a Job's podFailurePolicy tells them apart (KEP-3329)
        targets = [condition(pod, "DisruptionTarget", true=True, reason="TerminationByKubelet", message=told)] if told else []
        if worker := self.pods.worker(pod.metadata.uid):
            worker.end(Verdict(FAILED, reason, message, tuple(targets)), grace=grace)
