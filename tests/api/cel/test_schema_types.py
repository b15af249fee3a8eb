from __future__ import annotations

from typing import Any

import pytest

from sagong.api import cel

SCHEMA = {
    "type": "object",
    "required": ["replicas"],
    "properties": {
        "replicas": {"type": "integer"},
        "x-y": {"type": "string", "maxLength": 5},
        "namespace": {"type": "string"},
        "when": {"type": "string", "format": "date-time"},
        "day": {"type": "string", "format": "date"},
        "wait": {"type": "string", "format": "duration"},
        "raw": {"type": "string", "format": "byte"},
        "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "ports": {
            "type": "array",
            "items": {"type": "object", "properties": {"name": {"type": "string"}, "port": {"type": "integer"}}},
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
        "ratios": {"type": "object", "additionalProperties": {"type": "number"}},
        "target": {"x-kubernetes-int-or-string": True},
        "free": {"x-kubernetes-preserve-unknown-fields": True},
        "template": {"type": "object", "x-kubernetes-embedded-resource": True},
    },
}
OBJECT: dict[str, Any] = {
    "metadata": {"name": "foo"},
    "replicas": 3,
    "x-y": "q",
    "namespace": "n",
    "when": "2020-01-01T00:00:00Z",
    "day": "2020-01-02",
    "wait": "90s",
    "raw": "YWJj",
    "tags": ["a", "b"],
    "ports": [{"name": "a", "port": 1}, {"name": "b", "port": 2}],
    "ratios": {"k": 1},
    "target": "5%",
    "template": {"kind": "Pod", "metadata": {"name": "p"}},
}


def compiled(expression: str) -> tuple[cel.Program, cel.Declared]:
    schemas = cel.SchemaTypes()
    declared = schemas.declare(SCHEMA, "selfType", resource=True)
    assert declared is not None
    return cel.compile(expression, {"self": declared.type, "oldSelf": declared.type}, structs=schemas), declared


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("self.replicas > 2 && self.x__dash__y == 'q' && self.__namespace__ == 'n'", True),
        ("self.when < timestamp('2020-01-01T00:00:01Z') && self.day.getDate() == 2", True),
        ("self.wait == duration('1m30s')", True),
        ("self.raw == b'abc'", True),
        ("self.tags == ['b', 'a']", True),
        ("self.tags + ['c', 'a']", ["a", "b", "c"]),
        ("self.ports == [{'name': 'b', 'port': 2}, {'name': 'a', 'port': 1}].map(p, p)", None),
        ("self.ratios['k'] == 1.0", True),
        ("self.target == '5%' || self.target == 5", True),
        ("has(self.x__dash__y) && !has(self.metadata.generateName)", True),
        ("self == oldSelf", True),
        ("self.metadata.name + self.template.metadata.name", "foop"),
    ],
)
def test_json_under_a_schema(expression: str, value: Any) -> None:
    try:
        program, declared = compiled(expression)
    except cel.CompileError:
        assert value is None
        return
    bindings = {"self": declared.value(OBJECT), "oldSelf": declared.value(OBJECT)}
    assert program.evaluate(bindings) == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("self.nope", "undefined field 'nope'"),
        ("self.free", "undefined field 'free'"),
        ("self.metadata.labels", "undefined field 'labels'"),
        ("self.replicas == 'a'", "found no matching overload for '_==_' applied to '(int, string)'"),
        ("self.ports[0] == 1", "found no matching overload for '_==_' applied to '(selfType.ports.@idx, int)'"),
    ],
)
def test_what_the_schema_does_not_have(expression: str, message: str) -> None:
    with pytest.raises(cel.CompileError, match="ERROR") as raised:
        compiled(expression)
    assert raised.value.issues[0].message == message


def test_lists_by_key_compare_without_order() -> None:
    program, declared = compiled("self.ports == oldSelf.ports")
    turned = {**OBJECT, "ports": list(reversed(OBJECT["ports"]))}
    assert program.evaluate({"self": declared.value(OBJECT), "oldSelf": declared.value(turned)}) is True
    changed = {**OBJECT, "ports": [{"name": "a", "port": 1}, {"name": "b", "port": 3}]}
    assert program.evaluate({"self": declared.value(OBJECT), "oldSelf": declared.value(changed)}) is False


def test_a_schema_that_refers_to_itself_ends() -> None:
    node = {"type": "object", "properties": {"value": {"type": "integer"}, "next": {"$ref": "#/node"}}}
    schemas = cel.SchemaTypes(lambda reference: node if reference == "#/node" else None)
    declared = schemas.declare({"$ref": "#/node"}, "node")
    assert declared is not None
    assert cel.compile("self.next.anything", {"self": declared.type}, structs=schemas).result == cel.DYN
