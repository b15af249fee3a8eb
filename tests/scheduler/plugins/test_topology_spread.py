"""PodTopologySpread: skew, domains, policies, defaults."""

from __future__ import annotations

from typing import Any

import pytest
from tests.scheduler.builders import HOST, ZONE, Cluster, Objects, feasible, node, pod

from sagong.api.types.apps import ReplicaSet, ReplicaSetSpec
from sagong.api.types.core import Node, Pod, PodSpec, Service, ServiceSpec, Taint, Toleration, TopologySpreadConstraint
from sagong.api.types.meta import LabelSelector, ObjectMeta, OwnerReference
from sagong.scheduler.events import ADD, DELETE, NODE_TAINT, POD_LABEL, POD_TOLERATION, Change
from sagong.scheduler.plugins.topology_spread import TopologySpread
from sagong.scheduler.pod_info import PodInfo

TAINT = "node(s) had untolerated taint(s)"
SKEWED = "node(s) didn't match pod topology spread constraints"
NO_LABEL = f"{SKEWED} (missing required label)"
WEB = {"app": "web"}
ZONES = [node("a1", zone="a"), node("a2", zone="a"), node("b1", zone="b")]


def spread(key: str, skew: int = 1, *, soft: bool = False, **more: Any) -> PodSpec:
    constraint = TopologySpreadConstraint(
        topologyKey=key,
        maxSkew=skew,
        whenUnsatisfiable="ScheduleAnyway" if soft else "DoNotSchedule",
        labelSelector=LabelSelector(matchLabels=WEB),
        **more,
    )
    return PodSpec(topologySpreadConstraints=[constraint])


def web(name: str, on: str = "", **more: Any) -> Pod:
    return pod(name, on=on, labels=WEB, **more)


TWO = [web("x", "a1"), web("y", "b1")]
TAINTED = node("c1", zone="c", taints=[Taint(key="k", effect="NoSchedule")])

EACH_ZONE = [web("x", "a1"), web("y", "b1")]


@pytest.mark.parametrize(
    ("nodes", "pods", "wanted", "expected"),
    [
        (ZONES, [web("x", "a1")], web("p", spec=spread(ZONE)), {"a1": SKEWED, "a2": SKEWED, "b1": ""}),
        (ZONES, [web("x", "a1")], web("p", spec=spread(ZONE, 2)), {"a1": "", "a2": "", "b1": ""}),
        (ZONES, [web("x", "a1")], web("p", spec=spread(HOST)), {"a1": SKEWED, "a2": "", "b1": ""}),
        # who does not match itself adds nothing to the skew
        (ZONES, [web("x", "a1")], pod("p", spec=spread(ZONE)), {"a1": "", "a2": "", "b1": ""}),
        # pods of other namespaces do not count
        (ZONES, [web("x", "a1", namespace="other")], web("p", spec=spread(ZONE)), {"a1": "", "a2": "", "b1": ""}),
        ([*ZONES, node("n")], [], web("p", spec=spread(ZONE)), {"a1": "", "a2": "", "b1": "", "n": NO_LABEL}),
        # with fewer domains than wanted the least is nothing
        (ZONES, [web("x", "a1"), web("y", "b1")], web("p", spec=spread(ZONE, minDomains=3)), {"a1": SKEWED, "a2": SKEWED, "b1": SKEWED}),
        (ZONES, [web("x", "a1"), web("y", "b1")], web("p", spec=spread(ZONE, minDomains=2)), {"a1": "", "a2": "", "b1": ""}),
        # a tainted node is a domain unless taints are honoured
        ([*ZONES, TAINTED], TWO, web("p", spec=spread(ZONE)), {"a1": SKEWED, "a2": SKEWED, "b1": SKEWED, "c1": TAINT}),
        ([*ZONES, TAINTED], TWO, web("p", spec=spread(ZONE, nodeTaintsPolicy="Honor")), {"a1": "", "a2": "", "b1": "", "c1": TAINT}),
    ],
)  # fmt: skip
def test_where_a_pod_may_go(nodes: list[Node], pods: list[Pod], wanted: Pod, expected: dict[str, str]) -> None:
    assert feasible(nodes, pods, wanted) == expected


def test_only_nodes_that_the_pod_selects_are_domains_unless_told_otherwise() -> None:
    nodes, pods = [node("a", disk="ssd"), node("b")], [web("x", "a")]
    spec = spread(HOST)
    spec.nodeSelector = {"disk": "ssd"}
    assert feasible(nodes, pods, web("p", spec=spec))["a"] == ""
    spec = spread(HOST, nodeAffinityPolicy="Ignore")
    spec.nodeSelector = {"disk": "ssd"}
    assert feasible(nodes, pods, web("p", spec=spec))["a"] == SKEWED


def test_pods_that_are_leaving_do_not_count() -> None:
    leaving = web("x", "a1")
    leaving.metadata.deletionTimestamp = "2026-01-01T00:00:00Z"
    assert set(feasible(ZONES, [leaving], web("p", spec=spread(ZONE))).values()) == {""}


def test_a_pod_that_begins_to_leave_no_longer_counts() -> None:
    cluster, other = Cluster([node("a1", zone="a"), TAINTED], [web("x", "a1")]), web("x", "a1")
    assert SKEWED in cluster.refusal(web("p", spec=spread(ZONE)))
    other.metadata.deletionTimestamp = "2026-01-01T00:00:00Z"
    cluster.cache.set_pod(other)
    assert cluster.choice(web("p", spec=spread(ZONE))) == "a1"


def test_match_label_keys_count_only_pods_of_the_same_value() -> None:
    def of(name: str, version: str, on: str = "", spec: PodSpec | None = None) -> Pod:
        return pod(name, on=on, labels={"app": "web", "version": version}, spec=spec)

    pods = [of("x", "1", "a1"), of("y", "1", "a2")]
    assert feasible(ZONES, pods, of("p", "1", spec=spread(ZONE, matchLabelKeys=["version"])))["a1"] == SKEWED
    assert feasible(ZONES, pods, of("p", "2", spec=spread(ZONE, matchLabelKeys=["version"])))["a1"] == ""


def test_soft_constraints_rate_by_domain() -> None:
    cluster = Cluster(ZONES, [web("x", "a1"), web("y", "a2")])
    assert cluster.scores(web("p", spec=spread(ZONE, soft=True)), "PodTopologySpread") == [0, 100, 0]
    assert cluster.scores(web("p"), "PodTopologySpread") is None


def owned(name: str, on: str = "") -> Pod:
    found = pod(name, on=on, labels=WEB)
    found.metadata.ownerReferences = [OwnerReference(apiVersion="apps/v1", kind="ReplicaSet", name="web", uid="u", controller=True)]
    return found


SET = ReplicaSet(metadata=ObjectMeta(name="web", namespace="default"), spec=ReplicaSetSpec(selector=LabelSelector(matchLabels=WEB)))
SERVICE = Service(metadata=ObjectMeta(name="web", namespace="default"), spec=ServiceSpec(selector=WEB))


@pytest.mark.parametrize(("objects", "wanted"), [([SET], owned("p")), ([SERVICE], web("p"))])
def test_by_default_what_belongs_together_is_spread(objects: list[Any], wanted: Pod) -> None:
    cluster = Cluster([node("a"), node("b")], [web("x", "a"), web("y", "a")], objects)
    assert cluster.scores(wanted, "PodTopologySpread") == [40, 100]


def test_own_constraints_replace_the_defaults() -> None:
    cluster = Cluster([node("a"), node("b")], [web("x", "a")], [SERVICE])
    assert cluster.scores(web("p", spec=spread(ZONE)), "PodTopologySpread") is None


def tolerant() -> Pod:
    found = web("p", spec=spread(ZONE, nodeTaintsPolicy="Honor"))
    found.spec.tolerations = [Toleration(key="k", operator="Exists")]
    return found


WAITING = web("p", spec=spread(ZONE, nodeTaintsPolicy="Honor"))


@pytest.mark.parametrize(
    ("action", "old", "new", "helps"),
    [
        (ADD, None, web("x", "a1"), True),
        (ADD, None, pod("x", on="a1"), False),
        (ADD, None, web("x"), False),
        (ADD, None, web("x", "a1", namespace="other"), False),
        (DELETE, web("x", "a1"), None, True),
        (POD_LABEL, web("x", "a1"), pod("x", on="a1"), True),
        (POD_LABEL, pod("x", on="a1"), pod("x", on="a1", labels={"else": "1"}), False),
        (POD_TOLERATION, WAITING, tolerant(), True),
        (ADD, None, node("c", zone="c"), True),
        (ADD, None, node("c"), False),
        (DELETE, node("c", zone="c"), None, True),
        (NODE_TAINT, node("c", zone="c"), TAINTED, True),
    ],
)
def test_what_is_worth_another_attempt(action: int, old: Pod | Node | None, new: Pod | Node | None, helps: bool) -> None:  # noqa: FBT001
    change = Change(type(old or new).__name__, action, old, new)
    assert TopologySpread(Objects()).may_help(PodInfo.of(WAITING), change) is helps
