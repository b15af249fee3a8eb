"""The autoscaler against a real server, and the three metrics APIs behind it: built-in and custom targets, every kind of metric."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.server.extension import serving
from tests.server.harness import Api, running

from sagong.api.clock import format_time
from sagong.client.client import Client
from sagong.client.config import load_kubeconfig
from sagong.cluster.clock import RealClock, RealRandom
from sagong.controllers.horizontal_pod_autoscaler import loop, plan
from sagong.controllers.runner import Runner
from sagong.server.messages import Answer, Request, Response

SCALERS = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
GROUPS = {"metrics.k8s.io": "v1beta1", "custom.metrics.k8s.io": "v1beta2", "external.metrics.k8s.io": "v1beta1"}


class MetricsApis:
    """Answers as metrics adapters do; `values` are by path behind the group version."""

    def __init__(self) -> None:
        self.cpu = "100m"
        self.values: dict[str, str] = {}
        self.asked: list[str] = []

    async def __call__(self, request: Request) -> Answer:
        parts = request.path.strip("/").split("/")
        group, rest = parts[1] if len(parts) > 1 else "", "/".join(parts[3:])
        if not rest:
            return Response(
                json.dumps({"kind": "APIResourceList", "groupVersion": f"{group}/{GROUPS.get(group, '')}", "resources": []}).encode()
            )
        self.asked.append(f"{rest}?{request.query_string}")
        now = format_time(RealClock().now())
        if group == "metrics.k8s.io":
            items = [
                {
                    "metadata": {"name": name, "namespace": "default"},
                    "timestamp": now,
                    "window": "15.02s",
                    "containers": [{"name": "main", "usage": {"cpu": self.cpu, "memory": "1Mi"}}],
                }
                for name in ("web-1", "web-2")
            ]
        elif rest in self.values:
            described = {"kind": "Pod", "name": "web-1"}
            items = [{"describedObject": described, "metric": {"name": "m"}, "timestamp": now, "value": self.values[rest]}]
        else:
            return Response(b"404 page not found\n", 404, "text/plain")
        return Response(json.dumps({"kind": "List", "apiVersion": f"{group}/{parts[2]}", "metadata": {}, "items": items}).encode())


@asynccontextmanager
async def cluster(directory: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Api, MetricsApis]]:
    """Run a server, the metrics APIs behind it, and the loop."""
    monkeypatch.setattr(plan, "PERIOD", 0.1)
    apis = MetricsApis()
    async with running(directory) as api, serving(api.pki, apis, "adapter.kube-system.svc") as port:
        await register(api, port)
        await populate(api)
        config = load_kubeconfig(api.kubeconfig())
        async with Client(config, clock=RealClock(), random=RealRandom()) as client, asyncio.TaskGroup() as group:
            task = group.create_task(Runner(client, [loop.controller()]).run())
            yield api, apis
            task.cancel()


async def register(api: Api, port: int) -> None:
    service = {"metadata": {"name": "adapter"}, "spec": {"type": "ExternalName", "externalName": "localhost"}}
    await api.ok("POST", "/api/v1/namespaces/kube-system/services", service)
    bundle = base64.b64encode(Path(api.pki.path("ca.crt")).read_bytes()).decode()
    for group, version in GROUPS.items():
        reference = {"name": "adapter", "namespace": "kube-system", "port": port}
        spec = {"group": group, "version": version, "service": reference, "caBundle": bundle}
        document = {"metadata": {"name": f"{version}.{group}"}, "spec": {**spec, "groupPriorityMinimum": 100, "versionPriority": 100}}
        await api.ok("POST", "/apis/apiregistration.k8s.io/v1/apiservices", document)

    async def available() -> bool:
        items = (await api.ok("GET", "/apis/apiregistration.k8s.io/v1/apiservices"))["items"]
        reasons = [
            one["status"]["conditions"][0]["reason"] for one in items if one["spec"].get("service") and one["status"].get("conditions")
        ]
        return reasons == ["Passed"] * len(GROUPS)

    await eventually(available)


async def populate(api: Api) -> None:
    await api.ok("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "default"}})
    long_ago = "2020-01-01T00:00:00Z"
    for name in ("web-1", "web-2"):
        container = {"name": "main", "image": "a", "resources": {"requests": {"cpu": "100m"}}}
        pod = {"metadata": {"name": name, "labels": {"app": "web"}}, "spec": {"containers": [container]}}
        made = await api.ok("POST", "/api/v1/namespaces/default/pods", pod)
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": long_ago}
        made["status"] |= {"phase": "Running", "startTime": long_ago, "conditions": [ready]}
        await api.ok("PUT", f"/api/v1/namespaces/default/pods/{name}/status", made)


async def eventually(satisfied: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(15):
        for _ in range(10_000):
            if await satisfied():
                return
            await asyncio.sleep(0.03)


async def workload(api: Api) -> None:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "main", "image": "a"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    made = await api.ok("POST", DEPLOYMENTS, {"metadata": {"name": "web"}, "spec": spec})
    made["status"] = {"replicas": 2}
    await api.ok("PUT", f"{DEPLOYMENTS}/web/status", made)


async def autoscale(api: Api, *metrics: dict[str, Any], kind: str = "Deployment", version: str = "apps/v1", name: str = "web") -> None:
    spec = {"scaleTargetRef": {"apiVersion": version, "kind": kind, "name": name}, "maxReplicas": 10, "metrics": list(metrics)}
    await api.ok("POST", SCALERS, {"metadata": {"name": name}, "spec": spec})


async def wait_size(api: Api, size: int, path: str = f"{DEPLOYMENTS}/web") -> None:
    async def reached() -> bool:
        return bool((await api.ok("GET", path))["spec"]["replicas"] == size)

    await eventually(reached)


async def condition(api: Api, kind: str, reason: str, name: str = "web") -> str:
    """Wait for a condition; return its message."""
    found: list[str] = []

    async def reached() -> bool:
        conditions = (await api.ok("GET", f"{SCALERS}/{name}"))["status"].get("conditions", [])
        found[:] = [one["message"] for one in conditions if (one["type"], one["reason"]) == (kind, reason)]
        return bool(found)

    await eventually(reached)
    return found[0]


CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}


async def test_a_deployment_follows_its_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with cluster(tmp_path, monkeypatch) as (api, apis):
        await workload(api)
        await autoscale(api, CPU)
        await wait_size(api, 4)
        assert "namespaces/default/pods?labelSelector=app%3Dweb" in apis.asked
        text = "New size: 4; reason: cpu resource utilization (percentage of request) above target"

        async def told() -> bool:
            events = (await api.ok("GET", "/api/v1/namespaces/default/events"))["items"]
            return ("SuccessfulRescale", text) in [(event["reason"], event["message"]) for event in events]

        await eventually(told)
        status = (await api.ok("GET", f"{SCALERS}/web"))["status"]
        assert status["currentMetrics"][0]["resource"]["current"] == {"averageUtilization": 100, "averageValue": "100m"}


async def test_every_other_kind_of_metric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with cluster(tmp_path, monkeypatch) as (api, apis):
        apis.cpu = "50m"
        apis.values = {
            "namespaces/default/pods/*/requests": "20",
            "namespaces/default/services/main/hits": "250",
            "namespaces/default/deployments.apps/web/depth": "2100m",
            "namespaces/default/queue": "11",
        }
        await workload(api)
        service = {"apiVersion": "v1", "kind": "Service", "name": "main"}
        deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
        queue = {"name": "queue", "selector": {"matchLabels": {"q": "a"}}}
        target = {"type": "AverageValue", "averageValue": "10"}
        await autoscale(
            api,
            {"type": "Pods", "pods": {"metric": {"name": "requests"}, "target": target}},
            {
                "type": "Object",
                "object": {"metric": {"name": "hits"}, "describedObject": service, "target": {"type": "Value", "value": "100"}},
            },
            {
                "type": "Object",
                "object": {"metric": {"name": "depth"}, "describedObject": deployment, "target": {**target, "averageValue": "1"}},
            },
            {"type": "External", "external": {"metric": queue, "target": {**target, "averageValue": "2"}}},
        )
        await wait_size(api, 6)
        status = (await api.ok("GET", f"{SCALERS}/web"))["status"]
        assert [one["type"] for one in status["currentMetrics"]] == ["Pods", "Object", "Object", "External"]
        assert "namespaces/default/queue?labelSelector=q%3Da" in apis.asked
        assert "namespaces/default/pods/*/requests?labelSelector=app%3Dweb" in apis.asked


async def test_metrics_that_nobody_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with cluster(tmp_path, monkeypatch) as (api, _):
        await workload(api)
        await autoscale(
            api, {"type": "Pods", "pods": {"metric": {"name": "none"}, "target": {"type": "AverageValue", "averageValue": "1"}}}
        )
        message = await condition(api, "ScalingActive", "FailedGetPodsMetric")
        assert message == (
            "the HPA was unable to compute the replica count: unable to get metric none: unable to fetch metrics from custom metrics API: "
            "the server could not find the requested resource (get pods.custom.metrics.k8s.io *)"
        )


async def test_custom_resources_are_scaled_by_their_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with cluster(tmp_path, monkeypatch) as (api, _):
        fields = {name: {"type": "integer"} for name in ("replicas",)}
        properties = {
            "spec": {"type": "object", "properties": fields},
            "status": {"type": "object", "properties": {**fields, "selector": {"type": "string"}}},
        }
        paths = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector"}
        version = {
            "name": "v1",
            "served": True,
            "storage": True,
            "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}},
            "subresources": {"status": {}, "scale": paths},
        }
        names = {"plural": "farms", "singular": "farm", "kind": "Farm", "listKind": "FarmList"}
        spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}
        document = {"metadata": {"name": "farms.example.com"}, "spec": spec}
        await api.ok("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", document)
        farms = "/apis/example.com/v1/namespaces/default/farms"

        async def served() -> bool:
            return (await api("GET", farms)).status == 200

        await eventually(served)
        farm = {"apiVersion": "example.com/v1", "kind": "Farm", "metadata": {"name": "web"}, "spec": {"replicas": 2}}
        made = await api.ok("POST", farms, farm)
        await api.ok("PUT", f"{farms}/web/status", {**made, "status": {"replicas": 2, "selector": "app=web"}})
        await autoscale(api, CPU, kind="Farm", version="example.com/v1")
        await wait_size(api, 4, f"{farms}/web")
        await autoscale(api, CPU, kind="Barn", version="example.com/v1", name="none")
        message = await condition(api, "AbleToScale", "FailedGetScale", "none")
        assert message.endswith('no matches for kind "Barn" in group "example.com"')
