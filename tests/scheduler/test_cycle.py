"""One cycle: which node, or the message that kubectl describe shows."""

import pytest

from sagong.api.types.core import (
    Affinity,
    Container,
    ContainerPort,
    Node,
    NodeAffinity,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    NodeSpec,
    NodeStatus,
    Pod,
    PodSpec,
    PreferredSchedulingTerm,
    ResourceRequirements,
    Taint,
    Toleration,
)
from sagong.api.types.meta import ObjectMeta
from sagong.cluster.clock import RealRandom
from sagong.scheduler.cycle import Cycle, NoFit, Placement, enough
from sagong.scheduler.plugins import default_profile
from sagong.scheduler.snapshot import Cache, PodInfo


def node(name: str, *, cpu: str = "2", memory: str = "4Gi", pods: str = "110", taints: list[Taint] | None = None, **labels: str) -> Node:
    return Node(
        metadata=ObjectMeta(name=name, labels=labels),
        spec=NodeSpec(taints=taints or []),
        status=NodeStatus(allocatable={"cpu": cpu, "memory": memory, "pods": pods}),
    )


def pod(name: str, *, cpu: str = "", memory: str = "", on: str = "", port: int = 0, spec: PodSpec | None = None) -> Pod:
    requests = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value}
    spec = spec or PodSpec()
    ports = [ContainerPort(containerPort=port, hostPort=port, protocol="TCP")] if port else []
    spec.containers = [Container(name="c", image="i", resources=ResourceRequirements(requests=requests), ports=ports)]
    spec.nodeName = on
    return Pod(metadata=ObjectMeta(name=name, namespace="default", uid=f"uid-{name}"), spec=spec)


def schedule(wanted: Pod, nodes: list[Node], pods: list[Pod] | None = None) -> Placement | NoFit:
    cache = Cache()
    for one in nodes:
        cache.set_node(None, one)
    for other in pods or []:
        cache.set_pod(None, other)
    return Cycle(default_profile(), RealRandom()).schedule(wanted, cache.snapshot())


def chosen(result: Placement | NoFit) -> str:
    assert isinstance(result, Placement), result.message()
    return result.node


def refusal(result: Placement | NoFit) -> str:
    assert isinstance(result, NoFit)
    return result.message()


def test_the_emptier_node_wins() -> None:
    assert chosen(schedule(pod("p", cpu="500m"), [node("a"), node("b")], [pod("x", cpu="1", on="a")])) == "b"


def test_no_nodes() -> None:
    assert refusal(schedule(pod("p"), [])) == "no nodes available to schedule pods"


@pytest.mark.parametrize(
    ("wanted", "nodes", "message"),
    [
        (pod("p", cpu="3"), [node("a"), node("b")], "0/2 nodes are available: 2 Insufficient cpu."),
        (pod("p", cpu="3", memory="5Gi"), [node("a")], "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory."),
        (pod("p"), [node("a", pods="0")], "0/1 nodes are available: 1 Too many pods."),
        (
            pod("p"),
            [node("a", taints=[Taint(key="k", value="v", effect="NoSchedule")]), node("b", pods="0")],
            "0/2 nodes are available: 1 Too many pods, 1 node(s) had untolerated taint(s) {k: v}.",
        ),
        (
            pod("p", spec=PodSpec(nodeSelector={"disk": "ssd"})),
            [node("a"), node("b")],
            "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
        ),
    ],
)
def test_refusals_read_as_upstreams(wanted: Pod, nodes: list[Node], message: str) -> None:
    assert refusal(schedule(wanted, nodes)) == message


def test_what_is_used_counts() -> None:
    assert refusal(schedule(pod("p", cpu="1500m"), [node("a")], [pod("x", cpu="1", on="a")])) == (
        "0/1 nodes are available: 1 Insufficient cpu."
    )


def test_a_toleration_lets_in_and_a_soft_taint_only_repels() -> None:
    hard = node("hard", taints=[Taint(key="k", effect="NoSchedule")])
    tolerant = pod("p", spec=PodSpec(tolerations=[Toleration(key="k", operator="Exists")]))
    assert chosen(schedule(tolerant, [hard])) == "hard"
    soft = node("soft", cpu="64", taints=[Taint(key="k", effect="PreferNoSchedule")])
    assert chosen(schedule(pod("q"), [soft, node("plain")])) == "plain"
    assert chosen(schedule(pod("q"), [soft])) == "soft"


def test_a_cordoned_node_takes_nobody() -> None:
    cordoned = node("a")
    cordoned.spec.unschedulable = True
    assert refusal(schedule(pod("p"), [cordoned])) == "0/1 nodes are available: 1 node(s) were unschedulable."


def test_a_host_port_is_taken_once() -> None:
    taken = [pod("x", port=80, on="a")]
    assert chosen(schedule(pod("p", port=80), [node("a"), node("b")], taken)) == "b"
    assert refusal(schedule(pod("p", port=80), [node("a")], taken)).endswith("didn't have free ports for the requested pod ports.")


def test_preferred_terms_rate() -> None:
    term = NodeSelectorTerm(matchExpressions=[NodeSelectorRequirement(key="zone", operator="In", values=["z2"])])
    preferred = [PreferredSchedulingTerm(weight=50, preference=term)]
    affinity = Affinity(nodeAffinity=NodeAffinity(preferredDuringSchedulingIgnoredDuringExecution=preferred))
    assert chosen(schedule(pod("p", spec=PodSpec(affinity=affinity)), [node("a", zone="z1"), node("b", zone="z2")])) == "b"


def test_an_assumed_pod_counts_until_it_is_forgotten() -> None:
    cache = Cache()
    cache.set_node(None, node("a"))
    big = pod("big", cpu="2")
    cache.assume(PodInfo.of(big), "a")
    cycle = Cycle(default_profile(), RealRandom())
    assert isinstance(cycle.schedule(pod("p", cpu="1"), cache.snapshot()), NoFit)
    cache.set_pod(None, big)  # the informer still shows it without a node
    assert isinstance(cycle.schedule(pod("p", cpu="1"), cache.snapshot()), NoFit)
    cache.forget("uid-big")
    assert chosen(cycle.schedule(pod("p", cpu="1"), cache.snapshot())) == "a"


@pytest.mark.parametrize(("nodes", "tried"), [(1, 1), (100, 100), (1000, 420), (6000, 300), (200, 100)])
def test_large_clusters_are_searched_in_part(nodes: int, tried: int) -> None:
    assert enough(nodes) == tried
