"""statefulset: names, order, volumes; updates from the top; claims that go or stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from tests.controllers.world import World, meta, run_pods, selector, set_ready, template

from sagong.api.types.apps import (
    RollingUpdateStatefulSetStrategy,
    StatefulSet,
    StatefulSetOrdinals,
    StatefulSetPersistentVolumeClaimRetentionPolicy,
    StatefulSetSpec,
    StatefulSetUpdateStrategy,
)
from sagong.api.types.core import PersistentVolumeClaim, Pod
from sagong.api.types.meta import ObjectMeta
from sagong.controllers.history import HASH_LABEL
from sagong.controllers.statefulset.loop import CONTROLLER


def stateful_set(replicas: int = 3, **spec: Any) -> StatefulSet:
    strategy = StatefulSetUpdateStrategy(type="RollingUpdate", rollingUpdate=RollingUpdateStatefulSetStrategy(partition=0))
    fields = {"updateStrategy": strategy, "serviceName": "db", "podManagementPolicy": "OrderedReady", "revisionHistoryLimit": 10, **spec}
    return StatefulSet(metadata=meta("db"), spec=StatefulSetSpec(replicas=replicas, selector=selector(), template=template(), **fields))


def tick(world: World) -> None:
    """Have kubelets begin: a created pod is Pending, then Running and ready; a deleted one goes."""
    for pod in world.list(Pod):
        if not pod.status.phase:
            new = pod.copy()
            new.status.phase = "Pending"
            world.replace(new)
        else:
            run_pods(world, [pod])


def settled(world: World) -> World:
    world.settle(CONTROLLER, each=lambda: tick(world), rounds=200)
    return world


def names(world: World) -> list[str]:
    return sorted(pod.metadata.name for pod in world.list(Pod))


def images(world: World) -> dict[str, str]:
    return {pod.metadata.name: pod.spec.containers[0].image for pod in world.list(Pod)}


def test_pods_come_in_order_each_when_the_last_is_ready() -> None:
    world = World(stateful_set())
    world.reconcile(CONTROLLER, "db")
    world.reconcile(CONTROLLER, "db")
    assert names(world) == ["db-0"]
    settled(world)
    assert names(world) == ["db-0", "db-1", "db-2"]
    pod = world.one(Pod, "db-1")
    assert (pod.spec.hostname, pod.spec.subdomain) == ("db-1", "db")
    assert pod.metadata.labels["apps.kubernetes.io/pod-index"] == "1"
    assert pod.metadata.labels["statefulset.kubernetes.io/pod-name"] == "db-1"
    status = world.one(StatefulSet, "db").status
    assert (status.replicas, status.readyReplicas, status.currentReplicas, status.updatedReplicas) == (3, 3, 3, 3)
    assert status.currentRevision == status.updateRevision == pod.metadata.labels[HASH_LABEL]
    assert ("SuccessfulCreate", "Create Pod db-0 in StatefulSet db successful") in world.events


def test_parallel_sets_do_not_wait() -> None:
    world = World(stateful_set(podManagementPolicy="Parallel"))
    world.reconcile(CONTROLLER, "db")
    assert names(world) == ["db-0", "db-1", "db-2"]


def test_numbers_may_start_anywhere() -> None:
    assert names(settled(World(stateful_set(2, ordinals=StatefulSetOrdinals(start=5))))) == ["db-5", "db-6"]


def test_scaling_down_goes_from_the_top_one_at_a_time() -> None:
    world = settled(World(stateful_set()))
    world.change(world.one(StatefulSet, "db"), replicas=1)
    world.reconcile(CONTROLLER, "db")
    assert names(world) == ["db-0", "db-1"]
    settled(world)
    assert names(world) == ["db-0"]


def test_scaling_down_waits_for_the_sick() -> None:
    world = settled(World(stateful_set()))
    set_ready(world, world.one(Pod, "db-0"), "False")
    world.change(world.one(StatefulSet, "db"), replicas=1)
    world.reconcile(CONTROLLER, "db")
    assert names(world) == ["db-0", "db-1", "db-2"]


def test_updates_go_from_the_top_and_wait_for_each() -> None:
    world = settled(World(stateful_set()))
    world.change(world.one(StatefulSet, "db"), template=template("app:2"))
    world.reconcile(CONTROLLER, "db")
    assert names(world) == ["db-0", "db-1"]
    world.reconcile(CONTROLLER, "db")
    world.reconcile(CONTROLLER, "db")
    assert images(world) == {"db-0": "app:1", "db-1": "app:1", "db-2": "app:2"}, "db-1 waits until db-2 is ready"
    settled(world)
    assert images(world) == {"db-0": "app:2", "db-1": "app:2", "db-2": "app:2"}
    status = world.one(StatefulSet, "db").status
    assert status.currentRevision == status.updateRevision


def test_a_partition_keeps_lower_numbers_on_the_old_revision() -> None:
    world = settled(World(stateful_set()))
    rolling = StatefulSetUpdateStrategy(type="RollingUpdate", rollingUpdate=RollingUpdateStatefulSetStrategy(partition=2))
    world.change(world.one(StatefulSet, "db"), template=template("app:2"), updateStrategy=rolling)
    settled(world)
    assert images(world) == {"db-0": "app:1", "db-1": "app:1", "db-2": "app:2"}
    world.remove(world.one(Pod, "db-0"))
    settled(world)
    assert images(world)["db-0"] == "app:1", "made anew at the revision that it had"


def test_on_delete_updates_only_what_is_deleted() -> None:
    world = settled(World(stateful_set(updateStrategy=StatefulSetUpdateStrategy(type="OnDelete"))))
    world.change(world.one(StatefulSet, "db"), template=template("app:2"))
    settled(world)
    assert set(images(world).values()) == {"app:1"}
    world.remove(world.one(Pod, "db-1"))
    settled(world)
    assert images(world) == {"db-0": "app:1", "db-1": "app:2", "db-2": "app:1"}


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_finished_pods_are_replaced(phase: str) -> None:
    world = settled(World(stateful_set()))
    old = set_ready(world, world.one(Pod, "db-1"), "False", phase)
    settled(world)
    assert world.one(Pod, "db-1").metadata.uid != old.metadata.uid


def claims(world: World) -> dict[str, list[str]]:
    return {claim.metadata.name: [owner.kind for owner in claim.metadata.ownerReferences] for claim in world.list(PersistentVolumeClaim)}


def with_volume(deleted: str = "Retain", scaled: str = "Retain") -> StatefulSet:
    policy = StatefulSetPersistentVolumeClaimRetentionPolicy(whenDeleted=deleted, whenScaled=scaled)
    data = PersistentVolumeClaim(metadata=ObjectMeta(name="data"))
    return stateful_set(2, volumeClaimTemplates=[data], persistentVolumeClaimRetentionPolicy=policy)


def test_each_pod_has_its_own_claim() -> None:
    world = settled(World(with_volume()))
    assert claims(world) == {"data-db-0": [], "data-db-1": []}
    volume = world.one(Pod, "db-1").spec.volumes[0]
    assert volume.name == "data"
    assert volume.persistentVolumeClaim is not None
    assert volume.persistentVolumeClaim.claimName == "data-db-1"
    assert ("SuccessfulCreate", "Create Claim data-db-0 Pod db-0 in StatefulSet db success") in world.events


def test_claims_are_looked_up_by_name_however_many_there_are() -> None:
    class Watched(World):
        def list(self, kind: type[Any], namespace: str = "") -> Sequence[Any]:
            assert kind is not PersistentVolumeClaim, "all claims were looked at"
            return super().list(kind, namespace)

    assert names(settled(Watched(with_volume()))) == ["db-0", "db-1"]


def test_claims_belong_to_the_set_if_they_are_to_go_with_it() -> None:
    assert claims(settled(World(with_volume(deleted="Delete")))) == {"data-db-0": ["StatefulSet"], "data-db-1": ["StatefulSet"]}


def test_claims_of_surplus_pods_belong_to_them_if_they_are_to_go() -> None:
    world = settled(World(with_volume(deleted="Delete", scaled="Delete")))
    world.change(world.one(StatefulSet, "db"), replicas=1)
    settled(world)
    assert claims(world) == {"data-db-0": ["StatefulSet"], "data-db-1": ["Pod"]}


def test_a_pod_without_its_labels_gets_them_back() -> None:
    world = settled(World(stateful_set(1)))
    stripped = world.one(Pod, "db-0").copy()
    del stripped.metadata.labels["statefulset.kubernetes.io/pod-name"]
    world.replace(stripped)
    settled(world)
    assert world.one(Pod, "db-0").metadata.labels["statefulset.kubernetes.io/pod-name"] == "db-0"
