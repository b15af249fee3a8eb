"""Which pods a job creates and deletes now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sagong.api.types.core import EnvVar, EnvVarSource, ObjectFieldSelector, Pod
from sagong.client.plan import Action, Create, Delete, Together, Told
from sagong.controllers.job.backoff import Failures, finished_at, remaining
from sagong.controllers.job.indexes import FAILURES, IGNORED_FAILURES, INDEX, all_failures, failures, ignored_failures, index_of
from sagong.controllers.job.observed import FINALIZER, Observed, is_tracked
from sagong.controllers.job.policy import judge, replaces_only_failed
from sagong.controllers.ownership import without_finalizer
from sagong.controllers.pod_ranking import first_to_go
from sagong.controllers.pod_template import pod_from_template

BURST = 500
MAX_PREFIX = 58
ENV = "JOB_COMPLETION_INDEX"


@dataclass(frozen=True, slots=True)
class Management:
    """Writes, the pods among them that go, how many come, and seconds until more may come."""

    actions: tuple[Action, ...] = ()
    leaving: Sequence[Pod] = ()
    coming: int = 0
    wait: float | None = None


def manage(observed: Observed, backoff: Failures, now: datetime) -> Management:
    """Bring the number of active pods to what is wanted: surplus ones go first, then missing ones come."""
    job = observed.job
    wanted = _wanted(observed)
    surplus = _surplus(observed, max(len(observed.active) - wanted, 0), now)
    if surplus or observed.suspended:
        return Management(delete(observed, surplus[:BURST], uncounted=True), surplus[:BURST])
    terminating = len(observed.terminating) if replaces_only_failed(job) else 0
    missing = min(wanted - terminating - len(observed.active), BURST)
    if missing <= 0:
        return Management()
    wait = backoff.wait(now) if observed.failed_indexes is None else 0.0
    if wait:
        return Management(wait=wait)
    if not observed.indexed:
        return Management(_create([_pod(observed, None) for _ in range(missing)], observed), coming=missing)
    indexes = list(_pending(observed, missing))
    waits = {index: _index_wait(observed.delayed[index], now) if index in observed.delayed else 0.0 for index in indexes}
    ready = [index for index in indexes if not waits[index]]
    if not ready:
        return Management(wait=min(waits.values(), default=None))
    return Management(_create([_pod(observed, index) for index in ready], observed), coming=len(ready))


def delete(observed: Observed, pods: Sequence[Pod], *, uncounted: bool) -> tuple[Action, ...]:
    """Delete pods; with `uncounted` they lose the finalizer first, so that they count for nothing."""
    told = Told(observed.job, ("SuccessfulDelete", "Deleted pod: {name}"), ("FailedDelete", "Error deleting: {error}"))
    released = tuple(without_finalizer(pod, FINALIZER) for pod in pods if uncounted and is_tracked(pod))
    deletions = tuple(Delete(Pod, pod.metadata.name, pod.metadata.namespace, pod.metadata.uid, told=told) for pod in pods)
    return tuple(Together(writes) for writes in (released, deletions) if writes)


def _wanted(observed: Observed) -> int:
    if observed.suspended:
        return 0
    parallelism = 1 if observed.job.spec.parallelism is None else observed.job.spec.parallelism
    if observed.completions is None:
        return len(observed.active) if observed.succeeded else parallelism
    return max(min(observed.completions - observed.succeeded, parallelism), 0)


def _surplus(observed: Observed, least: int, now: datetime) -> list[Pod]:
    """Return the active pods to delete: of an indexed job those too many of one index, and those without a valid one."""
    if not observed.indexed:
        return list(first_to_go(observed.active, (), least, now)) if least else []
    groups: dict[int | None, list[Pod]] = defaultdict(list)
    for pod in observed.active:
        index = index_of(pod)
        groups[index if index is not None and index < (observed.completions or 0) else None].append(pod)
    doomed = groups.pop(None, [])
    kept: list[Pod] = []
    for pods in groups.values():
        order = list(first_to_go(pods, (), len(pods) - 1, now)) if len(pods) > 1 else []
        doomed += order
        kept += [pod for pod in pods if pod not in order]
    return doomed + list(first_to_go(kept, (), least - len(doomed), now) if least > len(doomed) else ())


def _pending(observed: Observed, count: int) -> Iterable[int]:
    """Yield the lowest indexes that no pod is about."""
    busy = observed.succeeded_indexes | (observed.failed_indexes or set())
    about = [*observed.active, *(observed.terminating if replaces_only_failed(observed.job) else ())]
    busy |= {index for pod in about if (index := index_of(pod)) is not None}
    for index in range(observed.completions or 0):
        if count and index not in busy:
            count -= 1
            yield index


def _index_wait(last: Pod, now: datetime) -> float:
    return remaining(all_failures(last) + 1, finished_at(last), now)


def _create(pods: Iterable[Pod], observed: Observed) -> tuple[Action, ...]:
    told = Told(observed.job, ("SuccessfulCreate", "Created pod: {name}"), ("FailedCreate", "Error creating: {error}"))
    return (Together(tuple(Create(pod, told=told) for pod in pods), slow_start=True),)


def _pod(observed: Observed, index: int | None) -> Pod:
    job = observed.job
    pod = pod_from_template(job.spec.template, job)
    if FINALIZER not in pod.metadata.finalizers:
        pod.metadata.finalizers.append(FINALIZER)
    if index is None:
        return pod
    suffix = f"-{index}-"
    pod.metadata.generateName = f"{job.metadata.name[: MAX_PREFIX - len(suffix)]}{suffix}"
    pod.metadata.annotations[INDEX] = pod.metadata.labels[INDEX] = str(index)
    pod.spec.hostname = f"{job.metadata.name}-{index}"
    for container in (*pod.spec.initContainers, *pod.spec.containers):
        if all(variable.name != ENV for variable in container.env):
            source = EnvVarSource(fieldRef=ObjectFieldSelector(fieldPath=f"metadata.labels['{INDEX}']"))
            container.env.append(EnvVar(name=ENV, valueFrom=source))
    if observed.failed_indexes is not None:
        _count_failures(pod, observed.delayed.get(index), observed)
    return pod


def _count_failures(pod: Pod, before: Pod | None, observed: Observed) -> None:
    """Hand the failures of an index down to its next pod."""
    counts = judge(observed.job, before).counts if before is not None else False
    counted = failures(before) + counts if before is not None else 0
    ignored = ignored_failures(before) + (not counts) if before is not None else 0
    pod.metadata.annotations[FAILURES] = str(counted)
    if ignored:
        pod.metadata.annotations[IGNORED_FAILURES] = str(ignored)
