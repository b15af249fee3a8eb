"""Strategic merge: worked examples, checked against a kube-apiserver 1.36, and what must always hold."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagong.api.patch import apply_patch
from sagong.api.patch.strategic import StrategicPatchError, merge
from sagong.api.schema import shape_of
from sagong.api.types.core import Pod

SHAPE = shape_of(Pod)


def containers(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "image": "x"} for name in names]


def names_after(patch: dict[str, Any], live: list[dict[str, Any]]) -> list[str]:
    result = merge({"spec": {"containers": live}}, {"spec": patch}, SHAPE)
    return [item["name"] for item in result["spec"]["containers"]]


def test_lists_of_objects_merge_by_key() -> None:
    result = merge({"spec": {"containers": containers("a", "b")}}, {"spec": {"containers": [{"name": "b", "image": "y"}]}}, SHAPE)
    assert result["spec"]["containers"] == [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]


def test_new_items_come_first_unless_the_patch_says_otherwise() -> None:
    assert names_after({"containers": containers("c")}, containers("a", "b")) == ["c", "a", "b"]
    ordered = {"containers": containers("c"), "$setElementOrder/containers": [{"name": n} for n in "abc"]}
    assert names_after(ordered, containers("a", "b")) == ["a", "b", "c"]


def test_the_servers_own_items_stay_between_those_that_are_named() -> None:
    ordered = {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}]}
    assert names_after(ordered, containers("a", "b", "c")) == ["b", "c", "a"]


def test_a_new_item_takes_the_place_of_a_deleted_one() -> None:
    patch = {"containers": [{"name": "c", "image": "x"}, {"name": "a", "$patch": "delete"}], "$setElementOrder/containers": [{"name": "c"}]}
    assert names_after(patch, containers("a", "b")) == ["b", "c"]


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ([{"name": "a", "$patch": "delete"}], ["b"]),
        ([{"$patch": "replace"}, {"name": "z", "image": "q"}], ["z"]),
        ([{"$patch": "replace"}], []),
        ([], ["a", "b"]),
    ],
)
def test_directives_in_lists(patch: list[Any], expected: list[str]) -> None:
    assert names_after({"containers": patch}, containers("a", "b")) == expected


def test_directives_in_maps() -> None:
    live = {"metadata": {"labels": {"a": "1"}, "annotations": {"b": "2"}}}
    patch = {"metadata": {"labels": {"$patch": "replace", "c": "3"}, "annotations": {"$patch": "delete"}}}
    assert merge(live, patch, SHAPE)["metadata"] == {"labels": {"c": "3"}, "annotations": {}}


def test_retain_keys_keeps_one_volume_source() -> None:
    live = {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}
    patch = {"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/x"}, "$retainKeys": ["name", "hostPath"]}]}}
    assert merge(live, patch, SHAPE)["spec"]["volumes"] == [{"name": "v", "hostPath": {"path": "/x"}}]
    patch["spec"]["volumes"][0]["$retainKeys"] = ["name"]
    with pytest.raises(StrategicPatchError, match="invalid patch format of retainKeys"):
        merge(live, patch, SHAPE)


def test_scalars_are_added_and_deleted() -> None:
    live = {"metadata": {"finalizers": ["a", "b"]}}
    assert merge(live, {"metadata": {"finalizers": ["c", "a"]}}, SHAPE)["metadata"]["finalizers"] == ["c", "a", "b"]
    patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "$setElementOrder/finalizers": ["b"]}}
    assert merge(live, patch, SHAPE)["metadata"]["finalizers"] == ["b"]


def test_atomic_lists_are_replaced_and_null_removes() -> None:
    live = {"spec": {"containers": [{"name": "a", "args": ["1", "2"], "command": ["x"]}]}}
    patch = {"spec": {"containers": [{"name": "a", "args": ["3"], "command": None, "env": None}]}}
    assert merge(live, patch, SHAPE)["spec"]["containers"] == [{"name": "a", "args": ["3"]}]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)
CONTAINERS = st.lists(st.sampled_from("abcde"), unique=True, max_size=5).map(lambda names: containers(*names))


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


@given(OBJECTS, OBJECTS)
def test_merge_patch_is_idempotent_and_leaves_its_arguments_alone(live: dict[str, Any], patch: dict[str, Any]) -> None:
    live = without_nulls(live)
    before = copy.deepcopy((live, patch))
    once = apply_patch(live, patch, "merge")
    assert apply_patch(once, patch, "merge") == once
    assert (live, patch) == before


@given(CONTAINERS, CONTAINERS)
def test_every_container_of_either_side_is_in_the_result(live: list[dict[str, Any]], patch: list[dict[str, Any]]) -> None:
    before = copy.deepcopy((live, patch))
    merged = names_after({"containers": patch}, live)
    assert sorted(merged) == sorted({item["name"] for item in live + patch})
    wanted = [item["name"] for item in patch]
    assert [name for name in merged if name in wanted] == wanted
    assert (live, patch) == before
