"""What `sagong why` is told: all objections of each node, what would help, and where the least would have to change."""

from __future__ import annotations

import pytest
from tests.scheduler.builders import HOST, ZONE, Cluster, away, near, node, pod, term

from sagong.api.types.core import Node, Pod, PodSchedulingGate, PodSpec, Taint, TopologySpreadConstraint
from sagong.api.types.meta import LabelSelector
from sagong.scheduler.explain import Explanation, explain
from sagong.scheduler.pod_info import PodInfo

WEB = {"app": "web"}
TAINT = Taint(key="k", value="v", effect="NoSchedule")


def explained(cluster: Cluster, wanted: Pod) -> Explanation:
    return explain(cluster.profile, PodInfo.of(wanted), cluster.cache.snapshot(), cluster.cycle)


def remedies(found: Explanation, name: str) -> list[str]:
    chosen = next(node for node in found.nodes if node.node == name)
    return [remedy.text for objection in chosen.objections for remedy in objection.remedies]


def skewed() -> PodSpec:
    selector = LabelSelector(matchLabels=WEB)
    return PodSpec(topologySpreadConstraints=[TopologySpreadConstraint(1, ZONE, "DoNotSchedule", selector)])


def selecting(**labels: str) -> PodSpec:
    return PodSpec(nodeSelector=labels)


ZONES = [node("a", zone="a"), node("b", zone="b")]


@pytest.mark.parametrize(
    ("nodes", "pods", "wanted", "expected"),
    [
        ([node("a")], [pod("x", cpu="1", on="a")], pod("p", cpu="1500m"), ["ask for 500m less cpu, or free as much on the node"]),
        ([node("a")], [pod("x", cpu="2", on="a")], pod("p", cpu="500m"), ["free 500m of cpu on the node"]),
        ([node("a")], [], pod("p", cpu="3", memory="5Gi"), ["ask for 1 less cpu", "ask for 1Gi less memory"]),
        ([node("a", allocatable={"pods": "1"})], [pod("x", on="a")], pod("p"), ["remove 1 pod from the node"]),
        ([node("a", cordoned=True)], [], pod("p"), ["uncordon a"]),
        ([node("a", taints=[TAINT])], [], pod("p"), ["tolerate the taint k=v:NoSchedule"]),
        ([node("a")], [], pod("p", spec=selecting(disk="ssd")), ["let the node match disk=ssd, or drop the demand"]),
        ([node("a")], [pod("x", port=80, on="a")], pod("p", port=80), ["free host port 80/TCP of default/x"]),
        (ZONES, [pod("x", on="a", labels=WEB)], pod("p", labels=WEB, spec=skewed()), [f"raise maxSkew of {ZONE} from 1 to 2"]),
        ([node("a"), ZONES[1]], [], pod("p", labels=WEB, spec=skewed()), [f"label the node {ZONE}"]),
        (ZONES, [], pod("p", spec=near(term(ZONE, app="web"))), [f"run a pod matching app=web in {ZONE}=a"]),
        (
            ZONES,
            [pod("x", on="a", labels=WEB)],
            pod("p", spec=away(term(ZONE, app="web"))),
            [f"remove 1 pod matching app=web from {ZONE}=a"],
        ),
        (
            ZONES,
            [pod("x", on="a", spec=away(term(HOST, app="web")))],
            pod("p", labels=WEB),
            ["remove the pods whose anti-affinity keeps this one away"],
        ),
    ],
)
def test_what_would_help(nodes: list[Node], pods: list[Pod], wanted: Pod, expected: list[str]) -> None:
    assert remedies(explained(Cluster(nodes, pods), wanted), "a") == expected


def test_every_plugin_that_says_no_is_named() -> None:
    found = explained(Cluster([node("a", taints=[TAINT], cordoned=True)]), pod("p", cpu="3"))
    assert [objection.plugin for objection in found.nodes[0].objections] == ["NodeUnschedulable", "TaintToleration", "NodeResourcesFit"]


def test_the_smallest_change_is_on_the_node_that_asks_for_the_least() -> None:
    nodes = [node("a", taints=[TAINT]), node("b", allocatable={"cpu": "1"}), node("c")]
    smallest = explained(Cluster(nodes), pod("p", cpu="2500m")).smallest
    assert smallest is not None
    assert smallest.node == "c"
    assert [remedy.text for objection in smallest.objections for remedy in objection.remedies] == ["ask for 500m less cpu"]


def test_a_pod_that_fits_is_told_where_it_would_go() -> None:
    found = explained(Cluster([node("a"), node("b", taints=[TAINT])]), pod("p"))
    assert (found.node, found.smallest) == ("a", None)
    assert remedies(found, "b") == ["tolerate the taint k=v:NoSchedule"]


def test_gates_are_named_although_the_pod_would_fit() -> None:
    found = explained(Cluster([node("a")]), pod("p", spec=PodSpec(schedulingGates=[PodSchedulingGate(name="example.com/one")])))
    assert (found.node, found.message) == ("", "waiting for scheduling gates: [example.com/one]")


def test_victims_are_named() -> None:
    found = explained(Cluster([node("a")], [pod("x", cpu="2", on="a")]), pod("p", cpu="1", priority=1))
    assert found.message == "0/1 nodes are available: 1 Insufficient cpu. Preempting default/x on node a would make room."
