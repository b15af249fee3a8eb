"""A job and its pods, sorted into what each pod counts as. All of it follows from the objects; nothing is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from sagong.api.pods import is_active, is_finished
from sagong.api.types.batch import Job, UncountedTerminatedPods
from sagong.api.types.core import Pod
from sagong.controllers.job.indexes import failures, index_of, parse
from sagong.controllers.job.policy import is_failed, judge
from sagong.controllers.view import JOB_TRACKING

FINALIZER = JOB_TRACKING


def is_tracked(pod: Pod) -> bool:
    """Say whether the pod is yet to be counted: it has the job's finalizer."""
    return FINALIZER in pod.metadata.finalizers


class Observed:
    """What the API shows of one job."""

    def __init__(self, job: Job, pods: Sequence[Pod]) -> None:
        self.job, self.pods = job, pods
        self.indexed = job.spec.completionMode == "Indexed"
        self.completions = job.spec.completions
        self.uncounted = job.status.uncountedTerminatedPods or UncountedTerminatedPods()

    @property
    def suspended(self) -> bool:
        """Whether the job is to have no pods for now."""
        return bool(self.job.spec.suspend)

    @cached_property
    def active(self) -> list[Pod]:
        """Pods that run or will."""
        return [pod for pod in self.pods if is_active(pod)]

    @cached_property
    def terminating(self) -> list[Pod]:
        """Pods that are on their way out."""
        return [pod for pod in self.pods if pod.metadata.deletionTimestamp is not None and not is_finished(pod)]

    @cached_property
    def new_succeeded(self) -> list[Pod]:
        """Succeeded pods that no status has yet."""
        known = set(self.uncounted.succeeded)
        return [pod for pod in self._valid if pod.status.phase == "Succeeded" and pod.metadata.uid not in known]

    @cached_property
    def new_failed(self) -> list[Pod]:
        """Failed pods that no status has yet."""
        known = set(self.uncounted.failed)
        return [pod for pod in self._valid if is_failed(self.job, pod) and pod.metadata.uid not in known]

    @cached_property
    def failed(self) -> int:
        """How many failures count so far."""
        new = sum(judge(self.job, pod).counts for pod in self.new_failed)
        return self.job.status.failed + len(self.uncounted.failed) + new

    @cached_property
    def succeeded(self) -> int:
        """How many successes there are so far."""
        if self.indexed:
            return len(self.succeeded_indexes)
        return self.job.status.succeeded + len(self.uncounted.succeeded) + len(self.new_succeeded)

    @cached_property
    def counted_indexes(self) -> set[int]:
        """Indexes that the status has as completed."""
        return parse(self.job.status.completedIndexes, self.completions or 0)

    @cached_property
    def succeeded_indexes(self) -> set[int]:
        """Completed indexes with those of new pods."""
        return self.counted_indexes | {index for pod in self.new_succeeded if (index := index_of(pod)) is not None}

    @cached_property
    def failed_indexes(self) -> set[int] | None:
        """Indexes that may not be tried again; None when the job has no limit for each index."""
        limit = self.job.spec.backoffLimitPerIndex
        if not self.indexed or limit is None:
            return None
        before = parse(self.job.status.failedIndexes or "", self.completions or 0)
        return before | {index for pod in self._valid if (index := index_of(pod)) is not None and self._fails_index(pod, limit)}

    @cached_property
    def delayed(self) -> dict[int, Pod]:
        """Failed pods whose index is to be tried again, the last of each index: they stay until their successor takes over."""
        if self.failed_indexes is None:
            return {}
        settled = self.succeeded_indexes | self.failed_indexes | {index for pod in self.active if (index := index_of(pod)) is not None}
        found: dict[int, Pod] = {}
        for pod in self._valid:
            index = index_of(pod)
            if index is None or index in settled or not is_failed(self.job, pod):
                continue
            if index not in found or failures(found[index]) <= failures(pod):
                found[index] = pod
        return found

    @cached_property
    def _valid(self) -> list[Pod]:
        """Tracked pods; of an indexed job only those with an index that it has."""
        tracked = [pod for pod in self.pods if is_tracked(pod)]
        if not self.indexed:
            return tracked
        return [pod for pod in tracked if (index := index_of(pod)) is not None and index < (self.completions or 0)]

    def _fails_index(self, pod: Pod, limit: int) -> bool:
        if not is_failed(self.job, pod):
            return False
        verdict = judge(self.job, pod)
        return verdict.action == "FailIndex" or (verdict.counts and failures(pod) >= limit)
