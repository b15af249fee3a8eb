"""Validation of a job's status: since other controllers may manage jobs (KEP-4368), what holds between its parts is checked.

A rule runs only when one of the fields it is about has changed, so that a status which broke it before does not block others.
"""

from __future__ import annotations

from collections.abc import Callable

from sagong.api.field_errors import OMIT, Errors
from sagong.api.types import batch
from sagong.api.validation.indexes import IndexError_, count_indexes, overlap
from sagong.api.validation.rules import not_negative

_TERMINAL = ("Failed", "Complete", "FailureTarget")


class _Job:
    """A job with its conditions at hand, as rules ask for them."""

    def __init__(self, job: batch.Job) -> None:
        self.job, self.spec, self.status = job, job.spec, job.status
        true = {condition.type for condition in job.status.conditions if condition.status == "True"}
        self.complete, self.failed = "Complete" in true, "Failed" in true
        self.failing, self.met = "FailureTarget" in true, "SuccessCriteriaMet" in true
        self.suspended = "Suspended" in true
        self.finished = self.complete or self.failed
        self.uncounted = job.status.uncountedTerminatedPods or batch.UncountedTerminatedPods()
        self.indexed = job.spec.completionMode == "Indexed"

    def get(self, name: str) -> object:
        """Return a fact by name: one of this class or a field of the status."""
        return getattr(self, name) if hasattr(self, name) else getattr(self.status, name)


# (the fields whose change makes the rule run, the field blamed, whether the rule is broken, the value shown, the message)
_Rule = tuple[tuple[str, ...], str, Callable[[_Job], bool], Callable[[_Job], object], str]
_OMIT: Callable[[_Job], object] = lambda _: OMIT  # noqa: E731 # a constant among functions
_RULES: tuple[_Rule, ...] = (
    (
        ("complete", "failed"),
        "conditions",
        lambda j: j.complete and j.failed,
        _OMIT,
        "cannot set Complete=True and Failed=true conditions",
    ),
    (
        ("complete", "failing"),
        "conditions",
        lambda j: j.complete and j.failing,
        _OMIT,
        "cannot set Complete=True and FailureTarget=true conditions",
    ),
    (
        ("complete", "completionTime"),
        "completionTime",
        lambda j: j.status.completionTime is not None and not j.complete,
        lambda j: j.status.completionTime,
        "cannot set completionTime when there is no Complete=True condition",
    ),
    (
        ("startTime", "completionTime"),
        "completionTime",
        lambda j: bool(j.status.startTime and j.status.completionTime and j.status.completionTime < j.status.startTime),
        lambda j: j.status.completionTime,
        "must be equal to or after `startTime`",
    ),
    (
        ("failed", "failedIndexes"),
        "conditions",
        lambda j: j.failed and not j.failing,
        _OMIT,
        "cannot set Failed=True condition without the FailureTarget=true condition",
    ),
    (
        ("complete", "met"),
        "conditions",
        lambda j: j.complete and not j.met,
        _OMIT,
        "cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
    ),
    (
        ("finished", "active"),
        "active",
        lambda j: j.status.active > 0 and j.finished,
        lambda j: j.status.active,
        "active>0 is invalid for finished job",
    ),
    (
        ("finished", "uncountedTerminatedPods"),
        "uncountedTerminatedPods",
        lambda j: j.finished and bool(j.uncounted.failed or j.uncounted.succeeded),
        lambda j: j.uncounted,
        "must be empty for finished job",
    ),
    (
        ("completedIndexes",),
        "completedIndexes",
        lambda j: bool(j.status.completedIndexes) and not j.indexed,
        lambda j: j.status.completedIndexes,
        "cannot set non-empty completedIndexes when non-indexed completion mode",
    ),
    (
        ("failedIndexes",),
        "failedIndexes",
        lambda j: j.spec.backoffLimitPerIndex is None and j.status.failedIndexes is not None,
        lambda j: j.status.failedIndexes,
        "cannot set non-null failedIndexes when backoffLimitPerIndex is null",
    ),
    (
        ("finished", "terminating"),
        "terminating",
        lambda j: (j.status.terminating or 0) > 0 and j.finished,
        lambda j: j.status.terminating,
        "terminating>0 is invalid for finished job",
    ),
    (
        ("ready", "active"),
        "ready",
        lambda j: j.status.ready is not None and j.status.ready > j.status.active,
        lambda j: j.status.ready,
        "cannot set more ready pods than active",
    ),
    ((), "conditions", lambda j: j.met and j.failed, _OMIT, "cannot set SuccessCriteriaMet=True and Failed=true conditions"),
    ((), "conditions", lambda j: j.met and j.failing, _OMIT, "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions"),
    (
        (),
        "conditions",
        lambda j: j.spec.successPolicy is not None and not j.met and j.complete,
        _OMIT,
        "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True",
    ),
)


def job_status(errors: Errors, new: batch.Job, old: batch.Job) -> None:
    """Check a status update."""
    now, before = _Job(new), _Job(old)
    for name in ("active", "succeeded", "failed", "ready", "terminating"):
        not_negative(errors, f"status.{name}", getattr(new.status, name))
    _uncounted(errors, "status.uncountedTerminatedPods", now.uncounted)
    for fields, blamed, broken, shown, text in _RULES:
        if broken(now) and (not fields or any(now.get(name) != before.get(name) for name in fields)):
            errors.invalid(f"status.{blamed}", shown(now), text)
    _required(errors, now, before)
    _indexes(errors, now, before)
    _transitions(errors, now, before)


def _uncounted(errors: Errors, path: str, found: batch.UncountedTerminatedPods) -> None:
    seen: set[str] = set()
    for name in ("succeeded", "failed"):
        for i, uid in enumerate(getattr(found, name)):
            if not uid:
                errors.invalid(f"{path}.{name}[{i}]", uid, "must not be empty")
            elif uid in seen:
                errors.duplicate(f"{path}.{name}[{i}]", uid)
            seen.add(uid)


def _required(errors: Errors, now: _Job, before: _Job) -> None:
    changed = now.complete != before.complete or now.status.completionTime != before.status.completionTime
    if changed and now.complete and now.status.completionTime is None:
        errors.required("status.completionTime", "completionTime is required for Complete jobs")
    never_ran = bool(now.spec.suspend) and now.spec.completions == 0
    changed = now.finished != before.finished or now.status.startTime != before.status.startTime
    if changed and not never_ran and now.finished and now.status.startTime is None:
        errors.required("status.startTime", "startTime is required for finished job")


def _indexes(errors: Errors, now: _Job, before: _Job) -> None:
    completions = now.spec.completions
    if completions is None:
        return
    changed = [name for name in ("completedIndexes", "failedIndexes") if getattr(now.status, name) != getattr(before.status, name)]
    for name in changed:
        text = getattr(now.status, name)
        if text is None or (name == "failedIndexes" and now.spec.backoffLimitPerIndex is None):
            continue
        try:
            count_indexes(text, completions)
        except IndexError_ as error:
            errors.invalid(f"status.{name}", text, f"error parsing {name}: {error}")
    if changed and now.status.failedIndexes is not None:
        both = overlap(now.status.completedIndexes, now.status.failedIndexes, completions)
        if both is not None:
            errors.invalid("status.failedIndexes", now.status.failedIndexes, f"failedIndexes and completedIndexes overlap at index: {both}")


def _transitions(errors: Errors, now: _Job, before: _Job) -> None:
    was, still = ({c.type for c in side.status.conditions if c.status == "True"} for side in (before, now))
    for kind in _TERMINAL:
        if kind in was and kind not in still:
            errors.invalid("status.conditions", OMIT, f"cannot disable the terminal {kind}=True condition")
    if now.status.failed < before.status.failed:
        errors.invalid("status.failed", now.status.failed, "cannot decrease the failed counter")
    scalable = now.indexed and now.spec.completions == now.spec.parallelism
    if not scalable and now.status.succeeded < before.status.succeeded:
        errors.invalid("status.succeeded", now.status.succeeded, "cannot decrease the succeeded counter")
    if now.status.completionTime and before.status.completionTime and now.status.completionTime != before.status.completionTime:
        errors.invalid("status.completionTime", now.status.completionTime, "field is immutable")
    resuming = before.suspended and not now.suspended
    restarted = before.status.startTime is not None and now.status.startTime != before.status.startTime
    if restarted and not resuming and not now.spec.suspend:
        errors.invalid("status.startTime", now.status.startTime, "field is immutable for unsuspended job once set")
    if before.met and not now.met:
        errors.invalid("status.conditions", OMIT, "cannot disable the SuccessCriteriaMet=True condition")
    if before.complete and not before.met and now.met:
        errors.invalid("status.conditions", OMIT, "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions")
