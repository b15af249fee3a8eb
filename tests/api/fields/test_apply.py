"""Server-side apply: worked examples with the answers of a kube-apiserver 1.36, and properties."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagong.api.codec import to_builtins
from sagong.api.errors import ApiError, BadRequestError, ConflictError
from sagong.api.fields.manager import LAST_APPLIED, field_manager
from sagong.api.fields.managers import Managed, Managers, applier, decode, encode, updater
from sagong.api.fields.scale import to_parent, to_scale
from sagong.api.fields.track import apply_body, track_update
from sagong.api.resources import TABLE
from sagong.api.types.apps import Deployment
from sagong.api.types.core import ConfigMap
from sagong.api.types.meta import ManagedFieldsEntry

ROW = TABLE.by_kind("apps/v1", "Deployment")
CONFIG_ROW = TABLE.by_kind("v1", "ConfigMap")
assert ROW
assert CONFIG_ROW
MANAGER = field_manager(ROW)
CONFIGS = field_manager(CONFIG_ROW)
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def deployment(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"}, "spec": spec}


def pods(*containers: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"containers": list(containers)}}


def run(live: Deployment | None, config: dict[str, Any], name: str, *, force: bool = False) -> Deployment:
    body = json.dumps(config).encode()
    decoded = apply_body(MANAGER, ROW, live, body, name, force=force, now=NOW)  # type: ignore[arg-type] # ROW is there
    obj: Deployment = decoded.obj
    return obj


def owned(obj: Any) -> dict[str, Any]:
    return {entry.manager: json.loads(bytes(entry.fieldsV1)) for entry in obj.metadata.managedFields}


def test_the_applier_owns_what_it_says() -> None:
    obj = run(None, deployment(replicas=3, template=pods({"name": "a", "image": "x"})), "me")
    assert obj.spec.replicas == 3
    assert owned(obj) == {
        "me": {
            "f:spec": {
                "f:replicas": {},
                "f:template": {"f:spec": {"f:containers": {'k:{"name":"a"}': {".": {}, "f:image": {}, "f:name": {}}}}},
            }
        }
    }
    entry = obj.metadata.managedFields[0]
    assert (entry.operation, entry.apiVersion, entry.time, entry.fieldsType) == ("Apply", "apps/v1", "2026-01-02T03:04:05Z", "FieldsV1")


def test_what_is_no_longer_applied_is_removed_unless_shared() -> None:
    both = deployment(replicas=3, minReadySeconds=5, template=pods({"name": "a"}, {"name": "b"}))
    first = run(None, both, "me")
    shared = run(first, deployment(minReadySeconds=5), "other")
    after = run(shared, deployment(template=pods({"name": "b"})), "me")
    assert after.spec.replicas is None
    assert after.spec.minReadySeconds == 5
    assert [c.name for c in after.spec.template.spec.containers] == ["b"]


def test_a_change_of_anothers_field_conflicts() -> None:
    live = run(None, deployment(replicas=3, paused=True), "one")
    with pytest.raises(ConflictError) as raised:
        run(live, deployment(replicas=4), "two")
    assert raised.value.message == 'Apply failed with 1 conflict: conflict with "one": .spec.replicas'
    cause = raised.value.causes[0]
    assert (cause.reason, cause.message, cause.field) == ("FieldManagerConflict", 'conflict with "one"', ".spec.replicas")
    forced = run(live, deployment(replicas=4), "two", force=True)
    assert forced.spec.replicas == 4
    assert owned(forced) == {"one": {"f:spec": {"f:paused": {}}}, "two": {"f:spec": {"f:replicas": {}}}}


def test_several_conflicts_are_listed_by_manager() -> None:
    live = run(None, deployment(replicas=3, paused=True), "one")
    with pytest.raises(ConflictError) as raised:
        run(live, deployment(replicas=4, paused=False), "two")
    assert raised.value.message == 'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.paused\n- .spec.replicas'


def test_equal_values_are_shared() -> None:
    live = run(run(None, deployment(replicas=3), "one"), deployment(replicas=3), "two")
    assert owned(live) == {"one": {"f:spec": {"f:replicas": {}}}, "two": {"f:spec": {"f:replicas": {}}}}


def test_an_updater_takes_fields_over() -> None:
    live = run(None, deployment(replicas=3, paused=True), "one")
    live.metadata.uid = "u"
    new = live.copy()
    new.spec.replicas = 5
    track_update(MANAGER, live, new, "kubectl-edit", NOW)
    assert owned(new) == {"one": {"f:spec": {"f:paused": {}}}, "kubectl-edit": {"f:spec": {"f:replicas": {}}}}
    with pytest.raises(ConflictError, match=r'conflict with "kubectl-edit" using apps/v1: .spec.replicas'):
        run(new, deployment(replicas=3, paused=True), "one")


def test_a_creation_is_tracked_from_the_empty_object() -> None:
    obj = ConfigMap(apiVersion="v1", kind="ConfigMap", data={"b": "2", "a": "1"})
    obj.metadata.name, obj.metadata.labels = "x", {"l": "1"}
    track_update(CONFIGS, None, obj, "kubectl-create", NOW)
    entry = obj.metadata.managedFields[0]
    assert bytes(entry.fieldsV1 or b"") == b'{"f:data":{".":{},"f:a":{},"f:b":{}},"f:metadata":{"f:labels":{".":{},"f:l":{}}}}'
    assert (entry.manager, entry.operation) == ("kubectl-create", "Update")


def scaled(obj: Deployment) -> None:
    obj.spec.replicas = 7


def labelled(obj: Deployment) -> None:
    obj.metadata.labels["more"] = "x"


def unlabelled(obj: Deployment) -> None:
    obj.metadata.labels = {}


def observed(obj: Deployment) -> None:
    obj.status.replicas = 7


def all_of_it(obj: Deployment) -> None:
    for change in (scaled, unlabelled, observed):
        change(obj)


@pytest.mark.parametrize("change", [scaled, labelled, unlabelled, observed, all_of_it])
@pytest.mark.parametrize("subresource", ["", "status"])
def test_looking_at_what_differs_alone_finds_the_same_owners(change: Callable[[Deployment], None], subresource: str) -> None:
    assert ROW
    manager = field_manager(ROW, subresource)
    live = run(None, deployment(replicas=3, paused=True), "one")
    live.metadata.uid, live.metadata.labels = "u", {"l": "1"}
    new = live.copy()
    change(new)
    whole = [to_builtins(obj) for obj in (live, new)]
    for plain in whole:
        del plain["metadata"]["managedFields"]
    wanted = encode(manager.update(whole[0], whole[1], decode(live.metadata.managedFields), "two", NOW))
    track_update(manager, live, new, "two", NOW)
    assert new.metadata.managedFields == wanted
    assert live.metadata.managedFields, "what is compared is left as it was"


def test_nothing_changes_when_nothing_changes() -> None:
    live = run(None, deployment(replicas=3), "one")
    live.metadata.uid = "u"
    again = run(live, deployment(replicas=3), "one")
    assert again == live
    new = live.copy()
    track_update(MANAGER, live, new, "two", NOW)
    assert new == live


def test_managers_can_be_reset_and_untracked_objects_stay_so() -> None:
    live = run(None, deployment(replicas=3), "one")
    live.metadata.uid = "u"
    new = live.copy()
    new.spec.replicas = 4
    new.metadata.managedFields = [ManagedFieldsEntry()]
    track_update(MANAGER, live, new, "two", NOW)
    assert new.metadata.managedFields == []
    later = new.copy()
    later.spec.replicas = 5
    track_update(MANAGER, new, later, "two", NOW)
    assert later.metadata.managedFields == []


def test_fields_from_before_the_first_apply_have_an_owner() -> None:
    live = run(None, deployment(replicas=3, paused=True), "one")
    live.metadata.managedFields, live.metadata.uid = [], "u"
    with pytest.raises(ConflictError, match=r'conflict with "before-first-apply" using apps/v1: .spec.replicas'):
        run(live, deployment(replicas=4), "one")


def test_kubectl_takes_over_from_client_side_apply() -> None:
    config = deployment(replicas=3, paused=True)
    live = run(None, config, "x")
    live.metadata.uid = "u"
    live.metadata.annotations[LAST_APPLIED] = json.dumps(config)
    live.metadata.managedFields = []
    created = live.copy()
    created.metadata.uid = ""
    track_update(MANAGER, None, created, "kubectl-client-side-apply", NOW)
    created.metadata.uid = "u"
    after = run(created, deployment(replicas=4, paused=True), "kubectl")
    assert after.spec.replicas == 4
    assert json.loads(after.metadata.annotations[LAST_APPLIED])["spec"] == {"replicas": 4, "paused": True}
    with pytest.raises(ConflictError, match="kubectl-client-side-apply"):
        run(created, deployment(replicas=4, paused=True), "somebody")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            deployment(foo=1),
            "failed to create typed patch object (default/web; apps/v1, Kind=Deployment): .spec.foo: field not declared in schema",
        ),
        (deployment(replicas="3"), ".spec.replicas: expected numeric (int or float), got string"),
        (deployment(paused="x"), ".spec.paused: expected boolean, got &{x}"),
        (deployment(selector=5), ".spec.selector: expected map, got &{5}"),
        (deployment(template=pods({"name": "a"}, {"name": "a"})), '.spec.template.spec.containers: duplicate entries for key [name="a"]'),
        (
            deployment(template=pods({"name": "a", "command": [5]})),
            '.spec.template.spec.containers[name="a"].command[0]: expected string, got &value.valueUnstructured{Value:5}',
        ),
        (
            deployment(template=pods({"name": "a", "resources": {"limits": {"cpu": "x"}}})),
            "unable to convert unstructured object to apps/v1, Kind=Deployment: quantities must match the regular expression",
        ),
    ],
)
def test_configurations_that_do_not_fit_are_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ApiError) as raised:
        run(None, config, "me")
    assert message in raised.value.message
    assert raised.value.code == 500


def test_bodies_that_are_no_configuration_are_refused() -> None:
    for body, message in (
        (b"a: [", "error decoding YAML: error converting YAML to JSON: yaml: line 1: did not find expected node content"),
        (b"[]", "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value"),
        (b"kind: Pod\napiVersion: v1", "invalid object type: /v1, Kind=Pod"),
        (b"kind: Deployment\napiVersion: apps/v1\nmetadata: {managedFields: []}", "metadata.managedFields must be nil"),
    ):
        with pytest.raises(BadRequestError) as raised:
            apply_body(MANAGER, ROW, None, body, "me", force=False, now=NOW)  # type: ignore[arg-type] # ROW is there
        assert message in raised.value.message


def test_at_most_ten_updaters_are_kept() -> None:
    managers: Managers = {updater(f"m{n}", "v1", ""): Managed({f"f:f{n}": {}}, "v1", f"2026-01-01T00:00:{n:02}Z") for n in range(12)}
    managers[applier("a", "")] = Managed({"f:x": {}}, "v1", "2026-01-01T00:00:00Z")
    new = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}
    capped = CONFIGS.update(new, new, managers, "x", NOW)
    names = [entry.manager for entry in encode(capped)]
    assert names == ["a", "ancient-changes", *(f"m{n}" for n in range(3, 12))]
    assert decode(encode(capped))[updater("ancient-changes", "v1", "")].fields == {"f:f0": {}, "f:f1": {}, "f:f2": {}}


def test_scale_carries_the_owner_of_replicas() -> None:
    live = run(None, deployment(replicas=3, paused=True), "one")
    scale = to_scale(live.metadata.managedFields)
    assert [(e.manager, e.apiVersion, bytes(e.fieldsV1 or b"")) for e in scale] == [
        ("one", "autoscaling/v1", b'{"f:spec":{"f:replicas":{}}}')
    ]
    taken = ManagedFieldsEntry(manager="two", operation="Update", apiVersion="autoscaling/v1", fieldsType="FieldsV1")
    taken.fieldsV1, taken.subresource = scale[0].fieldsV1, "scale"
    parent = to_parent(live.metadata.managedFields, [taken], "apps/v1")
    assert {e.manager: json.loads(bytes(e.fieldsV1 or b"")) for e in parent} == {
        "one": {"f:spec": {"f:paused": {}}},
        "two": {"f:spec": {"f:replicas": {}}},
    }


DATA = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("12"), max_size=4)


def config_map(data: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": data}


@given(st.lists(st.tuples(st.sampled_from(["m1", "m2", "m3"]), DATA), min_size=1, max_size=6))
def test_after_forced_applies_each_key_is_there_exactly_while_somebody_applies_it(steps: list[tuple[str, dict[str, str]]]) -> None:
    live, managers = CONFIGS.empty(), Managers()
    wanted: dict[str, dict[str, str]] = {}
    for name, data in steps:
        config = config_map(data)
        before = copy.deepcopy((live, config))
        live_after, managers = CONFIGS.apply(live, config, managers, name, force=True, now=NOW)
        assert (live, config) == before
        live = live_after
        wanted = {other: {k: v for k, v in own.items() if data.get(k, v) == v} for other, own in wanted.items() if other != name}
        wanted[name] = data
        expected = {key: value for own in wanted.values() for key, value in own.items()}
        assert (live.get("data") or {}) == expected
        again, _ = CONFIGS.apply(live, config, managers, name, force=False, now=NOW)
        assert again == live
