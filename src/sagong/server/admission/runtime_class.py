"""RuntimeClass: a pod takes overhead and scheduling constraints from its runtime class (KEP-688)."""

from __future__ import annotations

from sagong.api.types.core import Pod, Toleration
from sagong.api.types.node import RuntimeClass
from sagong.server.admission.plugin import PODS, Plugin, Review
from sagong.server.contract import Objects

_MISMATCH = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"


class RuntimeClasses(Plugin):
    """Asked about new pods."""

    name = "RuntimeClass"
    resources = (PODS,)

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def mutate(self, review: Review) -> None:
        """Set overhead, merge node selector and tolerations."""
        pod: Pod = review.obj
        found = self._class_of(review)
        if found is None:
            return
        if found.overhead is not None:
            if pod.spec.overhead and pod.spec.overhead != found.overhead.podFixed:
                raise review.forbidden(_MISMATCH)
            pod.spec.overhead = dict(found.overhead.podFixed)
        if found.scheduling is not None:
            selector = pod.spec.nodeSelector
            for key, value in found.scheduling.nodeSelector.items():
                if selector.get(key, value) != value:
                    ours, theirs = f"runtimeClass.scheduling.nodeSelector[{key}] = {value}", f"pod.spec.nodeSelector[{key}]"
                    raise review.forbidden(f"conflict: {ours}; {theirs} = {selector[key]}")
                selector[key] = value
            pod.spec.tolerations = _merged(pod.spec.tolerations, found.scheduling.tolerations)

    async def validate(self, review: Review) -> None:
        """Refuse overhead that no class defines."""
        pod: Pod = review.obj
        found = self._class_of(review)
        if found is not None and found.overhead is not None:
            if pod.spec.overhead != found.overhead.podFixed:
                raise review.forbidden(_MISMATCH)
        elif pod.spec.overhead:
            raise review.forbidden("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")

    def _class_of(self, review: Review) -> RuntimeClass | None:
        name = review.obj.spec.runtimeClassName
        if name is None:
            return None
        found = self._objects.get(RuntimeClass, name)
        if found is None:
            raise review.forbidden(f'pod rejected: RuntimeClass "{name}" not found')
        return found


def _merged(first: list[Toleration], second: list[Toleration]) -> list[Toleration]:
    """Put both together without doubles."""
    return first + [toleration for toleration in second if toleration not in first]
