"""JSONPath, the columns of tables, and the paths of scales."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sagong.api.custom.columns import Columns
from sagong.api.custom.json_path import JsonPath, JsonPathError
from sagong.api.custom.paths import ABSENT, FieldTypeError, at, put
from sagong.api.custom.rule_paths import rule_path
from sagong.api.types.apiextensions import CustomResourceColumnDefinition as Column

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OBJ: dict[str, Any] = {
    "metadata": {"name": "a", "annotations": {"a.b/c": "x"}, "creationTimestamp": "2025-12-31T23:59:00Z"},
    "spec": {"n": 3, "f": 1.5, "b": True, "l": [1, 2, 3], "none": None, "o": {"k": "v"}},
    "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "False", "n": 2}]},
}


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (".spec.n", [3]),
        (".spec.absent", []),
        (r".metadata.annotations.a\.b/c", ["x"]),
        (".metadata.annotations['a.b/c']", []),
        (r".metadata.annotations['a\.b/c']", ["x"]),
        (".spec.l[0]", [1]),
        (".spec.l[-1]", [3]),
        (".spec.l[0:2]", [1, 2]),
        (".spec.l[::2]", [1, 3]),
        (".spec.l[*]", [1, 2, 3]),
        (".spec.l[0,2]", [1, 3]),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".status.conditions[?(@.type!='Ready')].status", ["False"]),
        (".status.conditions[?(@.n)].type", ["Other"]),
        (".status.conditions[?(@.n>1)].type", ["Other"]),
        ("..status", [OBJ["status"], "True", "False"]),
        (".spec.o.*", ["v"]),
    ],
)
def test_json_path(path: str, wanted: list[Any]) -> None:
    assert JsonPath(path).find(OBJ) == wanted


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (".spec.l[x]", "invalid array index x"),
        (".spec.l[", "unterminated array"),
        (".a[?(@.b", "unterminated filter"),
        (".a b", "unrecognized character in action: U\\+0062 'b'"),
    ],
)
def test_paths_that_cannot_be_read(path: str, message: str) -> None:
    with pytest.raises(JsonPathError, match=message):
        JsonPath(path)


def test_an_index_beyond_the_end_is_told() -> None:
    with pytest.raises(JsonPathError, match="array index out of bounds: index 7, length 3"):
        JsonPath(".spec.l[7]").find(OBJ)


@pytest.mark.parametrize(
    ("kind", "path", "wanted"),
    [
        ("string", ".spec.n", "3"),
        ("string", ".spec.f", "1.5"),
        ("string", ".spec.b", "true"),
        ("string", ".spec.o", '{"k":"v"}'),
        ("string", ".spec.none", "null"),
        ("integer", ".spec.n", 3),
        ("integer", ".spec.f", 1),
        ("integer", ".spec.b", None),
        ("number", ".spec.f", 1.5),
        ("boolean", ".spec.b", True),
        ("boolean", ".spec.n", None),
        ("date", ".metadata.creationTimestamp", "60s"),
        ("date", ".metadata.name", "<invalid>"),
        ("string", ".spec.l[9]", None),
    ],
)
def test_cells(kind: str, path: str, wanted: Any) -> None:
    columns = Columns([Column(name="C", type=kind, jsonPath=path)])
    assert columns.cells(OBJ, NOW) == ["a", wanted]
    assert columns.definitions[1].description == f"Custom resource definition column (in JSONPath format): {path}"


def test_without_columns_there_is_an_age_and_a_bad_one_hides_what_follows() -> None:
    assert Columns([]).cells(OBJ, NOW) == ["a", "60s"]
    bad = Columns([Column(name="A", type="string", jsonPath=".spec.n"), Column(name="B", type="string", jsonPath=".a[")])
    assert [column.name for column in bad.definitions] == ["Name", "A"]


def test_paths_of_scales() -> None:
    obj: dict[str, Any] = {"spec": {"n": 1, "s": "x"}}
    assert (at(obj, ".spec.n", int), at(obj, ".spec.m", int), at(obj, ".status.n", int)) == (1, ABSENT, ABSENT)
    for path, message in ((".spec.s", ".spec.s accessor error: x is of the type string, expected int64"), (".spec.n.m", "expected map")):
        with pytest.raises(FieldTypeError, match=message):
            at(obj, path, int)
    put(obj, ".status.deep.n", 3)
    assert obj["status"] == {"deep": {"n": 3}}
    with pytest.raises(FieldTypeError, match=r"value cannot be set because spec.n is not a map"):
        put(obj, ".spec.n.m", 1)


def test_field_paths_of_rules() -> None:
    source = {"properties": {"a": {"properties": {"b-c": {"additionalProperties": {"type": "string"}}}}}}
    assert [rule_path(path, source) for path in (".a", ".a['b-c']", ".a['b-c']['k.x']", ".z", "a")] == ["a", "a.b-c", "a.b-c[k.x]", "", ""]
