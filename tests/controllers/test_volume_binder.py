"""persistentvolume-binder: a claim gets the volume meant for it, or one that suits; a volume is let go when its claim is gone.

The loop itself is run: what wakes it finds claims and volumes by index, and looks at no others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import pytest
from tests.controllers.world import World, meta

from sagong.api.errors import NotFoundError
from sagong.api.types.core import (
    ObjectReference,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PersistentVolumeClaimVolumeSource,
    PersistentVolumeSpec,
    Pod,
    PodSpec,
    Volume,
    VolumeResourceRequirements,
)
from sagong.api.types.storage import StorageClass
from sagong.controllers.declaration import Key
from sagong.controllers.volumes.binder import BIND_COMPLETED, BOUND_BY_CONTROLLER, CONTROLLER

T = TypeVar("T")
READ_WRITE = ["ReadWriteOnce"]


class LiveWorld(World):
    """A world whose server knows what the caches know, and what `ahead` adds."""

    def __init__(self, *objects: Any) -> None:
        super().__init__(*objects)
        self.ahead: list[Any] = []
        self.listed: list[type] = []

    @property
    def client(self) -> Any:
        world = self

        class Server:
            async def get(self, kind: type[T], name: str, namespace: str = "") -> T:
                later = next((obj for obj in world.ahead if (type(obj), obj.metadata.name) == (kind, name)), None)
                found: T | None = later or world.get(kind, namespace, name)
                if found is None:
                    raise NotFoundError(f'persistentvolumeclaims "{name}" not found')
                return found

        return Server()

    def list(self, kind: type[T], namespace: str = "") -> Sequence[T]:
        self.listed.append(kind)
        return super().list(kind, namespace)

    def by_index(self, kind: type[T], index: str, value: str) -> Sequence[T]:
        found = super().by_index(kind, index, value)
        self.listed.pop()
        return found

    def bind(self, *keys: Key) -> Sequence[Key]:
        """Look at these keys, then at all that the changes wake, until nothing changes; return the keys that were looked at."""
        assert CONTROLLER.reconcile_live is not None
        waiting, looked = list(keys), []
        while waiting:
            key = waiting.pop(0)
            looked.append(key)
            before = dict(self._objects)
            self.carry_out(asyncio.run(CONTROLLER.reconcile_live(self, key)), CONTROLLER)  # type: ignore[arg-type]  # no real client
            changed = [(before.get(name), self._objects.get(name)) for name in before.keys() | self._objects.keys()]
            for old, new in changed:
                if old is not new:
                    waiting += [woken for woken in woken_by(self, old, new) if woken not in waiting]
            assert len(looked) < 50, f"never at rest: {self.summaries[-3:]}"
        return looked


def woken_by(world: World, *objects: Any) -> Iterable[Key]:
    """Return the keys that a change of an object wakes."""
    kind = type(next(obj for obj in objects if obj is not None))
    watch = next(watch for watch in CONTROLLER.watches if watch.kind is kind)
    return [key for obj in objects if obj is not None for key in watch.keys(world, obj)]


def claim(name: str = "c", size: str = "1Gi", *, volume: str = "", class_: str | None = "", phase: str = "", **fields: Any) -> Any:
    asked = VolumeResourceRequirements(requests={"storage": size})
    spec = PersistentVolumeClaimSpec(
        accessModes=READ_WRITE, resources=asked, volumeName=volume, storageClassName=class_, volumeMode="Filesystem"
    )
    made = PersistentVolumeClaim(metadata=meta(name, **fields), spec=spec)
    made.status.phase = phase
    return made


def volume(name: str = "v", size: str = "1Gi", *, phase: str = "Available", ref: ObjectReference | None = None, **fields: Any) -> Any:
    spec = PersistentVolumeSpec(capacity={"storage": size}, accessModes=READ_WRITE, claimRef=ref, volumeMode="Filesystem")
    spec.persistentVolumeReclaimPolicy = "Retain"
    made = PersistentVolume(metadata=meta(name, namespace="", **fields), spec=spec)
    made.status.phase = phase
    return made


def reference(name: str = "c", uid: str = "", namespace: str = "default") -> ObjectReference:
    return ObjectReference(kind="PersistentVolumeClaim", namespace=namespace, name=name, uid=uid)


def of_volume(name: str) -> Key:
    return Key("", f"volume:{name}")


CLAIM = Key("default", "c")


def test_claim_and_volume_are_bound_by_four_writes_that_wake_each_other() -> None:
    world = LiveWorld(claim(), volume("large", "5Gi"), volume("small", "2Gi"), volume("tiny", "500Mi"))
    world.bind(CLAIM)
    bound, taken = world.one(PersistentVolumeClaim, "c"), world.one(PersistentVolume, "small")
    assert (bound.spec.volumeName, bound.status.phase, bound.status.capacity) == ("small", "Bound", {"storage": "2Gi"})
    assert bound.metadata.annotations == {BIND_COMPLETED: "yes", BOUND_BY_CONTROLLER: "yes"}
    assert taken.spec.claimRef is not None
    assert (taken.spec.claimRef.name, taken.spec.claimRef.uid, taken.status.phase) == ("c", bound.metadata.uid, "Bound")
    assert [world.one(PersistentVolume, name).spec.claimRef for name in ("large", "tiny")] == [None, None]


def test_two_claims_do_not_get_one_volume() -> None:
    world = LiveWorld(claim("c"), claim("d"), volume())
    world.bind(CLAIM, Key("default", "d"))
    assert world.one(PersistentVolumeClaim, "c").status.phase == "Bound"
    assert world.one(PersistentVolumeClaim, "d").status.phase == "Pending"


def test_a_volume_that_names_its_claim_waits_for_it_and_is_bound_when_it_comes() -> None:
    world = LiveWorld(volume("any", "1Gi"), volume("meant", "9Gi", ref=reference()))
    world.bind(of_volume("meant"))
    assert world.one(PersistentVolume, "meant").status.phase == "Available"
    world.bind(*woken_by(world, world.add(claim())))
    assert world.one(PersistentVolumeClaim, "c").spec.volumeName == "meant"
    assert BOUND_BY_CONTROLLER not in world.one(PersistentVolume, "meant").metadata.annotations, "a user bound it"


@pytest.mark.parametrize(
    ("made", "woken"),
    [
        (volume("v"), {of_volume("v"), Key("default", "any"), Key("default", "named")}),
        (volume("w"), {of_volume("w"), Key("default", "any")}),
        (volume("x", ref=reference("bound")), {of_volume("x"), Key("default", "bound"), Key("default", "any")}),
        (claim("any"), {Key("default", "any")}),
        (claim("bound"), {Key("default", "bound"), of_volume("held")}),
        (claim("bound", namespace="other"), {Key("other", "bound")}),
        (StorageClass(metadata=meta("slow", namespace="")), {Key("default", "any"), Key("other", "bound")}),
    ],
)
def test_who_is_woken(made: Any, woken: set[Key]) -> None:
    world = LiveWorld(
        claim("any"),
        claim("named", volume="v"),
        claim("bound", volume="held", phase="Bound"),
        claim("bound", namespace="other", phase="Bound"),
        volume("held", phase="Bound", ref=reference("bound", "u")),
    )
    assert set(woken_by(world, made)) == woken
    if not isinstance(made, StorageClass):
        assert world.listed == [], "others were looked at"


def test_a_claim_with_a_volume_looks_at_no_other() -> None:
    world = LiveWorld(claim(volume="v"), volume(), volume("w"))
    world.bind(CLAIM)
    assert world.one(PersistentVolumeClaim, "c").status.phase == "Bound"
    assert PersistentVolume not in world.listed
    assert PersistentVolumeClaim not in world.listed


def test_a_volume_whose_claim_is_gone_is_released_and_one_that_the_cache_does_not_show_yet_is_not_gone() -> None:
    world = LiveWorld(volume(phase="Bound", ref=reference(uid="u-c")))
    world.ahead = [claim(volume="v", uid="u-c")]
    world.bind(of_volume("v"))
    assert world.one(PersistentVolume, "v").status.phase == "Bound"
    world.ahead = [claim(volume="v", uid="another")]
    world.bind(of_volume("v"))
    assert world.one(PersistentVolume, "v").status.phase == "Released"


def test_a_claim_that_has_lost_its_volume_says_so_once() -> None:
    world = LiveWorld(claim(volume="gone", phase="Bound", annotations={BIND_COMPLETED: "yes"}))
    world.bind(CLAIM)
    world.bind(CLAIM)
    assert world.one(PersistentVolumeClaim, "c").status.phase == "Lost"
    assert [reason for reason, _ in world.events] == ["ClaimLost"]


def test_a_claim_of_a_delayed_class_waits_for_its_pods_to_have_nodes() -> None:
    mounts = Volume(name="data", persistentVolumeClaim=PersistentVolumeClaimVolumeSource(claimName="c"))
    delayed = StorageClass(metadata=meta("slow", namespace=""), provisioner="p", volumeBindingMode="WaitForFirstConsumer")
    world = LiveWorld(claim(class_="slow"), delayed, volume())
    world.bind(CLAIM)
    assert world.events[-1] == ("WaitForFirstConsumer", "waiting for first consumer to be created before binding")
    for name, node in (("a", ""), ("b", ""), ("c", "node-1")):
        world.add(Pod(metadata=meta(name), spec=PodSpec(volumes=[mounts], nodeName=node)))
    world.add(Pod(metadata=meta("d", namespace="other"), spec=PodSpec(volumes=[mounts])))
    world.bind(CLAIM)
    assert world.events[-1] == ("WaitForPodScheduled", "waiting for pods a,b to be scheduled")
    assert Pod not in world.listed
