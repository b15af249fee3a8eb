"""Statuses on their way to the API: only what differs, the newest, and the last word on a pod that has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from tests.node.builders import HandClock
from tests.node.observed import pod

from sagong.api.errors import ConflictError, NotFoundError
from sagong.api.types.core import ContainerStatus, Pod, PodCondition, PodIP, PodStatus
from sagong.node.status_manager import StatusManager, merged


class Server:
    """One pod, patched by replacing whole fields, which is enough for what is asked here."""

    def __init__(self, found: Pod) -> None:
        self.pod = found
        self.pod.metadata.resourceVersion = "5"
        self.patches: list[dict[str, Any]] = []
        self.deleted: list[tuple[str, int | None]] = []
        self.failures: list[Exception] = []
        self._patched = asyncio.Event()

    async def patch(self, kind: type[Pod], name: str, namespace: str, patch: Any, *, patch_type: Any, subresource: str) -> Pod:
        assert (name, namespace, patch_type, subresource) == ("p", "ns", "strategic", "status")
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop()
        self.patches.append(patch["status"])
        self._patched.set()
        body = msgspec.to_builtins(self.pod)
        known = {item["type"]: item for item in body.get("status", {}).get("conditions", [])}
        known.update({item["type"]: item for item in patch["status"].get("conditions", [])})
        fields = {key: value for key, value in patch["status"].items() if not key.startswith("$") and key != "conditions"}
        lists = {key: [v for v in value if "$patch" not in v] for key, value in fields.items() if key in ("podIPs", "hostIPs")}
        body["status"] = {**body.get("status", {}), **fields, **lists, "conditions": list(known.values())}
        body["metadata"]["resourceVersion"] = str(int(body["metadata"]["resourceVersion"]) + 1)
        self.pod = msgspec.convert(body, Pod)
        return self.pod

    async def patched(self) -> None:
        """Wait for a patch that is not refused."""
        await asyncio.wait_for(self._patched.wait(), 20)

    async def delete(
        self, kind: type[Pod], name: str, namespace: str = "", *, uid: str = "", grace_period_seconds: int | None = None
    ) -> None:
        self.deleted.append((uid, grace_period_seconds))


@asynccontextmanager
async def manager(server: Server, cached: Pod | None = None) -> AsyncIterator[StatusManager]:
    found = StatusManager(server, HandClock(), lambda uid: (cached or server.pod) if uid == "u1" else None)
    task = asyncio.create_task(found.run())
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def settle() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


def status(phase: str, *conditions: PodCondition, **more: Any) -> PodStatus:
    return PodStatus(phase=phase, conditions=list(conditions), **more)


async def test_only_what_differs_is_sent_and_nothing_twice() -> None:
    server = Server(pod("{}"))
    async with manager(server) as found:
        ready = PodCondition(type="Ready", status="False")
        found.set("u1", status("Pending", ready, qosClass="BestEffort"))
        await settle()
        found.set("u1", status("Running", ready, qosClass="BestEffort", podIPs=[PodIP(ip="10.0.0.5")]))
        found.set("u1", status("Running", ready, qosClass="BestEffort", podIPs=[PodIP(ip="10.0.0.5")]))
        await settle()
    assert [sorted(patch) for patch in server.patches] == [
        ["$setElementOrder/conditions", "conditions", "phase", "qosClass"],
        ["phase", "podIPs"],
    ]
    assert server.patches[1]["podIPs"] == [{"ip": "10.0.0.5"}, {"$patch": "replace"}]


async def test_many_changes_become_one_write_of_the_newest() -> None:
    server = Server(pod("{}"))
    async with manager(server) as found:
        for count in range(5):
            found.set("u1", status("Running", containerStatuses=[ContainerStatus(name="c", restartCount=count)]))
        await settle()
    assert [patch["containerStatuses"][0]["restartCount"] for patch in server.patches] == [4]


async def test_a_cache_that_lags_does_not_hide_what_was_written() -> None:
    server = Server(pod("{}"))
    stale = server.pod
    async with manager(server, stale) as found:
        found.set("u1", status("Running"))
        await settle()
        found.set("u1", status("Pending"))
        await settle()
        found.set("u1", PodStatus())
        await settle()
    assert server.patches == [{"phase": "Running"}, {"phase": "Pending"}, {"phase": None}]


async def test_conditions_of_others_stay_and_gone_ones_of_ours_go() -> None:
    theirs = status(
        "Running", PodCondition(type="example.com/x", status="True"), PodCondition(type="AllContainersRestarting", status="True")
    )
    ours = status("Running", PodCondition(type="Ready", status="True"))
    assert [found.type for found in merged(theirs, ours).conditions] == ["example.com/x", "Ready"]
    server = Server(pod("{}"))
    server.pod.status = theirs
    async with manager(server) as found:
        found.set("u1", ours)
        await settle()
    assert server.patches[0]["conditions"] == [
        {"status": "True", "type": "Ready"},
        {"$patch": "delete", "type": "AllContainersRestarting"},
    ] or ({"$patch": "delete", "type": "AllContainersRestarting"} in server.patches[0]["conditions"])


async def test_a_finished_pod_is_deleted_only_when_asked_for_and_terminal() -> None:
    server = Server(pod("{}"))
    async with manager(server) as found:
        found.set("u1", status("Succeeded"))
        found.finish("u1")
        await settle()
        assert server.deleted == []
        server.pod.metadata.deletionTimestamp = "2026-01-01T00:00:00Z"
        found.reconcile("u1")
        await settle()
        assert server.deleted == [("u1", 0)]


async def test_a_mirror_is_never_deleted_here() -> None:
    server = Server(pod("{}"))
    server.pod.metadata.annotations["kubernetes.io/config.mirror"] = "u1"
    server.pod.metadata.deletionTimestamp = "2026-01-01T00:00:00Z"
    async with manager(server) as found:
        found.set("u1", status("Failed"))
        found.finish("u1")
        await settle()
    assert server.deleted == []


async def test_what_others_overwrote_is_put_right() -> None:
    server = Server(pod("{}"))
    async with manager(server) as found:
        found.set("u1", status("Running"))
        await settle()
        server.pod.status.phase = "Pending"
        server.pod.metadata.resourceVersion = "99"
        found.reconcile("u1")
        await settle()
    assert [patch["phase"] for patch in server.patches] == ["Running", "Running"]


async def test_a_pod_that_is_gone_is_no_error_and_an_api_that_is_away_is_tried_again() -> None:
    server = Server(pod("{}"))
    async with manager(server) as found:
        server.failures.append(NotFoundError("gone"))
        found.set("u1", status("Running"))
        await settle()
        assert server.patches == []
        server.failures.append(ConnectionRefusedError("away"))
        found.set("u1", status("Failed"))
        await server.patched()
    assert server.patches == [{"phase": "Failed"}]


async def test_a_conflict_of_which_no_watch_tells_is_tried_again() -> None:
    server = Server(pod("{}"))
    server.failures.append(ConflictError("modified"))
    async with manager(server) as found:
        found.set("u1", status("Running"))
        await server.patched()
    assert server.patches == [{"phase": "Running"}]
