"""Meters of loops that have one thing to tell: how late it was done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from sagong.api.clock import parse_time
from sagong.api.errors import ApiError
from sagong.api.exposition import Counts, Family, Histogram, exponential
from sagong.api.types.batch import Job
from sagong.client.plan import Create, Delete
from sagong.controllers.declaration import Key
from sagong.controllers.meter import Attempt, Meter
from sagong.controllers.view import View

_SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp"


class CronJobMeter(Meter):
    """How long after their minute jobs are made."""

    def __init__(self) -> None:
        self._skew = Histogram(
            "cronjob_controller_job_creation_skew_duration_seconds",
            "Time between when a cronjob is scheduled to be run, and when the corresponding job is created",
            (),
            exponential(1, 2, 10),
        )

    def after(self, attempt: Attempt) -> None:
        """Count the jobs that were made."""
        for write in attempt.outcome.written:
            if isinstance(write.action, Create) and (due := write.action.obj.metadata.annotations.get(_SCHEDULED_AT)):
                self._skew.observe((attempt.now - parse_time(due)).total_seconds())

    def families(self, view: View) -> Iterable[Family]:  # noqa: ARG002 - a meter's signature
        """Return it."""
        return (self._skew,)


class ExpiryMeter(Meter):
    """How long after their time to live finished jobs are deleted."""

    def __init__(self) -> None:
        self._late = Histogram(
            "ttl_after_finished_controller_job_deletion_duration_seconds",
            "The time it took to delete the job since it became eligible for deletion",
            (),
            exponential(0.1, 2, 14),
        )

    def before(self, view: View, key: Key) -> Job | None:
        """Return the job."""
        return view.get(Job, *key)

    def after(self, attempt: Attempt) -> None:
        """Count a deletion."""
        job: Job | None = attempt.before
        if job is None or not any(isinstance(write.action, Delete) for write in attempt.outcome.written):
            return
        ended = [
            found.lastTransitionTime for found in job.status.conditions if found.type in ("Complete", "Failed") and found.status == "True"
        ]
        if ended and ended[0]:
            expired = parse_time(ended[0]) + timedelta(seconds=job.spec.ttlSecondsAfterFinished or 0)
            self._late.observe((attempt.now - expired).total_seconds())

    def families(self, view: View) -> Iterable[Family]:  # noqa: ARG002 - a meter's signature
        """Return it."""
        return (self._late,)


class TaintEvictionMeter(Meter):
    """How many pods had to leave tainted nodes, and how late; `due` tells when a key's pod has to, None for not at all."""

    def __init__(self, due: Callable[[View, Key], datetime | None]) -> None:
        self._due = due
        self._late = Histogram(
            "taint_eviction_controller_pod_deletion_duration_seconds",
            "Seconds from when a pod may no longer stay on its node until it is deleted.",
            (),
            (0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 30, 60, 120, 180, 240),
        )
        self._deleted = Counts(
            "taint_eviction_controller_pod_deletions_total", "Total number of Pods deleted by TaintEvictionController since its start."
        )

    def before(self, view: View, key: Key) -> datetime | None:
        """Return when the pod has to leave."""
        return self._due(view, key)

    def after(self, attempt: Attempt) -> None:
        """Count a deletion."""
        if any(isinstance(write.action, Delete) for write in attempt.outcome.written):
            self._deleted.add()
            if attempt.before is not None:
                self._late.observe(max((attempt.now - attempt.before).total_seconds(), 0.0))

    def families(self, view: View) -> Iterable[Family]:  # noqa: ARG002 - a meter's signature
        """Return them."""
        return self._deleted, self._late


class PublisherMeter(Meter):
    """How often the cluster's CA was looked after in a namespace, by the code of what came of it."""

    def __init__(self) -> None:
        self._syncs = Counts("root_ca_cert_publisher_sync_total", "How often a namespace's copy of the CA was looked at.", ("code",))
        self._seconds = Histogram(
            "root_ca_cert_publisher_sync_duration_seconds", "How long that took.", ("code",), exponential(0.001, 2, 15)
        )

    def after(self, attempt: Attempt) -> None:
        """Count a look."""
        failure = attempt.outcome.failure
        code = ("200" if failure is None else str(failure.code) if isinstance(failure, ApiError) else "500",)
        self._syncs.add(code)
        self._seconds.observe(attempt.seconds, code)

    def families(self, view: View) -> Iterable[Family]:  # noqa: ARG002 - a meter's signature
        """Return them."""
        return self._syncs, self._seconds


class ForcedMeter(Meter):
    """How many pods were deleted by force, by why; `reason` tells it for a key."""

    def __init__(self, reason: Callable[[View, Key], str]) -> None:
        self._reason = reason
        labels = ("namespace", "reason")
        self._deleted = Counts("pod_gc_collector_force_delete_pods_total", "How many pods were deleted by force.", labels)
        self._failed = Counts("pod_gc_collector_force_delete_pod_errors_total", "How many pods could not be deleted by force.", labels)

    def before(self, view: View, key: Key) -> str:
        """Return the reason."""
        return self._reason(view, key)

    def after(self, attempt: Attempt) -> None:
        """Count deletions, and the one at which a plan ended."""
        written = [write.action for write in attempt.outcome.written]
        for action in written:
            if isinstance(action, Delete):
                self._deleted.add((action.namespace, attempt.before))
        if attempt.outcome.failure is not None:
            left = next((action for action in attempt.plan.actions if isinstance(action, Delete) and action not in written), None)
            if left is not None:
                self._failed.add((left.namespace, attempt.before))

    def families(self, view: View) -> Iterable[Family]:  # noqa: ARG002 - a meter's signature
        """Return them."""
        return self._deleted, self._failed
