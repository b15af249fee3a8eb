"""The generic verbs over real TLS and a real store: what is written is read, what is wrong is told in upstream's words."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.server.harness import APPLY, JSON_PATCH, MERGE, STRATEGIC, TABLE, config_map, pod, running

from sagong.api import protobuf
from sagong.api.resources import BUILT_IN, Resource
from sagong.api.types.authentication import SelfSubjectReview
from sagong.api.types.meta import ObjectMeta, Status
from sagong.server.registry.body import finish

MAPS = "/api/v1/namespaces/default/configmaps"


async def test_create_read_replace_delete(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        created = await api("POST", MAPS, config_map("a", x="1"))
        assert created.status == 201
        meta = created.body["metadata"]
        assert meta["uid"]
        assert meta["creationTimestamp"]
        assert meta["namespace"] == "default"
        assert meta["managedFields"][0]["manager"] == "test"
        read = await api.ok("GET", f"{MAPS}/a")
        assert read == created.body
        read["data"] = {"x": "2"}
        replaced = await api.ok("PUT", f"{MAPS}/a", read)
        assert int(replaced["metadata"]["resourceVersion"]) > int(meta["resourceVersion"])
        assert replaced["metadata"]["uid"] == meta["uid"]
        again = await api.ok("PUT", f"{MAPS}/a", replaced)
        assert again["metadata"]["resourceVersion"] == replaced["metadata"]["resourceVersion"], "what changes nothing writes nothing"
        gone = await api.ok("DELETE", f"{MAPS}/a")
        assert (gone["status"], gone["details"]["name"], gone["details"]["uid"]) == ("Success", "a", meta["uid"])
        answer = await api("GET", f"{MAPS}/a")
        assert (answer.status, answer.body["message"]) == (404, 'configmaps "a" not found')


async def test_a_strategic_patch_of_a_status_changes_nothing_else(tmp_path: Path) -> None:
    ready = {"type": "Ready", "status": "True"}
    async with running(tmp_path) as api:
        await api.namespace("statuses")
        pods = "/api/v1/namespaces/statuses/pods"
        before = await api.ok("POST", pods, pod("p"))
        status = {"metadata": {"labels": {"seen": "yes"}}, "status": {"phase": "Running", "conditions": [ready]}}
        for more in ({}, {"spec": {"nodeName": "n", "containers": [{"name": "c", "image": "other"}]}}):
            answer = await api("PATCH", f"{pods}/p/status", {**status, **more}, Content_Type=STRATEGIC)
            assert answer.status == 200
            assert answer.body["spec"] == before["spec"]
            assert answer.body["status"]["phase"] == "Running"
            assert [{key: found[key] for key in ready} for found in answer.body["status"]["conditions"]] == [ready]
            assert answer.body["metadata"]["labels"]["seen"] == "yes"
            assert await api.ok("GET", f"{pods}/p") == answer.body
        wrong = {"status": {"phase": ["Running"]}}
        assert (await api("PATCH", f"{pods}/p/status", wrong, Content_Type=STRATEGIC)).status in (400, 422)
        assert (await api.ok("GET", f"{pods}/p"))["spec"] == before["spec"]


async def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.ok("POST", MAPS, config_map("a"))
        stale = (await api.ok("GET", f"{MAPS}/a"))["metadata"]["resourceVersion"]
        await api.ok("PATCH", f"{MAPS}/a", {"data": {"x": "1"}}, Content_Type=MERGE)
        old = config_map("a")
        old["metadata"]["resourceVersion"] = stale
        modified = "the object has been modified; please apply your changes to the latest version and try again"
        elsewhere = config_map("b")
        elsewhere["metadata"]["namespace"] = "other"
        cases = [
            ("POST", MAPS, config_map("a"), 409, 'configmaps "a" already exists'),
            ("PUT", f"{MAPS}/a", old, 409, f'Operation cannot be fulfilled on configmaps "a": {modified}'),
            ("PUT", f"{MAPS}/a", config_map("b"), 400, "the name of the object (b) does not match the name on the URL (a)"),
            ("PUT", f"{MAPS}/b", config_map("b"), 404, 'configmaps "b" not found'),
            ("POST", MAPS, elsewhere, 400, "the namespace of the provided object does not match the namespace sent on the request"),
            ("POST", "/api/v1/namespaces/nope/configmaps", config_map("a"), 404, 'namespaces "nope" not found'),
            ("POST", f"{MAPS}/a", config_map("a"), 405, "the server does not allow this method on the requested resource"),
            ("GET", "/api/v1/nothings", None, 404, "the server could not find the requested resource"),
            (
                "GET",
                f"{MAPS}/a?resourceVersion=x",
                None,
                400,
                'resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax',
            ),
        ]
        for method, path, body, code, message in cases:
            answer = await api(method, path, body)
            assert (answer.status, answer.body["message"]) == (code, message)
            assert answer.body["kind"] == "Status"
        bad = (await api("POST", MAPS, config_map("Bad_Name"))).body
        assert (bad["code"], bad["details"]["causes"][0]["field"]) == (422, "metadata.name")
        assert (await api("GET", "/nowhere")).raw == b"404 page not found\n"


async def test_a_version_on_a_new_object_is_refused_after_all_else_has_been_judged(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        versioned = config_map("a")
        versioned["metadata"]["resourceVersion"] = "5"
        answer = await api("POST", MAPS, versioned)
        assert (answer.status, answer.body["message"]) == (500, "resourceVersion should not be set on objects to be created")
        versioned["data"] = {"no/key": "x"}
        assert (await api("POST", MAPS, versioned)).status == 422
        versioned = config_map("a")
        versioned["metadata"]["resourceVersion"] = "0"
        created = await api.ok("POST", MAPS, versioned)
        assert int(created["metadata"]["resourceVersion"]) > 0


async def test_unknown_fields_are_errors_or_warnings(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        body = {**config_map("a"), "dat": {}}
        strict = await api("POST", f"{MAPS}?fieldValidation=Strict", body)
        assert strict.status == 400
        assert 'strict decoding error: unknown field "dat"' in strict.body["message"]
        warned = await api("POST", MAPS, body)
        assert (warned.status, warned.header("warning")) == (201, '299 - "unknown field \\"dat\\""')


async def test_names_are_generated_and_dry_runs_leave_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        for _ in range(3):
            made = await api.ok("POST", MAPS, {"metadata": {"generateName": "gen-"}})
            assert len(made["metadata"]["name"]) == len("gen-") + 5
        dry = await api.ok("POST", f"{MAPS}?dryRun=All", config_map("dry"))
        assert dry["metadata"]["uid"]
        assert "resourceVersion" not in dry["metadata"]
        assert (await api("GET", f"{MAPS}/dry")).status == 404
        await api.ok("DELETE", f"{MAPS}/{made['metadata']['name']}?dryRun=All")
        assert len((await api.ok("GET", MAPS))["items"]) == 3


async def test_patches(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.ok("POST", MAPS, config_map("a", x="1", y="2"))
        merged = await api.ok("PATCH", f"{MAPS}/a", {"data": {"x": None, "z": "3"}}, Content_Type=MERGE)
        assert merged["data"] == {"y": "2", "z": "3"}
        operations = [{"op": "test", "path": "/data/y", "value": "2"}, {"op": "replace", "path": "/data/y", "value": "4"}]
        assert (await api.ok("PATCH", f"{MAPS}/a", operations, Content_Type=JSON_PATCH))["data"]["y"] == "4"
        assert (await api("PATCH", f"{MAPS}/a", operations, Content_Type=JSON_PATCH)).status == 422
        await api.namespace("strategic")
        pods = "/api/v1/namespaces/strategic/pods"
        await api.ok("POST", pods, pod("p"))
        change = {"spec": {"containers": [{"name": "main", "image": "app:2"}]}}
        patched = await api.ok("PATCH", f"{pods}/p", change, Content_Type=STRATEGIC)
        assert [c["image"] for c in patched["spec"]["containers"]] == ["app:2"]
        assert patched["metadata"]["generation"] == 2


@pytest.mark.parametrize("media", [MERGE, STRATEGIC])
async def test_a_patch_of_metadata_changes_nothing_else(tmp_path: Path, media: str) -> None:
    pods = "/api/v1/namespaces/metadata/pods"
    async with running(tmp_path) as api:
        await api.namespace("metadata")
        made = await api.ok("POST", pods, pod("p"))
        patched = await api.ok(
            "PATCH", f"{pods}/p", {"metadata": {"labels": {"app": None, "b": "2"}, "annotations": {"c": "3"}}}, Content_Type=media
        )
        assert (patched["metadata"]["labels"], patched["metadata"]["annotations"]) == ({"b": "2"}, {"c": "3"})
        assert (patched["spec"], patched["status"]) == (made["spec"], made["status"])
        assert patched["metadata"]["generation"] == made["metadata"]["generation"]
        again = await api.ok("PATCH", f"{pods}/p", {"kind": "Pod", "metadata": {"labels": {"b": "2"}}}, Content_Type=media)
        assert again == patched, "what changes nothing writes nothing"
        for wrong, status in (
            ({"metadata": {"labels": {"b": 2}}}, (400, 422)),
            ({"metadata": {"labels": {"b": "?"}}}, (422,)),
            ({"metadata": {"name": "q"}}, (400,)),
            ({"metadata": {"resourceVersion": "1"}}, (409,)),
        ):
            assert (await api("PATCH", f"{pods}/p", wrong, Content_Type=media)).status in status, wrong
        emptied = await api("PATCH", f"{pods}/p", {"metadata": {"labels": {"b": "3"}}, "spec": None}, Content_Type=media)
        assert emptied.status == 422, "a spec that is named is not left alone"
        assert await api.ok("GET", f"{pods}/p") == patched


async def test_a_strategic_patch_that_replaces_all_leaves_nothing_alone(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.ok("POST", MAPS, config_map("a", x="1"))
        replaced = await api.ok("PATCH", f"{MAPS}/a", {"$patch": "replace", "metadata": {"name": "a"}}, Content_Type=STRATEGIC)
        assert "data" not in replaced


async def test_a_job_without_labels_has_those_of_its_pods_again(tmp_path: Path) -> None:
    jobs = "/apis/batch/v1/namespaces/default/jobs"
    template = {"metadata": {"labels": {"a": "1"}}, "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    async with running(tmp_path) as api:
        made = await api.ok("POST", jobs, {"metadata": {"name": "j", "labels": {"b": "2"}}, "spec": {"template": template}})
        assert made["metadata"]["labels"] == {"b": "2"}
        patched = await api.ok("PATCH", f"{jobs}/j", {"metadata": {"labels": None}}, Content_Type=MERGE)
        assert patched["metadata"]["labels"] == made["spec"]["template"]["metadata"]["labels"]
        assert patched["metadata"]["labels"]["a"] == "1"
        assert patched["spec"] == made["spec"]


@pytest.mark.parametrize("row", [row for row in BUILT_IN if "patch" in row.verbs], ids=lambda row: f"{row.plural}.{row.group}")
def test_objects_of_all_kinds_can_be_read_by_their_metadata_alone(row: Resource) -> None:
    alone = row.type(apiVersion=row.api_version, kind=row.kind, metadata=ObjectMeta(name="a", labels={"b": "c"}))
    found = finish(row, alone).metadata
    assert {"b": "c"}.items() <= found.labels.items()
    assert (found.name, found.namespace, found.finalizers, found.ownerReferences) == ("a", "", [], [])


async def test_concurrent_patches_are_all_kept(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.ok("POST", MAPS, config_map("a"))
        clients = [await api.connect() for _ in range(8)]

        async def patch(index: int) -> None:
            for round_ in range(5):
                answer = await clients[index].request("PATCH", f"{MAPS}/a", {"data": {f"k{index}-{round_}": "v"}}, Content_Type=MERGE)
                assert answer.status == 200

        async with asyncio.TaskGroup() as group:
            for index in range(len(clients)):
                group.create_task(patch(index))
        assert len((await api.ok("GET", f"{MAPS}/a"))["data"]) == 40


async def test_apply_shares_and_conflicts(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        first = await api("PATCH", f"{MAPS}/a?fieldManager=one", config_map("a", x="1"), Content_Type=APPLY)
        assert first.status == 201
        conflict = await api("PATCH", f"{MAPS}/a?fieldManager=two", config_map("a", x="2"), Content_Type=APPLY)
        assert (conflict.status, conflict.body["message"]) == (409, 'Apply failed with 1 conflict: conflict with "one": .data.x')
        forced = await api.ok("PATCH", f"{MAPS}/a?fieldManager=two&force=true", config_map("a", x="2"), Content_Type=APPLY)
        assert [entry["manager"] for entry in forced["metadata"]["managedFields"]] == ["two"]
        same = await api.ok("PATCH", f"{MAPS}/a?fieldManager=two", config_map("a", x="2"), Content_Type=APPLY)
        assert same["metadata"]["resourceVersion"] == forced["metadata"]["resourceVersion"]
        nobody = await api("PATCH", f"{MAPS}/a", config_map("a"), Content_Type=APPLY)
        assert "fieldManager: Required value: is required for apply patch" in nobody.body["message"]


async def test_status_and_spec_are_written_apart(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        path = "/apis/apps/v1/namespaces/default/deployments"
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
        made = await api.ok("POST", path, {"metadata": {"name": "d"}, "spec": spec, "status": {"replicas": 7}})
        assert (made["metadata"]["generation"], made.get("status")) == (1, {})
        both = {"spec": {"replicas": 9}, "status": {"replicas": 3}}
        status = await api.ok("PATCH", f"{path}/d/status", both, Content_Type=MERGE)
        assert (status["spec"]["replicas"], status["status"]["replicas"], status["metadata"]["generation"]) == (1, 3, 1)
        main = await api.ok("PATCH", f"{path}/d", {"spec": {"replicas": 5}, "status": {"replicas": 0}}, Content_Type=MERGE)
        assert (main["spec"]["replicas"], main["status"]["replicas"], main["metadata"]["generation"]) == (5, 3, 2)
        scale = await api.ok("GET", f"{path}/d/scale")
        assert (scale["kind"], scale["spec"], scale["status"]) == ("Scale", {"replicas": 5}, {"replicas": 3, "selector": "a=b"})
        scale["spec"]["replicas"] = 2
        await api.ok("PUT", f"{path}/d/scale", scale)
        assert (await api.ok("GET", f"{path}/d"))["spec"]["replicas"] == 2
        assert (await api("PUT", f"{path}/d/scale", scale)).status == 409


async def test_two_versions_of_one_object(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = "/apis/autoscaling/{}/namespaces/default/horizontalpodautoscalers"
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
        metrics = [
            {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}},
            {"type": "Pods", "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "1k"}}},
        ]
        spec = {"maxReplicas": 3, "scaleTargetRef": target, "metrics": metrics}
        await api.ok("POST", base.format("v2"), {"metadata": {"name": "h"}, "spec": spec})
        old = await api.ok("GET", f"{base.format('v1')}/h")
        assert old["spec"]["targetCPUUtilizationPercentage"] == 70
        old["spec"]["targetCPUUtilizationPercentage"] = 80
        await api.ok("PUT", f"{base.format('v1')}/h", old)
        new = await api.ok("GET", f"{base.format('v2')}/h")
        kept = sorted(new["spec"]["metrics"], key=lambda metric: metric["type"])
        assert kept[0] == metrics[1]
        assert kept[1]["resource"]["target"]["averageUtilization"] == 80
        event = {"metadata": {"name": "e"}, "involvedObject": {"namespace": "default", "name": "p"}, "reason": "R", "message": "m"}
        await api.ok("POST", "/api/v1/namespaces/default/events", event)
        listed = await api.ok("GET", "/apis/events.k8s.io/v1/events?fieldSelector=regarding.name%3Dp")
        assert [item["note"] for item in listed["items"]] == ["m"]
        bare = {"metadata": {"name": "bare"}, "spec": {key: value for key, value in spec.items() if key != "metrics"}}
        assert (await api.ok("POST", base.format("v1"), bare))["spec"]["targetCPUUtilizationPercentage"] == 80


async def test_events_are_judged_by_the_version_that_is_written(tmp_path: Path) -> None:
    base = "/apis/events.k8s.io/v1/namespaces/default/events"
    event = {
        "metadata": {"name": "e"},
        "regarding": {"namespace": "default", "kind": "Pod", "name": "p"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "a.b/c",
        "reportingInstance": "i",
        "action": "a",
        "reason": "r",
        "type": "Normal",
    }
    async with running(tmp_path) as api:
        await api.ok("POST", base, event)
        for change, complaint in (
            ({"type": ""}, 'Event "f" is invalid: type: Invalid value: "": has invalid value: '),
            ({"eventTime": None}, 'Event "f" is invalid: eventTime: Required value'),
            ({"reportingInstance": ""}, 'Event "f" is invalid: reportingInstance: Required value'),
        ):
            refused = await api("POST", base, event | {"metadata": {"name": "f"}} | change)
            assert (refused.status, refused.body["message"]) == (422, complaint)
        changed = await api("PATCH", f"{base}/e", {"note": "n"}, Content_Type="application/merge-patch+json")
        assert (changed.status, changed.body["details"]["causes"][0]["field"]) == (422, "message")
        core = await api("PATCH", "/api/v1/namespaces/default/events/e", {"message": "n"}, Content_Type="application/merge-patch+json")
        assert core.status == 200


@pytest.mark.parametrize(
    ("said", "wanted"),
    [("007", "7"), ("x", 'strconv.ParseInt: parsing "x": invalid syntax'), ("", 'strconv.ParseInt: parsing "": invalid syntax')],
)
async def test_the_generation_of_a_template_is_a_number(tmp_path: Path, said: str, wanted: str) -> None:
    name = "deprecated.daemonset.template.generation"
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    body = {"metadata": {"name": "d", "annotations": {name: said}}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}}
    async with running(tmp_path) as api:
        answer = await api("POST", "/apis/apps/v1/namespaces/default/daemonsets", body)
        if answer.status == 201:
            assert answer.body["metadata"]["annotations"][name] == wanted
        else:
            message = f'DaemonSet in version "v1" cannot be handled as a DaemonSet: {wanted}'
            assert (answer.status, answer.body["message"]) == (400, message)


async def test_representations(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.ok("POST", MAPS, config_map("a", x="1"))
        table = await api.ok("GET", MAPS, Accept=TABLE)
        assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Data", "Age"]
        assert table["rows"][0]["cells"][:2] == ["a", 1]
        assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
        partial = await api.ok("GET", f"{MAPS}/a", Accept="application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io")
        assert (partial["kind"], partial["metadata"]["name"], "data" in partial) == ("PartialObjectMetadata", "a", False)
        yaml = await api("GET", f"{MAPS}/a", Accept="application/yaml")
        assert yaml.raw.startswith(b"apiVersion: v1\n")
        posted = await api("POST", MAPS, b"metadata:\n  name: b\ndata:\n  k: v\n", Content_Type="application/yaml")
        assert posted.status == 201
        encoded = await api("GET", MAPS, Accept="application/vnd.kubernetes.protobuf")
        assert encoded.raw.startswith(b"k8s\x00")
        body = (await api("GET", f"{MAPS}/a", Accept="application/vnd.kubernetes.protobuf")).raw.replace(b"\x01a", b"\x01c", 1)
        assert body
        assert (await api("GET", MAPS, Accept="text/html")).status == 406
        pretty = await api("GET", f"{MAPS}/a?pretty=true")
        assert pretty.raw.startswith(b'{\n  "apiVersion"')


async def test_a_patch_of_what_is_absent_makes_nothing_even_where_put_would(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        for path in ("/api/v1/namespaces/default/events/e", "/apis/coordination.k8s.io/v1/namespaces/default/leases/e"):
            for media, body in ((MERGE, {"metadata": {"labels": {"a": "b"}}}), (STRATEGIC, {"metadata": {}}), (JSON_PATCH, [])):
                answer = await api("PATCH", path, body, Content_Type=media)
                assert (answer.status, answer.body["reason"]) == (404, "NotFound"), answer.raw


async def test_a_status_comes_as_the_client_reads(tmp_path: Path) -> None:
    media = "application/vnd.kubernetes.protobuf"
    async with running(tmp_path) as api:
        await api.ok("POST", MAPS, config_map("a", x="1"))
        missing = await api("GET", f"{MAPS}/missing", Accept=media)
        told: Any = protobuf.decode(missing.raw, Status)
        assert (missing.status, missing.header("content-type"), told.reason, told.details.name) == (404, media, "NotFound", "missing")
        deleted = await api("DELETE", f"{MAPS}/a", Accept=media)
        told = protobuf.decode(deleted.raw, Status)
        assert (told.kind, told.status, told.details.name) == ("Status", "Success", "a")
        yaml = await api("GET", f"{MAPS}/missing", Accept="application/yaml")
        assert (yaml.header("content-type"), yaml.raw[:14]) == ("application/yaml", b"apiVersion: v1")
        refused = await api("GET", f"{MAPS}/missing", Accept="text/html")
        assert (refused.body["reason"], refused.raw[:10]) == ("NotAcceptable", b'{\n  "apiVe')
        assert (await api("GET", f"{MAPS}/missing", Accept=f"{media}, */*")).body["reason"] == "NotFound"
        review = await api("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, Accept=media)
        told = protobuf.decode(review.raw, SelfSubjectReview)
        assert told.status.userInfo.username == "admin"


async def test_what_the_client_could_not_read_is_not_even_begun(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.ok("POST", MAPS, config_map("a", x="1"))
        for method, path, body in (
            ("POST", MAPS, config_map("b")),
            ("PUT", f"{MAPS}/a", config_map("a", x="2")),
            ("PATCH", f"{MAPS}/a", {"data": {"x": "3"}}),
            ("DELETE", f"{MAPS}/a", None),
            ("DELETE", MAPS, None),
        ):
            kind = {"Content_Type": MERGE} if method == "PATCH" else {}
            assert (await api(method, path, body, Accept="text/html", **kind)).status == 406
        (left,) = (await api.ok("GET", MAPS))["items"]
        assert (left["metadata"]["name"], left["data"]) == ("a", {"x": "1"})


async def test_people_get_answers_that_they_can_read(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        for path in (MAPS, f"{MAPS}/missing", "/api/v1", "/apis"):
            for agent, query, pretty in (("curl/8.1", "", True), ("curl/8.1", "?pretty=false", False), ("kubectl/v1", "", False)):
                answer = await api("GET", path + query, User_Agent=agent)
                assert answer.raw.startswith(b"{\n  ") is pretty


async def test_managers_of_events_are_those_of_the_group_that_wrote_last(tmp_path: Path) -> None:
    core, events = ("/api/v1/namespaces/default/events", "/apis/events.k8s.io/v1/namespaces/default/events")
    about = {"kind": "Pod", "namespace": "default", "name": "p"}
    event = {"metadata": {"name": "e"}, "eventTime": "2026-11-27T16:00:00.000000Z", "type": "Normal", "reason": "R", "action": "A"}
    async with running(tmp_path) as api:
        more = {"note": "N", "reportingController": "c/x", "reportingInstance": "i", "regarding": about}
        await api.ok("POST", f"{events}?fieldManager=one", {**event, **more})
        changed = await api.ok("PATCH", f"{core}/e?fieldManager=two", {"message": "M"}, Content_Type=MERGE)
        assert [(one["manager"], one["fieldsV1"]) for one in changed["metadata"]["managedFields"]] == [("two", {"f:message": {}})]


async def test_the_data_of_a_revision_keeps_its_order(tmp_path: Path) -> None:
    path = "/apis/apps/v1/namespaces/default/controllerrevisions"
    async with running(tmp_path) as api:
        await api.ok("POST", path, {"metadata": {"name": "r"}, "revision": 1, "data": {"b": 1, "a": {"c": 1}}})
        for data, status in (({"b": 1, "a": {"c": 1}}, 200), ({"a": {"c": 1}, "b": 1}, 422), ({"b": 1.0, "a": {"c": 1}}, 422)):
            answer = await api("PUT", f"{path}/r", {"metadata": {"name": "r"}, "revision": 2, "data": data})
            assert answer.status == status


async def test_lists_and_objects_are_told_apart(tmp_path: Path) -> None:
    partial = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"
    async with running(tmp_path) as api:
        assert (await api.ok("GET", MAPS, Accept=partial.format("List")))["items"] is None
        await api.ok("POST", MAPS, config_map("a"))
        for path, kind, message in (
            (MAPS, "", "you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)"),
            (f"{MAPS}/a", "List", "you requested PartialObjectMetadataList, but the requested object is not a list (*core.ConfigMap)"),
        ):
            answer = await api("GET", path, Accept=partial.format(kind))
            assert (answer.status, answer.body["message"]) == (406, message)


async def test_scales_are_shown_as_tables_too(tmp_path: Path) -> None:
    path = "/apis/apps/v1/namespaces/default/deployments"
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    async with running(tmp_path) as api:
        spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template, "replicas": 2}
        await api.ok("POST", path, {"metadata": {"name": "d"}, "spec": spec})
        table = await api.ok("GET", f"{path}/d/scale", Accept=TABLE)
        assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Desired", "Available", "Age"]
        assert table["rows"][0]["cells"][:3] == ["d", 2, 0]
        assert table["rows"][0]["object"]["metadata"]["name"] == "d"
        partial = await api.ok("GET", f"{path}/d/scale", Accept="application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
        assert (partial["kind"], "spec" in partial) == ("PartialObjectMetadata", False)


async def test_odd_paths_are_not_found(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        for path in ("//api/v1", "//", "/apis//", "//apis/apps/v1"):
            assert (await api("GET", path)).status in (200, 404)
        assert (await api("POST", "/healthz")).raw == b"ok"
