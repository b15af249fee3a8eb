"""Writes that stand on a lease: kept while the client holds it, refused once another does, whatever the verb."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.server.harness import APPLY, MERGE, Api, config_map, pod, running
from tests.server.test_webhooks import allow, hooked

from sagong.api.fence import Fence

LEASES = "/apis/coordination.k8s.io/v1/namespaces/a/leases"
MINE, THEIRS = "a/l me", "a/l other"
MAPS, PODS = "/api/v1/namespaces/a/configmaps", "/api/v1/namespaces/a/pods"
EVICTION = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p", "namespace": "a"}}
BUDGETS = "/apis/policy/v1/namespaces/a/poddisruptionbudgets"
READY = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
HEALTHY = {"status": {"observedGeneration": 1, "currentHealthy": 1, "desiredHealthy": 0, "disruptionsAllowed": 1, "expectedPods": 1}}


async def held(api: Api, holder: str) -> None:
    """Let somebody hold the lease."""
    lease = {"metadata": {"name": "l"}, "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15}}
    if (await api("POST", LEASES, lease)).status == 409:
        await api.ok("PATCH", f"{LEASES}/l", lease, Content_Type=MERGE)


@pytest.mark.parametrize(
    ("method", "path", "body", "kind"),
    [
        ("POST", MAPS, config_map("new"), ""),
        ("POST", MAPS, {"metadata": {"generateName": "new-"}}, ""),
        ("PUT", f"{MAPS}/m", config_map("m", x="2"), ""),
        ("PATCH", f"{MAPS}/m", {"data": {"x": "2"}}, MERGE),
        ("PATCH", f"{MAPS}/m?fieldManager=f", config_map("m", y="2"), APPLY),
        ("PATCH", f"{MAPS}/new?fieldManager=f", config_map("new", y="2"), APPLY),
        ("PATCH", f"{PODS}/p/status", {"status": {"phase": "Running"}}, MERGE),
        ("DELETE", f"{MAPS}/m", None, ""),
        ("DELETE", f"{PODS}/p", None, ""),
        ("DELETE", MAPS, None, ""),
        ("POST", f"{PODS}/p/binding", {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}}, ""),
        ("POST", f"{PODS}/p/eviction", EVICTION, ""),
    ],
)
async def test_who_does_not_hold_the_lease_writes_nothing(tmp_path: Path, method: str, path: str, body: Any, kind: str) -> None:
    async def state() -> tuple[Any, Any]:
        found = await api.ok("GET", MAPS), await api.ok("GET", PODS)
        return found[0]["items"], found[1]["items"]

    more = {"Content_Type": kind} if kind else {}
    async with running(tmp_path) as api:
        await api.namespace("a")
        await api.ok("POST", MAPS, config_map("m", x="1"))
        await api.ok("POST", PODS, pod("p"))
        before = await state()
        for lease in ("", "other"):
            if lease:
                await held(api, lease)
            answer = await api(method, path, body, Sagong_Lease=MINE, **more)
            assert (answer.status, answer.body["reason"]) == (409, "Conflict"), answer.body["message"]
            assert answer.body["message"] == 'Operation cannot be fulfilled on leases.coordination.k8s.io "l": me does not hold it'
            assert await state() == before
        await api.ok(method, path, body, Sagong_Lease=THEIRS, **more)
        assert await state() != before


async def test_an_eviction_that_is_refused_takes_nothing_of_the_budget(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.namespace("a")
        await held(api, "other")
        await api.ok("POST", PODS, pod("p") | {"metadata": {"name": "p", "labels": {"app": "p"}}})
        await api.ok("POST", f"{PODS}/p/binding", {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}})
        await api.ok("PATCH", f"{PODS}/p/status", READY, Content_Type=MERGE)
        budget = {"metadata": {"name": "b"}, "spec": {"minAvailable": 0, "selector": {"matchLabels": {"app": "p"}}}}
        await api.ok("POST", BUDGETS, budget)
        before = await api.ok("PATCH", f"{BUDGETS}/b/status", HEALTHY, Content_Type=MERGE)
        assert (await api("POST", f"{PODS}/p/eviction", EVICTION, Sagong_Lease=MINE)).status == 409
        assert await api.ok("GET", f"{BUDGETS}/b") == before


async def test_a_lease_that_changes_hands_while_a_webhook_thinks(tmp_path: Path) -> None:
    asked, go = asyncio.Event(), asyncio.Event()
    async with hooked(tmp_path) as (api, hooks, _):
        await held(api, "me")

        async def hold(_: str) -> None:
            asked.set()
            await go.wait()

        await hooks.validate("/slow", allow)
        hooks.server.hold = hold
        writing = asyncio.create_task(api("POST", MAPS, config_map("late"), user="admin", Sagong_Lease=MINE))
        await asked.wait()
        client = await api.connect()
        taken = {"spec": {"holderIdentity": "other"}}
        assert (await client.request("PATCH", f"{LEASES}/l", taken, Content_Type=MERGE)).status == 200
        go.set()
        assert (await writing).status == 409
        assert (await api("GET", f"{MAPS}/late")).status == 404


async def test_what_does_not_name_a_lease_is_a_bad_request(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.namespace("a")
        for said in ("l", "a/l", "a/l ", "/l me", "a/ me"):
            answer = await api("POST", MAPS, config_map("m"), Sagong_Lease=said)
            assert (answer.status, answer.body["reason"]) == (400, "BadRequest")
            assert "is not NAMESPACE/NAME HOLDER" in answer.body["message"]
        assert (await api("GET", f"{MAPS}/m")).status == 404
        assert (await api("GET", MAPS, Sagong_Lease=MINE)).status == 200, "reading stands on nothing"


def test_the_header_is_read_as_it_is_written() -> None:
    fence = Fence("kube-system", "kube-scheduler", "host_kube-scheduler-1234")
    assert Fence.parse(str(fence)) == fence
