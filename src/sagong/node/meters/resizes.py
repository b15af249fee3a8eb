"""What is asked of pods that run and are resized in place, and what becomes of it (KEP-1287)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Literal

from sagong.api.exposition import Metric
from sagong.api.pods import is_sidecar
from sagong.api.quantity import ZERO, Quantity, parse
from sagong.api.types.core import Container, Pod
from sagong.node.meters.ledger import Ledger

_MILLISECONDS = (10, 50, 100, 500, 1000, 2000, 5000, 10000, 20000, 30000, 60000, 120000, 300000, 600000)
Trigger = Literal["pod_updated", "pods_added", "pods_removed", "periodic_retry"]
"""Why resizes that wait are judged again, in upstream's words."""


class ResizeMeter:
    """Counts for the pods of one node."""

    def __init__(self, ledger: Ledger) -> None:
        self._clock = ledger.clock
        self.requested = ledger.count(
            "container_requested_resizes_total",
            "How many resizes of containers were asked for, each resource's request and limit for itself.",
            ("resource", "requirement", "operation"),
        )
        self.milliseconds = ledger.time(
            "pod_resize_duration_milliseconds", "How long it takes to carry a pod's resize out.", ("success",), _MILLISECONDS
        )
        self.accepted = ledger.count(
            "pod_deferred_accepted_resizes_total",
            "How many resizes that had to wait were granted, by what had them judged.",
            ("retry_trigger",),
        )

    def asked(self, before: Pod, after: Pod) -> None:
        """Count what a newer version of a pod asks of its containers."""
        known = {container.name: container for container in _resizable(before)}
        for container in _resizable(after):
            old = known.get(container.name)
            if old is None or old.resources == container.resources:
                continue
            for resource, requirement in product(("memory", "cpu"), ("requests", "limits")):
                amounts = getattr(old.resources, requirement), getattr(container.resources, requirement)
                if operation := _operation(*(_amount(found, resource) for found in amounts)):
                    self.requested.add((resource, requirement, operation))

    def carried_out(self, seconds: float, *, well: bool) -> None:
        """Count a resize that was carried out, or not wholly."""
        self.milliseconds.observe(int(seconds * 1000), ("true" if well else "false",))

    def granted(self, trigger: Trigger) -> None:
        """Count a resize that had to wait."""
        self.accepted.add((trigger,))


def waiting(reasons: Iterable[str], in_progress: int) -> Iterable[Metric]:
    """Return how many resizes wait, by why, and how many are being carried out."""
    pending = Metric("kubelet_pod_pending_resizes", "gauge", "How many pods' resizes wait, by why.")
    for reason, count in sorted(Counter(reason.lower() for reason in reasons).items()):
        pending.add(count, reason=reason)
    progress = Metric("kubelet_pod_in_progress_resizes", "gauge", "How many pods' resizes are being carried out.")
    progress.add(in_progress)
    return pending, progress


def _resizable(pod: Pod) -> Iterable[Container]:
    return [*filter(is_sidecar, pod.spec.initContainers), *pod.spec.containers]


def _amount(amounts: Mapping[str, str], resource: str) -> Quantity:
    return parse(amounts[resource]) if resource in amounts else ZERO


def _operation(before: Quantity, after: Quantity) -> str:
    if before == after:
        return ""
    if not (before and after):
        return "add" if after else "remove"
    return "increase" if after > before else "decrease"
