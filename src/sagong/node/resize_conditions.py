"""What a pod tells of its resize: PodResizePending while it is not granted, PodResizeInProgress until it is carried out (KEP-1287)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from sagong.api.pods import condition
from sagong.api.types.core import Container, Pod, PodCondition
from sagong.node.allocations import Granted
from sagong.node.observe import Observed
from sagong.node.resize import judge, pod_differs

RESIZE_PENDING, RESIZE_IN_PROGRESS = "PodResizePending", "PodResizeInProgress"


@dataclass(slots=True)
class ResizeConditions:
    """The two conditions of one pod; None is a condition that is not shown."""

    pending: PodCondition | None = None
    progress: PodCondition | None = None
    generation: int = 0
    """of the spec whose resize is, or was last, carried out"""

    @classmethod
    def recall(cls, pod: Pod) -> ResizeConditions:
        """Return what an earlier kubelet showed."""
        progress = condition(pod, RESIZE_IN_PROGRESS)
        return cls(condition(pod, RESIZE_PENDING), progress, progress.observedGeneration if progress else 0)

    def conditions(self) -> Sequence[PodCondition]:
        """Return those that are to be shown."""
        return [found for found in (self.pending, self.progress) if found is not None]

    def defer(self, pod: Pod, reason: str, message: str) -> bool:
        """Note that the pod is not granted what it asks for now; tell whether reason or generation are new."""
        before, self.pending = self.pending, _condition(pod, RESIZE_PENDING, reason, message)
        return before is None or (before.reason, before.observedGeneration) != (reason, self.pending.observedGeneration)

    def granted(self, pod: Pod) -> None:
        """Note that the pod has been granted what it asks for."""
        self.pending, self.progress, self.generation = None, _condition(pod, RESIZE_IN_PROGRESS), pod.metadata.generation

    def fail(self, pod: Pod, message: str) -> bool:
        """Note that the resize could not be carried out; tell whether that is news."""
        before = self.progress
        if before is None:
            self.generation = pod.metadata.generation
        self.progress = _condition(pod, RESIZE_IN_PROGRESS, "Error", message)
        self.progress.observedGeneration = self.generation
        return before is None or (before.reason, before.message) != ("Error", message)

    def follow(self, pod: Pod, observed: Observed, actuated: Granted) -> bool:
        """Look whether the resize is carried out; tell whether it has just been."""
        if in_progress(pod, observed, actuated):
            if self.progress is None:
                self.progress, self.generation = _condition(pod, RESIZE_IN_PROGRESS), pod.metadata.generation
            return False
        done, self.progress = self.progress is not None, None
        return done


def in_progress(pod: Pod, observed: Observed, actuated: Granted) -> bool:
    """Tell whether anything that runs differs from what the pod has been granted."""
    runs = [(container, observed.latest(container.name)) for container in (*pod.spec.initContainers, *pod.spec.containers)]
    different = any(run is not None and run.state == "running" and judge(pod, container, run, actuated) for container, run in runs)
    return different or pod_differs(pod, actuated)


def resize_message(pod: Pod, generation: int, what: str, error: str = "") -> str:
    """Return the text of an event about a resize: what became of it, and the resources that are meant, as JSON."""
    parts: Mapping[str, object] = {
        "initContainers": [_summary(container) for container in pod.spec.initContainers],
        "containers": [_summary(container) for container in pod.spec.containers],
        "generation": generation,
        "error": error,
    }
    shown = {name: value for name, value in parts.items() if value or name == "generation"}
    return f"Pod resize {what}: {msgspec.json.encode(shown).decode()}"


def _summary(container: Container) -> Mapping[str, object]:
    return {"name": container.name, "resources": container.resources}


def _condition(pod: Pod, kind: str, reason: str = "", message: str = "") -> PodCondition:
    return PodCondition(type=kind, status="True", reason=reason, message=message, observedGeneration=pod.metadata.generation)
