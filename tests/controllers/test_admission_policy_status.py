"""Type checking of admission policies, against a real server: built-in kinds, custom ones, parameters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.server.harness import MERGE, Api, running

from sagong.client.client import Client
from sagong.client.config import load_kubeconfig
from sagong.cluster.clock import RealClock, RealRandom
from sagong.controllers.admission_policy_status import CONTROLLER
from sagong.controllers.runner import Runner

POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@asynccontextmanager
async def checking(directory: Path) -> AsyncIterator[Api]:
    async with running(directory) as api:
        config = load_kubeconfig(api.kubeconfig())
        async with Client(config, clock=RealClock(), random=RealRandom()) as client, asyncio.TaskGroup() as group:
            task = group.create_task(Runner(client, [CONTROLLER]).run())
            yield api
            task.cancel()


def policy(name: str, group: str, *resources: str, validations: list[dict[str, str]], **spec: Any) -> dict[str, Any]:
    rule = {"operations": ["CREATE"], "apiGroups": [group], "apiVersions": ["v1"], "resources": list(resources)}
    spec = {"matchConstraints": {"resourceRules": [rule]}, "validations": validations, **spec}
    return {"metadata": {"name": name}, "spec": spec}


async def checked(api: Api, name: str, generation: int = 1) -> list[dict[str, str]]:
    """Wait for the status; return the warnings."""
    watch = await api.watch(f"{POLICIES}?watch=1&fieldSelector=metadata.name%3D{name}")
    while True:
        event = await watch.event(20)
        assert event is not None
        status = event["object"].get("status", {})
        if status.get("observedGeneration") == generation:
            warnings: list[dict[str, str]] = status["typeChecking"].get("expressionWarnings", [])
            return warnings


async def test_expressions_are_checked_against_a_deployment(tmp_path: Path) -> None:
    async with checking(tmp_path) as api:
        right = {"expression": "object.spec.replicas > 1 && object.spec.template.spec.containers.all(c, c.image != '')"}
        await api.ok("POST", POLICIES, policy("right", "apps", "deployments", validations=[right]))
        assert await checked(api, "right") == []
        confused = {"expression": "object.spec.replicas > '1'", "messageExpression": "'wants replicas > 1, got ' + object.spec.replicas"}
        await api.ok("POST", POLICIES, policy("wrong", "apps", "deployments", "replicasets", validations=[right, confused]))
        first, second = await checked(api, "wrong")
        assert first == {
            "fieldRef": "spec.validations[1].expression",
            "warning": (
                "apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for '_>_' applied to '(int, string)'\n"
                " | object.spec.replicas > '1'\n | .....................^\n\n"
                "apps/v1, Kind=ReplicaSet: ERROR: <input>:1:22: found no matching overload for '_>_' applied to '(int, string)'\n"
                " | object.spec.replicas > '1'\n | .....................^\n"
            ),
        }
        assert second["fieldRef"] == "spec.validations[1].messageExpression"
        assert "found no matching overload for '_+_' applied to '(string, int)'" in second["warning"]
        await api.ok("PATCH", f"{POLICIES}/wrong", {"spec": {"validations": [right]}}, Content_Type=MERGE)
        assert await checked(api, "wrong", 2) == []


async def test_variables_parameters_and_wildcards(tmp_path: Path) -> None:
    async with checking(tmp_path) as api:
        validations = [
            {"expression": "variables.names.exists(n, n == params.data.name)"},
            {"expression": "variables.names[0] == 1"},
            {"expression": "params.data == 'x' && oldObject.metadata.name == 'x'"},
        ]
        spec = {
            "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
            "variables": [{"name": "names", "expression": "object.spec.containers.map(c, c.name)"}],
        }
        await api.ok("POST", POLICIES, policy("p", "", "pods", "pods/status", validations=validations, **spec))
        warnings = await checked(api, "p")
        assert [(found["fieldRef"], found["warning"].split("\n")[0]) for found in warnings] == [
            (
                "spec.validations[1].expression",
                "/v1, Kind=Pod: ERROR: <input>:1:20: found no matching overload for '_==_' applied to '(string, int)'",
            ),
            (
                "spec.validations[2].expression",
                "/v1, Kind=Pod: ERROR: <input>:1:13: found no matching overload for '_==_' applied to '(map(string, string), string)'",
            ),
        ]
        await api.ok("POST", POLICIES, policy("any", "*", "*", validations=[{"expression": "object.spec.whatever == 1"}]))
        assert await checked(api, "any") == []


async def test_a_custom_resource(tmp_path: Path) -> None:
    async with checking(tmp_path) as api:
        properties = {"spec": {"type": "object", "properties": {"replicas": {"type": "integer"}}}}
        schema = {"openAPIV3Schema": {"type": "object", "properties": properties}}
        names = {"plural": "crontabs", "kind": "CronTab"}
        version = {"name": "v1", "served": True, "storage": True, "schema": schema}
        spec = {"group": "stable.example.com", "scope": "Namespaced", "names": names, "versions": [version]}
        await api.ok("POST", DEFINITIONS, {"metadata": {"name": "crontabs.stable.example.com"}, "spec": spec})
        async with asyncio.timeout(20):
            while True:
                if (await api("GET", "/openapi/v3/apis/stable.example.com/v1")).status == 200:
                    break
                await asyncio.sleep(0.05)
        validations = [
            {"expression": "object.spec.replicas > '1'"},
            {"expression": "object.spec.maxRetries < 10"},
            {"expression": "object.spec.replicas > 1 && object.metadata.name != ''"},
        ]
        await api.ok("POST", POLICIES, policy("p", "stable.example.com", "crontabs", validations=validations))
        warnings = await checked(api, "p")
        assert [(found["fieldRef"], found["warning"].split("\n")[0]) for found in warnings] == [
            (
                "spec.validations[0].expression",
                "stable.example.com/v1, Kind=CronTab: ERROR: <input>:1:22: found no matching overload for '_>_' applied to '(int, string)'",
            ),
            ("spec.validations[1].expression", "stable.example.com/v1, Kind=CronTab: ERROR: <input>:1:12: undefined field 'maxRetries'"),
        ]
