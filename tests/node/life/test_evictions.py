"""An evicted pod on a real containerd."""

from __future__ import annotations

import pytest
from tests.node.life.node import node
from tests.node.life.rig import Rig
from tests.node.life.test_pods_run import shell

pytestmark = pytest.mark.e2e


async def test_an_evicted_pod_has_failed_and_says_why(rig: Rig) -> None:
    async with node(rig) as here:
        here.put("victim", shell("sleep 1000"))
        await here.ready("victim")
        worker = here.kubelet.pods.find("test", "victim-testnode")
        assert worker is not None
        here.kubelet._evict(worker.pod, "The node was low on resource: memory. ")
        await here.until(lambda: here.status("victim").phase == "Failed")
        status = here.status("victim")
        assert (status.reason, status.message) == ("Evicted", "The node was low on resource: memory. ")
        assert here.condition("victim", "DisruptionTarget") == "True"
        assert here.message("Evicted") == "The node was low on resource: memory. "
        assert here.container("victim").state.terminated is not None
