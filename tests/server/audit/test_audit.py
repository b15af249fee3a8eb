"""Audit events of a whole server: levels, stages, annotations, the file and its rotation, the webhook's batches."""

from __future__ import annotations

import asyncio
import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.server.audit.test_policy import document
from tests.server.harness import MERGE, config_map, running

from sagong.server.audit import log_file, webhook
from sagong.server.audit.log_file import LogFile, Rotation
from sagong.server.registry import render

MAPS = "/api/v1/namespaces/default/configmaps"
RULES: list[dict[str, Any]] = [
    {"level": "None", "users": ["system:apiserver"]},
    {"level": "None", "nonResourceURLs": ["/healthz*"]},
    {"level": "RequestResponse", "resources": [{"group": "", "resources": ["configmaps"]}], "verbs": ["create", "patch", "list"]},
    {"level": "Request", "resources": [{"group": "", "resources": ["secrets"]}]},
    {"level": "Metadata"},
]


def settings(directory: Path, **more: Any) -> dict[str, Any]:
    (directory / "policy.yaml").write_bytes(document(*RULES, **more))
    return {"audit_policy": str(directory / "policy.yaml"), "audit_log": str(directory / "logs" / "audit.log")}


def events(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "logs" / "audit.log").read_text().splitlines()]


def brief(found: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    return [(one["verb"], one["stage"], one.get("responseStatus", {}).get("code", 0)) for one in found]


async def test_a_create_is_told_whole(tmp_path: Path) -> None:
    async with running(tmp_path, **settings(tmp_path, omitManagedFields=True)) as api:
        await api("GET", "/healthz")
        headers = {"Audit_ID": "11111111-2222-3333-4444-555555555555", "X_Forwarded_For": "203.0.113.7, 10.0.0.1"}
        made = await api("POST", MAPS, config_map("a", x="1"), **headers)
        received, complete = events(tmp_path)
        assert (received["stage"], complete["stage"]) == ("RequestReceived", "ResponseComplete")
        assert "responseStatus" not in received
        assert complete["auditID"] == made.header("audit-id") == "11111111-2222-3333-4444-555555555555"
        assert {key: complete[key] for key in ("kind", "apiVersion", "level", "requestURI", "verb")} == {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": "RequestResponse",
            "requestURI": MAPS,
            "verb": "create",
        }
        assert complete["user"] == {"username": "admin", "groups": ["system:masters", "system:authenticated"]} | {
            key: value for key, value in complete["user"].items() if key in ("extra", "uid")
        }
        assert complete["sourceIPs"] == ["203.0.113.7", "10.0.0.1", "127.0.0.1"]
        assert complete["userAgent"] == "test/1"
        assert complete["objectRef"] == {
            "resource": "configmaps",
            "namespace": "default",
            "name": "a",
            "apiVersion": "v1",
        }
        assert complete["responseStatus"] == {"metadata": {}, "code": 201}
        assert complete["requestObject"]["data"] == {"x": "1"}
        assert complete["responseObject"]["metadata"]["uid"] == made.body["metadata"]["uid"]
        assert "managedFields" not in complete["responseObject"]["metadata"]
        assert complete["annotations"] == {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""}
        assert received["requestReceivedTimestamp"] == complete["requestReceivedTimestamp"] < complete["stageTimestamp"]


@pytest.mark.parametrize("media", ["application/yaml", "application/vnd.kubernetes.protobuf"])
async def test_what_is_answered_in_other_media_is_told_too(tmp_path: Path, media: str) -> None:
    async with running(tmp_path, **settings(tmp_path, omitStages=["RequestReceived"])) as api:
        for _ in range(2):
            await api("POST", MAPS, config_map("a", x="1"), Accept=media)
        made, refused = events(tmp_path)
        assert (made["responseObject"]["metadata"]["name"], made["responseObject"]["data"]) == ("a", {"x": "1"})
        assert (refused["responseStatus"]["reason"], refused["responseStatus"]["code"]) == ("AlreadyExists", 409)
        assert refused["responseObject"]["details"]["name"] == "a"


async def test_requests_of_deprecated_resources_are_marked(tmp_path: Path) -> None:
    async with running(tmp_path, **settings(tmp_path, omitStages=["RequestReceived"])) as api:
        await api("GET", "/api/v1/namespaces/default/endpoints")
        await api("GET", MAPS)
        old, current = events(tmp_path)
        assert old["annotations"]["k8s.io/deprecated"] == "true"
        assert "k8s.io/deprecated" not in current["annotations"]


async def test_levels_and_bodies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "GZIP_FROM", 0)
    async with running(tmp_path, **settings(tmp_path, omitStages=["RequestReceived"])) as api:
        await api("POST", MAPS, b"metadata: {name: yaml}\ndata: {k: v}\n", Content_Type="application/yaml")
        await api("PATCH", f"{MAPS}/yaml", {"data": {"k": "w"}}, Content_Type=MERGE)
        await api("GET", f"{MAPS}/yaml")
        zipped = await api("GET", MAPS, Accept_Encoding="gzip")
        assert json.loads(gzip.decompress(zipped.raw))["items"], "a list that is made while it is sent is sent, recorded or not"
        await api("POST", "/api/v1/namespaces/default/secrets", {"metadata": {"name": "s"}, "stringData": {"p": "q"}})
        await api("POST", MAPS, {"metadata": {"name": "Bad Name"}})
        await api("POST", MAPS, b"{broken")
        created, patched, got, listed, secret, invalid, broken = events(tmp_path)
        assert created["requestObject"]["data"] == {"k": "v"}
        assert patched["requestObject"] == {"data": {"k": "w"}}
        assert patched["responseObject"]["data"] == {"k": "w"}
        assert not {"requestObject", "responseObject"} & set(got)
        assert [item["metadata"]["name"] for item in listed["responseObject"]["items"]] == ["yaml"]
        assert secret["requestObject"]["stringData"] == {"p": "q"}
        assert "responseObject" not in secret
        assert (invalid["responseStatus"]["reason"], invalid["responseStatus"]["code"]) == ("Invalid", 422)
        assert broken["responseStatus"]["code"] == 400
        assert "requestObject" not in broken


async def test_who_may_not_who_is_not_known_and_who_is_another(tmp_path: Path) -> None:
    async with running(tmp_path, **settings(tmp_path)) as api:
        await api("GET", "/api/v1/nodes", user="jane")
        await api("GET", "/api/v1/nodes", Impersonate_User="joe")
        client = await api.connect("")
        await client.request("GET", "/api/v1/nodes", Authorization="Bearer nonsense")
        found = [event for event in events(tmp_path) if event["stage"] != "RequestReceived"]
        forbidden, impersonated, unknown = found
        assert forbidden["annotations"]["authorization.k8s.io/decision"] == "forbid"
        assert forbidden["responseStatus"]["reason"] == "Forbidden"
        assert (impersonated["user"]["username"], impersonated["impersonatedUser"]["username"]) == ("admin", "joe")
        assert (unknown["stage"], unknown["user"]) == ("ResponseStarted", {})
        assert unknown["responseStatus"]["message"] == "Authentication failed, attempted: bearer"


async def test_a_watch_has_a_beginning_and_an_end(tmp_path: Path) -> None:
    async with running(tmp_path, **settings(tmp_path)) as api:
        watch = await api.watch(f"{MAPS}?watch=1")
        assert watch.status == 200
        assert brief(events(tmp_path)) == [("watch", "RequestReceived", 0), ("watch", "ResponseStarted", 200)]
        await watch.close()
        async with asyncio.timeout(20):
            while len(events(tmp_path)) < 3:  # noqa: ASYNC110 - the file is all there is to look at
                await asyncio.sleep(0.01)
        assert brief(events(tmp_path))[2] == ("watch", "ResponseComplete", 200)


async def test_a_panic_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path, **settings(tmp_path)) as api:
        monkeypatch.setattr(type(api.server.registry), "answer", lambda *_: 1 // 0)
        await api("GET", "/api/v1/namespaces/default")
        last = events(tmp_path)[-1]
        assert (last["stage"], last["responseStatus"]["code"]) == ("Panic", 500)
        assert last["responseStatus"]["message"].startswith("APIServer panic'd: ")


class Clock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        self.moment += timedelta(hours=1)
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


def test_a_full_file_is_renamed_and_old_ones_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_file, "MEGABYTE", 1000)
    path = tmp_path / "audit.log"
    file = LogFile(str(path), Rotation(1, backups=2), Clock())
    for number in range(50):
        file.send([{"number": number, "text": "x" * 90}])
    file.close()
    names = sorted(one.name for one in tmp_path.iterdir())
    assert len(names) == 3
    assert names[-1] == "audit.log"
    assert all(name.startswith("audit-2026-01-01T") and name.endswith(".log") for name in names[:-1])
    assert path.stat().st_mode & 0o777 == 0o600
    last = [json.loads(line)["number"] for name in names for line in (tmp_path / name).read_text().splitlines()]
    assert last == list(range(last[0], 50))
    days = LogFile(str(path), Rotation(1, days=1), Clock())
    days._clock = Clock()
    days._clock.moment += timedelta(days=30)
    days.send([{"text": "x" * 990}])
    assert max(one.name for one in tmp_path.iterdir()) == "audit.log"
    assert len(list(tmp_path.iterdir())) == 2
    days.close()


async def test_events_go_to_a_webhook_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "BATCH", 4)
    bodies: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
            await bodies.put(await reader.readexactly(length))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            break
        writer.close()

    receiver = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = receiver.sockets[0].getsockname()[1]
    cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}/audit"}}
    contexts = [{"name": "x", "context": {"cluster": "c", "user": "u"}}]
    users = [{"name": "u", "user": {}}]
    kubeconfig = {"apiVersion": "v1", "kind": "Config", "current-context": "x", "contexts": contexts, "clusters": [cluster], "users": users}
    (tmp_path / "hook").write_text(json.dumps(kubeconfig))
    chosen = settings(tmp_path) | {"audit_log": "", "audit_webhook": str(tmp_path / "hook")}
    async with running(tmp_path, **chosen) as api:
        for name in "abc":
            await api("GET", f"{MAPS}/{name}")
        async with asyncio.timeout(20):
            sent = json.loads(await bodies.get())
    assert (sent["kind"], sent["apiVersion"]) == ("EventList", "audit.k8s.io/v1")
    assert brief(sent["items"])[:2] == [("get", "RequestReceived", 0), ("get", "ResponseComplete", 404)]
    receiver.close()
