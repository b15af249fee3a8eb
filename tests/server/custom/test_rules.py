"""Rules of definitions through the real server: bad ones are refused, good ones judge objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.server.custom.support import CRDS, WIDGETS, define, definition, version, widget
from tests.server.harness import MERGE, running

NUMBER: dict[str, Any] = {"type": "integer"}


def schema(rules: list[dict[str, Any]], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"spec": {"type": "object", "properties": properties, "x-kubernetes-validations": rules}}}


async def test_rules_judge_objects(tmp_path: Path) -> None:
    rules = [
        {"rule": "self.x + self.y > 0"},
        {"rule": "self.x >= oldSelf.x", "message": "x only grows", "fieldPath": ".x"},
        {"rule": "self.large.all(a, self.large.all(b, b == a))"},
    ]
    large = {"type": "array", "maxItems": 725, "items": NUMBER, "default": []}
    async with running(tmp_path) as api:
        await define(api, definition("widgets", "Widget", version(schema=schema(rules, x=NUMBER, y=NUMBER, large=large))))
        await api.ok("POST", WIDGETS, widget(spec={"x": 1, "y": 0}))
        refused = await api("POST", WIDGETS, widget("b", spec={"x": 0, "y": 0}))
        assert (refused.status, "spec: Invalid value: failed rule: self.x + self.y > 0" in refused.body["message"]) == (422, True)
        shrunk = await api("PATCH", f"{WIDGETS}/a", {"spec": {"x": 0, "y": 1}}, Content_Type=MERGE)
        assert "spec.x: Invalid value: x only grows" in shrunk.body["message"]
        costly = await api("POST", WIDGETS, widget("c", spec={"x": 1, "y": 1, "large": [20] * 725}))
        assert "call cost exceeds limit" in costly.body["message"]
        unchecked = await api("POST", WIDGETS, widget("d", spec={"x": "1"}))
        assert (
            "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid" in unchecked.body["message"]
        )


async def test_what_was_stored_before_a_rule_may_stay(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        found = await define(api, definition("widgets", "Widget", version(schema=schema([], a=NUMBER, b=NUMBER))))
        await api.ok("POST", WIDGETS, widget(spec={"a": 1, "b": 1}))
        strict = schema([], a={**NUMBER, "x-kubernetes-validations": [{"rule": "self > 9"}]}, b=NUMBER)
        row = api.server.table.by_path("stable.example.com", "v1", "widgets")
        path = f"{CRDS}/{found['metadata']['name']}"
        await api.ok("PUT", path, {**found, "spec": {**found["spec"], "versions": [version(schema=strict)]}})
        while api.server.table.by_path("stable.example.com", "v1", "widgets") is row:
            await api("GET", path)
        answer = await api("PATCH", f"{WIDGETS}/a", {"spec": {"b": 2}}, Content_Type=MERGE)
        assert answer.status == 200
        assert "failed rule: self > 9" in answer.header("warning")
        assert (await api("PATCH", f"{WIDGETS}/a", {"spec": {"a": 2}}, Content_Type=MERGE)).status == 422


async def test_definitions_with_bad_rules_or_defaults_are_refused(tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        (schema([{"rule": "self.z == 100"}], x=NUMBER), "undefined field 'z'"),
        (schema([{"rule": "self = 42"}]), "Syntax error"),
        (
            schema([], x={**NUMBER, "default": "a"}),
            'spec.validation.openAPIV3Schema.properties[spec].properties[x].default: Invalid value: "string"',
        ),
        (
            schema([], x={"type": "object", "properties": {"a": NUMBER}, "default": {"b": 1}}),
            'default: Invalid value: {"b":1}: must not have unknown fields',
        ),
        (
            schema([], x={**NUMBER, "default": 1, "x-kubernetes-validations": [{"rule": "self > 1"}]}),
            "default: Invalid value: 1: failed rule: self > 1",
        ),
    ]
    async with running(tmp_path) as api:
        for wrong, message in cases:
            answer = await api("POST", CRDS, definition("widgets", "Widget", version(schema=wrong)))
            assert (answer.status, message in answer.body["message"]) == (422, True), answer.body["message"]
