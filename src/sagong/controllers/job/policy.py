"""When a pod's failure counts, or ends the job (KEP-3329), and when successes suffice (KEP-3998)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sagong.api.types.batch import Job, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule
from sagong.api.types.core import ContainerStatus, Pod
from sagong.controllers.job.indexes import parse


class Verdict(NamedTuple):
    """What a failure policy makes of a failed pod: `action` is the rule's, empty for none; `message` fails the job."""

    counts: bool = True
    action: str = ""
    message: str = ""


def judge(job: Job, pod: Pod) -> Verdict:
    """Apply the first rule that matches."""
    for index, rule in enumerate(job.spec.podFailurePolicy.rules or () if job.spec.podFailurePolicy else ()):
        matched = _matched(rule, pod, index)
        if matched is not None:
            return Verdict(rule.action != "Ignore", rule.action, matched if rule.action == "FailJob" else "")
    return Verdict()


def replaces_only_failed(job: Job) -> bool:
    """Say whether a terminating pod is waited for before it is replaced (KEP-3939)."""
    return job.spec.podReplacementPolicy == "Failed" or job.spec.podFailurePolicy is not None


def is_failed(job: Job, pod: Pod) -> bool:
    """Say whether the pod counts as failed: it has, or it is being deleted and need not be waited for."""
    if pod.status.phase == "Failed":
        return True
    return not replaces_only_failed(job) and pod.metadata.deletionTimestamp is not None and pod.status.phase != "Succeeded"


def failing_message(job: Job, pods: Iterable[Pod]) -> str:
    """Return why a failed pod fails the job; empty if none does."""
    if job.spec.podFailurePolicy is None:
        return ""
    return next((message for pod in pods if is_failed(job, pod) and (message := judge(job, pod).message)), "")


def succeeded_by_policy(job: Job, succeeded: set[int]) -> str:
    """Return the message of the success rule that is met."""
    if job.spec.successPolicy is None or not succeeded:
        return ""
    for index, rule in enumerate(job.spec.successPolicy.rules):
        required = parse(rule.succeededIndexes, job.spec.completions or 0) if rule.succeededIndexes is not None else None
        if required is None:
            met = rule.succeededCount is not None and len(succeeded) >= rule.succeededCount
        else:
            met = bool(required) and (
                required <= succeeded or (rule.succeededCount is not None and len(required & succeeded) >= rule.succeededCount)
            )
        if met:
            return f"Matched rules at index {index}"
    return ""


def _matched(rule: PodFailurePolicyRule, pod: Pod, index: int) -> str | None:
    """Return what matched, in the words of a failed job's message."""
    name = f"{pod.metadata.namespace}/{pod.metadata.name}"
    suffix = f"matching {rule.action} rule at index {index}"
    if rule.onExitCodes is not None:
        for status in (*pod.status.containerStatuses, *pod.status.initContainerStatuses):
            if _has_exit_code(rule.onExitCodes, status):
                code = status.state.terminated.exitCode if status.state.terminated else 0
                return f"Container {status.name} for pod {name} failed with exit code {code} {suffix}"
        return None
    wanted = {(pattern.type, pattern.status) for pattern in rule.onPodConditions}
    found = next((entry for entry in pod.status.conditions if (entry.type, entry.status) in wanted), None)
    return f"Pod {name} has condition {found.type} {suffix}" if found is not None else None


def _has_exit_code(requirement: PodFailurePolicyOnExitCodesRequirement, status: ContainerStatus) -> bool:
    if status.state.terminated is None or requirement.containerName not in (None, status.name):
        return False
    code = status.state.terminated.exitCode
    return code != 0 and (code in requirement.values) == (requirement.operator == "In")
