"""job: every pod counted exactly once, whatever happens in between; when a job ends, and how."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.controllers.world import START, World, meta, selector, set_ready, template

from sagong.api.clock import format_time
from sagong.api.errors import ServerTimeoutError
from sagong.api.types.batch import (
    Job,
    JobSpec,
    PodFailurePolicy,
    PodFailurePolicyOnExitCodesRequirement,
    PodFailurePolicyRule,
    SuccessPolicy,
    SuccessPolicyRule,
)
from sagong.api.types.core import ContainerState, ContainerStateTerminated, ContainerStatus, Pod
from sagong.client.plan import Action, Patch
from sagong.controllers.declaration import Controller
from sagong.controllers.job.backoff import remaining
from sagong.controllers.job.indexes import INDEX, parse, render
from sagong.controllers.job.loop import controller
from sagong.controllers.job.observed import FINALIZER


def job(**spec: Any) -> Job:
    pods = template()
    pods.spec.restartPolicy = "Never"
    fields = {"completions": 1, "parallelism": 1, "backoffLimit": 6, "completionMode": "NonIndexed", "template": pods, **spec}
    return Job(metadata=meta("work"), spec=JobSpec(selector=selector(), **fields))


def finish(world: World, pod: Pod, code: int = 0) -> None:
    """Have a pod's container exit."""
    ended = set_ready(world, pod, "False", "Failed" if code else "Succeeded")
    state = ContainerState(terminated=ContainerStateTerminated(exitCode=code, finishedAt=format_time(world.now)))
    ended.status.containerStatuses = [ContainerStatus(name="main", state=state)]


def running(world: World) -> list[Pod]:
    return [pod for pod in world.list(Pod) if pod.status.phase not in ("Succeeded", "Failed") and pod.metadata.deletionTimestamp is None]


def bury(world: World) -> None:
    """Have kubelets end what is being deleted."""
    for pod in world.list(Pod):
        if pod.metadata.deletionTimestamp is not None and not pod.metadata.finalizers:
            world.remove(pod)
        elif pod.metadata.deletionTimestamp is not None and pod.status.phase not in ("Succeeded", "Failed"):
            finish(world, pod, 137)


class Work:
    """A world with one job."""

    def __init__(self, **spec: Any) -> None:
        self.world = World(job(**spec))
        self.controller: Controller = controller()
        self.settle()

    def settle(self) -> None:
        self.world.settle(self.controller, each=lambda: bury(self.world))

    def finish(self, *codes: int) -> None:
        """End running pods, one for each exit code, and let the job take note."""
        for pod, code in zip(running(self.world), codes, strict=False):
            finish(self.world, pod, code)
        self.settle()

    @property
    def job(self) -> Job:
        return self.world.one(Job, "work")

    @property
    def conditions(self) -> dict[str, str]:
        return {found.type: found.reason for found in self.job.status.conditions if found.status == "True"}


def test_runs_as_many_at_once_as_allowed_until_enough_succeed() -> None:
    work = Work(completions=5, parallelism=2)
    assert len(running(work.world)) == 2
    for left in (2, 2, 2, 1, 0):
        work.finish(0)
        assert len(running(work.world)) == left
    assert work.conditions == {"SuccessCriteriaMet": "CompletionsReached", "Complete": "CompletionsReached"}
    status = work.job.status
    assert (status.succeeded, status.failed, status.active) == (5, 0, 0)
    assert status.completionTime == format_time(work.world.now)
    assert all(FINALIZER not in pod.metadata.finalizers for pod in work.world.list(Pod))
    assert work.world.events[-1] == ("Completed", "Job completed")


def test_without_completions_one_success_ends_it() -> None:
    work = Work(completions=None, parallelism=2)
    work.finish(0)
    assert len(running(work.world)) == 1
    work.finish(0)
    assert "Complete" in work.conditions


def test_fails_beyond_the_backoff_limit_after_growing_pauses() -> None:
    work = Work(backoffLimit=2)
    for pause in (10, 20):
        work.finish(1)
        assert running(work.world) == []
        assert work.world.reconcile(work.controller, "work").requeue_after == pytest.approx(pause)
        work.world.pass_time(pause)
        work.settle()
    work.finish(1)
    assert work.conditions == {"FailureTarget": "BackoffLimitExceeded", "Failed": "BackoffLimitExceeded"}
    assert work.job.status.failed == 3
    assert work.world.events[-1] == ("BackoffLimitExceeded", "Job has reached the specified backoff limit")


def test_a_deadline_ends_it_and_its_pods() -> None:
    work = Work(activeDeadlineSeconds=30)
    assert work.world.reconcile(work.controller, "work").requeue_after == pytest.approx(30)
    work.world.pass_time(30)
    work.settle()
    assert work.conditions == {"FailureTarget": "DeadlineExceeded", "Failed": "DeadlineExceeded"}
    assert running(work.world) == []


def test_suspending_deletes_pods_without_counting_them() -> None:
    work = Work(completions=2, parallelism=2)
    work.world.change(work.job, suspend=True)
    work.settle()
    assert work.world.list(Pod) == []
    assert work.conditions == {"Suspended": "JobSuspended"}
    assert work.job.status.startTime is None
    work.world.change(work.job, suspend=False)
    work.settle()
    assert (work.job.status.failed, len(running(work.world))) == (0, 2)
    assert [reason for reason, _ in work.world.events if reason in ("Suspended", "Resumed")] == ["Suspended", "Resumed"]


def test_indexed_jobs_run_each_index_once() -> None:
    work = Work(completions=4, parallelism=2, completionMode="Indexed")
    pods = running(work.world)
    assert [pod.metadata.annotations[INDEX] for pod in pods] == ["0", "1"]
    assert [pod.spec.hostname for pod in pods] == ["work-0", "work-1"]
    assert pods[0].spec.containers[0].env[0].name == "JOB_COMPLETION_INDEX"
    finish(work.world, pods[1])
    work.settle()
    assert work.job.status.completedIndexes == "1"
    work.finish(1)
    work.world.pass_time(600)
    work.settle()
    assert sorted(pod.metadata.annotations[INDEX] for pod in running(work.world)) == ["0", "2"], "index 0 again"
    for _ in range(3):
        work.finish(0, 0)
    assert (work.job.status.completedIndexes, work.job.status.succeeded, work.job.status.failed) == ("0-3", 4, 1)


def test_a_limit_for_each_index_fails_only_that_index() -> None:
    work = Work(completions=3, parallelism=3, completionMode="Indexed", backoffLimitPerIndex=1, backoffLimit=1000)
    for _ in range(2):
        work.finish(*[int(pod.metadata.annotations[INDEX] == "1") for pod in running(work.world)])
        work.world.pass_time(600)
        work.settle()
    assert (work.job.status.failedIndexes, work.job.status.completedIndexes) == ("1", "0,2")
    assert work.conditions == {"FailureTarget": "FailedIndexes", "Failed": "FailedIndexes"}


@pytest.mark.parametrize(
    ("action", "failed", "ended"),
    [("FailJob", 1, {"FailureTarget": "PodFailurePolicy", "Failed": "PodFailurePolicy"}), ("Ignore", 0, {}), ("Count", 1, {})],
)
def test_failure_policies(action: str, failed: int, ended: dict[str, str]) -> None:
    rule = PodFailurePolicyRule(action=action, onExitCodes=PodFailurePolicyOnExitCodesRequirement(operator="In", values=[42]))
    work = Work(podFailurePolicy=PodFailurePolicy(rules=[rule]))
    name = running(work.world)[0].metadata.name
    work.finish(42)
    assert (work.job.status.failed, work.conditions) == (failed, ended)
    if ended:
        said = f"Container main for pod default/{name} failed with exit code 42 matching FailJob rule at index 0"
        assert work.job.status.conditions[0].message == said


def test_a_success_policy_ends_it_early() -> None:
    policy = SuccessPolicy(rules=[SuccessPolicyRule(succeededIndexes="0")])
    work = Work(completions=3, parallelism=3, completionMode="Indexed", successPolicy=policy)
    finish(work.world, next(pod for pod in running(work.world) if pod.metadata.annotations[INDEX] == "0"))
    work.settle()
    assert work.conditions == {"SuccessCriteriaMet": "SuccessPolicy", "Complete": "SuccessPolicy"}
    assert running(work.world) == []


def test_a_managed_job_is_left_to_its_manager() -> None:
    assert Work(managedBy="example.com/other").world.list(Pod) == []


def test_pods_of_a_job_that_is_gone_are_released() -> None:
    work = Work()
    work.world.remove(work.job)
    work.world.reconcile(work.controller, "work")
    assert work.world.list(Pod)[0].metadata.finalizers == []


def test_pods_of_an_earlier_job_of_the_name_are_released() -> None:
    work = Work()
    left = work.world.list(Pod)[0].copy()
    left.metadata.name, left.metadata.uid = "left", ""
    left.metadata.ownerReferences[0].uid = "another"
    work.world.add(left)
    work.world.reconcile(work.controller, "work")
    assert {pod.metadata.name: bool(pod.metadata.finalizers) for pod in work.world.list(Pod)} == {
        "left": False,
        running(work.world)[0].metadata.name: True,
    }


def test_a_pod_that_nobody_controls_and_no_job_wants_is_released() -> None:
    work = Work()
    for name, labels in (("stray", {"a": "b"}), ("wanted", work.world.list(Pod)[0].metadata.labels)):
        work.world.add(Pod(metadata=meta(name, labels=labels, finalizers=[FINALIZER])))
    work.world.reconcile(work.controller, "orphans:")
    assert work.world.one(Pod, "stray").metadata.finalizers == []
    assert work.world.one(Pod, "wanted").metadata.finalizers == [FINALIZER]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_counts_are_exact_whatever_fails_in_between(data: st.DataObject) -> None:
    """Finalizers fail to be removed, statuses fail to be written, and the loop restarts: no pod is lost, none counts twice."""
    completions = data.draw(st.integers(1, 6))
    world = World(job(completions=completions, parallelism=data.draw(st.integers(1, 3)), backoffLimit=1000))
    loop = controller()
    ended = {0: 0, 1: 0}

    def refuse(action: Action) -> ServerTimeoutError | None:
        return ServerTimeoutError("try again") if isinstance(action, Patch) and data.draw(st.booleans()) else None

    for _ in range(80):
        world.refuse = refuse if data.draw(st.booleans()) else lambda _: None
        if data.draw(st.integers(0, 9)) == 0:
            loop = controller()
        world.reconcile(loop, "work")
        for pod in running(world):
            if data.draw(st.booleans()):
                code = data.draw(st.sampled_from([0, 0, 1]))
                ended[code] += 1
                finish(world, pod, code)
        world.pass_time(600)
        if any(found.type == "Complete" for found in world.one(Job, "work").status.conditions):
            break
    world.refuse = lambda _: None
    for _ in range(40 * completions):
        for pod in running(world):
            ended[0] += 1
            finish(world, pod)
        world.reconcile(loop, "work")
        world.pass_time(600)
    status = world.one(Job, "work").status
    assert [found.type for found in status.conditions][-1] == "Complete"
    assert (status.succeeded, status.failed) == (ended[0], ended[1])


@pytest.mark.parametrize(("indexes", "text"), [((), ""), ((3,), "3"), ((1, 2), "1,2"), ((1, 2, 3, 5, 7, 8), "1-3,5,7,8")])
def test_indexes_are_spelled_as_upstream_does(indexes: tuple[int, ...], text: str) -> None:
    assert render(indexes) == text
    assert parse(text, 100) == set(indexes)


@given(st.sets(st.integers(0, 200)))
def test_spelled_indexes_can_be_read_again(indexes: set[int]) -> None:
    assert parse(render(indexes), 201) == indexes


@pytest.mark.parametrize(("failures", "pause"), [(1, 10), (2, 20), (5, 160), (7, 600), (50, 600)])
def test_pauses_double_up_to_ten_minutes(failures: int, pause: float) -> None:
    assert remaining(failures, START, START) == pause
