"""Which changes of a pod in the API matter to its node."""

from __future__ import annotations

from sagong.api.types.core import Pod, PodCondition
from sagong.node.conditions import OWNED


def matters(before: Pod, after: Pod) -> bool:
    """Tell whether a newer version of a pod asks for a look: not when only what the kubelet itself wrote is new."""
    old, new = before.metadata, after.metadata
    return (
        before.spec != after.spec
        or (old.generation, old.labels, old.annotations) != (new.generation, new.labels, new.annotations)
        or _foreign(before) != _foreign(after)
    )


def shown_in_volumes(pod: Pod) -> object:
    """Return what volumes may show of the pod itself."""
    return pod.metadata.labels, pod.metadata.annotations


def _foreign(pod: Pod) -> list[PodCondition]:
    return [found for found in pod.status.conditions if found.type not in OWNED]
