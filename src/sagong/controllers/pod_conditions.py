"""Pods that a controller marks before it deletes them, so that their owners know why they went (KEP-3329)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sagong.api.clock import format_time
from sagong.api.pods import condition, is_finished
from sagong.api.types.core import Pod, PodCondition
from sagong.client.plan import Action, Delete, Patch

DISRUPTION_TARGET = "DisruptionTarget"


def disruption(pod: Pod, reason: str, message: str, now: datetime) -> PodCondition:
    """Return the condition that says why a pod is deleted."""
    return PodCondition(
        type=DISRUPTION_TARGET,
        observedGeneration=pod.metadata.generation,
        status="True",
        reason=reason,
        message=message,
        lastTransitionTime=format_time(now),
    )


def patch_status(pod: Pod, **status: Any) -> Patch:
    """Patch some of a pod's status; conditions are merged by type."""
    body = {"metadata": {"uid": pod.metadata.uid}, "status": status}
    return Patch(Pod, pod.metadata.name, pod.metadata.namespace, body, "strategic", "status")


def evict(pod: Pod, reason: str, message: str, now: datetime) -> tuple[Action, ...]:
    """Mark a pod and delete it gracefully."""
    found = condition(pod, DISRUPTION_TARGET)
    deletion = Delete(Pod, pod.metadata.name, pod.metadata.namespace, pod.metadata.uid)
    if found is not None and (found.status, found.reason, found.message) == ("True", reason, message):
        return (deletion,)
    return patch_status(pod, conditions=[disruption(pod, reason, message, now)]), deletion


def force_delete(pod: Pod, cause: PodCondition | None = None) -> tuple[Action, ...]:
    """Mark a pod that no kubelet will end as failed, and delete it at once."""
    deletion = Delete(Pod, pod.metadata.name, pod.metadata.namespace, pod.metadata.uid, grace_period_seconds=0)
    if is_finished(pod):
        return (deletion,)
    return patch_status(pod, phase="Failed", **({"conditions": [cause]} if cause is not None else {})), deletion
