"""Field sets: FieldsV1 and back, and the laws of sets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagong.api.fields import field_set as fs


def paths(fields: fs.Fields) -> set[tuple[str, ...]]:
    return set(fs.paths(fields))


ELEMENTS = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'k:{"port":80}', 'v:"s"', "i:0"])
PATHS = st.lists(ELEMENTS, min_size=1, max_size=3).map(tuple)


def build(members: list[tuple[str, ...]]) -> fs.Fields:
    result: fs.Fields = {}
    for path in members:
        node: fs.Node = {}
        for element in reversed(path):
            node = {element: node}
        result = fs.union_of(result, node)
    return result


SETS = st.lists(PATHS, max_size=6)


@given(SETS)
def test_a_set_has_what_was_put_in(members: list[tuple[str, ...]]) -> None:
    fields = build(members)
    assert paths(fields) == set(members)
    assert all(fs.has(fields, path) for path in members)
    assert paths(fs.decode(fs.encode(fields))) == set(members)


@given(SETS, SETS)
def test_operations_are_those_of_sets_of_paths(left: list[tuple[str, ...]], right: list[tuple[str, ...]]) -> None:
    a, b = build(left), build(right)
    assert paths(fs.union_of(a, b)) == set(left) | set(right)
    assert paths(fs.minus(a, b)) == set(left) - set(right)
    assert paths(fs.common(a, b)) == set(left) & set(right)
    under = {path for path in left if any(path[: len(other)] == other for other in right)}
    assert paths(fs.excluding(a, b)) == set(left) - under


def test_fields_v1_is_written_in_upstreams_order() -> None:
    written = '{"f:spec":{"f:ports":{".":{},"k:{\\"port\\":80}":{},"k:{\\"port\\":443}":{}},"f:type":{}}}'
    read: dict[str, Any] = json.loads('{"f:spec":{"f:type":{},"f:ports":{"k:{\\"port\\":443}":{},"k:{\\"port\\": 80}":{},".":{}}}}')
    assert fs.encode(fs.decode(json.dumps(read).encode())).decode() == written


def test_unknown_elements_are_dropped_and_bad_ones_refused() -> None:
    assert fs.decode(b'{"f:a":{},"q:b":{}}') == {"f:a": {}}
    with pytest.raises(fs.FieldsError):
        fs.decode(b"[]")
    with pytest.raises(fs.FieldsError):
        fs.decode(b'{"k:{":{},"q:":{}}')


def test_paths_are_shown_as_messages_show_them() -> None:
    path = ("f:spec", "f:containers", 'k:{"name":"a"}', "f:ports", 'k:{"containerPort":80,"protocol":"TCP"}')
    assert fs.path_text(path) == '.spec.containers[name="a"].ports[containerPort=80,protocol="TCP"]'
    assert fs.path_text(("f:metadata", "f:finalizers", 'v:"x"', "i:3")) == '.metadata.finalizers[="x"][3]'
