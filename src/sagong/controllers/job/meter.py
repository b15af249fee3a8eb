"""What the job loop counts: syncs, finished jobs and pods, failures that a policy had a say in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sagong.api.exposition import Counts, Family, Histogram, exponential
from sagong.api.pods import is_finished
from sagong.api.types.batch import Job
from sagong.api.types.core import Pod
from sagong.client.plan import Action, Create, Delete, Patch, Plan, Together, Update
from sagong.controllers import conditions
from sagong.controllers.declaration import Key
from sagong.controllers.job.indexes import parse
from sagong.controllers.job.observed import is_tracked
from sagong.controllers.job.policy import is_failed, judge
from sagong.controllers.meter import Attempt, Handler, Meter
from sagong.controllers.view import View, controlled

_SYNC = ("completion_mode", "result", "action")


@dataclass(frozen=True, slots=True)
class Before:
    """The job as it was, and its pods if a failure policy judges them."""

    job: Job
    pods: Mapping[str, Pod]


class JobMeter(Meter):
    """Counts under upstream's names (job_controller_*)."""

    def __init__(self) -> None:
        self._seconds = Histogram(
            "job_controller_job_sync_duration_seconds", "The time it took to sync a job", _SYNC, exponential(0.004, 2, 15)
        )
        self._syncs = Counts("job_controller_job_syncs_total", "The number of job syncs", _SYNC)
        self._finished = Counts(
            "job_controller_jobs_finished_total", "The number of finished jobs", ("completion_mode", "result", "reason")
        )
        self._pods = Counts(
            "job_controller_job_pods_finished_total",
            "The number of finished Pods that are fully tracked",
            ("completion_mode", "result"),
        )
        self._indexes = Counts(
            "job_controller_job_finished_indexes_total",
            "The number of finished indexes, by result and kind of limit.",
            ("status", "backoffLimit"),
        )
        self._judged = Counts(
            "job_controller_pod_failures_handled_by_failure_policy_total",
            "The number of failed pods that a rule of their job's failure policy matched, by the rule's action: FailJob, Ignore, Count.",
            ("action",),
        )
        self._tracked = Counts(
            "job_controller_terminated_pods_tracking_finalizer_total",
            "How often a pod that has ended came to have the finalizer batch.kubernetes.io/job-tracking (add), or lost it (delete).",
            ("event",),
        )

    def handlers(self) -> Iterable[tuple[type, Handler]]:
        """Follow pods that end, and their release."""
        return ((Pod, self._pod_changed),)

    def before(self, view: View, key: Key) -> Before | None:
        """Return the job if it is to be synced."""
        job = view.get(Job, *key)
        if job is None or _ending(job):
            return None
        judged = controlled(view, Pod, job.metadata.uid) if job.spec.podFailurePolicy is not None else ()
        return Before(job, {pod.metadata.name: pod for pod in judged})

    def after(self, attempt: Attempt) -> None:
        """Count a sync."""
        before: Before | None = attempt.before
        if before is None:
            return
        mode = before.job.spec.completionMode or "NonIndexed"
        labels = (mode, "success" if attempt.outcome.failure is None else "error", _action(attempt.plan))
        self._seconds.observe(attempt.seconds, labels)
        self._syncs.add(labels)
        for write in attempt.outcome.written:
            action = write.action
            if isinstance(action, Update) and action.subresource == "status":
                self._status_written(before.job, action.obj, mode)
            elif isinstance(action, Patch) and (rule := _rule(before, action.name)):
                self._judged.add((rule,))

    def families(self, view: View) -> Iterable[Family]:  # noqa: ARG002 - a meter's signature
        """Return them all."""
        return self._seconds, self._syncs, self._finished, self._pods, self._indexes, self._judged, self._tracked

    def _status_written(self, old: Job, new: Job, mode: str) -> None:
        ending = _ending(new)
        if ending is not None:
            kind, reason = ending
            self._finished.add((mode, "succeeded" if kind == "Complete" else "failed", reason))
        succeeded = new.status.succeeded - old.status.succeeded
        if mode == "Indexed":
            completions = new.spec.completions or 0
            succeeded = len(parse(new.status.completedIndexes, completions)) - len(parse(old.status.completedIndexes, completions))
            limit = "global" if new.spec.backoffLimitPerIndex is None else "perIndex"
            failed = len(parse(new.status.failedIndexes or "", completions)) - len(parse(old.status.failedIndexes or "", completions))
            _grown(self._indexes, ("succeeded", limit), succeeded)
            _grown(self._indexes, ("failed", limit), failed)
        _grown(self._pods, (mode, "succeeded"), succeeded)
        _grown(self._pods, (mode, "failed"), new.status.failed - old.status.failed)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        was = old is not None and is_finished(old) and is_tracked(old)
        now = new is not None and is_finished(new) and is_tracked(new)
        if was != now:
            self._tracked.add(("add" if now else "delete",))


def _rule(before: Before, name: str) -> str:
    """Return the action of the rule that a failed pod was judged by, when it is released."""
    pod = before.pods.get(name)
    return judge(before.job, pod).action if pod is not None and is_failed(before.job, pod) else ""


def _grown(counts: Counts, labels: tuple[str, ...], value: int) -> None:
    if value > 0:
        counts.add(labels, value)


def _ending(job: Job) -> tuple[str, str] | None:
    """Return the condition that ended the job, and its reason."""
    for kind in ("Complete", "Failed"):
        found = conditions.find(job.status.conditions, kind)
        if found is not None and found.status == "True":
            return kind, found.reason
    return None


def _action(plan: Plan) -> str:
    """Say what the plan does about pods, as upstream's label has it."""
    writes = list(_flat(plan.actions))
    if any(isinstance(write, Create) for write in writes):
        return "pods_created"
    return "pods_deleted" if any(isinstance(write, Delete) for write in writes) else "tracking"


def _flat(actions: Iterable[Action]) -> Iterable[Action]:
    for action in actions:
        if isinstance(action, Together):
            yield from action.actions
        else:
            yield action
