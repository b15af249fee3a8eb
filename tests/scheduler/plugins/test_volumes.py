"""The volume plugins: what keeps a pod off a node, in upstream's words."""

from __future__ import annotations

from typing import Any

import pytest
from tests.scheduler.builders import Cluster, node, pod

from sagong.api.types.core import CSIPersistentVolumeSource as CsiSource
from sagong.api.types.core import (
    EphemeralVolumeSource,
    GCEPersistentDiskVolumeSource,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    ObjectReference,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PersistentVolumeClaimStatus,
    PersistentVolumeClaimVolumeSource,
    PersistentVolumeSpec,
    PersistentVolumeStatus,
    Pod,
    PodSpec,
    TopologySelectorLabelRequirement,
    TopologySelectorTerm,
    Volume,
    VolumeNodeAffinity,
    VolumeResourceRequirements,
)
from sagong.api.types.meta import LabelSelector, ObjectMeta
from sagong.api.types.storage import (
    CSIDriver,
    CSIDriverSpec,
    CSINode,
    CSINodeDriver,
    CSINodeSpec,
    CSIStorageCapacity,
    StorageClass,
    VolumeAttachment,
    VolumeAttachmentSource,
    VolumeAttachmentSpec,
    VolumeNodeResources,
)
from sagong.api.volumes import BIND_COMPLETED, SELECTED_NODE
from sagong.scheduler.cycle import Placement
from sagong.scheduler.framework import Reserve
from sagong.scheduler.pod_info import PodInfo

LATE = StorageClass(metadata=ObjectMeta(name="late"), provisioner="csi.example.com", volumeBindingMode="WaitForFirstConsumer")
STATIC = StorageClass(
    metadata=ObjectMeta(name="static"), provisioner="kubernetes.io/no-provisioner", volumeBindingMode="WaitForFirstConsumer"
)
AT_ONCE = StorageClass(metadata=ObjectMeta(name="at-once"), provisioner="csi.example.com", volumeBindingMode="Immediate")


def user(*claims: str, name: str = "p", **more: Any) -> Pod:
    """Return a pod that uses claims."""
    volumes = [Volume(name=claim, persistentVolumeClaim=PersistentVolumeClaimVolumeSource(claimName=claim)) for claim in claims]
    return pod(name, spec=PodSpec(volumes=volumes), **more)


def claim(
    name: str, storage_class: str = "late", *, size: str = "1Gi", volume: str = "", modes: str = "ReadWriteOnce", **annotations: str
) -> PersistentVolumeClaim:
    noted = {BIND_COMPLETED: "yes"} if volume else {}
    return PersistentVolumeClaim(
        metadata=ObjectMeta(name=name, namespace="default", uid=f"uid-{name}", annotations=noted | annotations, resourceVersion="5"),
        spec=PersistentVolumeClaimSpec(
            storageClassName=storage_class,
            volumeName=volume,
            accessModes=[modes],
            resources=VolumeResourceRequirements(requests={"storage": size}),
        ),
    )


def volume(
    name: str,
    storage_class: str = "late",
    *,
    size: str = "1Gi",
    at: str = "",
    taken: bool = False,
    csi: str = "",
    labels: dict[str, str] | None = None,
) -> PersistentVolume:
    here = NodeSelectorTerm(matchExpressions=[NodeSelectorRequirement(key="kubernetes.io/hostname", operator="In", values=[at])])
    return PersistentVolume(
        metadata=ObjectMeta(name=name, labels=labels or {}, resourceVersion="5"),
        spec=PersistentVolumeSpec(
            capacity={"storage": size},
            accessModes=["ReadWriteOnce"],
            storageClassName=storage_class,
            claimRef=ObjectReference(name="other", namespace="default", uid="other") if taken else None,
            csi=CsiSource(driver=csi, volumeHandle=name) if csi else None,
            nodeAffinity=VolumeNodeAffinity(required=NodeSelector(nodeSelectorTerms=[here])) if at else None,
        ),
        status=PersistentVolumeStatus(phase="Available"),
    )


AB = [node("a"), node("b")]


def lost() -> PersistentVolumeClaim:
    found = claim("c", volume="v")
    found.status = PersistentVolumeClaimStatus(phase="Lost")
    return found


def leaving() -> PersistentVolumeClaim:
    found = claim("c", volume="v")
    found.metadata.deletionTimestamp = "2026-01-01T00:00:00Z"
    return found


def ephemeral() -> Pod:
    return pod("p", spec=PodSpec(volumes=[Volume(name="scratch", ephemeral=EphemeralVolumeSource())]))


@pytest.mark.parametrize(
    ("wanted", "objects", "message"),
    [
        (user("c"), [], '0/2 nodes are available: persistentvolumeclaim "c" not found.'),
        (
            ephemeral(),
            [],
            '0/2 nodes are available: waiting for ephemeral volume controller to create the persistentvolumeclaim "p-scratch".',
        ),
        (
            ephemeral(),
            [claim("p-scratch")],
            "0/2 nodes are available: PVC default/p-scratch was not created for pod default/p (pod is not owner).",
        ),
        (
            user("c"),
            [lost(), volume("v")],
            '0/2 nodes are available: persistentvolumeclaim "c" bound to non-existent persistentvolume "v".',
        ),
        (user("c"), [leaving(), volume("v")], '0/2 nodes are available: persistentvolumeclaim "c" is being deleted.'),
        (user("c"), [claim("c", "at-once"), AT_ONCE], "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims."),
        (user("c"), [claim("c", "none")], "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims."),
        (
            user("c"),
            [claim("c", volume="v"), volume("v", at="z")],
            "0/2 nodes are available: 2 node(s) didn't match PersistentVolume's node affinity.",
        ),
        (
            user("c"),
            [claim("c", "static"), STATIC, volume("v", "static", size="1Mi"), volume("w", "static", taken=True)],
            "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.",
        ),
        (
            user("c"),
            [claim("c"), LATE, CSIDriver(metadata=ObjectMeta(name="csi.example.com"), spec=CSIDriverSpec(storageCapacity=True))],
            "0/2 nodes are available: 2 node(s) did not have enough free storage.",
        ),
    ],
)
def test_refusals_read_as_upstreams(wanted: Pod, objects: list[Any], message: str) -> None:
    cluster = Cluster(AB, (), objects)
    assert cluster.refusal(wanted) == message


def placed(cluster: Cluster, wanted: Pod) -> Placement:
    result = cluster.schedule(wanted)
    assert isinstance(result, Placement), result.message()
    return result


def reserve(cluster: Cluster, wanted: Pod) -> Placement:
    """Place a pod and hold its volumes."""
    placement = placed(cluster, wanted)
    for plugin in cluster.profile.at(Reserve):
        assert plugin.reserve(placement.state, PodInfo.of(wanted), placement.node) is None
    return placement


def test_a_bound_volume_draws_its_pod() -> None:
    assert Cluster(AB, (), [claim("c", volume="v"), volume("v", at="b")]).choice(user("c")) == "b"


def test_the_smallest_volume_that_the_node_can_reach_is_chosen() -> None:
    volumes = [volume("big", "static", size="5Gi", at="b"), volume("fit", "static", size="2Gi", at="b"), volume("far", "static", at="z")]
    placement = placed(Cluster(AB, (), [claim("c", "static"), STATIC, *volumes]), user("c"))
    choice = placement.state.notes["VolumeBinding"].by_node["b"]
    assert placement.node == "b"
    assert [(v.metadata.name, c.metadata.name) for v, c in choice.existing] == [("fit", "c")]


def test_two_claims_do_not_get_one_volume() -> None:
    objects = [claim("c", "static"), claim("d", "static"), STATIC, volume("v", "static"), volume("w", "static", size="2Gi")]
    choice = placed(Cluster(AB, (), objects), user("c", "d")).state.notes["VolumeBinding"].by_node["a"]
    assert {v.metadata.name for v, _ in choice.existing} == {"v", "w"}
    assert "available persistent volumes" in Cluster(AB, (), objects[:-1]).refusal(user("c", "d"))


def test_a_held_volume_is_not_given_again_until_it_is_taken_back() -> None:
    cluster = Cluster(AB, (), [claim("c", "static"), claim("d", "static"), STATIC, volume("v", "static")])
    first = reserve(cluster, user("c"))
    assert "available persistent volumes" in cluster.refusal(user("d"))
    for plugin in cluster.profile.at(Reserve):
        plugin.unreserve(first.state, PodInfo.of(user("c")), first.node)
    assert cluster.choice(user("d"))


def test_what_is_held_counts_until_it_is_seen_written() -> None:
    seen = volume("v", "static")
    cluster = Cluster(AB, (), [claim("c", "static"), claim("d", "static"), STATIC, seen])
    reserve(cluster, user("c"))
    seen.metadata.resourceVersion = "6"  # somebody else wrote it, and it is free
    assert cluster.choice(user("d"))


def test_a_claim_is_made_where_its_class_and_its_driver_can() -> None:
    only_b = [TopologySelectorTerm(matchLabelExpressions=[TopologySelectorLabelRequirement(key="kubernetes.io/hostname", values=["b"])])]
    picky = StorageClass(
        metadata=ObjectMeta(name="late"), provisioner="x", volumeBindingMode="WaitForFirstConsumer", allowedTopologies=only_b
    )
    assert Cluster(AB, (), [claim("c"), picky]).choice(user("c")) == "b"
    driver = CSIDriver(metadata=ObjectMeta(name="csi.example.com"), spec=CSIDriverSpec(storageCapacity=True))
    room = CSIStorageCapacity(
        metadata=ObjectMeta(name="r", namespace="kube-system"),
        storageClassName="late",
        capacity="1Gi",
        nodeTopology=LabelSelector(matchLabels={"kubernetes.io/hostname": "b"}),
    )
    assert Cluster(AB, (), [claim("c"), LATE, driver, room]).choice(user("c")) == "b"
    assert "free storage" in Cluster(AB, (), [claim("c", size="2Gi"), LATE, driver, room]).refusal(user("c"))


def test_a_claim_whose_node_is_selected_goes_nowhere_else() -> None:
    assert Cluster(AB, (), [claim("c", **{SELECTED_NODE: "b"}), LATE]).choice(user("c")) == "b"


def test_two_pods_of_one_delayed_claim_go_together() -> None:
    cluster = Cluster([node("a", cordoned=True), node("b")], (), [claim("c"), LATE])
    reserve(cluster, user("c"))
    cluster.cache.set_node(node("a"), node("a"))
    cluster.cache.set_node(node("b"), node("b", cordoned=True))
    assert "didn't find available persistent volumes to bind" in cluster.refusal(user("c", name="q"))


def test_a_claim_for_one_pod_only_is_in_use_and_preemption_can_help() -> None:
    objects = [claim("c", volume="v", modes="ReadWriteOncePod"), volume("v")]
    cluster = Cluster(AB, [user("c", name="x", on="a")], objects)
    reason = "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod"
    assert cluster.refusal(user("c")) == f"0/2 nodes are available: 2 {reason}."
    info, snapshot = PodInfo.of(user("c", priority=9)), cluster.cache.snapshot()
    nofit = cluster.cycle.schedule(info, snapshot)
    assert not isinstance(nofit, Placement)
    assert [victim.name for victim in cluster.cycle.post_filter(info, snapshot, nofit).victims] == ["x"]


def disk(name: str, on: str = "", *, read_only: bool = False) -> Pod:
    source = GCEPersistentDiskVolumeSource(pdName="d", readOnly=read_only)
    return pod(name, on=on, spec=PodSpec(volumes=[Volume(name="d", gcePersistentDisk=source)]))


def test_a_disk_has_one_writer_on_a_node() -> None:
    assert Cluster([node("a")], [disk("x", "a")]).refusal(disk("p")) == "0/1 nodes are available: 1 node(s) had no available disk."
    assert Cluster([node("a")], [disk("x", "a", read_only=True)]).choice(disk("p", read_only=True)) == "a"


@pytest.mark.parametrize("label", ["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"])
def test_a_volume_of_zones_wants_a_node_of_one_of_them(label: str) -> None:
    objects = [claim("c", volume="v"), volume("v", labels={label: "z1__z2"})]
    assert Cluster([node("a", zone="z9"), node("b", zone="z2")], (), objects).choice(user("c")) == "b"
    assert Cluster([node("a", zone="z9")], (), objects).refusal(user("c")) == (
        "0/1 nodes are available: 1 node(s) had no available volume zone."
    )
    assert Cluster([node("a")], (), objects).choice(user("c")) == "a"


def limited(count: int) -> CSINode:
    driver = CSINodeDriver(name="csi.example.com", nodeID="a", allocatable=VolumeNodeResources(count=count))
    return CSINode(metadata=ObjectMeta(name="a"), spec=CSINodeSpec(drivers=[driver]))


def test_a_driver_attaches_only_so_many_volumes_to_a_node() -> None:
    bound = [claim(f"c{i}", volume=f"v{i}") for i in range(3)] + [volume(f"v{i}", csi="csi.example.com") for i in range(3)]
    there = [user("c0", name="x", on="a")]
    assert Cluster([node("a")], there, [*bound, limited(2)]).choice(user("c1")) == "a"
    assert Cluster([node("a")], there, [*bound, limited(1)]).choice(user("c0")) == "a", "a volume that is there counts once"
    full = Cluster([node("a")], there, [*bound, limited(1)])
    assert full.refusal(user("c1")) == "0/1 nodes are available: 1 node(s) exceed max volume count."
    attached = VolumeAttachment(
        metadata=ObjectMeta(name="t"),
        spec=VolumeAttachmentSpec(attacher="csi.example.com", nodeName="a", source=VolumeAttachmentSource(persistentVolumeName="v2")),
    )
    assert "exceed max volume count" in Cluster([node("a")], there, [*bound, limited(2), attached]).refusal(user("c1"))
