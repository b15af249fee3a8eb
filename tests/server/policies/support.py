"""Policies and bindings as tests write them."""

from __future__ import annotations

from typing import Any

from tests.server.harness import Api

GROUP = "/apis/admissionregistration.k8s.io/v1"


def about(*resources: str, group: str = "apps", operations: tuple[str, ...] = ("CREATE", "UPDATE"), **more: Any) -> dict[str, Any]:
    rule = {"operations": list(operations), "apiGroups": [group], "apiVersions": ["v1"], "resources": list(resources)}
    return {"resourceRules": [{**rule, **more}]}


DEPLOYMENTS = about("deployments")
CONFIG_MAPS = about("configmaps", group="")


async def bind(api: Api, kind: str, name: str, spec: dict[str, Any], *bindings: dict[str, Any]) -> None:
    """Create a policy and its bindings; the first is called as the policy is."""
    plural = f"{kind.lower()}admissionpolicies"
    await api.ok("POST", f"{GROUP}/{plural}", {"metadata": {"name": name}, "spec": spec})
    for index, binding in enumerate(bindings or ({},)):
        meta = {"name": f"{name}-{index}" if index else name}
        body = {"metadata": meta, "spec": {"policyName": name, **binding}}
        await api.ok("POST", f"{GROUP}/{kind.lower()}admissionpolicybindings", body)


async def validating(api: Api, name: str, spec: dict[str, Any], *bindings: dict[str, Any]) -> None:
    """Create a validating policy; what is not said about a binding is Deny."""
    await bind(api, "Validating", name, spec, *({"validationActions": ["Deny"], **binding} for binding in bindings or ({},)))


async def mutating(api: Api, name: str, spec: dict[str, Any], *bindings: dict[str, Any]) -> None:
    """Create a mutating policy."""
    await bind(api, "Mutating", name, {"reinvocationPolicy": "Never", **spec}, *bindings)


def deployment(name: str, replicas: int = 1, **meta: Any) -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, **meta}, "spec": spec}
