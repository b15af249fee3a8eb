"""JSON patch: the examples of RFC 6902's appendix, upstream's leniencies, and limits."""

from __future__ import annotations

from typing import Any

import pytest

from sagong.api.patch.json_patch import MAX_COPIED, JsonPatchError, apply


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"baz": "qux", "foo": "bar"}),
        ({"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "qux"}], {"foo": ["bar", "qux", "baz"]}),
        ({"baz": 1, "foo": 2}, [{"op": "remove", "path": "/baz"}], {"foo": 2}),
        ({"foo": [1, 2, 3]}, [{"op": "remove", "path": "/foo/1"}], {"foo": [1, 3]}),
        ({"foo": {"a": 1}, "b": {}}, [{"op": "move", "from": "/foo/a", "path": "/b/c"}], {"foo": {}, "b": {"c": 1}}),
        ({"foo": [1, 2, 3]}, [{"op": "move", "from": "/foo/0", "path": "/foo/2"}], {"foo": [2, 3, 1]}),
        ({"a": 1}, [{"op": "test", "path": "/a", "value": 1}], {"a": 1}),
        ({"a": [1]}, [{"op": "add", "path": "/a/-", "value": [2]}], {"a": [1, [2]]}),
        ({"a/b": 1, "m~n": 2}, [{"op": "replace", "path": "/a~1b", "value": 3}, {"op": "remove", "path": "/m~0n"}], {"a/b": 3}),
        ({"a": {"b": 1}}, [{"op": "copy", "from": "/a", "path": "/c"}], {"a": {"b": 1}, "c": {"b": 1}}),
        ({}, [{"op": "replace", "path": "/new", "value": 1}], {"new": 1}),
        ({"a": [1, 2]}, [{"op": "replace", "path": "/a/-1", "value": 9}], {"a": [1, 9]}),
        ({"a": 1}, [{"op": "test", "path": "/absent", "value": None}], {"a": 1}),
        ({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 1}}], {"b": 1}),
    ],
)
def test_operations(document: Any, patch: list[Any], expected: Any) -> None:
    assert apply(document, patch) == expected


@pytest.mark.parametrize(
    "patch",
    [
        {"op": "remove", "path": "/absent"},
        {"op": "add", "path": "/a/b", "value": 1},
        {"op": "add", "path": "/absent/b", "value": 1},
        {"op": "add", "path": "/list/5", "value": 1},
        {"op": "add", "path": "/list/x", "value": 1},
        {"op": "test", "path": "/a", "value": 1.0},
        {"op": "test", "path": "/a", "value": True},
        {"op": "move", "from": "/absent", "path": "/b"},
        {"op": "copy", "path": "/b"},
        {"op": "add", "value": 1},
        {"op": "bogus", "path": "/a"},
        {"path": "/a"},
        {"op": "remove", "path": "a"},
    ],
)
def test_refusals(patch: dict[str, Any]) -> None:
    document = {"a": 1, "list": [1]}
    with pytest.raises(JsonPatchError):
        apply(document, [patch])
    assert document == {"a": 1, "list": [1]}


def test_copies_cannot_amplify_without_limit() -> None:
    grow = [{"op": "copy", "from": "/a", "path": "/a/-"} for _ in range(40)]
    with pytest.raises(JsonPatchError, match=f"exceeding the limit {MAX_COPIED}"):
        apply({"a": ["x" * 100]}, grow)
