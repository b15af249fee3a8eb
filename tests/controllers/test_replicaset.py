"""replicaset: the right number of pods, adopted and released by labels, the least missed deleted first."""

from __future__ import annotations

import pytest
from tests.controllers.world import START, World, meta, owned_by, run_pods, selector, set_ready, template

from sagong.api.clock import format_time
from sagong.api.errors import ForbiddenError
from sagong.api.types.apps import ReplicaSet, ReplicaSetSpec
from sagong.api.types.core import ContainerStatus, Pod, ReplicationController, ReplicationControllerSpec
from sagong.client.plan import Create
from sagong.controllers.pod_ranking import DELETION_COST, first_to_go
from sagong.controllers.replicaset import REPLICA_SETS, REPLICATION_CONTROLLERS


def replica_set(replicas: int = 3, **spec: object) -> ReplicaSet:
    return ReplicaSet(metadata=meta("web"), spec=ReplicaSetSpec(replicas=replicas, selector=selector(), template=template(), **spec))  # type: ignore[arg-type]


def world_of(*objects: object) -> World:
    world = World(replica_set(), *objects)
    world.settle(REPLICA_SETS, each=lambda: run_pods(world))
    return world


def test_creates_what_is_missing_and_counts_it() -> None:
    world = world_of()
    pods, status = world.list(Pod), world.one(ReplicaSet, "web").status
    assert len(pods) == 3
    assert all(pod.metadata.ownerReferences[0].name == "web" and pod.metadata.labels == {"app": "web"} for pod in pods)
    assert (status.replicas, status.fullyLabeledReplicas, status.readyReplicas, status.availableReplicas) == (3, 3, 3, 3)
    assert status.observedGeneration == 1
    assert [reason for reason, _ in world.events] == ["SuccessfulCreate"] * 3
    assert world.events[0][1] == f"Created pod: {pods[0].metadata.name}"


def test_deletes_what_is_too_much() -> None:
    world = world_of()
    world.change(world.one(ReplicaSet, "web"), replicas=1)
    world.settle(REPLICA_SETS)
    assert len(world.list(Pod)) == 1
    assert [reason for reason, _ in world.events[3:]] == ["SuccessfulDelete"] * 2


def test_replaces_failed_and_terminating_pods_at_once() -> None:
    world = world_of()
    first, second, _ = world.list(Pod)
    set_ready(world, first, "False", "Failed")
    leaving = second.copy()
    leaving.metadata.deletionTimestamp = format_time(world.now)
    world.replace(leaving)
    world.reconcile(REPLICA_SETS, "web")
    assert len(world.list(Pod)) == 5
    status = world.one(ReplicaSet, "web").status
    assert (status.replicas, status.terminatingReplicas) == (1, 1)


def test_adopts_orphans_and_releases_strangers() -> None:
    orphan = Pod(metadata=meta("orphan", labels={"app": "web"}))
    orphan.status.phase = "Running"
    world = world_of(orphan)
    assert len(world.list(Pod)) == 3
    assert world.one(Pod, "orphan").metadata.ownerReferences[0].name == "web"
    stranger = world.one(Pod, "orphan").copy()
    stranger.metadata.labels = {"app": "other"}
    world.replace(stranger)
    world.settle(REPLICA_SETS, each=lambda: run_pods(world))
    assert world.one(Pod, "orphan").metadata.ownerReferences == []
    assert len(world.list(Pod)) == 4


def test_leaves_pods_of_others_alone() -> None:
    other = ReplicaSet(metadata=meta("other", uid="other-uid"), spec=ReplicaSetSpec(replicas=1, selector=selector(), template=template()))
    taken = Pod(metadata=meta("taken", labels={"app": "web"}, ownerReferences=owned_by(other)))
    world = world_of(taken)
    assert len(world.list(Pod)) == 4


def test_a_set_that_is_deleted_neither_adopts_nor_creates() -> None:
    doomed = replica_set()
    doomed.metadata.deletionTimestamp, doomed.metadata.finalizers = format_time(START), ["foregroundDeletion"]
    world = World(doomed, Pod(metadata=meta("orphan", labels={"app": "web"})))
    world.reconcile(REPLICA_SETS, "web")
    assert len(world.list(Pod)) == 1
    assert world.one(Pod, "orphan").metadata.ownerReferences == []


def test_tells_of_a_refused_creation_in_the_status() -> None:
    world = World(replica_set())
    world.refuse = lambda action: ForbiddenError("exceeded quota") if isinstance(action, Create) else None
    world.reconcile(REPLICA_SETS, "web")
    condition = world.one(ReplicaSet, "web").status.conditions[0]
    assert (condition.type, condition.status, condition.reason, condition.message) == (
        "ReplicaFailure",
        "True",
        "FailedCreate",
        "exceeded quota",
    )
    assert world.events == [("FailedCreate", "Error creating: exceeded quota")]
    world.refuse = lambda _: None
    world.settle(REPLICA_SETS, each=lambda: run_pods(world))
    assert world.one(ReplicaSet, "web").status.conditions == []


def test_pods_are_available_after_min_ready_seconds_and_looked_at_then() -> None:
    world = World(replica_set(1, minReadySeconds=10))
    world.settle(REPLICA_SETS, each=lambda: run_pods(world))
    assert world.one(ReplicaSet, "web").status.availableReplicas == 0
    world.pass_time(4)
    assert world.reconcile(REPLICA_SETS, "web").requeue_after == pytest.approx(6)
    world.pass_time(6)
    world.reconcile(REPLICA_SETS, "web")
    assert world.one(ReplicaSet, "web").status.availableReplicas == 1


def test_replication_controllers_work_the_same() -> None:
    spec = ReplicationControllerSpec(replicas=2, selector={"app": "web"}, template=template())
    world = World(ReplicationController(metadata=meta("web"), spec=spec))
    world.settle(REPLICATION_CONTROLLERS, each=lambda: run_pods(world))
    assert world.one(ReplicationController, "web").status.availableReplicas == 2
    assert world.list(Pod)[0].metadata.ownerReferences[0].kind == "ReplicationController"


def ranked(**facts: object) -> Pod:
    world = World()
    pod = world.add(Pod(metadata=meta("x", uid=str(facts.get("uid", "m")))))
    pod = set_ready(world, pod, str(facts.get("ready", "True")), str(facts.get("phase", "Running")), str(facts.get("node", "n")))
    if facts.get("node") == "":
        pod.spec.nodeName = ""
    pod.metadata.annotations = {DELETION_COST: str(facts.get("cost", 0))}
    pod.metadata.creationTimestamp = str(facts.get("created", "2025-12-01T00:00:00Z"))
    pod.status.conditions[0].lastTransitionTime = str(facts.get("since", "2025-12-01T00:00:00Z"))
    pod.status.containerStatuses = [ContainerStatus(name="c", restartCount=int(str(facts.get("restarts", 0))))]
    return pod


@pytest.mark.parametrize(
    ("goes", "stays"),
    [
        ({"node": ""}, {"node": "n", "phase": "Pending"}),
        ({"phase": "Pending"}, {"phase": "Running", "ready": "False"}),
        ({"ready": "False"}, {"ready": "True", "cost": -5}),
        ({"cost": -1}, {"cost": 0}),
        ({"since": "2025-12-31T23:59:00Z"}, {"since": "2025-12-01T00:00:00Z"}),
        ({"restarts": 3}, {"restarts": 1}),
        ({"created": "2025-12-31T23:00:00Z"}, {"created": "2025-12-01T00:00:00Z"}),
        (
            {"created": "2025-12-02T00:00:00Z", "uid": "a"},
            {"created": "2025-12-01T00:00:00Z", "uid": "b"},
        ),  # equally old, as KEP-2185 has it
    ],
)
def test_who_goes_first(goes: dict[str, object], stays: dict[str, object]) -> None:
    first, second = ranked(**goes), ranked(**stays)
    assert first_to_go([second, first], (), 1, START) == [first]
    assert first_to_go([first, second], (), 1, START) == [first]


def test_crowded_nodes_are_relieved_first() -> None:
    crowded, alone = ranked(node="full"), ranked(node="empty")
    related = [crowded, ranked(node="full"), alone]
    assert first_to_go([alone, crowded], related, 1, START) == [crowded]
