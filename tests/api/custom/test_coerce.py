"""Pruning, nulls, defaults, metadata and lists of custom resources."""

from __future__ import annotations

from typing import Any

import pytest

from sagong.api.custom.coerce import coerce, lenient_meta
from sagong.api.custom.defaults import apply_defaults
from sagong.api.custom.lists import check_lists
from sagong.api.custom.prune import drop_nulls, prune
from sagong.api.custom.schema import Schema, as_resource
from sagong.api.field_errors import Errors
from sagong.api.json_syntax import JsonError

STRING = {"type": "string"}
KEEP = {"x-kubernetes-preserve-unknown-fields": True}


def obj(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "value", "left", "gone"),
    [
        (obj(a=STRING), {"a": "1", "b": 2, "kind": "K"}, {"a": "1", "kind": "K"}, ["b"]),
        (obj(a=obj(x=STRING)), {"a": {"x": "1", "y": 2}}, {"a": {"x": "1"}}, ["a.y"]),
        (obj(a={**obj(x=obj()), **KEEP}), {"a": {"x": {"z": 1}, "y": {"z": 2}}}, {"a": {"x": {}, "y": {"z": 2}}}, ["a.x.z"]),
        (obj(a={"type": "array", "items": obj(x=STRING)}), {"a": [{"x": "1", "y": 2}]}, {"a": [{"x": "1"}]}, ["a[0].y"]),
        (obj(a={"type": "object", "additionalProperties": obj(x=STRING)}), {"a": {"k": {"y": 1}}}, {"a": {"k": {}}}, ["a.k.y"]),
        (obj(a={"type": "object", "additionalProperties": True}), {"a": {"k": {"y": 1}, "l": 1}}, {"a": {"k": {}, "l": 1}}, ["a.k.y"]),
        ({**obj(), **KEEP}, {"a": {"b": 1}}, {"a": {"b": 1}}, []),
        (
            obj(a={**obj(spec=obj()), "x-kubernetes-embedded-resource": True}),
            {"a": {"kind": "K", "metadata": {"name": "n"}, "spec": {"x": 1}, "y": 1}},
            {"a": {"kind": "K", "metadata": {"name": "n"}, "spec": {}}},
            ["a.spec.x", "a.y"],
        ),
    ],
)
def test_pruning(schema: dict[str, Any], value: Any, left: Any, gone: list[str]) -> None:
    assert prune(value, as_resource(Schema(schema))) == gone
    assert value == left


def test_nulls_go_where_they_may_not_stand() -> None:
    schema = Schema(
        obj(a=STRING, b={**STRING, "nullable": True}, c={**STRING, "default": "x"}, d={"type": "object", "additionalProperties": STRING})
    )
    value: dict[str, Any] = {"a": None, "b": None, "c": None, "d": {"k": None}, "unknown": None}
    drop_nulls(value, schema)
    assert value == {"b": None, "c": None, "d": {}, "unknown": None}


def test_defaults() -> None:
    inner = obj(x={"type": "integer", "default": 1})
    schema = Schema(
        obj(
            a={**STRING, "default": "s"},
            b={**inner, "default": {}},
            c=inner,
            l={"type": "array", "items": inner},
            m={"type": "object", "additionalProperties": inner},
            n={**STRING, "nullable": True, "default": "n"},
        )
    )
    value: dict[str, Any] = {"a": None, "l": [{}, {"x": 2}], "m": {"k": {}}, "n": None}
    apply_defaults(value, schema)
    assert value == {"a": "s", "b": {"x": 1}, "l": [{"x": 1}, {"x": 2}], "m": {"k": {"x": 1}}, "n": None}
    again: dict[str, Any] = {}
    apply_defaults(again, schema)
    again["b"]["x"] = 9
    assert schema.properties["b"].default == {}


def test_metadata_are_read_as_for_any_kind() -> None:
    value = {"kind": "K", "metadata": {"name": "n", "creationTimestamp": None, "odd": 1, "labels": {"a": "b"}}, "x": 1}
    assert coerce(value, as_resource(Schema(obj()))) == ['unknown field "metadata.odd"', 'unknown field "x"']
    assert (value["metadata"].name, value["metadata"].labels) == ("n", {"a": "b"})  # type: ignore[attr-defined] # it is an ObjectMeta now
    with pytest.raises(JsonError, match=r"cannot unmarshal number into Go struct field ObjectMeta.name of type string"):
        coerce({"metadata": {"name": 1}}, as_resource(None))
    assert lenient_meta({"name": "n", "labels": 1}).name == "n"


def test_without_pruning_everything_stays() -> None:
    value: dict[str, Any] = {"kind": "K", "x": {"y": None}}
    assert coerce(value, as_resource(None), keep_unknown=True) == []
    assert value["x"] == {"y": None}


@pytest.mark.parametrize(
    ("kind", "keys", "items", "wanted"),
    [
        ("set", [], ["a", "b", "a", "a"], ['l[2]: Duplicate value: "a"']),
        ("set", [], [1, True, 1.5], []),
        ("map", ["k"], [{"k": "a"}, {"k": "a", "x": 1}], ['l[1]: Duplicate value: {"k":"a"}']),
        ("map", ["k", "p"], [{"k": "a", "p": 1}, {"k": "a"}, {"k": "a"}], ['l[2]: Duplicate value: {"k":"a"}']),
        ("map", ["k"], ["a"], ['l[0]: Invalid value: "a": must be an object for an array of list-type map']),
        ("atomic", [], ["a", "a"], []),
    ],
)
def test_sets_and_maps(kind: str, keys: list[str], items: list[Any], wanted: list[str]) -> None:
    schema = Schema(
        obj(l={"type": "array", "x-kubernetes-list-type": kind, "x-kubernetes-list-map-keys": keys, "items": {"type": "object"}})
    )
    errors = Errors()
    check_lists(errors, "", {"l": items}, schema)
    assert [f"{cause.field}: {cause.message}" for cause in errors] == wanted
