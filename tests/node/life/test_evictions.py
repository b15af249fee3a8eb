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
        here.kubelet.endings.evict(worker.pod, "The node was low on resource: memory. ", 1, disruption=True)
        await here.until(lambda: here.status("victim").phase == "Failed")
        status = here.status("victim")
        assert (status.reason, status.message) == ("Evicted", "The node was low on resource: memory. ")
        assert here.condition("victim", "DisruptionTarget") == "True"
        assert here.message("Evicted") == "The node was low on resource: memory. "
        assert here.container("victim").state.terminated is not None


async def test_a_pod_that_broke_its_own_limit_was_not_disrupted(rig: Rig) -> None:
    async with node(rig) as here:
        here.put("greedy", shell("sleep 1000"))
        await here.ready("greedy")
        worker = here.kubelet.pods.find("test", "greedy-testnode")
        assert worker is not None
        here.kubelet.endings.evict(worker.pod, 'Usage of EmptyDir volume "v" exceeds the limit "1Mi". ', 1, disruption=False)
        await here.until(lambda: here.status("greedy").phase == "Failed")
        status = here.status("greedy")
        assert status.reason == "Evicted"
        assert "DisruptionTarget" not in {found.type for found in status.conditions}


async def test_a_pod_makes_room_for_a_critical_one(rig: Rig) -> None:
    async with node(rig, kubeReserved={"cpu": "0"}, podsPerCore=0, maxPods=1) as here:
        here.put("system", shell("sleep 1000", "priority: 2000000000"))
        await here.ready("system")
        here.put("more", shell("sleep 1000", "priority: 2000001000"))
        await here.ready("more")
        await here.until(lambda: here.status("system").phase == "Failed")
        status = here.status("system")
        assert (status.phase, status.reason, status.message) == ("Failed", "Preempting", "Preempted in order to admit critical pod")
        assert here.condition("system", "DisruptionTarget") == "True"
        here.put("third", shell("sleep 1000", "priority: 2000000000"))
        await here.until(lambda: here.status("third").phase == "Failed")
        assert here.status("third").reason == "UnexpectedAdmissionError"
        assert "no set of running pods found to reclaim resources: [(res: pods, q: 1), ]" in here.status("third").message
        assert here.condition("more", "Ready") == "True"


async def test_a_node_that_shuts_down_ends_its_pods_in_order_and_takes_no_more(rig: Rig) -> None:
    async with node(rig, shutdownGracePeriodByPodPriority=[{"priority": 0, "shutdownGracePeriodSeconds": 10}]) as here:
        here.put("web", shell("sleep 1000"))
        await here.ready("web")
        await here.kubelet.shutdown.begin()
        status = here.status("web")
        assert (status.phase, status.reason) == ("Failed", "Terminated")
        assert status.message == "Pod was terminated in response to imminent node shutdown."
        assert here.condition("web", "DisruptionTarget") == "True"
        here.put("late", shell("sleep 1000"))
        await here.until(lambda: here.status("late").phase == "Failed")
        assert here.status("late").reason == "NodeShutdown"
        here.kubelet.shutdown.cancel()
