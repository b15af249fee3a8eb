"""Rules of schemas (CEL): what they say of objects, of updates, and of themselves."""

from __future__ import annotations

from typing import Any

import pytest

from sagong.api.custom.correlate import Pair
from sagong.api.custom.rule_checks import check_rules
from sagong.api.custom.rules import Evaluation, rules_of
from sagong.api.custom.schema import Schema, as_resource
from sagong.api.field_errors import Errors

INT: dict[str, Any] = {"type": "integer"}
STRING: dict[str, Any] = {"type": "string"}
MAP: dict[str, Any] = {"type": "object", "additionalProperties": STRING}
OBJECT: dict[str, Any] = {"type": "object", "properties": {"s": STRING}}
UNIQUE = "self.all(x, self.exists_one(y, x == y))"


def spec(rules: list[dict[str, Any]], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": properties, "x-kubernetes-validations": rules}},
    }


def evaluated(schema: dict[str, Any], obj: Any, old: Any = None) -> Evaluation:
    root = as_resource(Schema(schema))
    rules = rules_of(root)
    assert rules is not None
    evaluation = Evaluation()
    evaluation.run(rules, "", obj, old, Pair(obj, old, root) if old is not None else None)
    return evaluation


def said(evaluation: Evaluation) -> list[str]:
    return [f"{cause.field}: {cause.message}" for cause in evaluation.errors]


@pytest.mark.parametrize(
    ("schema", "obj", "wanted"),
    [
        (spec([{"rule": "self.x > 0"}], x=INT), {"spec": {"x": 1}}, []),
        (spec([{"rule": "self.x > 0"}], x=INT), {"spec": {"x": 0}}, ["spec: Invalid value: failed rule: self.x > 0"]),
        (spec([{"rule": "self.x > 0", "message": " too small "}], x=INT), {"spec": {"x": 0}}, ["spec: Invalid value: too small"]),
        (
            spec([{"rule": "self.x > 0", "messageExpression": "'x is ' + string(self.x)"}], x=INT),
            {"spec": {"x": 0}},
            ["spec: Invalid value: x is 0"],
        ),
        (
            spec([{"rule": "self.x > 0", "messageExpression": "'a\\nb'", "message": "m"}], x=INT),
            {"spec": {"x": 0}},
            ["spec: Invalid value: m"],
        ),
        (
            spec([{"rule": "self.x > 0", "message": "m", "fieldPath": ".x", "reason": "FieldValueForbidden"}], x=INT),
            {"spec": {"x": 0}},
            ["spec.x: Forbidden: m"],
        ),
        (
            spec([{"rule": "self.x > 0", "message": "m", "reason": "FieldValueRequired"}], x=INT),
            {"spec": {"x": 0}},
            ["spec: Required value: m"],
        ),
        (spec([{"rule": "self.x > 0", "reason": "FieldValueDuplicate"}], x=INT), {"spec": {"x": 0}}, ["spec: Duplicate value"]),
        (
            spec([{"rule": "self.x > 0"}], x=INT),
            {"spec": {}},
            ['spec: Invalid value: "object": no such key: x evaluating rule: self.x > 0'],
        ),
        (
            spec([], n={**INT, "x-kubernetes-validations": [{"rule": "self > 3"}]}),
            {"spec": {"n": 2}},
            ["spec.n: Invalid value: 2: failed rule: self > 3"],
        ),
        (
            spec([], m={"type": "object", "additionalProperties": {**STRING, "x-kubernetes-validations": [{"rule": "self != 'a'"}]}}),
            {"spec": {"m": {"k": "a"}}},
            ["spec.m[k]: Invalid value: \"a\": failed rule: self != 'a'"],
        ),
        (
            {"type": "object", "x-kubernetes-validations": [{"rule": "self.metadata.name.startsWith('x')"}]},
            {"metadata": {"name": "a"}},
            ["<nil>: Invalid value: failed rule: self.metadata.name.startsWith('x')"],
        ),
    ],
)
def test_what_rules_say(schema: dict[str, Any], obj: Any, wanted: list[str]) -> None:
    assert said(evaluated(schema, obj)) == wanted


def test_transition_rules_need_an_old_value() -> None:
    schema = spec([], n={**INT, "x-kubernetes-validations": [{"rule": "self >= oldSelf", "message": "must not shrink"}]})
    assert said(evaluated(schema, {"spec": {"n": 1}})) == []
    assert said(evaluated(schema, {"spec": {"n": 1}}, {"spec": {}})) == []
    assert said(evaluated(schema, {"spec": {"n": 1}}, {"spec": {"n": 2}})) == ["spec.n: Invalid value: 1: must not shrink"]


def test_optional_old_values() -> None:
    rule = {"rule": "oldSelf.hasValue() || self == 1", "optionalOldSelf": True, "message": "begins with 1"}
    schema = spec([], n={**INT, "x-kubernetes-validations": [rule]})
    assert said(evaluated(schema, {"spec": {"n": 2}})) == ["spec.n: Invalid value: 2: begins with 1"]
    assert said(evaluated(schema, {"spec": {"n": 2}}, {"spec": {"n": 1}})) == []


def test_items_of_a_map_are_compared_by_their_keys() -> None:
    item = {"type": "object", "properties": {"k": STRING, "v": INT}, "x-kubernetes-validations": [{"rule": "self.v >= oldSelf.v"}]}
    schema = spec([], l={"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": item})
    old = {"spec": {"l": [{"k": "a", "v": 1}, {"k": "b", "v": 5}]}}
    new = {"spec": {"l": [{"k": "b", "v": 4}, {"k": "c", "v": 0}, {"k": "a", "v": 1}]}}
    assert said(evaluated(schema, new, old)) == ["spec.l[0]: Invalid value: failed rule: self.v >= oldSelf.v"]


def test_what_did_not_change_only_warns() -> None:
    schema = spec([], a={**INT, "x-kubernetes-validations": [{"rule": "self > 9"}]}, b=INT)
    evaluation = evaluated(schema, {"spec": {"a": 1, "b": 2}}, {"spec": {"a": 1, "b": 1}})
    assert (said(evaluation), evaluation.warnings) == ([], ["spec.a: Invalid value: 1: failed rule: self > 9"])


def test_costs_are_limited() -> None:
    large = {"type": "array", "maxItems": 725, "items": INT}
    schema = spec([{"rule": "self.l.all(x, self.l.all(y, y == x))"}], l=large)
    (found,) = said(evaluated(schema, {"spec": {"l": [20] * 725}}))
    assert found.startswith(
        "spec: Invalid value: \"object\": 'operation cancelled: actual cost limit exceeded': no further validation rules"
    )
    assert "call cost exceeds limit for rule: self.l.all" in found
    evaluation = Evaluation(10)
    rules = rules_of(as_resource(Schema(schema)))
    assert rules is not None
    evaluation.run(rules, "", {"spec": {"l": [20] * 9}}, None)
    assert "validation failed due to running out of cost budget" in said(evaluation)[0]


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        (spec([{"rule": "self.x > 0"}], x=INT), []),
        (
            spec([], m={**MAP, "maxProperties": 16, "x-kubernetes-validations": [{"rule": "self.all(key, key.matches('^[a-z]+$'))"}]}),
            [],
        ),
        (
            spec([], l={"type": "array", "maxItems": 32, "items": MAP, "x-kubernetes-validations": [{"rule": UNIQUE}]}),
            ["estimated rule cost exceeds budget"],
        ),
        (
            spec([], l={"type": "array", "maxItems": 32, "items": OBJECT, "x-kubernetes-validations": [{"rule": UNIQUE}]}),
            [],
        ),
        (spec([{"rule": "self.z == 100"}], x=INT), ["properties[spec].x-kubernetes-validations[0].rule: Invalid value: "]),
        (spec([{"rule": "self = 42"}]), ["Syntax error"]),
        (spec([{"rule": "self.x"}], x=INT), ["cel expression must evaluate to a bool"]),
        (
            spec([{"rule": "true", "messageExpression": "1"}]),
            [".messageExpression: Invalid value: ", "messageExpression must evaluate to a string"],
        ),
        (
            spec([{"rule": "true", "optionalOldSelf": True}]),
            ["optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule"],
        ),
        (
            spec([], l={"type": "array", "items": {**INT, "x-kubernetes-validations": [{"rule": "self > oldSelf"}]}}),
            ['"self > oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within .properties[spec].properties[l]'],
        ),
        (
            spec(
                [],
                x={
                    "type": "array",
                    "items": {
                        "type": "array",
                        "items": STRING,
                        "x-kubernetes-validations": [{"rule": "self.all(s, s == 'string constant')"}],
                    },
                },
            ),
            ["estimated rule cost exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems"],
        ),
    ],
)
def test_rules_are_checked_before_they_are_used(schema: dict[str, Any], wanted: list[str]) -> None:
    errors = Errors()
    check_rules(errors, "", schema)
    text = "\n".join(f"{cause.field}: {cause.message}" for cause in errors)
    assert bool(errors) == bool(wanted)
    assert [part for part in wanted if part not in text] == [], text
