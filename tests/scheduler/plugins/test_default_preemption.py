"""DefaultPreemption: whom it chooses, whom it spares, and what it says when it cannot help."""

from __future__ import annotations

from typing import Any

import pytest
from tests.scheduler.builders import HOST, Cluster, away, near, node, pod, term

from sagong.api.types.core import Node, Pod, PodCondition, PodSpec, PodStatus, Taint, TopologySpreadConstraint
from sagong.api.types.meta import LabelSelector, ObjectMeta
from sagong.api.types.policy import PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus
from sagong.scheduler.framework import NoFit, Nomination
from sagong.scheduler.pod_info import PodInfo

WEB = {"app": "web"}


def preempt(cluster: Cluster, wanted: Pod) -> Nomination:
    info, snapshot = PodInfo.of(wanted), cluster.cache.snapshot()
    nofit = cluster.cycle.schedule(info, snapshot)
    assert isinstance(nofit, NoFit)
    return cluster.cycle.post_filter(info, snapshot, nofit)


def victims(nomination: Nomination) -> tuple[str | None, list[str]]:
    return nomination.node, [victim.name for victim in nomination.victims]


def started(hour: int) -> PodStatus:
    return PodStatus(startTime=f"2026-01-01T{hour:02}:00:00Z")


def budget(allowed: int, **labels: str) -> PodDisruptionBudget:
    return PodDisruptionBudget(
        metadata=ObjectMeta(name="b", namespace="default"),
        spec=PodDisruptionBudgetSpec(selector=LabelSelector(matchLabels=labels)),
        status=PodDisruptionBudgetStatus(disruptionsAllowed=allowed),
    )


URGENT = pod("urgent", cpu="1500m", priority=100)


@pytest.mark.parametrize(
    ("pods", "objects", "expected"),
    [
        ([pod("x", cpu="2", on="a"), pod("y", cpu="2", on="b", priority=5)], [], ("a", ["x"])),
        # who need not go stays, the important first
        ([pod("x", cpu="1", on="a"), pod("y", cpu="500m", on="a", priority=5), pod("z", cpu="2", on="b", priority=100)], [], ("a", ["x"])),
        # a budget protects
        ([pod("x", cpu="2", on="a", labels=WEB), pod("y", cpu="2", on="b", priority=5)], [budget(0, app="web")], ("b", ["y"])),
        ([pod("x", cpu="2", on="a", labels=WEB), pod("y", cpu="2", on="b", priority=5)], [budget(1, app="web")], ("a", ["x"])),
        # but if all would violate one, it must
        ([pod("x", cpu="2", on="a", labels=WEB), pod("y", cpu="2", on="b", priority=100)], [budget(0, app="web")], ("a", ["x"])),
        # the lowest greatest priority, then the lowest sum, then the fewest, then the latest start
        ([pod("x", cpu="1", on="a"), pod("y", cpu="1", on="a", priority=9), pod("z", cpu="2", on="b", priority=8)], [], ("b", ["z"])),
        ([pod("x", cpu="1", on="a"), pod("y", cpu="1", on="a"), pod("z", cpu="2", on="b")], [], ("b", ["z"])),
        ([pod("x", cpu="2", on="a", status=started(9)), pod("z", cpu="2", on="b", status=started(10))], [], ("b", ["z"])),
    ],
)
def test_whom_it_chooses(pods: list[Pod], objects: list[Any], expected: tuple[str, list[str]]) -> None:
    assert victims(preempt(Cluster([node("a"), node("b")], pods, objects), URGENT)) == expected


def test_the_victims_come_most_important_first() -> None:
    pods = [pod("x", cpu="1", on="a"), pod("y", cpu="1", on="a", priority=9)]
    assert victims(preempt(Cluster([node("a")], pods), URGENT)) == ("a", ["y", "x"])


BIG = pod("big", cpu="8", priority=100)
PROHIBITED = Taint(key="k", effect="NoSchedule")


@pytest.mark.parametrize(
    ("nodes", "pods", "wanted", "message"),
    [
        (
            [node("a")],
            [pod("x", cpu="2", on="a", priority=100)],
            URGENT,
            (
                "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: "
                "1 No preemption victims found for incoming pod."
            ),
        ),
        (
            [node("a")],
            [],
            BIG,
            "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
        ),
        (
            [node("a"), node("b", taints=[PROHIBITED]), node("c")],
            [pod("x", cpu="2", on="a", priority=100), pod("y", cpu="1", on="c"), pod("z", cpu="1", on="c", priority=100)],
            URGENT,
            (
                "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. preemption: 0/3 nodes are available: "
                "1 Insufficient cpu, 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling."
            ),
        ),
    ],
)
def test_what_it_says_when_it_cannot_help(nodes: list[Node], pods: list[Pod], wanted: Pod, message: str) -> None:
    cluster = Cluster(nodes, pods)
    info, snapshot = PodInfo.of(wanted), cluster.cache.snapshot()
    nofit = cluster.cycle.schedule(info, snapshot)
    assert isinstance(nofit, NoFit)
    assert cluster.cycle.post_filter(info, snapshot, nofit) == Nomination("", message=nofit.preemption)
    assert nofit.message() == message


def test_who_may_not_preempt_keeps_its_nomination() -> None:
    cluster = Cluster([node("a")], [pod("x", cpu="2", on="a")])
    polite = pod("p", cpu="1", priority=100, spec=PodSpec(preemptionPolicy="Never"))
    assert preempt(cluster, polite) == Nomination(None, message="preemption: not eligible due to preemptionPolicy=Never.")


def test_while_its_victims_are_leaving_it_waits() -> None:
    leaving = pod("x", cpu="2", on="a")
    leaving.metadata.deletionTimestamp = "2026-01-01T00:00:00Z"
    leaving.status.conditions = [PodCondition(type="DisruptionTarget", status="True", reason="PreemptionByScheduler")]
    cluster = Cluster([node("a"), node("b")], [leaving, pod("y", cpu="2", on="b")])
    waiting = pod("p", cpu="1", priority=100, status=PodStatus(nominatedNodeName="a"))
    assert preempt(cluster, waiting) == Nomination(None, message="preemption: not eligible due to a terminating pod on the nominated node.")


def test_promised_room_is_not_taken_by_equals() -> None:
    cluster = Cluster([node("a")], [pod("x", cpu="1", on="a"), pod("y", cpu="1", on="a", priority=100)])
    cluster.nominator.nominate(PodInfo.of(pod("first", cpu="1", priority=100)), "a")
    assert preempt(cluster, pod("second", cpu="1", priority=100)).node == ""


def test_anti_affinity_and_spreading_follow_the_pods_that_are_moved() -> None:
    hated = [pod("x", on="a", labels=WEB), pod("y", on="a")]
    assert victims(preempt(Cluster([node("a")], hated), pod("p", priority=9, spec=away(term(HOST, app="web"))))) == ("a", ["x"])
    hating = [pod("x", on="a", spec=away(term(HOST, app="web"))), pod("y", on="a")]
    assert victims(preempt(Cluster([node("a")], hating), pod("p", priority=9, labels=WEB))) == ("a", ["x"])
    constraint = TopologySpreadConstraint(
        topologyKey=HOST, maxSkew=1, whenUnsatisfiable="DoNotSchedule", labelSelector=LabelSelector(matchLabels=WEB), minDomains=5
    )
    crowd = [pod("x", on="a", labels=WEB), pod("y", on="a")]
    wanted = pod("p", priority=9, labels=WEB, spec=PodSpec(topologySpreadConstraints=[constraint]))
    assert victims(preempt(Cluster([node("a")], crowd), wanted)) == ("a", ["x"])


def test_company_that_is_wanted_is_not_made_by_evicting() -> None:
    nofit = preempt(Cluster([node("a")], [pod("x", on="a")]), pod("p", priority=9, spec=near(term(HOST, app="web"))))
    assert nofit.message == "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."


def test_host_ports_are_freed() -> None:
    taken = [pod("x", on="a", port=80), pod("y", on="a", port=81)]
    assert victims(preempt(Cluster([node("a")], taken), pod("p", port=80, priority=9))) == ("a", ["x"])
