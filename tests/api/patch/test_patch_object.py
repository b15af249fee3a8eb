"""From a patch's body to the new object, with the answers that a kube-apiserver 1.36 gives."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sagong.api.codec import to_builtins
from sagong.api.errors import ApiError
from sagong.api.patch import PatchType, patch_object
from sagong.api.resources import TABLE, Resource

ROW = TABLE.by_kind("apps/v1", "Deployment")
assert ROW
LIVE: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "a", "labels": {"a": "b"}},
    "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "a", "image": "x"}]}}},
}


def run(patch: Any, patch_type: PatchType, strict: Any = "Warn", live: dict[str, Any] = LIVE) -> Any:
    body = patch if isinstance(patch, bytes) else json.dumps(patch).encode()
    return patch_object(live, body, patch_type, ROW, strict=strict)  # type: ignore[arg-type] # ROW is there


@pytest.mark.parametrize("patch_type", ["merge", "strategic"])
def test_the_result_is_a_struct(patch_type: PatchType) -> None:
    decoded = run({"spec": {"replicas": 3}}, patch_type)
    assert decoded.obj.spec.replicas == 3
    assert decoded.obj.metadata.labels == {"a": "b"}
    assert LIVE["spec"]["replicas"] == 1


@pytest.mark.parametrize("patch_type", ["merge", "strategic"])
def test_unknown_and_duplicate_fields_warn(patch_type: PatchType) -> None:
    decoded = run(b'{"spec":{"replicas":3,"replicas":2,"foo":1}}', patch_type)
    assert decoded.warnings == ('duplicate field "spec.replicas"', 'unknown field "spec.foo"')
    assert run(b'{"spec":{"foo":1}}', patch_type, "Ignore").warnings == ()


@pytest.mark.parametrize(
    ("patch_type", "wanted"),
    [
        ("merge", ["metadata.x", "spec.template.spec.c", "spec.template.spec.zz", "spec.y", "z"]),
        ("strategic", ["metadata.x", "spec.template.spec.c", "spec.template.spec.zz", "spec.y", "z"]),
        ("json", ["a", "spec.b", "spec.template.spec.a", "spec.template.spec.b", "spec.y"]),
    ],
)
def test_unknown_fields_are_told_in_order(patch_type: PatchType, wanted: list[str]) -> None:
    sent: Any = {"z": 1, "spec": {"y": 1, "template": {"spec": {"zz": 1, "c": 1}}}, "metadata": {"x": 1}}
    if patch_type == "json":
        paths = ("/spec/y", "/spec/template/spec/b", "/spec/template/spec/a", "/spec/b", "/a")
        sent = [{"op": "add", "path": path, "value": 1} for path in paths]
    assert run(sent, patch_type).warnings == tuple(f'unknown field "{path}"' for path in wanted)


def test_json_patch_members_are_checked() -> None:
    decoded = run(b'[{"op":"add","op":"test","path":"/spec/replicas","value":1,"foo":1}]', "json")
    assert decoded.warnings == ('json patch duplicate field "[0].op"', 'json patch unknown field "[0].foo"')


REFUSED: list[tuple[PatchType, Any, str, int, str]] = [
    (
        "strategic",
        {"spec": {"foo": "3"}},
        "Strict",
        422,
        'Invalid value: "map[spec:map[foo:3]]": strict decoding error: unknown field "spec.foo"',
    ),
    ("strategic", {"spec": {"replicas": "3"}}, "Warn", 422, 'Invalid value: "map[spec:map[replicas:3]]": unrecognized type: int32'),
    ("strategic", {"metadata": {"labels": {"a": 5}}}, "Warn", 422, "cannot convert int64 to string"),
    ("strategic", {"metadata": {"labels": []}}, "Warn", 422, "cannot restore map from slice"),
    ("strategic", {"spec": 5}, "Warn", 422, 'Invalid value: "map[spec:5]": cannot restore struct from: int64'),
    ("strategic", b'{"a', "Warn", 400, "unexpected end of JSON input"),
    ("strategic", [], "Warn", 400, "json: cannot unmarshal array into Go value of type map[string]interface {}"),
    (
        "merge",
        {"spec": {"replicas": "3"}},
        "Warn",
        422,
        "cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
    ),
    ("merge", b'{"a', "Warn", 400, "error decoding patch: unexpected end of JSON input"),
    ("merge", b"null", "Warn", 400, "Invalid JSON Patch"),
    ("merge", {"kind": "Pod"}, "Warn", 422, 'no kind "Pod" is registered for version "apps/v1"'),
    ("json", {}, "Warn", 400, "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"),
    ("json", [5], "Warn", 400, "error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp"),
    ("json", [{"op": "remove", "path": "/foo"}], "Warn", 422, "the server rejected our request due to an error in our request"),
    (
        "json",
        [{"op": "test", "path": "/a", "value": None}] * 10_001,
        "Warn",
        413,
        "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001",
    ),
    (
        "strategic",
        {"spec": {"template": {"spec": {"containers": [{"image": "y"}]}}}},
        "Warn",
        500,
        "does not contain declared merge key: name",
    ),
]


@pytest.mark.parametrize(("patch_type", "patch", "strict", "code", "message"), REFUSED)
def test_refusals(patch_type: PatchType, patch: Any, strict: str, code: int, message: str) -> None:
    with pytest.raises(ApiError) as raised:
        run(patch, patch_type, strict)
    assert raised.value.code == code
    assert message in raised.value.message
    if code == 422 and patch_type != "json":
        assert [cause.field for cause in raised.value.causes] == ["patch"]
        assert raised.value.message.startswith(' "" is invalid: patch: Invalid value: "')


def test_custom_resources_take_merge_patches_and_no_strategic_ones() -> None:
    row = Resource("example.org", "v1", "Widget", "widgets", "widget")
    live = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"a": [1], "b": 2}}
    decoded = patch_object(live, b'{"spec":{"b":null,"c":{"d":null}}}', "merge", row)
    assert decoded.obj["spec"] == {"a": [1], "c": {}}
    with pytest.raises(ApiError, match="strategic merge patch format is not supported"):
        patch_object(live, b"{}", "strategic", row)


def test_an_empty_patch_changes_nothing() -> None:
    for patch_type, empty in (("merge", {}), ("strategic", {}), ("json", [])):
        assert to_builtins(run(empty, patch_type).obj)["spec"]["replicas"] == 1  # type: ignore[arg-type] # the three patch types
