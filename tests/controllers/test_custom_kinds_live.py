"""Loops that are about every kind, and kinds that are defined while they run: owners, namespaces, quotas, over a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.server.custom.support import CRDS, GROUP, define, definition, until, widget
from tests.server.harness import Api, running

from sagong.client.client import Client
from sagong.client.config import load_kubeconfig
from sagong.cluster.clock import RealClock, RealRandom
from sagong.controllers import namespace, resourcequota
from sagong.controllers.garbage_collector import loop as garbage_collector
from sagong.controllers.runner import Runner

WIDGETS = f"/apis/{GROUP}/v1/namespaces/ns/widgets"
MAPS = "/api/v1/namespaces/ns/configmaps"


@asynccontextmanager
async def cluster(directory: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    monkeypatch.setattr(garbage_collector, "SETTLE", 0.1)
    makers = (garbage_collector.GarbageCollector, resourcequota.ResourceQuotas)
    async with running(directory) as api:
        await api.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "ns"}})
        config = load_kubeconfig(api.kubeconfig())
        async with Client(config, clock=RealClock(), random=RealRandom()) as client, asyncio.TaskGroup() as group:
            task = group.create_task(Runner(client, [namespace.CONTROLLER], makers=makers).run())
            yield api
            task.cancel()


async def gone(api: Api, path: str) -> None:
    await until(api, path, lambda answer: answer.status == 404)


def owned(obj: dict[str, Any], owner: dict[str, Any]) -> dict[str, Any]:
    reference = {name: owner[name] for name in ("apiVersion", "kind")} | {name: owner["metadata"][name] for name in ("name", "uid")}
    return {**obj, "metadata": {**obj["metadata"], "ownerReferences": [{**reference, "blockOwnerDeletion": True}]}}


async def test_dependents_of_custom_resources_are_collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with cluster(tmp_path, monkeypatch) as api:
        await define(api, definition())
        owner = await api.ok("POST", WIDGETS, widget("owner"))
        await api.ok("POST", WIDGETS, owned(widget("dependent"), owner))
        await api.ok("POST", MAPS, owned({"metadata": {"name": "m"}}, owner))
        await api.ok("DELETE", f"{WIDGETS}/owner?propagationPolicy=Background")
        await gone(api, f"{WIDGETS}/dependent")
        await gone(api, f"{MAPS}/m")
        owner = await api.ok("POST", WIDGETS, widget("owner"))
        await api.ok("POST", WIDGETS, owned(widget("dependent"), owner))
        await api.ok("DELETE", f"{WIDGETS}/owner?propagationPolicy=Foreground")
        await gone(api, f"{WIDGETS}/owner")
        assert (await api("GET", f"{WIDGETS}/dependent")).status == 404
        owner = await api.ok("POST", WIDGETS, widget("owner"))
        await api.ok("POST", WIDGETS, owned(widget("dependent"), owner))
        await api.ok("DELETE", f"{WIDGETS}/owner?propagationPolicy=Orphan")
        await gone(api, f"{WIDGETS}/owner")
        assert "ownerReferences" not in (await api.ok("GET", f"{WIDGETS}/dependent"))["metadata"]


async def test_a_namespace_takes_its_custom_resources_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with cluster(tmp_path, monkeypatch) as api:
        await define(api, definition())
        await api.ok("POST", WIDGETS, widget())
        await api.ok("DELETE", "/api/v1/namespaces/ns")
        await gone(api, "/api/v1/namespaces/ns")
        assert (await api.ok("GET", f"/apis/{GROUP}/v1/widgets"))["items"] == []


async def test_quotas_count_custom_resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"count/widgets.{GROUP}"
    path = "/api/v1/namespaces/ns/resourcequotas"

    def used(amount: str) -> Callable[[Any], bool]:
        return lambda answer: answer.body.get("status", {}).get("used", {}).get(name) == amount

    async with cluster(tmp_path, monkeypatch) as api:
        await api.ok("POST", path, {"metadata": {"name": "q"}, "spec": {"hard": {name: "1"}}})
        await define(api, definition())
        await until(api, f"{path}/q", used("0"))
        await api.ok("POST", WIDGETS, widget())
        await until(api, f"{path}/q", used("1"))
        answer = await api("POST", WIDGETS, widget("b"))
        assert (answer.status, "exceeded quota: q" in answer.body["message"]) == (403, True)
        await api.ok("DELETE", f"{WIDGETS}/a")
        await until(api, f"{path}/q", used("0"))
        await api.ok("DELETE", f"{CRDS}/widgets.{GROUP}")
        await gone(api, f"{CRDS}/widgets.{GROUP}")
        await define(api, definition())
        await api.ok("POST", WIDGETS, widget())
        await until(api, f"{path}/q", used("1"))
        await api.ok("DELETE", f"{WIDGETS}/a")
        await until(api, f"{path}/q", used("0"))
