"""Definitions for tests, and a server with them."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.server.harness import Api

GROUP = "stable.example.com"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ANY = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
SPEC = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "size": {"type": "integer", "minimum": 1},
                "color": {"type": "string", "default": "red"},
                "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            },
        },
        "status": {"type": "object", "properties": {"phase": {"type": "string"}}},
    },
}


def version(name: str = "v1", schema: Any = None, *, served: bool = True, storage: bool = True, **more: Any) -> dict[str, Any]:
    return {"name": name, "served": served, "storage": storage, "schema": {"openAPIV3Schema": schema or SPEC}, **more}


def definition(plural: str = "widgets", kind: str = "Widget", *versions: Any, scope: str = "Namespaced", **more: Any) -> dict[str, Any]:
    names = {"plural": plural, "kind": kind, "singular": kind.lower(), **more.pop("names", {})}
    spec = {"group": GROUP, "names": names, "scope": scope, "versions": list(versions) or [version()], **more}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": spec,
    }


async def until(api: Api, path: str, holds: Any) -> Any:
    """Read a path until what it shows is as wanted."""
    async with asyncio.timeout(30):
        while True:
            answer = await api("GET", path)
            if holds(answer):
                return answer.body
            await asyncio.sleep(0.01)


def condition(obj: dict[str, Any], kind: str) -> dict[str, Any]:
    return next((found for found in obj.get("status", {}).get("conditions") or () if found["type"] == kind), {})


async def define(api: Api, wanted: dict[str, Any]) -> dict[str, Any]:
    """Create a definition and wait until it is established."""
    await api.ok("POST", CRDS, wanted)
    name = wanted["metadata"]["name"]
    found: dict[str, Any] = await until(api, f"{CRDS}/{name}", lambda answer: condition(answer.body, "Established").get("status") == "True")
    return found


def widget(name: str = "a", kind: str = "Widget", api_version: str = f"{GROUP}/v1", **content: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **content}


WIDGETS = f"/apis/{GROUP}/v1/namespaces/default/widgets"
