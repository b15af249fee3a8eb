"""New objects of one template: their managers are worked out once, and are as if each had been looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sagong.api.fields import track
from sagong.api.fields.manager import field_manager
from sagong.api.resources import resource_of
from sagong.api.types.core import ConfigMap, Container, Pod, PodSpec
from sagong.api.types.meta import ManagedFieldsEntry, ObjectMeta

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PODS, MAPS = field_manager(resource_of(Pod)), field_manager(resource_of(ConfigMap))


def pod(name: str, image: str = "i", **labels: str) -> Pod:
    return Pod(metadata=ObjectMeta(name=name, labels=labels), spec=PodSpec(containers=[Container(name="c", image=image)]))


def entries(obj: Pod | ConfigMap, by: str = "me", after: int = 0) -> list[ManagedFieldsEntry]:
    manager = PODS if isinstance(obj, Pod) else MAPS
    track.track_update(manager, None, obj, by, NOW + timedelta(seconds=after))
    return obj.metadata.managedFields


@pytest.fixture(autouse=True)
def _forget() -> None:
    track._templates.clear()


def test_name_and_time_are_each_objects_own() -> None:
    first, second = pod("a", app="x"), pod("b", app="x")
    one, two = entries(first)[0], entries(second, after=5)[0]
    assert len(track._templates) == 1
    assert (one.time, two.time) == ("2026-01-01T00:00:00Z", "2026-01-01T00:00:05Z")
    assert bytes(one.fieldsV1 or b"") == bytes(two.fieldsV1 or b"")
    assert b"f:app" in bytes(one.fieldsV1 or b"")
    assert one is not two
    assert (first.metadata.name, second.metadata.name) == ("a", "b")


def test_what_labels_and_annotations_say_decides_nothing() -> None:
    first, second = pod("a", app="x"), pod("b", app="")
    first.metadata.annotations, second.metadata.annotations = {"at": "10:00"}, {"at": "10:01"}
    known, found = entries(first)[0], entries(second)[0]
    assert len(track._templates) == 1
    again = pod("b", app="")
    again.metadata.annotations = {"at": "10:01"}
    track._templates.clear()
    assert found.fieldsV1 == known.fieldsV1 == entries(again)[0].fieldsV1
    assert (second.metadata.labels, second.metadata.annotations) == ({"app": ""}, {"at": "10:01"})


@pytest.mark.parametrize("other", [pod("a", app="x", tier="y"), pod("a", image="", app="x"), ConfigMap(metadata=ObjectMeta(name="a"))])
def test_what_differs_is_looked_at_anew(other: Pod | ConfigMap) -> None:
    other.metadata.managedFields = []
    known = entries(pod("a", app="x"))
    assert entries(other) != known
    other.metadata.managedFields = []
    track._templates.clear()
    assert [bytes(entry.fieldsV1 or b"") for entry in entries(other)] != [bytes(entry.fieldsV1 or b"") for entry in known]


def test_managers_are_told_apart() -> None:
    assert [entry.manager for entry in (*entries(pod("a"), "me"), *entries(pod("a"), "you"))] == ["me", "you"]


def test_what_a_client_sends_counts() -> None:
    sent = pod("a", app="x")
    sent.metadata.managedFields = [ManagedFieldsEntry()]
    assert [entry.manager for entry in entries(sent)] == ["me"]
    assert not track._templates


def test_memory_is_bounded() -> None:
    for number in range(200):
        entries(pod("a", image=str(number)))
    entries(pod("a", image="x" * 10_000))
    assert len(track._templates) == track._MOST_TEMPLATES
    assert all(len(text) <= track._LONGEST_TEMPLATE for key in track._templates for text in key)
