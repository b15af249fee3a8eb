"""The plugins over arrays against the reference, one node at a time, over random clusters (hypothesis)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.scheduler import reference
from tests.scheduler.builders import HOST, ZONE, Cluster, namespaces
from tests.scheduler.reference import World

from sagong.api.types.core import (
    Affinity,
    Container,
    ContainerImage,
    ContainerPort,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    NodeSpec,
    NodeStatus,
    Pod,
    PodAffinity,
    PodAffinityTerm,
    PodAntiAffinity,
    PodSpec,
    PodStatus,
    PreferredSchedulingTerm,
    ResourceRequirements,
    Taint,
    Toleration,
    TopologySpreadConstraint,
    WeightedPodAffinityTerm,
)
from sagong.api.types.meta import LabelSelector, ObjectMeta
from sagong.scheduler.framework import NoFit
from sagong.scheduler.nodes import Nodes
from sagong.scheduler.pod_info import PodInfo

ROOMS = {"one": {"team": "x"}, "two": {"team": "y"}}
THOROUGH = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
BRIEF = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))

few = st.integers(0, 2)
labels = st.fixed_dictionaries({}, optional={"app": st.sampled_from(["a", "b"]), "tier": st.sampled_from(["x", "y"])})
selectors = st.builds(lambda own: LabelSelector(matchLabels=own), labels)
effects = st.sampled_from(["NoSchedule", "PreferNoSchedule", "NoExecute"])
taints = st.builds(Taint, key=st.sampled_from("kl"), value=st.sampled_from(["", "v"]), effect=effects)
tolerations = st.builds(
    Toleration,
    key=st.sampled_from(["k", "l"]),
    operator=st.sampled_from(["Exists", "Equal"]),
    value=st.sampled_from(["", "v"]),
    effect=st.one_of(st.just(""), effects),
)
terms = st.builds(
    PodAffinityTerm,
    labelSelector=selectors,
    topologyKey=st.sampled_from([HOST, ZONE, "disk"]),
    namespaces=st.lists(st.sampled_from(["one", "two"]), max_size=1),
    namespaceSelector=st.one_of(st.none(), st.none(), st.just(LabelSelector(matchLabels={"team": "y"})), st.just(LabelSelector())),
)
weighted = st.builds(WeightedPodAffinityTerm, weight=st.integers(1, 9), podAffinityTerm=terms)
disks = st.builds(
    lambda values, operator: NodeSelectorTerm(matchExpressions=[NodeSelectorRequirement(key="disk", operator=operator, values=values)]),
    st.just(["ssd"]),
    st.sampled_from(["In", "NotIn"]),
)
preferences = st.builds(PreferredSchedulingTerm, weight=st.integers(1, 9), preference=disks)


@st.composite
def affinities(draw: st.DrawFn) -> Affinity | None:
    if draw(st.booleans()):
        return None
    required = draw(st.one_of(st.none(), st.none(), st.builds(lambda term: NodeSelector(nodeSelectorTerms=[term]), disks)))
    return Affinity(
        nodeAffinity=NodeAffinity(
            requiredDuringSchedulingIgnoredDuringExecution=required,
            preferredDuringSchedulingIgnoredDuringExecution=draw(st.lists(preferences, max_size=2)),
        ),
        podAffinity=PodAffinity(
            requiredDuringSchedulingIgnoredDuringExecution=draw(st.lists(terms, max_size=1)),
            preferredDuringSchedulingIgnoredDuringExecution=draw(st.lists(weighted, max_size=2)),
        ),
        podAntiAffinity=PodAntiAffinity(
            requiredDuringSchedulingIgnoredDuringExecution=draw(st.lists(terms, max_size=1)),
            preferredDuringSchedulingIgnoredDuringExecution=draw(st.lists(weighted, max_size=1)),
        ),
    )


constraints = st.builds(
    TopologySpreadConstraint,
    topologyKey=st.sampled_from([HOST, ZONE, "disk"]),
    maxSkew=st.integers(1, 3),
    whenUnsatisfiable=st.sampled_from(["DoNotSchedule", "ScheduleAnyway"]),
    labelSelector=selectors,
    matchLabelKeys=st.lists(st.sampled_from(["tier"]), max_size=1),
    minDomains=st.sampled_from([None, None, 2]),
    nodeAffinityPolicy=st.sampled_from([None, "Ignore", "Honor"]),
    nodeTaintsPolicy=st.sampled_from([None, "Honor"]),
)


@st.composite
def nodes(draw: st.DrawFn, name: str) -> Node:
    own = draw(
        st.fixed_dictionaries({HOST: st.just(name)}, optional={ZONE: st.sampled_from("abc"), "disk": st.sampled_from(["ssd", "hdd"])})
    )
    allocatable = draw(
        st.fixed_dictionaries(
            {"cpu": st.sampled_from(["500m", "1", "2"]), "memory": st.sampled_from(["1Gi", "2Gi"]), "pods": st.sampled_from(["2", "110"])},
            optional={"example.com/thing": st.just("1")},
        )
    )
    images = [ContainerImage(names=["i:latest"], sizeBytes=draw(st.integers(0, 2 * 10**9)))] if draw(st.booleans()) else []
    return Node(
        metadata=ObjectMeta(name=name, labels=own),
        spec=NodeSpec(taints=draw(st.lists(taints, max_size=1)), unschedulable=draw(st.integers(0, 9)) == 0),
        status=NodeStatus(allocatable=allocatable, images=images),
    )


@st.composite
def pods(draw: st.DrawFn, name: str, on: str = "", *, plain: bool = False) -> Pod:
    requests = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "cpu": st.sampled_from(["0", "100m", "400m", "1"]),
                "memory": st.sampled_from(["64Mi", "1Gi"]),
                "example.com/thing": st.sampled_from(["0", "1", "2"]),
            },
        )
    )
    hosts = [ContainerPort(containerPort=1, hostPort=80, protocol="TCP", hostIP=draw(st.sampled_from(["", "10.0.0.1", "10.0.0.2"])))]
    spec = PodSpec(
        containers=[
            Container(
                name="c",
                image="i",
                resources=ResourceRequirements(requests=requests),
                ports=[] if plain or draw(st.integers(0, 3)) else hosts,
            )
        ],
        nodeName=on,
        priority=draw(few),
        schedulerName="default-scheduler",
        tolerations=draw(st.lists(tolerations, max_size=2)),
        affinity=None if plain else draw(affinities()),
        topologySpreadConstraints=[] if plain else draw(st.lists(constraints, max_size=2)),
    )
    meta = ObjectMeta(
        name=name,
        namespace=draw(st.sampled_from(["one", "two"])),
        uid=f"uid-{name}",
        labels=draw(labels),
        deletionTimestamp="2026-01-01T00:00:00Z" if on and draw(few) == 0 else None,
    )
    return Pod(metadata=meta, spec=spec, status=PodStatus(startTime=f"2026-01-01T00:00:0{draw(few)}Z" if on else None))


@st.composite
def clusters(draw: st.DrawFn, *, plain: bool = False) -> tuple[list[Node], list[Pod], Pod]:
    """Return nodes, pods on them, and one to place."""
    made = [draw(nodes(f"n{number}")) for number in range(draw(st.integers(1, 6)))]
    names = [node.metadata.name for node in made]
    placed = [draw(pods(f"p{number}", draw(st.sampled_from(names)), plain=plain)) for number in range(draw(st.integers(0, 8)))]
    return made, placed, draw(pods("wanted", plain=plain))


def world_of(made: Sequence[Node], placed: Sequence[Pod]) -> World:
    found = World(list(made), {}, ROOMS)
    for pod in placed:
        found.pods.setdefault(pod.spec.nodeName, []).append(PodInfo.of(pod))
    return found


def cluster_of(made: Sequence[Node], placed: Sequence[Pod]) -> Cluster:
    return namespaces(Cluster(made, placed), **ROOMS)


def refusals(cluster: Cluster, wanted: PodInfo) -> dict[str, tuple[str, tuple[str, ...]] | None]:
    """Return, by node, who refuses first and why, as the arrays have it."""
    snapshot = cluster.cache.snapshot()
    result = cluster.cycle.schedule(wanted, snapshot)
    if isinstance(result, NoFit) and result.at_once is not None:
        return {node.name: (result.at_once.plugin, result.at_once.reasons) for node in snapshot.nodes}
    verdicts = cluster.cycle._filtering.verdicts(result.state, wanted, Nodes(snapshot.table))
    by_row = {int(row): refusal.unfit for refusal in verdicts.refusals(snapshot.order, snapshot.order) for row in refusal.rows}
    found: dict[str, tuple[str, tuple[str, ...]] | None] = {}
    for node in snapshot.nodes:
        unfit = by_row.get(node.row)
        alone = cluster.cycle.on(result.state, wanted, snapshot.table, node).unfit()
        assert alone == unfit, "what is said of all nodes at once is said of each alone"
        found[node.name] = None if unfit is None else (unfit.plugin, unfit.reasons)
        if unfit is not None and unfit.plugin == "NodeResourcesFit":
            assert unfit.resolvable != reference.is_too_small(wanted, node.node, unfit.reasons)
    return found


@THOROUGH
@given(clusters())
def test_who_refuses_a_node_and_why(case: tuple[list[Node], list[Pod], Pod]) -> None:
    made, placed, pod = case
    wanted, world = PodInfo.of(pod), world_of(made, placed)
    expected = {node.metadata.name: reference.refusal(world, wanted, node) for node in made}
    assert refusals(cluster_of(made, placed), wanted) == expected


@THOROUGH
@given(clusters(), st.lists(st.tuples(st.integers(0, 5), few), max_size=4), st.data())
def test_room_is_left_to_nominated_pods(
    case: tuple[list[Node], list[Pod], Pod], nominations: list[tuple[int, int]], data: st.DataObject
) -> None:
    made, placed, pod = case
    plain = data.draw(st.booleans())
    cluster, wanted, world = cluster_of(made, placed), PodInfo.of(pod), world_of(made, placed)
    crowd: dict[str, list[PodInfo]] = {}
    for number, (place, _) in enumerate(nominations):
        name = made[place % len(made)].metadata.name
        other = PodInfo.of(data.draw(pods(f"nominated-{number}", plain=plain)))
        cluster.nominator.nominate(other, name)
        if other.priority >= wanted.priority:
            crowd.setdefault(name, []).append(other)
    expected = {}
    for node in made:  # beside a node's own nominated pods, and without
        name = node.metadata.name
        beside = world.moving(1, node, *crowd.get(name, []))
        expected[name] = reference.refusal(beside, wanted, node) or reference.refusal(world, wanted, node)
    assert {name: bool(found) for name, found in refusals(cluster, wanted).items()} == {name: bool(why) for name, why in expected.items()}


@THOROUGH
@given(clusters())
def test_ratings(case: tuple[list[Node], list[Pod], Pod]) -> None:
    made, placed, pod = case
    cluster, wanted, world = cluster_of(made, placed), PodInfo.of(pod), world_of(made, placed)
    order = [node.node for node in cluster.cache.snapshot().nodes]
    for name, rate in reference.SCORES.items():
        ratings = cluster.scores(pod, name)
        expected = rate(world, wanted, order)
        if ratings is None:
            assert expected is None or len(set(expected)) == 1, f"{name} may only be silent where all nodes are the same to it"
        else:
            assert ratings == expected, name


@THOROUGH
@given(clusters())
def test_where_a_pod_goes(case: tuple[list[Node], list[Pod], Pod]) -> None:
    made, placed, pod = case
    cluster, wanted, world = cluster_of(made, placed), PodInfo.of(pod), world_of(made, placed)
    fitting = [node.node for node in cluster.cache.snapshot().nodes if reference.refusal(world, wanted, node.node) is None]
    result = cluster.cycle.schedule(wanted, cluster.cache.snapshot())
    if not fitting:
        assert isinstance(result, NoFit)
        return
    totals = [0] * len(fitting)
    for name, rate in reference.SCORES.items():
        ratings = rate(world, wanted, fitting) or [0] * len(fitting)
        totals = [total + cluster.profile.weight_of(name) * rating for total, rating in zip(totals, ratings, strict=True)]
    assert not isinstance(result, NoFit)
    best = {node.metadata.name for node, total in zip(fitting, totals, strict=True) if total == max(totals)}
    assert result.node in best


@THOROUGH
@given(clusters(), st.integers(3, 4))
def test_whom_preemption_chooses(case: tuple[list[Node], list[Pod], Pod], priority: int) -> None:
    made, placed, pod = case
    pod.spec.priority = priority - 1
    cluster, wanted, world = cluster_of(made, placed), PodInfo.of(pod), world_of(made, placed)
    snapshot = cluster.cache.snapshot()
    result = cluster.cycle.schedule(wanted, snapshot)
    if not isinstance(result, NoFit) or result.at_once is not None:
        return
    may = {node.name: (unfit := result.of(node.row)) is not None and unfit.resolvable for node in snapshot.nodes}
    by_node = {node.metadata.name: reference.victims(world, wanted, node) for node in made if may[node.metadata.name]}
    helpful = {name: sorted(victim.name for victim in gone) for name, gone in by_node.items() if gone}
    for _ in range(2):  # the second time much of it is remembered
        nomination = cluster.cycle.post_filter(wanted, snapshot, result)
        chosen = sorted(victim.name for victim in nomination.victims)
        assert bool(nomination.node) == bool(helpful)
        assert not nomination.node or chosen == helpful[nomination.node]


changes = st.lists(st.tuples(st.sampled_from(["node", "no node", "pod", "no pod", "assume", "namespace"]), st.integers(0, 5)), max_size=12)


@BRIEF
@given(clusters(), changes, st.data())
def test_what_follows_changes_is_what_a_fresh_start_finds(
    case: tuple[list[Node], list[Pod], Pod], steps: list[tuple[str, int]], data: st.DataObject
) -> None:
    made, placed, pod = case
    wanted, cluster = PodInfo.of(pod), cluster_of(made, placed)
    by_name: dict[str, Node] = {node.metadata.name: node for node in made}
    by_uid: dict[str, Pod] = {one.metadata.uid: one for one in placed}
    rooms = dict(ROOMS)
    assert_same(cluster, cluster_of(made, placed), wanted)
    for step, number in steps:
        name = f"n{number}"
        if step == "node":
            new = data.draw(nodes(name))
            cluster.cache.set_node(by_name.get(name), new)
            by_name[name] = new
        elif step == "no node" and len(by_name) > 1 and name in by_name:
            cluster.cache.set_node(by_name.pop(name), None)
        elif step in ("pod", "assume"):
            new_pod = data.draw(pods(f"p{number}", data.draw(st.sampled_from(sorted(by_name)))))
            old = by_uid.get(new_pod.metadata.uid)
            if step == "assume" and old is None:
                cluster.cache.assume(PodInfo.of(new_pod), new_pod.spec.nodeName)
            cluster.cache.set_pod(new_pod, old)
            by_uid[new_pod.metadata.uid] = new_pod
        elif step == "no pod" and f"uid-p{number}" in by_uid:
            cluster.cache.set_pod(None, by_uid.pop(f"uid-p{number}"))
        elif step == "namespace":
            rooms["two"] = {"team": "xy"[number % 2]}
            cluster.cache.set_namespace("two", rooms["two"])
        assert_same(cluster, namespaces(Cluster(by_name.values(), by_uid.values()), **rooms), wanted)


def assert_same(followed: Cluster, fresh: Cluster, wanted: PodInfo) -> None:
    found = refusals(followed, wanted)
    assert found == refusals(fresh, wanted)
    for plugin in reference.SCORES:
        ratings: list[Any] = []
        for cluster in (followed, fresh):
            snapshot = cluster.cache.snapshot()
            names = [node.name for node in snapshot.nodes]
            rated = cluster.scores(wanted.pod, plugin)
            ratings.append(rated if rated is None else dict(zip(names, rated, strict=True)))
        assert ratings[0] == ratings[1], plugin
    for sums in (followed.cache.table.sums, *followed.cache.table.by_priority.values()):
        assert all(np.all(values >= 0) for values in (sums.pods, *sums.asked.values()))
