"""Shapes: what is read out of the types' annotations."""

from __future__ import annotations

from sagong.api.schema import shape_of
from sagong.api.structural_shape import shape_of_custom
from sagong.api.types.apps import ControllerRevision
from sagong.api.types.core import PersistentVolumeSpec, Pod, Probe, Volume
from sagong.api.types.rbac import Role


def test_fields_know_how_they_merge() -> None:
    spec = shape_of(Pod).fields["spec"].shape
    containers = spec.fields["containers"]
    assert (containers.shape.list_type, containers.shape.keys) == ("map", ("name",))
    assert (containers.strategies, containers.merge_key, containers.number, containers.required) == (("merge",), "name", 2, True)
    assert spec.fields["volumes"].strategies == ("merge", "retainKeys")
    assert spec.fields["nodeSelector"].shape.leaf
    assert spec.fields["priority"].shape.kind == "int32"
    assert spec.fields["priority"].pointer
    ports = containers.shape.element
    assert ports
    assert ports.fields["ports"].shape.element
    assert ports.fields["ports"].shape.element.fields["protocol"].default == "TCP"


def test_what_is_written_when_it_is_not_set() -> None:
    fields = shape_of(Role).fields
    assert (fields["metadata"].always, fields["rules"].nulled, fields["rules"].always) == (True, True, False)


def test_inlined_messages_have_numbers_of_their_own() -> None:
    assert shape_of(Volume).fields["hostPath"].inlined == (("VolumeSource", 2),)
    assert shape_of(Volume).fields["name"].inlined == ()
    assert shape_of(Probe).fields["exec"].inlined == (("ProbeHandler", 1),)


def test_places_can_merge_otherwise_than_their_type() -> None:
    assert shape_of(ControllerRevision).fields["data"].shape.leaf
    assert not shape_of(PersistentVolumeSpec).fields["claimRef"].shape.leaf


def test_custom_shapes_come_from_the_structural_schema() -> None:
    shape = shape_of_custom({"type": "object", "properties": {"spec": {"type": "object", "additionalProperties": {"type": "integer"}}}})
    spec = shape.fields["spec"].shape
    assert spec.kind == "map"
    assert spec.element
    assert spec.element.kind == "int64"
    assert shape.fields["metadata"].shape.fields["finalizers"].shape.list_type == "set"
    assert shape_of_custom(None).preserve
