"""The job loop.

A pod is counted in three steps, so that a crash between any two neither loses nor doubles it: its uid goes into
status.uncountedTerminatedPods, its finalizer is removed, and then the uid becomes a number (KEP-2307). A finished job goes
through an interim condition (FailureTarget, SuccessCriteriaMet) until no pod of it is left running (KEP-3998).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sagong.api.clock import format_time, parse_time
from sagong.api.pods import is_finished, is_ready
from sagong.api.selectors import Selector, from_label_selector
from sagong.api.types.batch import Job, JobCondition, JobStatus, UncountedTerminatedPods
from sagong.api.types.core import Pod
from sagong.client.plan import NOTHING, Action, Emit, Failure, Plan, Together, Update, rest_after
from sagong.controllers import conditions
from sagong.controllers.declaration import Controller, Key, Watch, writes
from sagong.controllers.job.backoff import Failures
from sagong.controllers.job.indexes import index_of, render
from sagong.controllers.job.manage import Management, delete, manage
from sagong.controllers.job.meter import JobMeter
from sagong.controllers.job.observed import FINALIZER, Observed, is_tracked
from sagong.controllers.job.policy import failing_message, is_failed, judge, succeeded_by_policy
from sagong.controllers.ownership import claim, selecting, without_finalizer
from sagong.controllers.view import View, controlled, controller_of, orphans, tracked

MANAGER = "kubernetes.io/job-controller"
MAX_UNCOUNTED = 500
FAILURE_TARGET, CRITERIA_MET, SUSPENDED = "FailureTarget", "SuccessCriteriaMet", "Suspended"
_ORPHAN = "orphans:"


def selector_of(job: Job) -> Selector:
    """Return the selector of a job's pods."""
    return from_label_selector(job.spec.selector)


def is_done(job: Job) -> bool:
    """Say whether the job has ended."""
    return any(found.type in ("Complete", "Failed") and found.status == "True" for found in job.status.conditions)


def plan(job: Job, pods: Sequence[Pod], backoff: Failures, now: datetime) -> Plan:
    """Plan one job. `pods` are its own and the namespace's orphans."""
    claimed = claim(job, pods, selector_of(job), finalizer=FINALIZER)
    if is_done(job):
        return Plan((*claimed.actions, *_release(pod for pod in claimed.owned if is_finished(pod))))
    observed = Observed(job, claimed.owned)
    backoff.note(observed.new_succeeded, observed.new_failed)
    verdict = _verdict(observed, now)
    managed = Management()
    if verdict is not None:
        managed = Management(delete(observed, observed.active, uncounted=False), observed.active)
    elif job.metadata.deletionTimestamp is None:
        managed = manage(observed, backoff, now)
    step = _Step(observed, verdict, now)

    def then(failure: Failure | None) -> Plan:
        return step.account(managed if failure is None else Management())

    waits = [wait for wait in (managed.wait, _until_deadline(job, now) if verdict is None else None) if wait is not None]
    return Plan((*claimed.actions, *managed.actions), min(waits, default=None), then, rest=rest_after(len(pods)))


def _verdict(observed: Observed, now: datetime) -> JobCondition | None:
    """Return the interim condition of a job that is to end, or has been found so before."""
    job = observed.job
    for kind in (CRITERIA_MET, FAILURE_TARGET):
        found = conditions.find(job.status.conditions, kind)
        if found is not None and found.status == "True":
            return found
    if message := failing_message(job, observed.pods):
        return _condition(FAILURE_TARGET, "PodFailurePolicy", message, now)
    limit = 6 if job.spec.backoffLimit is None else job.spec.backoffLimit
    if observed.failed > limit or _restarted_too_often(observed, limit):
        return _condition(FAILURE_TARGET, "BackoffLimitExceeded", "Job has reached the specified backoff limit", now)
    left = _until_deadline(job, now)
    if left is not None and left <= 0:
        return _condition(FAILURE_TARGET, "DeadlineExceeded", "Job was active longer than specified deadline", now)
    return _index_verdict(observed, now) or _completion(observed, now)


def _index_verdict(observed: Observed, now: datetime) -> JobCondition | None:
    job, failed = observed.job, observed.failed_indexes
    if failed is not None:
        if job.spec.maxFailedIndexes is not None and len(failed) > job.spec.maxFailedIndexes:
            said = "Job has exceeded the specified maximal number of failed indexes"
            return _condition(FAILURE_TARGET, "MaxFailedIndexesExceeded", said, now)
        if failed and len(failed) + len(observed.succeeded_indexes) >= (observed.completions or 0):
            return _condition(FAILURE_TARGET, "FailedIndexes", "Job has failed indexes", now)
    if observed.indexed and (message := succeeded_by_policy(job, observed.succeeded_indexes)):
        return _condition(CRITERIA_MET, "SuccessPolicy", message, now)
    return None


def _completion(observed: Observed, now: datetime) -> JobCondition | None:
    if observed.active or (observed.completions is not None and observed.succeeded < observed.completions):
        return None
    if observed.completions is None and not observed.succeeded:
        return None
    return _condition(CRITERIA_MET, "CompletionsReached", "Reached expected number of succeeded pods", now)


class _Step:
    """Brings the status up to date, then releases what it has taken in."""

    def __init__(self, observed: Observed, verdict: JobCondition | None, now: datetime) -> None:
        self._observed, self._verdict, self._now = observed, verdict, now
        self._job = observed.job.copy()
        self._events: list[Action] = []

    def account(self, managed: Management) -> Plan:
        """Write the status, take finalizers off counted pods, tell what happened."""
        status = self._job.status
        self._suspend(status)
        if status.startTime is None and not self._observed.suspended:
            status.startTime = format_time(self._now)
        self._count_active(status, managed)
        released = self._count_ended(status)
        if self._verdict is not None:
            self._conclude(status, pending=bool(released) or bool(managed.leaving))
        actions: list[Action] = [Update(self._job, "status")] if status != self._observed.job.status else []
        actions += self._events
        return Plan((*actions, *_release(released)))

    def _suspend(self, status: JobStatus) -> None:
        if self._verdict is not None or self._job.metadata.deletionTimestamp is not None:
            return
        current = conditions.find(status.conditions, SUSPENDED)
        was = current is not None and current.status == "True"
        if was == self._observed.suspended:
            return
        word, now = ("Suspended", "suspended") if self._observed.suspended else ("Resumed", "resumed")
        new = _condition(SUSPENDED, f"Job{word}", f"Job {now}", self._now, "True" if self._observed.suspended else "False")
        if current is not None:
            status.conditions[status.conditions.index(current)] = new
        else:
            status.conditions.append(new)
        status.startTime = None if self._observed.suspended else format_time(self._now)
        self._events.append(Emit(self._observed.job, "Normal", word, f"Job {now}"))

    def _count_active(self, status: JobStatus, managed: Management) -> None:
        leaving = {pod.metadata.uid for pod in managed.leaving}
        staying = [pod for pod in self._observed.active if pod.metadata.uid not in leaving]
        status.active = len(staying) + managed.coming
        status.ready = sum(map(is_ready, staying))
        status.terminating = len(self._observed.terminating) + len(leaving)

    def _count_ended(self, status: JobStatus) -> list[Pod]:
        """Turn released uids into numbers, note new ones; return the pods that may be released."""
        observed = self._observed
        tracked = {pod.metadata.uid for pod in observed.pods if is_tracked(pod)}
        waiting = UncountedTerminatedPods(
            succeeded=[uid for uid in observed.uncounted.succeeded if uid in tracked],
            failed=[uid for uid in observed.uncounted.failed if uid in tracked],
        )
        status.succeeded += len(observed.uncounted.succeeded) - len(waiting.succeeded)
        status.failed += len(observed.uncounted.failed) - len(waiting.failed)
        released: list[Pod] = []
        taken: set[int] = set()
        for pod in observed.pods:
            if not is_tracked(pod) or not self._may_release(pod):
                continue
            self._note(pod, waiting, taken)
            released.append(pod)
            if len(taken) + len(waiting.succeeded) + len(waiting.failed) >= MAX_UNCOUNTED:
                break
        status.uncountedTerminatedPods = waiting
        if observed.indexed:
            completed = observed.counted_indexes | taken
            status.succeeded, status.completedIndexes = len(completed), render(completed)
            status.failedIndexes = render(observed.failed_indexes) if observed.failed_indexes is not None else None
        return released

    def _may_release(self, pod: Pod) -> bool:
        if self._job.metadata.deletionTimestamp is not None or pod.status.phase == "Succeeded":
            return True
        if self._verdict is not None and is_finished(pod):
            return True
        if not is_failed(self._job, pod):
            return False
        index = index_of(pod)
        kept = self._observed.delayed.get(index) if index is not None else None
        return self._verdict is not None or kept is None or kept.metadata.uid != pod.metadata.uid

    def _note(self, pod: Pod, waiting: UncountedTerminatedPods, taken: set[int]) -> None:
        observed, uid, index = self._observed, pod.metadata.uid, index_of(pod)
        valid = not observed.indexed or (index is not None and index < (observed.completions or 0))
        if pod.status.phase == "Succeeded" and uid not in waiting.failed:
            if observed.indexed:
                if valid and index is not None and index not in observed.counted_indexes:
                    taken.add(index)
            elif uid not in waiting.succeeded:
                waiting.succeeded.append(uid)
        elif is_failed(self._job, pod) and valid and uid not in waiting.failed and judge(self._job, pod).counts:
            waiting.failed.append(uid)

    def _conclude(self, status: JobStatus, *, pending: bool) -> None:
        """Set the interim condition, and the last one when every pod is counted and gone or finished."""
        assert self._verdict is not None
        if conditions.find(status.conditions, self._verdict.type) is None:
            status.conditions.append(self._verdict)
        waiting = status.uncountedTerminatedPods or UncountedTerminatedPods()
        if pending or waiting.succeeded or waiting.failed or status.terminating or status.active:
            return
        done = self._verdict.type == CRITERIA_MET
        last = _condition("Complete" if done else "Failed", self._verdict.reason, self._verdict.message, self._now)
        status.conditions.append(last)
        if not done:
            self._events.append(Emit(self._observed.job, "Warning", last.reason, last.message))
            return
        status.completionTime = last.lastTransitionTime
        if self._observed.completions is not None and status.succeeded > self._observed.completions:
            said = "Too many succeeded pods running after completion count reached"
            self._events.append(Emit(self._observed.job, "Warning", "TooManySucceededPods", said))
        self._events.append(Emit(self._observed.job, "Normal", "Completed", "Job completed"))


def _release(pods: Iterable[Pod]) -> tuple[Action, ...]:
    patches = tuple(without_finalizer(pod, FINALIZER) for pod in pods if is_tracked(pod))
    return (Together(patches),) if patches else ()


def _condition(kind: str, reason: str, message: str, now: datetime, status: str = "True") -> JobCondition:
    stamp = format_time(now)
    return JobCondition(type=kind, status=status, reason=reason, message=message, lastProbeTime=stamp, lastTransitionTime=stamp)


def _until_deadline(job: Job, now: datetime) -> float | None:
    if job.spec.activeDeadlineSeconds is None or job.status.startTime is None or job.spec.suspend:
        return None
    return job.spec.activeDeadlineSeconds - (now - parse_time(job.status.startTime)).total_seconds()


def _restarted_too_often(observed: Observed, limit: int) -> bool:
    """With restartPolicy OnFailure the kubelet retries: its restarts count against the limit."""
    if observed.job.spec.template.spec.restartPolicy != "OnFailure":
        return False
    pods = [pod for pod in observed.pods if pod.status.phase in ("Running", "Pending")]
    restarts = sum(status.restartCount for pod in pods for status in (*pod.status.initContainerStatuses, *pod.status.containerStatuses))
    return restarts > 0 if not limit else restarts >= limit


def controller() -> Controller:
    """Return the loop with its memory of failures."""
    memory: dict[str, Failures] = {}

    def reconcile(view: View, key: Key) -> Plan:
        if key.name.startswith(_ORPHAN):
            return Plan(_release(_unwanted(view, key.namespace)))
        job = view.get(Job, *key)
        lost = _lost(view, key, job)
        if job is None:
            memory.pop(str(key), None)
            return Plan(_release((*lost, *_unwanted(view, key.namespace))))
        if job.spec.managedBy not in (None, MANAGER):
            return NOTHING
        if is_done(job):
            memory.pop(str(key), None)
        pods = (*controlled(view, Pod, job.metadata.uid), *orphans(view, Pod, key.namespace))
        found = plan(job, pods, memory.setdefault(str(key), Failures()) if not is_done(job) else Failures(), view.now)
        return replace(found, actions=(*_release(lost), *found.actions)) if lost else found

    return Controller(
        name="job",
        account="job-controller",
        watches=(Watch(Job), Watch(Pod, selecting(Job, selector_of)), Watch(Pod, _orphaned)),
        owns=(Pod,),
        writes=writes(("create delete patch", Pod), ("update", Job, "status")),
        reconcile=reconcile,
        meter=JobMeter,
    )


def _orphaned(_view: View, pod: Pod) -> Iterable[Key]:
    """Find tracked pods without an owner: they would never go, since nobody counts them any more."""
    return (Key(pod.metadata.namespace, _ORPHAN),) if is_tracked(pod) and controller_of(pod) is None else ()


def _lost(view: View, key: Key, job: Job | None) -> list[Pod]:
    """Return tracked pods of a job that had this name, and is gone."""
    uid = job.metadata.uid if job is not None else ""
    return [pod for pod in tracked(view, *key) if (owner := controller_of(pod)) is not None and owner.uid != uid]


def _unwanted(view: View, namespace: str) -> list[Pod]:
    """Return tracked pods that nobody controls, and that no job would adopt."""
    return [pod for pod in tracked(view, namespace) if not _is_wanted(view, pod)]


def _is_wanted(view: View, pod: Pod) -> bool:
    if pod.metadata.deletionTimestamp is not None:
        return False
    return any(selector_of(job).matches(pod.metadata.labels) for job in view.list(Job, pod.metadata.namespace))
