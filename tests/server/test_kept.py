"""What a write leaves alone is taken over as it is stored; whatever else comes with a new status is read, and judged, as ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.server.harness import MERGE, STRATEGIC, running

from sagong.api.resources import TABLE, Resource
from sagong.server.registry.kept import kept_by_patch, without_known

HEAD = b'"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"a"}'
STORED = b'{%b,"spec":{"completions":1},"status":{}}' % HEAD


def row(group: str, plural: str) -> Resource:
    found = TABLE.by_path(group, "v1", plural)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (b'{%b,"spec":{"completions":1},"status":{"active":1}}' % HEAD, b'{%b,"status":{"active":1}}' % HEAD),
        (b'{"kind":"Job","spec":{"completions":1}}', b'{"kind":"Job"}'),
        (b'{%b,"spec":{"completions":2},"status":{"active":1}}' % HEAD, None),
        (b'{%b,"spec":{"completions": 1},"status":{"active":1}}' % HEAD, None),
        (b'{%b, "spec":{"completions":1},"status":{"active":1}}' % HEAD, None),
        (b'{%b,"spec":{"completions":1},"spec":{"completions":1}}' % HEAD, None),
        (b'{%b,"spec":{"completions":1},"sepc":{}}' % HEAD, None),
        (b'{%b,"status":{"active":1}}' % HEAD, None),
        (b"[]", None),
        (b'{"spec":', None),
        (b'{"spec\xff":1}', None),
    ],
)
def test_a_new_status_is_read_without_what_is_stored(body: bytes, left: bytes | None) -> None:
    found, names = without_known(row("batch", "jobs"), body, STORED)
    if left is None:
        assert (found, names) == (body, ())
    else:
        assert (msgspec.json.decode(found), names) == (msgspec.json.decode(left), ("spec",))


def test_a_converted_kind_is_read_whole() -> None:
    body = b'{"kind":"HorizontalPodAutoscaler","spec":{}}'
    assert without_known(row("autoscaling", "horizontalpodautoscalers"), body, body) == (body, ())


@pytest.mark.parametrize(
    ("subresource", "body", "kept"),
    [
        ("", b'{"metadata":{"labels":{"a":"b"}}}', ("spec", "status")),
        ("status", b'{"status":{"active":1}}', ("spec",)),
        ("", b'{"status":{"active":1}}', ()),
        ("scale", b'{"metadata":{}}', ()),
        ("", b"[]", ()),
    ],
)
def test_a_patch_keeps_what_it_is_not_about(subresource: str, body: bytes, kept: tuple[str, ...]) -> None:
    assert kept_by_patch(row("batch", "jobs"), subresource, body) == kept


@pytest.mark.parametrize("encode", [msgspec.json.encode, lambda body: json.dumps(body).encode()], ids=["as stored", "with spaces"])
async def test_a_new_status_with_any_rest_changes_nothing_else(tmp_path: Path, encode: Callable[[Any], bytes]) -> None:
    async with running(tmp_path) as api:
        await api.namespace("statuses")
        jobs = "/apis/batch/v1/namespaces/statuses/jobs"
        template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
        before = await api.ok("POST", jobs, {"metadata": {"name": "a"}, "spec": {"template": template}})
        rest: dict[str, Any]
        for active, rest in enumerate(({}, {"spec": {}}, {"spec": {**before["spec"], "parallelism": 9}}, {"metadata": {"name": "a"}}), 1):
            read = await api.ok("GET", f"{jobs}/a")
            answer = await api.ok("PUT", f"{jobs}/a/status", encode({**read, "status": {"active": active}, **rest}))
            assert answer["spec"] == before["spec"]
            assert answer["status"] == {"active": active}
            assert answer["metadata"]["uid"] == before["metadata"]["uid"]
            owners = [entry["fieldsV1"] for entry in answer["metadata"]["managedFields"] if entry.get("subresource") == "status"]
            assert owners == [{"f:status": {"f:active": {}}}]
            assert await api.ok("GET", f"{jobs}/a") == answer
        stale = await api("PUT", f"{jobs}/a/status", encode({**before, "status": {"active": 7}}))
        assert (stale.status, stale.body["reason"]) == (409, "Conflict")
        other = {**before, "metadata": {"name": "a", "uid": "other"}}
        assert (await api("PUT", f"{jobs}/a/status", encode(other))).status == 409
        wrong = {**(await api.ok("GET", f"{jobs}/a")), "status": {"active": -1}}
        assert (await api("PUT", f"{jobs}/a/status", encode(wrong))).status == 422


@pytest.mark.parametrize("kind", [MERGE, STRATEGIC, ""])
async def test_a_status_is_completed_by_its_spec(tmp_path: Path, kind: str) -> None:
    async with running(tmp_path) as api:
        await api.namespace("statuses")
        services = "/api/v1/namespaces/statuses/services"
        made = await api.ok("POST", services, {"metadata": {"name": "s"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}})
        new = {"metadata": {"annotations": {"a": "b"}}, "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.1"}]}}}
        if kind:
            answer = await api.ok("PATCH", f"{services}/s/status", new, Content_Type=kind)
            assert answer["metadata"]["annotations"] == {"a": "b"}
        else:
            answer = await api.ok("PUT", f"{services}/s/status", {**made, "status": new["status"]})
        assert answer["status"]["loadBalancer"]["ingress"] == [{"ip": "203.0.113.1", "ipMode": "VIP"}]
        assert answer["spec"] == made["spec"]
