"""The real kubectl against the kubelet's server and a real containerd; a small API between them passes bytes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.node.life.node import node
from tests.node.life.rig import CLOCK, Rig, runtime_rig
from tests.node.server.conversations import SPEC, Cluster, check_all
from tests.node.server.small_api import small_api

from sagong.node.server.app import KubeletServer
from sagong.node.server.auth import AuthSettings, Gatekeeper
from sagong.node.server.kubelet_host import KubeletHost

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with runtime_rig() as found:
        yield found


async def test_kubectl_execs_copies_attaches_forwards_and_reads_logs(rig: Rig, tmp_path: Path) -> None:
    async with node(rig) as here:
        here.put("web", SPEC)
        await here.ready("web")
        host = KubeletHost(here.kubelet.config, here.kubelet.pods, here.kubelet.statuses)
        open_door = Gatekeeper(None, "n1", CLOCK, AuthSettings(anonymous=True, always_allow=True))
        async with small_api(host, KubeletServer(host, here.kubelet.runtime, open_door, CLOCK)) as address:
            options = [f"--cache-dir={tmp_path}", "--kubeconfig=/dev/null", "-s", address, "-n", "test"]
            await check_all(Cluster(options, "web-testnode", tmp_path), tmp_path)
