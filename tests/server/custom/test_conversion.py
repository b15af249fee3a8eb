"""Definitions whose versions a webhook converts: a real HTTPS webhook behind the real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.server.custom.support import CRDS, GROUP, WIDGETS, define, definition, until, version, widget
from tests.server.harness import APPLY, JSON_PATCH, MERGE, Api, running
from tests.server.webhooks.webhook_server import WebhookServer, webhook_server

V1 = {"type": "object", "properties": {"hostPort": {"type": "string"}, "extra": {"type": "string", "default": "x"}}}
V2 = {"type": "object", "properties": {name: {"type": "string"} for name in ("host", "port", "extra")}}
SECOND = WIDGETS.replace("/v1/", "/v2/")


def converted(obj: dict[str, Any], api_version: str) -> dict[str, Any]:
    new = {**obj, "apiVersion": api_version}
    if api_version.endswith("/v2") and "hostPort" in new:
        new["host"], _, new["port"] = new.pop("hostPort").partition(":")
    elif api_version.endswith("/v1") and "host" in new:
        new["hostPort"] = f"{new.pop('host')}:{new.pop('port')}"
    return new


def answer(path: str, review: Any) -> Any:
    request = review["request"]
    objects = [converted(obj, request["desiredAPIVersion"]) for obj in request["objects"]]
    response: dict[str, Any] = {"uid": request["uid"], "result": {"status": "Success"}, "convertedObjects": objects}
    if path.startswith("/wrong-uid"):
        response["uid"] = "other"
    elif path.startswith("/failing"):
        response["result"] = {"status": "Failed", "message": "I will not"}
    elif path.startswith("/renaming"):
        objects[0]["metadata"]["name"] = "renamed"
    elif path.startswith("/labelling"):
        objects[0]["metadata"] |= {"labels": {"a": "b"}, "generation": 77}
    elif path.startswith("/less"):
        response["convertedObjects"] = []
    elif path.startswith("/down"):
        return 500, "broken"
    return {"apiVersion": review["apiVersion"], "kind": "ConversionReview", "response": response}


def conversion(server: WebhookServer, path: str = "/convert") -> dict[str, Any]:
    client = {"url": server.url(path), "caBundle": server.bundle}
    return {"strategy": "Webhook", "webhook": {"clientConfig": client, "conversionReviewVersions": ["v1", "v1beta1"]}}


@asynccontextmanager
async def converting(directory: Path) -> AsyncIterator[tuple[Api, WebhookServer, dict[str, Any]]]:
    async with webhook_server(directory, answer) as server, running(directory) as api:
        two = (version("v1", V1), version("v2", V2, storage=False))
        found = await define(api, definition("widgets", "Widget", *two, conversion=conversion(server)))
        yield api, server, found


async def test_objects_are_read_and_written_in_either_version(tmp_path: Path) -> None:
    async with converting(tmp_path) as (api, server, _):
        await api.ok("POST", WIDGETS, widget(hostPort="localhost:8080"))
        assert server.calls == []
        second = await api.ok("GET", f"{SECOND}/a")
        assert (second["apiVersion"], second["host"], second["port"], "hostPort" in second) == (f"{GROUP}/v2", "localhost", "8080", False)
        sent = server.calls[0][1]
        assert (sent["apiVersion"], sent["request"]["desiredAPIVersion"]) == ("apiextensions.k8s.io/v1", f"{GROUP}/v2")
        assert server.calls[0][0] == "/convert?timeout=30s"
        made = await api.ok("POST", SECOND, widget("b", api_version=f"{GROUP}/v2", host="h", port="1"))
        assert (made["host"], made["port"]) == ("h", "1")
        stored = api.server.store.get(f"/registry/{GROUP}/widgets/default/b")
        assert stored is not None
        assert b'"hostPort":"h:1"' in stored.value
        changed = await api.ok("PATCH", f"{SECOND}/a", {"port": "9"}, Content_Type=MERGE)
        assert (changed["host"], changed["port"], changed["metadata"]["generation"]) == ("localhost", "9", 2)
        assert (await api.ok("GET", f"{WIDGETS}/a"))["hostPort"] == "localhost:9"
        watch = await api.watch(f"{SECOND}?watch=1")
        assert [(await watch.event() or {})["object"]["host"] for _ in range(2)] == ["localhost", "h"]
        await api.ok("PATCH", f"{WIDGETS}/a", {"hostPort": "g:2"}, Content_Type=MERGE)
        event = await watch.event() or {}
        assert (event["type"], event["object"]["apiVersion"], event["object"]["host"]) == ("MODIFIED", f"{GROUP}/v2", "g")
        await api.ok("DELETE", f"{SECOND}/a")
        assert await watch.names(1) == [("DELETED", "a")]


async def test_a_list_of_objects_stored_in_different_versions(tmp_path: Path) -> None:
    async with converting(tmp_path) as (api, _, found):
        await api.ok("POST", WIDGETS, widget("a", hostPort="localhost:8080"))
        swap = [{"op": "replace", "path": f"/spec/versions/{i}/storage", "value": storage} for i, storage in enumerate((False, True))]
        path = f"{CRDS}/{found['metadata']['name']}"
        row = api.server.table.by_path(GROUP, "v1", "widgets")
        changed = await api.ok("PATCH", path, swap, Content_Type=JSON_PATCH)
        assert changed["status"]["storedVersions"] == ["v1", "v2"]
        await until(api, path, lambda _: api.server.table.by_path(GROUP, "v1", "widgets") is not row)
        await api.ok("POST", WIDGETS, widget("b", hostPort="localhost:8080"))
        for where, fields in ((SECOND, ["host", "port"]), (WIDGETS, ["hostPort"])):
            listed = await api.ok("GET", where)
            assert [[name for name in ("hostPort", "host", "port") if name in item] for item in listed["items"]] == [fields, fields]
        dropped = await api("PATCH", f"{path}/status", {"status": {"storedVersions": ["v2"]}}, Content_Type=MERGE)
        assert dropped.body["status"]["storedVersions"] == ["v2"]


async def test_field_managers_of_either_version(tmp_path: Path) -> None:
    async with converting(tmp_path) as (api, _, _found):
        await api.ok("PATCH", f"{WIDGETS}/a?fieldManager=one", widget(hostPort="localhost:8080"), Content_Type=APPLY)
        shared = await api.ok("PATCH", f"{SECOND}/a?fieldManager=two", widget(api_version=f"{GROUP}/v2", extra="y"), Content_Type=APPLY)
        assert {entry["manager"]: entry["apiVersion"] for entry in shared["metadata"]["managedFields"]} == {
            "one": f"{GROUP}/v1",
            "two": f"{GROUP}/v2",
        }
        refused = await api(
            "PATCH", f"{SECOND}/a?fieldManager=two", widget(api_version=f"{GROUP}/v2", host="h", port="1"), Content_Type=APPLY
        )
        assert refused.status == 409
        assert 'conflict with "one": .hostPort' in refused.body["message"]
        taken = await api.ok("PATCH", f"{SECOND}/a", {"port": "1"}, Content_Type=MERGE)
        assert "one" not in {entry["manager"] for entry in taken["metadata"]["managedFields"]}


async def test_what_a_webhook_does_wrong_is_told(tmp_path: Path) -> None:
    async with converting(tmp_path) as (api, server, found):
        await api.ok("POST", WIDGETS, widget(hostPort="localhost:8080"))
        path = f"{CRDS}/{found['metadata']['name']}"
        kind = f"{GROUP}/v1, Kind=Widget"
        cases = (
            ("/failing", f"conversion webhook for {kind} failed: I will not"),
            ("/wrong-uid", f"conversion webhook for {kind} failed: expected response.uid="),
            ("/less", f"conversion webhook for {kind} returned 0 objects, expected 1"),
            (
                "/renaming",
                f"conversion webhook for {kind} returned invalid converted object at index 0: must have the same name: a != renamed",
            ),
            ("/down", f'conversion webhook for {kind} failed: an error on the server ("broken") has prevented the request from succeeding'),
        )
        for where, message in cases:
            row = api.server.table.by_path(GROUP, "v2", "widgets")
            await api.ok("PATCH", path, {"spec": {"conversion": conversion(server, where)}}, Content_Type=MERGE)
            await until(api, path, lambda _, row=row: api.server.table.by_path(GROUP, "v2", "widgets") is not row)
            failed = await api("GET", f"{SECOND}/a")
            assert (failed.status, failed.body["message"][: len(message)]) == (500, message)
            assert (await api("GET", f"{WIDGETS}/a")).status == 200
        row = api.server.table.by_path(GROUP, "v2", "widgets")
        await api.ok("PATCH", path, {"spec": {"conversion": conversion(server, "/labelling")}}, Content_Type=MERGE)
        await until(api, path, lambda _: api.server.table.by_path(GROUP, "v2", "widgets") is not row)
        labelled = (await api.ok("GET", f"{SECOND}/a"))["metadata"]
        assert (labelled["labels"], labelled["generation"]) == ({"a": "b"}, 1)


async def test_admission_webhooks_see_and_change_custom_resources(tmp_path: Path) -> None:
    import base64  # noqa: PLC0415
    import json  # noqa: PLC0415

    asked: list[Any] = []

    def review(path: str, body: Any) -> Any:
        if path.startswith("/convert"):
            return answer(path, body)
        asked.append(body["request"])
        patch = [{"op": "add", "path": "/extra", "value": "patched"}, {"op": "add", "path": "/unknown", "value": "pruned"}]
        response = {"uid": body["request"]["uid"], "allowed": True, "patchType": "JSONPatch"}
        response["patch"] = base64.b64encode(json.dumps(patch).encode()).decode()
        return {"apiVersion": body["apiVersion"], "kind": "AdmissionReview", "response": response}

    async with webhook_server(tmp_path, review) as server, running(tmp_path) as api:
        two = (version("v1", V1), version("v2", V2, storage=False))
        await define(api, definition("widgets", "Widget", *two, conversion=conversion(server)))
        hook = {
            "name": "mutate.example.com",
            "clientConfig": {"url": server.url("/mutate"), "caBundle": server.bundle},
            "rules": [{"operations": ["CREATE"], "apiGroups": [GROUP], "apiVersions": ["v2"], "resources": ["widgets"]}],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
        config = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration", "metadata": {"name": "m"}}
        await api.ok("POST", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", {**config, "webhooks": [hook]})
        made = await api.ok("POST", WIDGETS, widget(hostPort="localhost:8080"))
        assert (made["hostPort"], made["extra"], "unknown" in made) == ("localhost:8080", "patched", False)
        assert (asked[0]["object"]["host"], asked[0]["kind"]["version"], asked[0]["requestKind"]["version"]) == ("localhost", "v2", "v1")
