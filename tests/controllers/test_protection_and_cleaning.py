"""volumeattributesclass-protection and legacy-serviceaccount-token-cleaner."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.controllers.world import START, World

from sagong.api.clock import format_time
from sagong.api.types.core import (
    ObjectReference,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PersistentVolumeClaimStatus,
    PersistentVolumeSpec,
    Secret,
    ServiceAccount,
)
from sagong.api.types.meta import ObjectMeta
from sagong.api.types.storage import VolumeAttributesClass
from sagong.client.plan import Delete, Patch, Plan
from sagong.controllers.declaration import Key
from sagong.controllers.tokens import legacy
from sagong.controllers.tokens.service_account import TYPE
from sagong.controllers.volumes import protection

# Classes of volume attributes.


def gold(*, leaving: bool = False) -> VolumeAttributesClass:
    stamp = format_time(START) if leaving else None
    meta = ObjectMeta(name="gold", finalizers=[protection.CLASS_FINALIZER], deletionTimestamp=stamp)
    return VolumeAttributesClass(metadata=meta, driverName="csi.example.com")


@pytest.mark.parametrize(
    ("user", "stays"),
    [
        (None, False),
        (PersistentVolume(metadata=ObjectMeta(name="v"), spec=PersistentVolumeSpec(volumeAttributesClassName="gold")), True),
        (PersistentVolume(metadata=ObjectMeta(name="v"), spec=PersistentVolumeSpec(volumeAttributesClassName="iron")), False),
        (
            PersistentVolumeClaim(
                metadata=ObjectMeta(name="c", namespace="a"), spec=PersistentVolumeClaimSpec(volumeAttributesClassName="gold")
            ),
            True,
        ),
        (
            PersistentVolumeClaim(
                metadata=ObjectMeta(name="c", namespace="a"), status=PersistentVolumeClaimStatus(currentVolumeAttributesClassName="gold")
            ),
            True,
        ),
    ],
)
def test_a_class_that_is_used_stays(*, user: Any, stays: bool) -> None:
    world = World(gold(leaving=True), *([user] if user is not None else []))
    world.reconcile(protection.CLASSES, "gold", "")
    assert (world.get(VolumeAttributesClass, "", "gold") is not None) == stays


def test_a_class_gets_its_finalizer_and_is_looked_at_when_let_go() -> None:
    world = World(VolumeAttributesClass(metadata=ObjectMeta(name="gold"), driverName="csi.example.com"))
    world.reconcile(protection.CLASSES, "gold", "")
    assert world.one(VolumeAttributesClass, "gold", "").metadata.finalizers == [protection.CLASS_FINALIZER]
    watch = protection.CLASSES.watches[1]
    old = PersistentVolumeClaim(spec=PersistentVolumeClaimSpec(volumeAttributesClassName="gold"))
    assert watch.changed is not None
    assert list(watch.keys(world, old)) == [Key("", "gold")]
    assert watch.changed(old, None)
    assert watch.changed(old, PersistentVolumeClaim())
    assert not watch.changed(old, old)
    assert not watch.changed(None, old)


# Tokens in Secrets.


def days(count: int) -> str:
    return (START - timedelta(days=count)).strftime("%Y-%m-%d")


def token(*, age: int = 800, used: str = "", invalid: str = "", listed: bool = True, mounted: bool = False) -> legacy.Token:
    labels = {name: value for name, value in ((legacy.LAST_USED, used), (legacy.INVALID_SINCE, invalid)) if value}
    meta = ObjectMeta(
        name="t",
        namespace="a",
        uid="u",
        labels=labels,
        resourceVersion="7",
        creationTimestamp=format_time(START - timedelta(days=age)),
    )
    account = ServiceAccount(metadata=ObjectMeta(name="default", namespace="a"), secrets=[ObjectReference(name="t")] if listed else [])
    return legacy.Token(Secret(metadata=meta, type=TYPE), account, mounted)


def look(found: legacy.Token, since: int = 800) -> str:
    plan: Plan = legacy.plan([found], days(since), START)
    assert plan.requeue_after == 86400
    return {Patch: "mark", Delete: "delete"}[type(plan.actions[0])] if plan.actions else "keep"


@pytest.mark.parametrize(
    ("found", "since", "fate"),
    [
        (token(), 800, "mark"),
        (token(), 366, "mark"),
        (token(), 365, "keep"),
        (token(age=300), 800, "keep"),
        (token(used=days(400)), 800, "mark"),
        (token(used=days(300)), 800, "keep"),
        (token(used="lately"), 800, "keep"),
        (token(listed=False), 800, "keep"),
        (token(mounted=True), 800, "keep"),
        (token(invalid=days(10)), 800, "keep"),
        (token(invalid=days(366)), 800, "delete"),
        (token(invalid="once"), 800, "mark"),
        (token(invalid=days(366), used=days(3)), 800, "keep"),
    ],
)
def test_what_becomes_of_a_token(found: legacy.Token, since: int, fate: str) -> None:
    assert look(found, since) == fate


def test_marks_and_deletions_are_of_what_was_seen() -> None:
    (patch,) = legacy.plan([token()], days(800), START).actions
    assert isinstance(patch, Patch)
    assert patch.patch == {"metadata": {"uid": "u", "labels": {legacy.INVALID_SINCE: days(0)}}}
    (delete,) = legacy.plan([token(invalid=days(400))], days(800), START).actions
    assert isinstance(delete, Delete)
    assert delete.resource_version == "7"
    assert legacy.plan([token()], "not a day", START).actions == ()
