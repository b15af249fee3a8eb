"""What the real kubectl tells its user of webhooks."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from tests.server.harness import MERGE, config_map, pod
from tests.server.test_kubectl import Kubectl
from tests.server.test_webhooks import VALIDATING, allow, deny, hooked

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


async def test_denials_failures_and_warnings(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, _):
        kubectl = Kubectl(api, tmp_path)
        await hooks.validate("/v", deny("not today"))
        code, _, err = await kubectl("apply", "-n", "a", "-f", "-", given=config_map("c"))
        assert (code, 'admission webhook "v.example.com" denied the request: not today' in err) == (1, True)
        hooks.verdicts["/v"] = lambda _: {"allowed": True, "warnings": ["think twice"]}
        _, out, err = await kubectl("apply", "-n", "a", "-f", "-", given=config_map("c"))
        assert (out, err) == ("configmap/c created\n", "Warning: think twice\n")
        hooks.server.answer = lambda *_: (500, "boom")
        code, _, err = await kubectl("delete", "-n", "a", "configmap", "c")
        assert err.startswith('Error from server (InternalError): Internal error occurred: failed calling webhook "v.example.com"')


async def test_attaching_is_denied(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        kubectl = Kubectl(api, tmp_path)
        await api.ok("POST", f"{base}/pods", pod("p"))
        status = {
            "phase": "Running",
            "containerStatuses": [{"name": "main", "image": "x", "imageID": "", "ready": True, "restartCount": 0}],
        }
        await api.ok("PATCH", f"{base}/pods/p/status", {"status": status}, Content_Type=MERGE)
        connect = {"operations": ["CONNECT"], "resources": ["pods/attach", "pods/exec"]}
        await hooks.validate("/attach", deny("attaching to pod 'p' is not allowed"), connect)
        for arguments in (["attach", "-i", "p"], ["exec", "p", "--", "true"]):
            code, _, err = await kubectl("-n", "a", *arguments)
            assert (code != 0, "attaching to pod 'p' is not allowed" in err) == (True, True), err


async def test_configurations_are_shown(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, _):
        kubectl = Kubectl(api, tmp_path)
        await hooks.configure(VALIDATING, "two", hooks.hook("/a", allow, {}), hooks.hook("/b", allow, {}))
        lines = (await kubectl.ok("get", "validatingwebhookconfigurations")).splitlines()
        assert (lines[0].split(), lines[1].split()[:2]) == (["NAME", "WEBHOOKS", "AGE"], ["two", "2"])
        async with asyncio.timeout(30):
            await kubectl.ok("delete", "validatingwebhookconfigurations", "two")
