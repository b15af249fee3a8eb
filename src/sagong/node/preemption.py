"""Room for critical pods: which pods have to go so that one can be let in (upstream's CriticalPodAdmissionHandler).

As few as possible of the highest class: best-effort pods are taken where they help, then burstable, then guaranteed ones; in a class
the one that comes nearest to what is missing, and among equals the smallest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sagong.api.pods import is_critical, priority, qos_class, requests
from sagong.api.types.core import Pod

_CLASSES = ("BestEffort", "Burstable", "Guaranteed")

Shortage = Mapping[str, int]
"""what is missing by resource: thousandths of a CPU, bytes, pods"""


class NoRoomError(Exception):
    """No set of pods would make enough room; the message is upstream's."""


def victims(pod: Pod, others: Iterable[Pod], missing: Shortage) -> Sequence[Pod]:
    """Return the pods to end so that `missing` becomes free. Raises NoRoomError."""
    may_go = [other for other in others if _preemptable(pod, other)]
    best_effort, burstable, guaranteed = ([other for other in may_go if qos_class(other) == name] for name in _CLASSES)
    if short := _less(missing, may_go):
        raise NoRoomError(f"no set of running pods found to reclaim resources: {_shown(short)}")
    last = _nearest(guaranteed, _less(missing, [*best_effort, *burstable]))
    second = _nearest(burstable, _less(missing, [*best_effort, *last]))
    first = _nearest(best_effort, _less(missing, [*second, *last]))
    return [*first, *second, *last]


def asked(pod: Pod, resource: str) -> int:
    """Return what a pod asks of a resource, in the unit of a Shortage."""
    if resource == "pods":
        return 1
    found = requests(pod).get(resource)
    return 0 if found is None else found.milli_value() if resource == "cpu" else found.value()


def _preemptable(pod: Pod, other: Pod) -> bool:
    if is_critical(pod) and not is_critical(other):
        return True
    return pod.spec.priority is not None and other.spec.priority is not None and priority(pod) > priority(other)


def _less(missing: Shortage, pods: Sequence[Pod]) -> dict[str, int]:
    """Return what would be missing still if these pods were gone."""
    left = {resource: amount - sum(asked(pod, resource) for pod in pods) for resource, amount in missing.items()}
    return {resource: amount for resource, amount in left.items() if amount > 0}


def _nearest(pods: Sequence[Pod], missing: Shortage) -> Sequence[Pod]:
    chosen: list[Pod] = []
    while missing:
        rest = [pod for pod in pods if pod not in chosen]
        best = min(rest, key=lambda pod: (_distance(pod, missing), asked(pod, "memory"), asked(pod, "cpu")))
        chosen.append(best)
        missing = _less(missing, [best])
    return chosen


def _distance(pod: Pod, missing: Shortage) -> float:
    """Return how far a pod is from what is missing: each resource counts alike, by the part of it that would be missing still."""
    return sum((max(amount - asked(pod, resource), 0) / amount) ** 2 for resource, amount in missing.items())


def _shown(missing: Shortage) -> str:
    return "[" + "".join(f"(res: {resource}, q: {amount}), " for resource, amount in missing.items()) + "]"
