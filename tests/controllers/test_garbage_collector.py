"""garbage-collector: what lost its owners goes, by the policy that was asked for; uids decide, not names."""

from __future__ import annotations

from typing import Any

from sagong.api.resources import Resource, resource_of
from sagong.api.types.apps import Deployment, ReplicaSet
from sagong.api.types.base import ApiStruct
from sagong.api.types.core import Node, Pod
from sagong.api.types.meta import ObjectMeta, OwnerReference
from sagong.client.plan import Delete, Patch, Plan, Together
from sagong.controllers.declaration import Key
from sagong.controllers.garbage_collector.decide import plan_foreground, plan_orphaning, plan_owned
from sagong.controllers.garbage_collector.graph import FOREGROUND, ORPHAN, Graph, Item, Place

DELETED = "2026-01-01T00:00:00Z"


def item(kind: type[ApiStruct], name: str, *owners: Item, block: bool = True, **meta: Any) -> Item:
    row = resource_of(kind)
    references = [
        OwnerReference(
            apiVersion=owner.place.resource.api_version,
            kind=owner.place.resource.kind,
            name=owner.place.name,
            uid=owner.meta.uid,
            blockOwnerDeletion=block,
        )
        for owner in owners
    ]
    namespace = "default" if row.namespaced else ""
    found = ObjectMeta(name=name, namespace=namespace, uid=f"uid-{name}", resourceVersion="1", ownerReferences=references, **meta)
    return Item(Place(row, namespace, name), found)


def only(plan: Plan) -> Any:
    (action,) = plan.actions
    return action


def test_an_object_whose_owners_are_gone_is_deleted_if_it_is_unchanged() -> None:
    pod = item(Pod, "pod", item(ReplicaSet, "rs"))
    action = only(plan_owned(pod, [], [], []))
    assert isinstance(action, Delete)
    assert (action.name, action.uid, action.resource_version, action.propagation_policy) == ("pod", "uid-pod", "1", "Background")


def test_finalizers_choose_the_policy() -> None:
    for finalizer, policy in ((ORPHAN, "Orphan"), (FOREGROUND, "Foreground")):
        rs = item(ReplicaSet, "rs", item(Deployment, "web"), finalizers=[finalizer])
        assert only(plan_owned(rs, [], [], [])).propagation_policy == policy


def test_while_an_owner_stays_only_the_other_references_go() -> None:
    one, two = item(ReplicaSet, "one"), item(ReplicaSet, "two")
    pod = item(Pod, "pod", one, two)
    action = only(plan_owned(pod, [pod.meta.ownerReferences[0]], [], []))
    assert isinstance(action, Patch)
    assert [owner.uid for owner in action.patch["metadata"]["ownerReferences"]] == ["uid-one"]
    assert action.patch["metadata"]["resourceVersion"] == "1"
    assert plan_owned(pod, pod.meta.ownerReferences, [], []).actions == ()


def test_dependents_of_a_foreground_deletion_go_in_the_foreground_if_they_have_dependents() -> None:
    web = item(Deployment, "web", finalizers=[FOREGROUND], deletionTimestamp=DELETED)
    rs = item(ReplicaSet, "rs", web)
    pod = item(Pod, "pod", rs)
    assert only(plan_owned(rs, [], rs.meta.ownerReferences, [pod])).propagation_policy == "Foreground"
    assert only(plan_owned(rs, [], rs.meta.ownerReferences, [])).propagation_policy == "Background"


def test_a_circle_of_waiting_is_broken() -> None:
    web = item(Deployment, "web", finalizers=[FOREGROUND], deletionTimestamp=DELETED)
    rs = item(ReplicaSet, "rs", web)
    unblock, delete = plan_owned(rs, [], rs.meta.ownerReferences, [web]).actions
    assert isinstance(unblock, Patch)
    assert unblock.patch["metadata"]["ownerReferences"][0].blockOwnerDeletion is False
    assert isinstance(delete, Delete)
    assert delete.resource_version == "", "the object has just been changed"


def test_an_owner_waits_for_dependents_that_block_only() -> None:
    web = item(Deployment, "web", finalizers=[FOREGROUND, "mine"], deletionTimestamp=DELETED)
    assert plan_foreground(web, [item(ReplicaSet, "rs", web)]).actions == ()
    assert only(plan_foreground(web, [item(ReplicaSet, "rs", web, block=False)])).patch["metadata"]["finalizers"] == ["mine"]


def test_orphaning_releases_dependents_before_the_owner_goes() -> None:
    web = item(Deployment, "web", finalizers=[ORPHAN], deletionTimestamp=DELETED)
    released, last = plan_orphaning(web, [item(ReplicaSet, "a", web), item(ReplicaSet, "b", web)]).actions
    assert isinstance(released, Together)
    assert [write.patch["metadata"]["ownerReferences"] for write in released.actions] == [[], []]  # type: ignore[union-attr]
    assert isinstance(last, Patch)
    assert last.patch["metadata"]["finalizers"] == []


class Shown:
    """As much of an informer as the graph looks at."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Any] = {}
        self.handler: Any = None

    def add_handler(self, handler: Any) -> None:
        self.handler = handler

    def get(self, namespace: str, name: str) -> Any:
        return self.objects.get((namespace, name))


class Followed:
    """A graph fed by hand, and the keys that it wanted looked at."""

    def __init__(self, *kinds: type[ApiStruct]) -> None:
        self.graph, self.woken = Graph(), list[str]()
        self.shown: dict[Resource, Shown] = {}
        for kind in kinds:
            row = resource_of(kind)
            self.shown[row] = Shown()
            self.graph.follow(row, self.shown[row], lambda key: self.woken.append(str(key)))  # type: ignore[arg-type]

    def change(self, old: Item | None, new: Item | None) -> list[str]:
        found = new or old
        assert found is not None
        shown, place = self.shown[found.place.resource], found.place
        self.woken.clear()
        before, after = (type("Obj", (), {"metadata": one.meta}) if one else None for one in (old, new))
        if new is not None:
            shown.objects[place.namespace, place.name] = after
        else:
            shown.objects.pop((place.namespace, place.name), None)
        shown.handler(before, after)
        return list(self.woken)


def test_the_end_of_an_owner_wakes_its_dependents() -> None:
    followed = Followed(ReplicaSet, Pod)
    rs = item(ReplicaSet, "rs")
    pod = item(Pod, "pod", rs)
    assert followed.change(None, rs) == []
    assert followed.change(None, pod) == []
    assert followed.change(rs, None) == ["default/pods/pod"]
    assert followed.graph.is_absent("uid-rs")


def test_an_object_whose_owner_was_never_there_is_looked_at() -> None:
    followed = Followed(ReplicaSet, Pod)
    assert followed.change(None, item(Pod, "pod", item(ReplicaSet, "rs"))) == ["default/pods/pod"]


def test_an_owner_of_the_same_name_with_another_uid_is_no_owner() -> None:
    followed = Followed(ReplicaSet, Pod)
    old = item(ReplicaSet, "rs")
    new = Item(old.place, ObjectMeta(name="rs", namespace="default", uid="another"))
    followed.change(None, new)
    assert followed.change(None, item(Pod, "pod", old)) == ["default/pods/pod"]


def test_a_foreground_deletion_wakes_the_owner_and_its_dependents_and_their_end_wakes_it_again() -> None:
    followed = Followed(ReplicaSet, Pod)
    rs = item(ReplicaSet, "rs")
    pod = item(Pod, "pod", rs)
    followed.change(None, rs)
    followed.change(None, pod)
    leaving = item(ReplicaSet, "rs", finalizers=[FOREGROUND], deletionTimestamp=DELETED)
    assert followed.change(rs, leaving) == ["default/replicasets.apps/rs", "default/pods/pod"]
    assert followed.change(pod, None) == ["default/replicasets.apps/rs"]
    assert followed.graph.dependents("uid-rs") == []


def test_objects_without_owners_cost_nothing() -> None:
    followed = Followed(Node)
    node = item(Node, "a")
    assert followed.change(None, node) == []
    assert followed.change(node, node) == []
    assert followed.graph.item(Key("", "nodes/a")) is not None
    assert not followed.graph._dependents
