"""One cycle: which node, or the message that kubectl describe shows."""

from __future__ import annotations

import pytest
from tests.scheduler.builders import Cluster, node, pod

from sagong.api.types.core import (
    Affinity,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    Pod,
    PodSpec,
    PodStatus,
    PreferredSchedulingTerm,
    Taint,
    Toleration,
)
from sagong.scheduler.cycle import enough
from sagong.scheduler.framework import NoFit
from sagong.scheduler.pod_info import PodInfo


def pinned(*names: str) -> PodSpec:
    """Require nodes by name, as DaemonSet pods do."""
    terms = [NodeSelectorTerm(matchFields=[NodeSelectorRequirement(key="metadata.name", operator="In", values=[name])]) for name in names]
    required = NodeSelector(nodeSelectorTerms=terms)
    return PodSpec(affinity=Affinity(nodeAffinity=NodeAffinity(requiredDuringSchedulingIgnoredDuringExecution=required)))


def test_the_emptier_node_wins() -> None:
    assert Cluster([node("a"), node("b")], [pod("x", cpu="1", on="a")]).choice(pod("p", cpu="500m")) == "b"


def test_no_nodes() -> None:
    assert Cluster([]).refusal(pod("p")) == "no nodes available to schedule pods"


KEEP_OUT = Taint(key="k", value="v", effect="NoSchedule")


@pytest.mark.parametrize(
    ("wanted", "nodes", "message"),
    [
        (pod("p", cpu="3"), [node("a"), node("b")], "0/2 nodes are available: 2 Insufficient cpu."),
        (pod("p", cpu="3", memory="5Gi"), [node("a")], "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory."),
        (pod("p", example__com="1"), [node("a")], "0/1 nodes are available: 1 Insufficient example/com."),
        (pod("p"), [node("a", allocatable={"pods": "0"})], "0/1 nodes are available: 1 Too many pods."),
        (
            pod("p"),
            [node("a", taints=[KEEP_OUT]), node("b", allocatable={"pods": "0"})],
            "0/2 nodes are available: 1 Too many pods, 1 node(s) had untolerated taint(s).",
        ),
        (
            pod("p", spec=PodSpec(nodeSelector={"disk": "ssd"})),
            [node("a"), node("b")],
            "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
        ),
        (pod("p"), [node("a", cordoned=True)], "0/1 nodes are available: 1 node(s) were unschedulable."),
        (pod("p", on="b"), [node("a")], "0/1 nodes are available: 1 node(s) didn't match the requested node name."),
        (
            pod("p", cpu="3", spec=pinned("a")),
            [node("a"), node("b"), node("c")],
            "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity].",
        ),
        (pod("p", spec=pinned("z")), [node("a")], "0/1 nodes are available: 1 node(s) didn't satisfy plugin(s) [NodeAffinity]."),
    ],
)
def test_refusals_read_as_upstreams(wanted: Pod, nodes: list[Node], message: str) -> None:
    assert Cluster(nodes).refusal(wanted) == message


def test_terms_that_name_different_nodes_at_once_conflict() -> None:
    spec = pinned("a")
    required = spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution  # type: ignore[union-attr]  # just made
    required.nodeSelectorTerms[0].matchFields *= 2  # type: ignore[union-attr]  # just made
    required.nodeSelectorTerms[0].matchFields[1] = NodeSelectorRequirement(key="metadata.name", operator="In", values=["b"])  # type: ignore[union-attr]
    assert Cluster([node("a"), node("b")]).refusal(pod("p", spec=spec)) == "0/2 nodes are available: pod affinity terms conflict."


def test_what_is_used_counts() -> None:
    cluster = Cluster([node("a")], [pod("x", cpu="1", on="a")])
    assert cluster.refusal(pod("p", cpu="1500m")) == "0/1 nodes are available: 1 Insufficient cpu."


def test_finished_pods_use_nothing() -> None:
    assert Cluster([node("a")], [pod("x", cpu="2", on="a", status=PodStatus(phase="Succeeded"))]).choice(pod("p", cpu="2")) == "a"


def test_a_toleration_lets_in_and_a_soft_taint_only_repels() -> None:
    hard = node("hard", taints=[KEEP_OUT])
    assert Cluster([hard]).choice(pod("p", spec=PodSpec(tolerations=[Toleration(key="k", operator="Exists")]))) == "hard"
    soft = node("soft", allocatable={"cpu": "64"}, taints=[Taint(key="k", effect="PreferNoSchedule")])
    assert Cluster([soft, node("plain")]).choice(pod("q")) == "plain"
    assert Cluster([soft]).choice(pod("q")) == "soft"


def test_a_host_port_is_taken_once() -> None:
    taken = [pod("x", port=80, on="a")]
    assert Cluster([node("a"), node("b")], taken).choice(pod("p", port=80)) == "b"
    assert Cluster([node("a")], taken).refusal(pod("p", port=80)).endswith("didn't have free ports for the requested pod ports.")
    assert Cluster([node("a")], taken).choice(pod("p", port=81)) == "a"


def test_preferred_terms_rate() -> None:
    wanted = NodeSelectorTerm(matchExpressions=[NodeSelectorRequirement(key="disk", operator="In", values=["z2"])])
    preferred = [PreferredSchedulingTerm(weight=50, preference=wanted)]
    affinity = Affinity(nodeAffinity=NodeAffinity(preferredDuringSchedulingIgnoredDuringExecution=preferred))
    assert Cluster([node("a", disk="z1"), node("b", disk="z2")]).choice(pod("p", spec=PodSpec(affinity=affinity))) == "b"


def test_an_assumed_pod_counts_until_it_is_forgotten() -> None:
    cluster, big = Cluster([node("a")]), pod("big", cpu="2")
    cluster.cache.assume(PodInfo.of(big), "a")
    cluster.refusal(pod("p", cpu="1"))
    cluster.cache.set_pod(big)  # the informer still shows it without a node
    cluster.refusal(pod("p", cpu="1"))
    cluster.cache.forget("uid-big")
    assert cluster.choice(pod("p", cpu="1")) == "a"


def test_an_assumed_pod_that_shows_up_bound_counts_once() -> None:
    cluster = Cluster([node("a")])
    cluster.cache.assume(PodInfo.of(pod("x", cpu="1")), "a")
    cluster.cache.set_pod(pod("x", cpu="1", on="a"))
    assert not cluster.cache.is_assumed("uid-x")
    assert cluster.choice(pod("p", cpu="1")) == "a"
    cluster.cache.set_pod(None, pod("x", cpu="1", on="a"))
    assert cluster.choice(pod("p", cpu="2")) == "a"


def test_the_nominated_node_is_tried_first() -> None:
    cluster = Cluster([node("a"), node("b", allocatable={"cpu": "64"})])
    assert cluster.choice(pod("p", cpu="1", status=PodStatus(nominatedNodeName="a"))) == "a"
    assert cluster.choice(pod("p", cpu="4", status=PodStatus(nominatedNodeName="a"))) == "b"


def test_room_that_is_promised_is_kept_from_those_who_do_not_come_first() -> None:
    cluster = Cluster([node("a")])
    cluster.nominator.nominate(PodInfo.of(pod("first", cpu="2", priority=10)), "a")
    assert cluster.refusal(pod("p", cpu="1", priority=10)) == "0/1 nodes are available: 1 Insufficient cpu."
    assert cluster.choice(pod("p", cpu="1", priority=11)) == "a"
    cluster.nominator.forget("uid-first")
    assert cluster.choice(pod("p", cpu="1")) == "a"


def test_who_rejected_is_known_also_when_nodes_were_narrowed() -> None:
    result = Cluster([node("a"), node("b")]).schedule(pod("p", cpu="3", spec=pinned("a")))
    assert isinstance(result, NoFit)
    assert result.rejected_by == {"NodeAffinity", "NodeResourcesFit"}


@pytest.mark.parametrize(
    ("nodes", "percentage", "tried"), [(1, 0, 1), (99, 0, 99), (1000, 0, 420), (6000, 0, 300), (200, 0, 100), (1000, 40, 400)]
)
def test_large_clusters_are_searched_in_part(nodes: int, percentage: int, tried: int) -> None:
    assert enough(nodes, percentage) == tried


def test_the_search_goes_on_where_the_last_one_stopped() -> None:
    cluster = Cluster(node(f"n{i}") for i in range(300))
    first, second = cluster.schedule(pod("p")), cluster.schedule(pod("q"))
    assert not isinstance(first, NoFit)
    assert not isinstance(second, NoFit)
    assert len(first.scores) == len(second.scores) == 144
    assert not set(first.scores) & set(second.scores)


def test_zones_take_turns() -> None:
    nodes = [node(f"{zone}{i}", zone=zone) for zone in "ab" for i in range(2)]
    assert [info.name for info in Cluster(nodes).cache.snapshot().nodes] == ["a0", "b0", "a1", "b1"]
