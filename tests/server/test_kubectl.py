"""The real kubectl against a server in this process: what its users see."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.server.harness import Api, running

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")

WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "web:1"}]}},
    },
}


class Kubectl:
    def __init__(self, api: Api, directory: Path) -> None:
        self._environment = {**os.environ, "KUBECONFIG": api.kubeconfig(), "HOME": str(directory)}

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec("kubectl", *arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=self._environment)

    async def __call__(self, *arguments: str, given: Any = None) -> tuple[int, str, str]:
        process = await self.start(*arguments)
        out, err = await process.communicate(json.dumps(given).encode() if given is not None else None)
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def ok(self, *arguments: str, given: Any = None) -> str:
        code, out, err = await self(*arguments, given=given)
        assert code == 0, err
        return out


async def test_what_kubectl_users_do(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        kubectl = Kubectl(api, tmp_path)
        await kubectl.ok("create", "serviceaccount", "default")
        assert await kubectl.ok("create", "deployment", "hello", "--image=hello:1", "--replicas=3") == "deployment.apps/hello created\n"
        assert await kubectl.ok("expose", "deployment", "hello", "--type=NodePort", "--port=8080") == "service/hello exposed\n"
        lines = (await kubectl.ok("get", "deployments")).splitlines()
        assert [lines[0].split(), lines[1].split()[:4]] == [["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"], ["hello", "0/3", "0", "0"]]
        assert await kubectl.ok("scale", "deployment", "hello", "--replicas=5") == "deployment.apps/hello scaled\n"
        assert await kubectl.ok("set", "image", "deployment/hello", "hello=hello:2") == "deployment.apps/hello image updated\n"
        path = "{.spec.replicas} {.spec.template.spec.containers[0].image} {.metadata.generation}"
        assert await kubectl.ok("get", "deployment", "hello", "-o", f"jsonpath={path}") == "5 hello:2 3"
        assert await kubectl.ok("label", "deployment", "hello", "tier=web") == "deployment.apps/hello labeled\n"
        assert await kubectl.ok("get", "all", "-l", "tier=web", "-o", "name") == "deployment.apps/hello\n"
        assert "deployment.apps/hello" in await kubectl.ok("get", "all", "-o", "name")
        assert "Replicas:               5 desired" in await kubectl.ok("describe", "deployment", "hello")
        assert (await kubectl.ok("run", "pod", "--image=x")) == "pod/pod created\n"
        assert (await kubectl.ok("get", "pods", "--no-headers")).split()[:4] == ["pod", "0/1", "Pending", "0"]
        assert await kubectl.ok("delete", "deployment/hello", "service/hello", "pod/pod") == (
            'deployment.apps "hello" deleted\nservice "hello" deleted\npod "pod" deleted\n'
        )


async def test_apply_both_ways(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        kubectl = Kubectl(api, tmp_path)
        assert await kubectl.ok("apply", "-f", "-", given=WEB) == "deployment.apps/web created\n"
        assert await kubectl.ok("apply", "-f", "-", given=WEB) == "deployment.apps/web unchanged\n"
        more = {**WEB, "spec": {**WEB["spec"], "replicas": 4}}  # type: ignore[dict-item] # a manifest
        code, diff, _ = await kubectl("diff", "-f", "-", given=more)
        assert code == 1
        assert "-  replicas: 2\n+  replicas: 4\n" in diff
        assert await kubectl.ok("apply", "-f", "-", given=more) == "deployment.apps/web configured\n"
        code, _, err = await kubectl("apply", "--server-side", "--field-manager=other", "-f", "-", given=WEB)
        assert code == 1
        assert 'conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas' in err
        assert await kubectl.ok("apply", "--server-side", "--force-conflicts", "-f", "-", given=WEB) == (
            "deployment.apps/web serverside-applied\n"
        )


async def test_mistakes_are_explained(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        kubectl = Kubectl(api, tmp_path)
        code, _, err = await kubectl("get", "pod", "nope")
        assert (code, err) == (1, 'Error from server (NotFound): pods "nope" not found\n')
        code, _, err = await kubectl("create", "namespace", "default")
        assert (code, err) == (1, 'Error from server (AlreadyExists): namespaces "default" already exists\n')
        broken = {**WEB, "spec": {**WEB["spec"], "replica": 3}}  # type: ignore[dict-item] # a manifest
        code, _, err = await kubectl("create", "-f", "-", given=broken)
        assert code == 1
        assert 'strict decoding error: unknown field "spec.replica"' in err
        code, _, err = await kubectl("get", "pods", "--as=jane")
        assert code == 1
        assert 'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"' in err
        code, _, err = await kubectl("get", "nothings")
        assert (code, err) == (1, 'error: the server doesn\'t have a resource type "nothings"\n')


async def test_discovery_and_documents(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        kubectl = Kubectl(api, tmp_path)
        resources = await kubectl.ok("api-resources", "--no-headers")
        assert len(resources.splitlines()) == len({(row.group, row.plural) for row in api.server.table})
        assert "apps/v1" in (await kubectl.ok("api-versions")).split()
        assert "Server Version: v1.36.0" in await kubectl.ok("version")
        explained = await kubectl.ok("explain", "deployment.spec.replicas")
        assert "FIELD: replicas <integer>" in explained
        assert "kubernetes-admin" not in await kubectl.ok("auth", "whoami", "--as=jane", "-o", "json")
        assert (await kubectl("auth", "can-i", "get", "pods"))[1] == "yes\n"


async def test_kubectl_watches(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        kubectl = Kubectl(api, tmp_path)
        await kubectl.ok("create", "configmap", "a")
        watching = await kubectl.start("get", "configmaps", "--watch", "-o", "name")
        assert watching.stdout is not None
        try:
            assert await watching.stdout.readline() == b"configmap/a\n"
            await kubectl.ok("create", "configmap", "b")
            assert await watching.stdout.readline() == b"configmap/b\n"
        finally:
            watching.terminate()
            await watching.communicate()
        waiting = asyncio.ensure_future(kubectl.ok("wait", "--for=delete", "configmap/b", "--timeout=20s"))
        await asyncio.sleep(0.3)
        await kubectl.ok("delete", "configmap", "b")
        await waiting
