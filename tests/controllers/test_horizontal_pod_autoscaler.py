"""The autoscaler's arithmetic, its limits, and what it says; tables of cases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.controllers.world import START

from sagong.api.clock import format_time
from sagong.api.errors import ApiError, ConflictError, ForbiddenError
from sagong.api.resources import TABLE
from sagong.api.selectors import parse
from sagong.api.types.autoscaling import (
    CrossVersionObjectReference,
    HorizontalPodAutoscaler,
    HorizontalPodAutoscalerBehavior,
    HorizontalPodAutoscalerSpec,
    HPAScalingPolicy,
    HPAScalingRules,
    MetricSpec,
)
from sagong.api.types.autoscaling_v1 import Scale, ScaleSpec, ScaleStatus
from sagong.api.types.core import Container, Pod, PodCondition, PodSpec, PodStatus, ResourceRequirements
from sagong.api.types.meta import LabelSelector, ObjectMeta
from sagong.client.plan import Emit, Plan, Update
from sagong.controllers.declaration import Key
from sagong.controllers.horizontal_pod_autoscaler.limits import Bounds, Dated, Memory, limited
from sagong.controllers.horizontal_pod_autoscaler.plan import Observed, plan
from sagong.controllers.horizontal_pod_autoscaler.proposals import Reading, shown
from sagong.controllers.horizontal_pod_autoscaler.readings import PodReading, ReadingError
from sagong.controllers.horizontal_pod_autoscaler.replicas import Proposal, Tolerance, Workload

LONG_AGO = START - timedelta(hours=1)
NO_METRICS = ReadingError("unable to fetch metrics from resource metrics API: no such API")


def pod(
    number: int,
    *,
    request: str = "1",
    ready: bool = True,
    phase: str = "Running",
    started: datetime = LONG_AGO,
    changed: datetime = LONG_AGO + timedelta(minutes=1),
    deleted: bool = False,
    whole: str = "",
) -> Pod:
    amounts = {"cpu": request, "memory": request} if request else {}
    condition = PodCondition(type="Ready", status="True" if ready else "False", lastTransitionTime=format_time(changed))
    return Pod(
        metadata=ObjectMeta(
            name=f"p{number}", namespace="default", labels={"app": "web"}, deletionTimestamp=format_time(START) if deleted else None
        ),
        spec=PodSpec(
            containers=[Container(name="main", resources=ResourceRequirements(requests=amounts))],
            resources=ResourceRequirements(requests={"cpu": whole}) if whole else None,
        ),
        status=PodStatus(phase=phase, startTime=format_time(started), conditions=[condition]),
    )


def readings(*values: int | None) -> dict[str, PodReading]:
    return {f"p{i}": PodReading(value, START) for i, value in enumerate(values) if value is not None}


def workload(*pods: Pod, asked: int = 0, tolerance: Tolerance | None = None) -> Workload:
    size = asked or len(pods)
    return Workload(pods, size, size, tolerance or Tolerance(), START)


FRESH: dict[str, Any] = {"started": START - timedelta(seconds=60), "changed": START - timedelta(seconds=50)}


@pytest.mark.parametrize(
    ("pods", "values", "target", "expected"),
    [
        ([pod(0), pod(1), pod(2)], (300, 500, 700), 30, Proposal(5, 500, 50)),
        ([pod(0), pod(1), pod(2), pod(3), pod(4)], (100, 300, 500, 250, 250), 50, Proposal(3, 280, 28)),
        ([pod(0, request="0.9"), pod(1), pod(2, request="1.1")], (1010, 1030, 1020), 100, Proposal(3, 1020, 102)),
        ([pod(0, ready=False, **FRESH), pod(1), pod(2)], (300, 500, 700), 30, Proposal(4, 600, 60)),
        ([pod(0, phase="Pending"), pod(1), pod(2)], (None, 500, 700), 30, Proposal(4, 600, 60)),
        ([pod(0, phase="Failed"), pod(1), pod(2, deleted=True), pod(3)], (900, 500, 900, 700), 30, Proposal(4, 600, 60)),
        ([pod(0), pod(1), pod(2)], (800, 900, None), 100, Proposal(3, 850, 85)),
        ([pod(0), pod(1), pod(2)], (1400, 1600, None), 100, Proposal(3, 1500, 150)),
        ([pod(0), pod(1), pod(2), pod(3)], (200, 200, 200, None), 100, Proposal(2, 200, 20)),
        ([pod(0, whole="2"), pod(1, whole="2")], (1000, 1000), 25, Proposal(4, 1000, 50)),
    ],
    ids=[
        "up",
        "down",
        "tolerated",
        "an unready pod counts as idle upwards",
        "so does a pending one",
        "failed and leaving pods do not count",
        "a missing one counts as busy downwards",
        "and as idle upwards",
        "downwards with a missing one",
        "of the pod's own request",
    ],
)
def test_utilization(pods: Sequence[Pod], values: Sequence[int | None], target: int, expected: Proposal) -> None:
    assert workload(*pods).by_utilization(readings(*values), "cpu", "", target) == expected


@pytest.mark.parametrize(
    ("pods", "values", "text"),
    [
        ([], (), "no pods returned by selector while calculating replica count"),
        ([pod(0, phase="Pending")], (1,), "did not receive metrics for targeted pods (pods might be unready)"),
        ([pod(0, request="")], (100,), "missing request for cpu in container main of Pod p0"),
    ],
)
def test_utilization_that_cannot_be_known(pods: Sequence[Pod], values: Sequence[int], text: str) -> None:
    with pytest.raises(ReadingError) as error:
        workload(*pods).by_utilization(readings(*values), "cpu", "", 50)
    assert str(error.value) == text


@pytest.mark.parametrize(
    ("one", "counts"),
    [
        (pod(0, ready=False, started=START - timedelta(minutes=10), changed=START - timedelta(minutes=5)), True),
        (pod(0, ready=False, started=START - timedelta(minutes=10), changed=START - timedelta(minutes=9, seconds=50)), False),
        (pod(0, started=START - timedelta(minutes=2), changed=START - timedelta(seconds=90)), True),
        (pod(0, started=START - timedelta(minutes=2), changed=START - timedelta(seconds=30)), False),
    ],
    ids=["was ready once", "never was ready", "ready for a window", "not ready for a whole window"],
)
def test_cpu_of_pods_that_start_does_not_count(*, one: Pod, counts: bool) -> None:
    try:
        workload(one).by_utilization(readings(100), "cpu", "", 50)
    except ReadingError:
        assert not counts
    else:
        assert counts
    assert workload(one).by_utilization(readings(100), "memory", "", 50).utilization == 10, "only cpu does not"


def test_containers_are_measured_alone() -> None:
    with pytest.raises(ReadingError, match="container side not found in Pod p0"):
        workload(pod(0)).by_utilization(readings(100), "cpu", "side", 50)
    assert workload(pod(0)).by_utilization(readings(600), "cpu", "main", 50).replicas == 2


@pytest.mark.parametrize(
    ("values", "target", "expected"),
    [((2000, 1000, 3000), 1000, Proposal(6, 2000)), ((1000, 1050), 1000, Proposal(2, 1025)), ((100, 100, 100), 300, Proposal(1, 100))],
)
def test_averages(values: Sequence[int], target: int, expected: Proposal) -> None:
    assert workload(*(pod(i) for i in range(len(values)))).by_average(readings(*values), "", target) == expected


def test_values_of_all_pods_together() -> None:
    two = workload(pod(0), pod(1, ready=False), asked=2)
    assert two.by_value(3000, 1000) == Proposal(3, 3000), "only ready pods bring it about"
    assert two.by_value(1050, 1000) == Proposal(2, 1050)
    assert Workload((), 0, 0, Tolerance(), START).by_value(2500, 1000) == Proposal(3, 2500), "from nothing"
    assert two.by_value_per_pod(6000, 1000) == Proposal(6, 3000)
    assert two.by_value_per_pod(2100, 1000) == Proposal(2, 1050)


def test_tolerance_can_be_set_for_each_direction() -> None:
    assert workload(pod(0), tolerance=Tolerance(0.1, 0.0)).by_average(readings(101), "", 100).replicas == 2
    assert workload(pod(0), pod(1), tolerance=Tolerance(0.5, 0.1)).by_average(readings(50, 50), "", 100).replicas == 2


# Limits.


def rules(window: int | None, select: str, *policies: tuple[str, int, int]) -> HPAScalingRules:
    made = [HPAScalingPolicy(type=kind, value=value, periodSeconds=period) for kind, value, period in policies]
    return HPAScalingRules(stabilizationWindowSeconds=window, selectPolicy=select, policies=made)


UP = rules(0, "Max", ("Pods", 4, 15), ("Percent", 100, 15))
DOWN = rules(None, "Max", ("Percent", 100, 15))
CALM = rules(60, "Max", ("Pods", 99, 15))


def dated(*pairs: tuple[int, int]) -> tuple[Dated, ...]:
    return tuple(Dated(replicas, START - timedelta(seconds=age)) for replicas, age in pairs)


@pytest.mark.parametrize(
    ("wanted", "current", "memory", "replicas", "able", "limit"),
    [
        (5, 3, Memory(), 5, "ReadyForNewScale", "DesiredWithinRange"),
        (30, 3, Memory(), 6, "ReadyForNewScale", "ScaleUpLimit"),
        (9, 1, Memory(), 4, "ReadyForNewScale", "ScaleUpLimit"),
        (30, 8, Memory(), 10, "ReadyForNewScale", "TooManyReplicas"),
        (1, 3, Memory(), 2, "ReadyForNewScale", "TooFewReplicas"),
        (3, 8, Memory(dated((7, 200))), 7, "ScaleDownStabilized", "DesiredWithinRange"),
        (3, 8, Memory(dated((7, 400))), 3, "ReadyForNewScale", "DesiredWithinRange"),
    ],
)
def test_limits_without_behavior(*, wanted: int, current: int, memory: Memory, replicas: int, able: str, limit: str) -> None:
    found = limited(wanted, Bounds(current, 2, 10), None, memory, START)
    assert (found.replicas, found.able[0], found.limit[0]) == (replicas, able, limit)
    assert found.is_limited == (limit != "DesiredWithinRange")
    assert found.memory.recommended[-1] == Dated(wanted, START)


@pytest.mark.parametrize(
    ("wanted", "current", "up", "down", "memory", "replicas", "able", "limit"),
    [
        (50, 10, UP, DOWN, Memory(), 20, "ReadyForNewScale", "ScaleUpLimit"),
        (50, 1, UP, DOWN, Memory(), 5, "ReadyForNewScale", "ScaleUpLimit"),
        (50, 10, rules(0, "Min", ("Pods", 4, 15), ("Percent", 100, 15)), DOWN, Memory(), 14, "ReadyForNewScale", "ScaleUpLimit"),
        (50, 10, rules(0, "Disabled", ("Pods", 4, 15)), DOWN, Memory(), 10, "ReadyForNewScale", "ScaleUpLimit"),
        (50, 10, rules(0, "Max", ("Pods", 4, 60)), DOWN, Memory(added=dated((3, 30), (9, 90))), 11, "ReadyForNewScale", "ScaleUpLimit"),
        (50, 10, rules(0, "Max", ("Pods", 4, 60)), DOWN, Memory(removed=dated((2, 30))), 16, "ReadyForNewScale", "ScaleUpLimit"),
        (
            20,
            10,
            rules(60, "Max", ("Pods", 99, 15)),
            DOWN,
            Memory(dated((12, 30), (11, 90))),
            12,
            "ScaleUpStabilized",
            "DesiredWithinRange",
        ),
        (5, 10, UP, rules(60, "Max", ("Pods", 99, 15)), Memory(dated((8, 30), (9, 90))), 8, "ScaleDownStabilized", "DesiredWithinRange"),
        (5, 10, UP, DOWN, Memory(dated((9, 299))), 9, "ScaleDownStabilized", "DesiredWithinRange"),
        (2, 10, UP, rules(0, "Max", ("Pods", 3, 15)), Memory(), 7, "ReadyForNewScale", "ScaleDownLimit"),
        (2, 10, UP, rules(0, "Min", ("Pods", 3, 15), ("Percent", 50, 15)), Memory(), 7, "ReadyForNewScale", "ScaleDownLimit"),
        (2, 10, UP, rules(0, "Max", ("Pods", 3, 15), ("Percent", 50, 15)), Memory(), 5, "ReadyForNewScale", "ScaleDownLimit"),
        (2, 10, UP, rules(0, "Disabled", ("Pods", 3, 15)), Memory(), 10, "ReadyForNewScale", "ScaleDownLimit"),
        (1, 4, UP, rules(0, "Max", ("Percent", 100, 15)), Memory(), 2, "ReadyForNewScale", "TooFewReplicas"),
        (200, 60, UP, DOWN, Memory(), 100, "ReadyForNewScale", "TooManyReplicas"),
    ],
)
def test_limits_of_a_behavior(
    *, wanted: int, current: int, up: HPAScalingRules, down: HPAScalingRules, memory: Memory, replicas: int, able: str, limit: str
) -> None:
    behavior = HorizontalPodAutoscalerBehavior(scaleUp=up, scaleDown=down)
    found = limited(wanted, Bounds(current, 2, 100), behavior, memory, START)
    assert (found.replicas, found.able[0], found.limit[0]) == (replicas, able, limit)


def test_what_was_done_is_remembered_as_long_as_a_policy_asks() -> None:
    behavior = HorizontalPodAutoscalerBehavior(scaleUp=rules(0, "Max", ("Pods", 4, 60)), scaleDown=DOWN)
    known = Memory(added=dated((1, 90), (2, 30))).scaled(behavior, 3, 7, START)
    assert known.added == (*dated((2, 30)), Dated(4, START))
    assert known.scaled(behavior, 7, 2, START).removed == (Dated(5, START),)
    assert Memory().scaled(None, 1, 2, START) == Memory()


# Plans.

DEPLOYMENTS = TABLE.by_path("apps", "v1", "deployments")
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}


def metric(**fields: Any) -> MetricSpec:
    return msgspec.convert(fields, MetricSpec)


def autoscaler(*metrics: MetricSpec, least: int | None = 1, most: int = 10, **spec: Any) -> HorizontalPodAutoscaler:
    target = CrossVersionObjectReference(apiVersion="apps/v1", kind="Deployment", name="web")
    made = HorizontalPodAutoscalerSpec(
        scaleTargetRef=target, minReplicas=least, maxReplicas=most, metrics=list(metrics) or [metric(**CPU)], **spec
    )
    return HorizontalPodAutoscaler(metadata=ObjectMeta(name="web", namespace="default"), spec=made)


def scale(replicas: int, selector: str = "app=web") -> Scale:
    return Scale(
        metadata=ObjectMeta(name="web", namespace="default"),
        spec=ScaleSpec(replicas=replicas),
        status=ScaleStatus(replicas=replicas, selector=selector),
    )


class Look:
    """One look at an autoscaler, as far as `failure` of the scale's update lets it come."""

    def __init__(self, hpa: HorizontalPodAutoscaler, seen: Observed, memory: Memory | None = None, failure: ApiError | None = None) -> None:
        self.memory = memory or Memory()
        self.plan = plan(hpa, seen, self.memory, START, self._remember)
        self.actions = list(self.plan.actions)
        self.after: Plan | None = self.plan.then(failure) if self.plan.then is not None else None
        if self.after is not None:
            self.actions += self.after.actions

    def _remember(self, memory: Memory) -> None:
        self.memory = memory

    @property
    def size(self) -> int | None:
        return next((one.obj.spec.replicas for one in self.actions if isinstance(one, Update) and one.subresource == "scale"), None)

    @property
    def events(self) -> list[tuple[str, str]]:
        return [(one.reason, one.message) for one in self.actions if isinstance(one, Emit)]

    @property
    def status(self) -> Any:
        return next(one.obj.status for one in self.actions if isinstance(one, Update) and one.subresource == "status")

    @property
    def conditions(self) -> dict[str, tuple[str, str]]:
        return {one.type: (one.status, one.reason) for one in self.status.conditions}


def observed(replicas: int, *values: int, found: Reading | None = None, **more: Any) -> Observed:
    pods = [pod(i) for i in range(replicas)]
    return Observed(scale(replicas), DEPLOYMENTS, pods, [readings(*values) if found is None else found], **more)


def test_a_workload_grows_and_its_autoscaler_says_so() -> None:
    look = Look(autoscaler(), observed(2, 800, 800))
    assert look.size == 4
    assert look.events == [("SuccessfulRescale", "New size: 4; reason: cpu resource utilization (percentage of request) above target")]
    assert look.conditions == {
        "AbleToScale": ("True", "SucceededRescale"),
        "ScalingActive": ("True", "ValidMetricFound"),
        "ScalingLimited": ("False", "DesiredWithinRange"),
    }
    status = look.status
    assert (status.currentReplicas, status.desiredReplicas, status.lastScaleTime) == (2, 4, format_time(START))
    assert msgspec.to_builtins(status.currentMetrics) == [
        {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 80, "averageValue": "800m"}}}
    ]


def test_nothing_to_do_is_said_once() -> None:
    hpa = autoscaler()
    first = Look(hpa, observed(2, 500, 500))
    assert first.size is None
    assert first.conditions["AbleToScale"] == ("True", "ReadyForNewScale")
    hpa.status = first.status
    assert Look(hpa, observed(2, 500, 500), first.memory).actions == []
    assert first.plan.requeue_after == 15


def test_shrinking_waits_for_the_window() -> None:
    look = Look(autoscaler(), observed(4, 100, 100, 100, 100))
    assert look.size is None, "the size at the first look counts as a recommendation"
    assert look.conditions["AbleToScale"] == ("True", "ScaleDownStabilized")
    later = Look(autoscaler(), observed(4, 100, 100, 100, 100), Memory(dated((1, 10))))
    assert later.size == 1
    assert later.events == [("SuccessfulRescale", "New size: 1; reason: All metrics below target")]


@pytest.mark.parametrize(
    ("replicas", "size", "why"),
    [(12, 10, "Current number of replicas above Spec.MaxReplicas"), (1, 2, "Current number of replicas below Spec.MinReplicas")],
)
def test_bounds_need_no_metrics(replicas: int, size: int, why: str) -> None:
    look = Look(autoscaler(least=2), observed(replicas, found=NO_METRICS))
    assert (look.size, look.events) == (size, [("SuccessfulRescale", f"New size: {size}; reason: {why}")])


def test_a_target_of_no_replicas_is_left_alone() -> None:
    look = Look(autoscaler(), observed(0))
    assert look.size is None
    assert look.conditions["ScalingActive"] == ("False", "ScalingDisabled")


def test_without_metrics_nothing_changes_and_the_reason_is_told() -> None:
    look = Look(autoscaler(), observed(2, found=NO_METRICS))
    cause = f"failed to get cpu utilization: unable to get metrics for resource cpu: {NO_METRICS}"
    assert look.size is None
    first = f"invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: {cause}"
    assert look.events == [("FailedGetResourceMetric", cause), ("FailedComputeMetricsReplicas", first)]
    active = next(one for one in look.status.conditions if one.type == "ScalingActive")
    assert (active.status, active.reason) == ("False", "FailedGetResourceMetric")
    assert active.message == f"the HPA was unable to compute the replica count: {cause}"
    assert look.plan.requeue_after == 15


def test_one_bad_metric_of_two_lets_it_grow_and_not_shrink() -> None:
    broken = metric(type="External", external={"metric": {"name": "queue"}, "target": {"type": "Value", "value": "10"}})
    hpa = autoscaler(metric(**CPU), broken)
    pods = [pod(0), pod(1)]
    for usage, size in ((900, 4), (100, None)):
        seen = Observed(scale(2), DEPLOYMENTS, pods, [readings(usage, usage), ReadingError("gone")])
        look = Look(hpa, seen, Memory(dated((1, 1))))
        assert look.size == size
        assert (
            "FailedGetExternalMetric",
            "failed to get external metric queue: unable to get external metric default/queue/nil: gone",
        ) in (look.events)


def test_the_metric_that_asks_for_most_wins() -> None:
    requests = metric(type="Pods", pods={"metric": {"name": "requests"}, "target": {"type": "AverageValue", "averageValue": "10"}})
    ingress = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "main"}
    hits = metric(
        type="Object", object={"metric": {"name": "hits"}, "describedObject": ingress, "target": {"type": "Value", "value": "100"}}
    )
    queue = metric(type="External", external={"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "30"}})
    found: list[Reading] = [readings(600, 600), readings(12_000, 14_000), 150_000, [80_000, 40_000]]
    seen = Observed(scale(2), DEPLOYMENTS, [pod(0), pod(1)], found)
    look = Look(autoscaler(metric(**CPU), requests, hits, queue), seen)
    assert look.size == 4
    assert look.events == [("SuccessfulRescale", "New size: 4; reason: external metric queue(nil) above target")]
    current = [msgspec.to_builtins(one) for one in look.status.currentMetrics]
    assert current[1]["pods"]["current"] == {"averageValue": "13"}
    assert current[2]["object"] == {"metric": {"name": "hits"}, "current": {"value": "150"}, "describedObject": ingress}
    assert current[3]["external"]["current"] == {"averageValue": "60"}


def test_a_scale_that_cannot_be_read() -> None:
    look = Look(autoscaler(), Observed(ApiError('no matches for kind "Thing" in group "example.com"')))
    assert look.events == [("FailedGetScale", 'no matches for kind "Thing" in group "example.com"')]
    assert look.conditions == {"AbleToScale": ("False", "FailedGetScale")}


def test_a_scale_that_cannot_be_written() -> None:
    look = Look(autoscaler(), observed(2, 800, 800), failure=ForbiddenError("no"))
    assert look.conditions["AbleToScale"] == ("False", "FailedUpdateScale")
    why = "cpu resource utilization (percentage of request) above target"
    assert look.events == [("FailedRescale", f"New size: 4; reason: {why}; error: no")]
    assert look.plan.handled
    again = Look(autoscaler(), observed(2, 800, 800), failure=ConflictError("changed"))
    assert again.after == Plan(requeue_after=0.0)


@pytest.mark.parametrize(
    ("selector", "others", "reason", "event"),
    [
        ("", {}, "InvalidSelector", "selector is required"),
        ("app in", {}, "InvalidSelector", "couldn't convert selector into a corresponding internal selector object: "),
        ("app=web", {"b": "app"}, "AmbiguousSelector", "pods by selector app=web are controlled by multiple HPAs: [default/b default/web]"),
        ("app=web", {"b": "app=other"}, "ValidMetricFound", ""),
    ],
)
def test_selectors(selector: str, others: dict[str, str], reason: str, event: str) -> None:
    rivals = {Key("default", name): parse(text) for name, text in others.items()}
    seen = Observed(scale(2, selector), DEPLOYMENTS, [pod(0), pod(1)], [readings(500, 500)], rivals)
    look = Look(autoscaler(), seen)
    assert look.conditions["ScalingActive"][1] == reason
    assert not event or look.events[0][1].startswith(event)


def test_a_behavior_is_followed_and_remembered() -> None:
    behavior = HorizontalPodAutoscalerBehavior(scaleUp=rules(0, "Max", ("Pods", 1, 60)), scaleDown=DOWN)
    look = Look(autoscaler(behavior=behavior), observed(2, 1000, 1000))
    assert (look.size, look.conditions["ScalingLimited"]) == (3, ("True", "ScaleUpLimit"))
    assert look.memory.added == (Dated(1, START),)
    assert Look(autoscaler(behavior=behavior), observed(3, 900, 900, 900), look.memory).size is None, "one a minute"


def test_selectors_are_shown_as_go_does() -> None:
    assert shown(None) == "nil"
    assert shown(LabelSelector(matchLabels={"a": "b"})) == (
        "&LabelSelector{MatchLabels:map[string]string{a: b,},MatchExpressions:[]LabelSelectorRequirement{},}"
    )
