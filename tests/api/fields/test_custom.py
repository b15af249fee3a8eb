"""Field management of custom resources: by their structural schema, or with none."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from sagong.api.errors import BadRequestError, ConflictError
from sagong.api.fields.field_set import Fields
from sagong.api.fields.manager import custom_field_manager
from sagong.api.fields.merge import reconcile
from sagong.api.fields.track import apply_body, track_update
from sagong.api.resources import STATUS, Resource
from sagong.api.structural_shape import shape_of_custom

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ROW = Resource("example.org", "v1", "Widget", "widgets", "widget", subresources=(STATUS,))
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "parts": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name", "side"],
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {
                            "name": {"type": "string"},
                            "side": {"type": "string", "default": "left"},
                            "size": {"x-kubernetes-int-or-string": True},
                        },
                    },
                },
                "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
                "plain": {"type": "array", "items": {"type": "string"}},
                "whole": {"type": "object", "x-kubernetes-map-type": "atomic", "properties": {"a": {"type": "string"}}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            },
        },
        "status": {"type": "object", "properties": {"phase": {"type": "string"}}},
    },
}
MANAGER = custom_field_manager(ROW, SCHEMA)


def widget(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec}


def run(live: Any, config: dict[str, Any], name: str, *, force: bool = False) -> Any:
    return apply_body(MANAGER, ROW, live, json.dumps(config).encode(), name, force=force, now=NOW).obj


def owned(obj: Any) -> dict[str, Any]:
    return {entry["manager"]: entry["fieldsV1"] for entry in obj["metadata"]["managedFields"]}


def test_lists_and_maps_merge_as_the_schema_says() -> None:
    first = run(None, widget(parts=[{"name": "a", "size": 1}], tags=["x"], plain=["1"], whole={"a": "1"}, free={"b": {"c": 1}}), "one")
    assert owned(first)["one"]["f:spec"] == {
        "f:free": {"f:b": {".": {}, "f:c": {}}},
        "f:parts": {'k:{"name":"a","side":"left"}': {".": {}, "f:name": {}, "f:size": {}}},
        "f:plain": {},
        "f:tags": {'v:"x"': {}},
        "f:whole": {},
    }
    second = run(first, widget(parts=[{"name": "a", "side": "right"}], tags=["y"]), "two")
    assert [(part["name"], part.get("side")) for part in second["spec"]["parts"]] == [("a", None), ("a", "right")]
    assert second["spec"]["tags"] == ["x", "y"]
    with pytest.raises(ConflictError, match=r"conflict with \"one\": .spec.plain"):
        run(second, widget(plain=["2"]), "two")


def test_updates_are_tracked_and_status_is_not_the_writers() -> None:
    obj = {**widget(tags=["x"]), "status": {"phase": "up"}}
    track_update(MANAGER, None, obj, "me", NOW)
    assert owned(obj) == {"me": {"f:spec": {".": {}, "f:tags": {".": {}, 'v:"x"': {}}}}}


def test_without_a_schema_every_member_has_an_owner() -> None:
    manager = custom_field_manager(ROW, None)
    obj = widget(list=[1, 2], map={"a": 1})
    track_update(manager, None, obj, "me", NOW)
    assert owned(obj)["me"]["f:spec"] == {".": {}, "f:list": {}, "f:map": {".": {}, "f:a": {}}}


def test_sets_follow_a_schema_that_became_atomic() -> None:
    shape = shape_of_custom(SCHEMA)
    before: Fields = {"f:spec": {"f:plain": {'v:"1"': {}}, "f:tags": {'v:"x"': {}}}}
    assert reconcile(before, shape) == {"f:spec": {"f:plain": {}, "f:tags": {'v:"x"': {}}}}
    fits: Fields = {"f:spec": {"f:tags": {'v:"x"': {}}}}
    assert reconcile(fits, shape) is fits


def test_nesting_beyond_reason_is_refused_or_not_tracked() -> None:
    deep: Any = "x"
    for _ in range(400):
        deep = {"a": deep}
    config = widget(free=deep)
    try:
        run(None, config, "me")
    except BadRequestError as error:
        assert "depth" in error.message  # noqa: PT017 - either is right, by how deep the caller already is
    obj = widget(free=deep)
    track_update(MANAGER, None, obj, "me", NOW)
