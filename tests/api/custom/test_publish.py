"""Schemas of custom resources as OpenAPI documents show them."""

from __future__ import annotations

from typing import Any

from sagong.api.custom.publish import published, published_list
from sagong.api.resources import Resource

ROW = Resource("example.org", "v1", "Widget", "widgets", "widget", list_kind="WidgetList")
SPEC: dict[str, Any] = {
    "type": "object",
    "required": ["n", "s"],
    "properties": {
        "n": {"type": "string", "nullable": True},
        "s": {"type": "string", "default": "x", "anyOf": [{"minLength": 1}]},
        "p": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"a": {"type": "string"}}},
        "l": {"type": "array", "x-kubernetes-preserve-unknown-fields": True, "items": {"type": "object"}},
        "i": {"x-kubernetes-int-or-string": True},
        "e": {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"spec": {"type": "object"}}},
    },
}
SOURCE = {"type": "object", "description": "d", "properties": {"spec": SPEC}}


def spec(*, v2: bool) -> dict[str, Any]:
    found: dict[str, Any] = published(ROW, SOURCE, v2=v2)["properties"]["spec"]
    return found


def test_version_3_tells_everything() -> None:
    shown = spec(v2=False)
    assert shown["required"] == ["n", "s"]
    assert shown["properties"]["n"] == {"type": "string", "nullable": True}
    assert shown["properties"]["p"] == SPEC["properties"]["p"]
    assert shown["properties"]["i"]["anyOf"] == [{"type": "integer"}, {"type": "string"}]
    embedded = shown["properties"]["e"]
    assert (sorted(embedded["properties"]), embedded["required"]) == (["apiVersion", "kind", "metadata", "spec"], ["kind", "apiVersion"])


def test_version_2_is_open_where_anything_may_stand() -> None:
    shown = spec(v2=True)
    assert shown["required"] == ["s"]
    assert shown["properties"]["n"] == {}
    assert shown["properties"]["s"] == {"type": "string", "default": "x"}
    assert shown["properties"]["p"] == {"x-kubernetes-preserve-unknown-fields": True}
    assert shown["properties"]["l"] == {"x-kubernetes-preserve-unknown-fields": True}
    assert shown["properties"]["i"] == {"x-kubernetes-int-or-string": True}


def test_without_a_schema_only_the_kind_is_told() -> None:
    kind = [{"group": "example.org", "version": "v1", "kind": "Widget"}]
    assert published(ROW, None, v2=False) == {"type": "object", "x-kubernetes-group-version-kind": kind}
    open_root = {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"a": {"type": "string"}}}
    assert published(ROW, open_root, v2=True) == {"type": "object", "x-kubernetes-group-version-kind": kind}
    assert "metadata" in published(ROW, open_root, v2=False)["properties"]


def test_lists_and_selectable_fields() -> None:
    source = {**SOURCE, "x-kubernetes-selectable-fields": [{"fieldPath": "spec.s"}]}
    shown = published_list(ROW, source, v2=True)
    assert shown["properties"]["items"]["items"] == {"$ref": "#/definitions/org.example.v1.Widget"}
    assert shown["x-kubernetes-group-version-kind"] == [{"group": "example.org", "version": "v1", "kind": "WidgetList"}]
    assert shown["x-kubernetes-selectable-fields"] == published(ROW, source, v2=True)["x-kubernetes-selectable-fields"]
