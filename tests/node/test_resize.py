"""What a resize does, in which order, and what is told of it: functions of granted, set and wanted resources."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.node.observed import NoHolds, observed, pod, run

from sagong.api.types.core import Pod, PodCondition, ResourceRequirements
from sagong.node.allocations import Allocations, Granted
from sagong.node.decide import Health, decide
from sagong.node.qos import Amounts, pod_amounts
from sagong.node.resize import PodStep, Step, Update, judge, shrinking, sizes, steps
from sagong.node.resize_conditions import ResizeConditions, resize_message
from sagong.node.volumes.layout import NodeFiles

MI = 1 << 20


def spec(*limits: tuple[str, str], policy: str = "") -> Pod:
    """Return a pod with a container for each (cpu, memory), guaranteed."""
    containers = ", ".join(
        f'{{name: {name}, resources: {{limits: {{cpu: "{cpu}", memory: {memory}}}, requests: {{cpu: "{cpu}", memory: {memory}}}}}{policy}}}'
        for name, (cpu, memory) in zip("abc", limits, strict=False)
    )
    return pod(f"containers: [{containers}]")


def granted(of: Pod) -> Granted:
    return Granted(of.spec.resources, {container.name: container.resources for container in of.spec.containers})


def updates(before: Pod, after: Pod) -> list[Update]:
    found = [judge(after, container, run(after, container.name), granted(before)) for container in after.spec.containers]
    return [update for update in found if isinstance(update, Update)]


def shown(step: Step) -> str:
    return f"pod {step.resource}" if isinstance(step, PodStep) else f"{step.update.container.name} {step.resource}"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([("1", "1Mi")], [("1", "1Mi")], []),
        ([("1", "1Mi")], [("2", "1Mi")], ["pod cpu", "a cpu"]),
        ([("2", "1Mi")], [("1", "1Mi")], ["a cpu", "pod cpu"]),
        ([("1", "1Mi")], [("1", "2Mi")], ["pod memory", "a memory"]),
        ([("1", "2Mi")], [("2", "1Mi")], ["a memory", "pod memory", "pod cpu", "a cpu"]),
        # what shrinks makes room for what grows
        ([("1", "2Mi"), ("1", "2Mi")], [("2", "3Mi"), ("500m", "1Mi")], ["b memory", "a memory", "pod cpu", "b cpu", "a cpu"]),
        ([("1", "1Mi"), ("1", "1Mi"), ("1", "1Mi")], [("2", "1Mi"), ("500m", "1Mi"), ("500m", "1Mi")], ["b cpu", "c cpu", "a cpu"]),
    ],
)
def test_a_pods_cgroup_is_never_tighter_than_a_container(
    before: list[tuple[str, str]], after: list[tuple[str, str]], expected: list[str]
) -> None:
    old, new = spec(*before), spec(*after)
    assert [shown(step) for step in steps(pod_amounts(old), pod_amounts(new), updates(old, new))] == expected


def test_cpu_and_memory_of_a_container_are_set_one_after_the_other() -> None:
    old, new = spec(("1", "2Mi")), spec(("2", "1Mi"))
    sent = [step.sizes for step in steps(pod_amounts(old), pod_amounts(new), updates(old, new)) if not isinstance(step, PodStep)]
    assert sent == [(1000, 1000, MI, MI), (2000, 2000, MI, MI)]


def test_only_shares_differ() -> None:
    assert [shown(step) for step in steps(Amounts(2, 5000, None), Amounts(4, 5000, None), [])] == ["pod cpu"]
    assert steps(Amounts(2), Amounts(2), []) == []


@pytest.mark.parametrize(
    ("now", "then", "expected"),
    [(None, None, None), (10, None, None), (None, 10, 10), (10, 20, None), (20, 10, 10), (10, 10, None)],
)
def test_a_limit_that_comes_anew_is_tighter_than_none(now: int | None, then: int | None, expected: int | None) -> None:
    assert shrinking(now, then, []) == (expected, {})
    old, new = spec(("1", "2Mi"), ("1", "1Mi")), spec(("1", "1Mi"), ("1", "2Mi"))
    assert shrinking(None, None, updates(old, new)) == (None, {"a-0": MI})


POLICY = ", resizePolicy: [{resourceName: cpu, restartPolicy: NotRequired}, {resourceName: memory, restartPolicy: RestartContainer}]"


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (("1", "1Mi"), "nothing"),
        (("1000m", "1024Ki"), "nothing"),
        (("2", "1Mi"), "resize a"),
        (("1", "2Mi"), "kill a, start a"),
        (("2", "2Mi"), "kill a, start a"),
    ],
)
def test_a_policy_says_whether_a_container_restarts(after: tuple[str, str], expected: str) -> None:
    old, new = spec(("1", "1Mi"), ("1", "1Mi"), policy=POLICY), spec(after, ("1", "1Mi"), policy=POLICY)
    seen = observed(run(new, "a"), run(new, "b"))
    found = decide(new, seen, Health(), NoHolds(), 0.0, actuated=granted(old))
    assert found.summary() == expected
    assert found.idle == (expected == "nothing")
    assert all(kill.message == "Container a resize requires restart" for kill in found.kill)


def test_containers_that_do_not_run_wait_for_their_next_start() -> None:
    old, new = spec(("1", "1Mi"), ("1", "1Mi")), spec(("2", "1Mi"), ("2", "1Mi"))
    seen = observed(run(new, "a"), run(new, "b", "exited", code=1))
    assert decide(new, seen, Health(), NoHolds({"b": 1e12}), 0.0, actuated=granted(old)).summary() == "resize a, hold b"


def test_sidecars_are_resized_too_and_limits_of_the_pod_bound_every_container() -> None:
    text = "initContainers: [{name: s, restartPolicy: Always}]\ncontainers: [{name: a}]\nresources: {limits: {memory: 2Mi}}"
    of = pod(text)
    assert sizes(of.spec.resources, of.spec.containers[0].resources).memory_limit == 2 * MI
    old = Granted(ResourceRequirements(limits={"memory": "1Mi"}), {"s": ResourceRequirements(), "a": ResourceRequirements()})
    seen = observed(run(of, "s"), run(of, "a"))
    assert decide(of, seen, Health(), NoHolds(), 0.0, actuated=old).summary() == "resize s, resize a, resize pod"


def test_what_was_started_without_a_record_is_left_alone() -> None:
    of = spec(("1", "1Mi"))
    assert judge(of, of.spec.containers[0], run(of, "a"), Granted()) is None


def test_conditions_follow_a_resize() -> None:
    old, new = spec(("1", "1Mi")), spec(("2", "1Mi"))
    new.metadata.generation = 2
    seen, told = observed(run(new, "a")), ResizeConditions()

    def types() -> list[tuple[str, str, int]]:
        return [(found.type, found.reason, found.observedGeneration) for found in told.conditions()]

    assert told.defer(new, "Deferred", "no room")
    assert not told.defer(new, "Deferred", "still no room")
    assert types() == [("PodResizePending", "Deferred", 2)]
    told.granted(new)
    assert types() == [("PodResizeInProgress", "", 2)]
    new.metadata.generation = 3
    assert not told.follow(new, seen, granted(old))
    assert types() == [("PodResizeInProgress", "", 2)]
    assert told.fail(new, "oh no")
    assert not told.fail(new, "oh no")
    assert types() == [("PodResizeInProgress", "Error", 2)]
    assert told.follow(new, seen, granted(new))
    assert not told.follow(new, seen, granted(new))
    assert types() == []
    new.status.conditions = [PodCondition(type="PodResizePending", status="True", reason="Deferred", observedGeneration=3)]
    assert [found.reason for found in ResizeConditions.recall(new).conditions()] == ["Deferred"]


def test_events_tell_what_was_meant() -> None:
    text = resize_message(spec(("1", "1Mi")), 4, "Deferred", "no room")
    resources = '{"limits":{"cpu":"1","memory":"1Mi"},"requests":{"cpu":"1","memory":"1Mi"}}'
    assert text == f'Pod resize Deferred: {{"containers":[{{"name":"a","resources":{resources}}}],"generation":4,"error":"no room"}}'


def test_grants_outlive_the_kubelet_and_spelling_does_not_matter(tmp_path: Path) -> None:
    files = NodeFiles(tmp_path)
    old, new = spec(("1", "1Mi"), ("1", "1Mi")), spec(("2", "1Mi"), ("1000m", "1024Ki"))
    first = Allocations(files)
    assert first.apply(old) is old
    first.actuate("u1", "a", old.spec.containers[0].resources)
    assert first.actuated("u1") == Granted()  # of a pod that was never let in nothing is kept
    first.allot(old)
    first.actuate("u1", "a", old.spec.containers[0].resources)
    second = Allocations(files)
    assert second.apply(old) is old
    held = second.apply(new)
    assert held is not new
    assert [container.resources.limits["cpu"] for container in held.spec.containers] == ["1", "1"]
    assert held.metadata is new.metadata
    second.actuate("u1", "a", new.spec.containers[0].resources, ["memory"])
    assert second.actuated("u1").containers["a"].limits == {"cpu": "1", "memory": "1Mi"}
    second.allot(new)
    assert Allocations(files).apply(new) is new
    (tmp_path / "pods/u1/resources.json").write_text("{torn")
    assert Allocations(files).apply(new) is new
