"""Values against schemas: upstream's reasons, paths and messages."""

from __future__ import annotations

from typing import Any

import pytest

from sagong.api.custom.correlate import Pair
from sagong.api.custom.formats import conforms
from sagong.api.custom.schema import Schema
from sagong.api.custom.values import check_values, go_number
from sagong.api.field_errors import Errors


def said(schema: dict[str, Any], value: Any, **more: Any) -> list[str]:
    errors = Errors()
    check_values(errors, value, Schema(schema), **more)
    return [f"{cause.field}: {cause.message}" for cause in errors]


def a(**schema: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": schema}}


INT_OR_STRING = {"x-kubernetes-int-or-string": True}


@pytest.mark.parametrize(
    ("schema", "value", "wanted"),
    [
        (a(type="string"), {"a": "x"}, []),
        (a(type="string"), {"a": 1}, ['a: Invalid value: "integer": a in body must be of type string: "integer"']),
        (a(type="integer"), {"a": True}, ['a: Invalid value: "boolean": a in body must be of type integer: "boolean"']),
        (a(type="integer"), {"a": 1.0}, []),
        (a(type="integer"), {"a": 1.5}, ['a: Invalid value: "number": a in body must be of type integer: "number"']),
        (a(type="number"), {"a": 1}, []),
        (a(type="string"), {"a": None}, ['a: Invalid value: "null": a in body must be of type string: "null"']),
        (a(type="string", nullable=True), {"a": None}, []),
        (a(**INT_OR_STRING), {"a": "1"}, []),
        (a(**INT_OR_STRING), {"a": []}, ['a: Invalid value: "array": a in body must be of type integer,string: "array"']),
        (a(type="string", maxLength=2), {"a": "abc"}, ["a: Too long: may not be more than 2 bytes"]),
        (a(type="string", minLength=2), {"a": "ü"}, ['a: Invalid value: "ü": a in body should be at least 2 chars long']),
        (a(type="string", pattern="^a+$"), {"a": "aab"}, ["a: Invalid value: \"aab\": a in body should match '^a+$'"]),
        (a(type="string", pattern="^a+$"), {"a": "aa\n"}, ["a: Invalid value: \"aa\\n\": a in body should match '^a+$'"]),
        (a(type="string", pattern=r"^\p{L}+$"), {"a": "éa"}, []),
        (a(type="string", enum=["x", "y"]), {"a": "z"}, ['a: Unsupported value: "z": supported values: "x", "y"']),
        (a(enum=[1, {"b": 2}]), {"a": 2}, ['a: Unsupported value: 2: supported values: "1", "{\\"b\\":2}"']),
        (a(enum=[1]), {"a": True}, ['a: Unsupported value: true: supported values: "1"']),
        (a(type="integer", minimum=3), {"a": 2}, ["a: Invalid value: 2: a in body should be greater than or equal to 3"]),
        (a(type="integer", maximum=3, exclusiveMaximum=True), {"a": 3}, ["a: Invalid value: 3: a in body should be less than 3"]),
        (a(type="number", maximum=2.5), {"a": 2.75}, ["a: Invalid value: 2.75: a in body should be less than or equal to 2.5"]),
        (a(type="integer", multipleOf=3.0), {"a": 4}, ["a: Invalid value: 4: a in body should be a multiple of 3"]),
        (a(type="number", multipleOf=0.5), {"a": 1.5}, []),
        (
            a(type="integer", format="int32"),
            {"a": 2**31},
            ['<nil>: Invalid value: "": Checked value must be of type integer with format int32 in a'],
        ),
        (
            a(type="array", items={"type": "integer"}),
            {"a": [1, "x"]},
            ['a[1]: Invalid value: "string": a[1] in body must be of type integer: "string"'],
        ),
        (a(type="array", minItems=2), {"a": [1]}, ["a: Invalid value: 1: a in body should have at least 2 items"]),
        (a(type="array", maxItems=1), {"a": [1, 2]}, ["a: Too many: 2: must have at most 1 item"]),
        (a(type="object", maxProperties=1), {"a": {"x": 1, "y": 2}}, ["a: Too many: 2: must have at most 1 item"]),
        (a(type="object", minProperties=1), {"a": {}}, ["a: Invalid value: 0: a in body should have at least 1 properties"]),
        (a(type="object", required=["b"]), {"a": {}}, ["a.b: Required value"]),
        ({"type": "object", "required": ["b"]}, {}, ["b: Required value"]),
        (
            a(type="object", additionalProperties={"type": "integer"}),
            {"a": {"k": "v"}},
            ['a.k: Invalid value: "string": a.k in body must be of type integer: "string"'],
        ),
        (a(type="object", additionalProperties=False), {"a": {"k": 1}}, ['a: Invalid value: "k": a.k in body is a forbidden property']),
        (
            a(type="string", format="date"),
            {"a": "2020-02-30"},
            ['a: Invalid value: "2020-02-30": a in body must be of type date: "2020-02-30"'],
        ),
        (a(type="string", format="unknown"), {"a": "x"}, []),
        (
            a(anyOf=[{"minimum": 5}, {"maximum": 1}]),
            {"a": 3},
            [
                '<nil>: Invalid value: "": "a" must validate at least one schema (anyOf)',
                "a: Invalid value: 3: a in body should be greater than or equal to 5",
            ],
        ),
        (a(anyOf=[{"minimum": 5}, {"maximum": 3}]), {"a": 3}, []),
        (
            a(oneOf=[{"minimum": 1}, {"minimum": 2}]),
            {"a": 3},
            ['<nil>: Invalid value: "": "a" must validate one and only one schema (oneOf). Found 2 valid alternatives'],
        ),
        (
            {"type": "object", "oneOf": [{"required": ["x"]}, {"required": ["y"]}]},
            {},
            ['<nil>: Invalid value: "": "" must validate one and only one schema (oneOf). Found none valid', "x: Required value"],
        ),
        (
            a(allOf=[{"minimum": 1}, {"minimum": 5}]),
            {"a": 3},
            [
                "a: Invalid value: 3: a in body should be greater than or equal to 5",
                '<nil>: Invalid value: "": "a" must validate all the schemas (allOf)',
            ],
        ),
        (a(**{"not": {"minimum": 1}}), {"a": 3}, ['<nil>: Invalid value: "": "a" must not validate the schema (not)']),
    ],
)
def test_values(schema: dict[str, Any], value: Any, wanted: list[str]) -> None:
    assert said(schema, value) == wanted


def test_a_part_is_checked_where_it_stands() -> None:
    assert said({"type": "object", "required": ["b"]}, {}, path="status") == ["status.b: Required value"]
    assert said({"type": "object"}, 1, path="status") == ['status: Invalid value: "integer":  in body must be of type object: "integer"']


def test_unchanged_values_may_stay_wrong() -> None:
    fields = {name: {"type": "string", "minLength": 3} for name in ("x", "y")}
    items = {"type": "object", "properties": {"k": {"type": "string"}, **fields}}
    keyed = {"type": "array", "items": items, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]}
    schema = {"type": "object", "properties": {**fields, "keyed": keyed, "plain": {"type": "array", "items": fields["x"]}}}
    old = {"x": "a", "y": "a", "keyed": [{"k": "1", "x": "a"}], "plain": ["a"]}
    new = {"x": "a", "y": "b", "keyed": [{"k": "2", "x": "a"}, {"k": "1", "x": "a", "y": "b"}], "plain": ["a", "b"]}
    errors = Errors()
    check_values(errors, new, Schema(schema), pair=Pair(new, old, Schema(schema)))
    assert sorted(cause.field for cause in errors) == ["keyed[0].x", "keyed[1].y", "plain[0]", "plain[1]", "y"]
    assert Pair(new, new, Schema(schema)).same
    assert not Pair({"x": 1}, {"x": True}, Schema(schema)).same


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("byte", ["", "YQ==", "YWI="][1:], ["YQ", "a b="]),
        ("cidr", ["10.0.0.0/8", "fe80::/10"], ["10.0.0.0", "10.0.0.0/33"]),
        ("creditcard", ["4111 1111 1111 1111"], ["4111 1111 1111 1112"]),
        ("date-time", ["2020-01-02T03:04:05Z", "2020-01-02T03:04:05.123+01:00"], ["2020-01-02", "x"]),
        ("duration", ["22 ns", "1h30m", "3 weeks"], ["x", "1"]),
        ("email", ["a@example.com", "A <a@example.com>"], ["a", "@x"]),
        ("hexcolor", ["#fff", "00ff00"], ["#ff"]),
        ("hostname", ["a.example.com", "a"], ["-a", "a_b", "x" * 64]),
        ("ipv4", ["1.2.3.4", "010.0.0.1"], ["::1", "1.2.3"]),
        ("ipv6", ["::1"], ["1.2.3.4"]),
        ("isbn", ["0321751043", "978-0321751041"], ["0321751042"]),
        ("k8s-short-name", ["a-b"], ["A", "a.b"]),
        ("mac", ["00:11:22:33:44:55", "0011.2233.4455"], ["00:11:22:33:44"]),
        ("rgbcolor", ["rgb(1, 2,255)"], ["rgb(256,0,0)"]),
        ("ssn", ["123-45-6789"], ["123"]),
        ("uri", ["https://a/b", "/a"], ["a b", "a"]),
        ("uuid4", ["123e4567-e89b-42d3-a456-426614174000"], ["123e4567-e89b-12d3-a456-426614174000"]),
    ],
)
def test_formats(name: str, good: list[str], bad: list[str]) -> None:
    assert [text for text in good if not conforms(text, name)] == []
    assert [text for text in bad if conforms(text, name)] == []


def test_numbers_are_written_as_go_writes_them() -> None:
    assert [go_number(value) for value in (1, 1.0, 2.5, 1e20, 1e21)] == ["1", "1", "2.5", "100000000000000000000", "1e+21"]
