"""Pods on a real containerd: they start, restart, back off and end."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from tests.node.life.node import node
from tests.node.life.rig import SUBNET, Rig

pytestmark = pytest.mark.e2e

HELLO = "sagong.local/hello:1.0"
OTHERS = ("MissingClusterDNS", "NodeAllocatableEnforced", "Unhealthy")
"""events that may come as well: of the node, and of a probe that was early"""
WEB = f"""
containers:
- name: c
  image: {HELLO}
  readinessProbe: {{httpGet: {{port: 8080}}, periodSeconds: 1}}
terminationGracePeriodSeconds: 0
"""


def shell(script: str, more: str = "") -> str:
    return f"""
containers:
- name: c
  image: {HELLO}
  command: [sh, -c, {script!r}]
terminationGracePeriodSeconds: 0
{more}
"""


async def test_a_static_pod_is_ready_soon_and_its_status_tells_all(rig: Rig) -> None:
    async with node(rig) as here:
        here.put("web", WEB)
        await here.ready("web")
        status, container = here.status("web"), here.container("web")
        assert (status.phase, status.qosClass, status.hostIP) == ("Running", "BestEffort", "127.0.0.1")
        assert status.podIP.rpartition(".")[0] == SUBNET.rpartition(".")[0]
        assert {found.type: found.status for found in status.conditions} == dict.fromkeys(
            ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"), "True"
        )
        assert (container.image, container.ready, container.started, container.restartCount) == (HELLO, True, True, 0)
        assert container.imageID.startswith("sha256:")
        assert [reason for reason in here.reasons() if reason not in OTHERS] == ["Pulled", "Created", "Started"]
        assert here.message("Pulled") == f'Container image "{HELLO}" already present on machine and can be accessed by the pod'


async def test_a_killed_container_is_back_at_once_then_backs_off(rig: Rig) -> None:
    async with node(rig) as here:
        here.put("web", WEB)
        await here.ready("web")
        await here.kill("web")
        await here.until(lambda: here.container("web").restartCount == 1 and here.container("web").state.running)
        assert "BackOff" not in here.reasons()
        last = here.container("web").lastState.terminated
        assert last is not None
        assert (last.exitCode, last.reason) == (137, "Error")
        await here.kill("web")
        await here.until(lambda: here.container("web").state.waiting)
        waiting = here.container("web").state.waiting
        assert waiting is not None
        assert waiting.reason == "CrashLoopBackOff"
        uid = here.kubelet.pods.find("test", "web-testnode").uid  # type: ignore[union-attr]  # it is there
        assert waiting.message == f"back-off 10s restarting failed container=c pod=web-testnode_test({uid})"
        assert here.message("BackOff") == f"Back-off restarting failed container c in pod web-testnode_test({uid})"
        assert here.status("web").phase == "Running"


async def test_the_program_of_the_page_ends_when_it_is_asked_to(rig: Rig) -> None:
    async with node(rig) as here:
        here.put("web", WEB.replace("Seconds: 0", "Seconds: 600"))
        await here.ready("web")
        os.kill(await here.pid("web"), signal.SIGTERM)
        await here.until(lambda: here.container("web").lastState.terminated)
        last = here.container("web").lastState.terminated
        assert last is not None
        assert (last.exitCode, last.reason) == (0, "Completed")
        await here.gone("web")


async def test_a_pod_that_has_done_its_work_succeeds_or_fails(rig: Rig) -> None:
    async with node(rig) as here:
        here.put("done", shell("echo bye > /dev/termination-log", "restartPolicy: Never"))
        here.put(
            "bad",
            shell("echo oh no >&2; exit 3", "restartPolicy: Never").replace(
                "command", "terminationMessagePolicy: FallbackToLogsOnError\n  command"
            ),
        )
        await here.until(lambda: here.status("done").phase == "Succeeded")
        await here.until(lambda: here.status("bad").phase == "Failed")
        done, bad = here.container("done").state.terminated, here.container("bad").state.terminated
        assert done is not None
        assert bad is not None
        assert (done.exitCode, done.reason, done.message) == (0, "Completed", "bye\n")
        assert (bad.exitCode, bad.reason, bad.message) == (3, "Error", "oh no\n")
        ready = next(found for found in here.status("done").conditions if found.type == "Ready")
        assert (ready.status, ready.reason) == ("False", "PodCompleted")


async def test_a_changed_manifest_is_another_pod(rig: Rig) -> None:
    async with node(rig) as here:
        here.put("web", WEB)
        await here.ready("web")
        before = here.container("web").containerID
        here.put("web", WEB.replace("periodSeconds: 1", "periodSeconds: 2"))
        await here.until(lambda: here.container("web").containerID not in ("", before) and here.condition("web", "Ready") == "True")
        assert "Killing" in here.reasons()


async def test_a_kubelet_that_starts_again_restarts_nothing_and_removes_strangers(rig: Rig) -> None:
    async with node(rig, clean=False) as here:
        here.put("stays", WEB)
        here.put("leaves", WEB)
        await asyncio.gather(here.ready("stays"), here.ready("leaves"))
        run = here.container("stays").containerID
    (rig.manifests / "leaves.yaml").unlink()
    async with node(rig) as here:
        await here.ready("stays")
        assert here.container("stays").containerID == run
        assert here.container("stays").restartCount == 0
        await here.until(lambda: len(rig.containers()) == 2)
    await asyncio.sleep(0)
    assert rig.containers() == []
