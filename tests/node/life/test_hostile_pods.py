"""Pods that mean harm, on a real containerd: the node goes on, and what they leave behind is removed."""

from __future__ import annotations

import pytest
from tests.node.life.node import node
from tests.node.life.rig import Rig
from tests.node.life.test_pods_run import HELLO, WEB, shell

pytestmark = pytest.mark.e2e


async def test_a_fork_bomb_stays_within_its_pod(rig: Rig) -> None:
    async with node(rig, podPidsLimit=64) as here:
        here.put("bomb", shell("f() { f | f & }; trap : CHLD; while true; do f; sleep 0.01; done"))
        await here.until(lambda: here.status("bomb").phase == "Running")
        here.put("web", WEB)
        await here.ready("web")
        worker = here.kubelet.pods.find("test", "bomb-testnode")
        assert worker is not None
        assert here.kubelet.cgroups.pod_usage(worker.uid).processes <= 64
        await here.gone("bomb")


async def test_a_memory_hog_is_killed_and_says_so(rig: Rig) -> None:
    async with node(rig) as here:
        hog = shell("x=0123456789; while true; do x=$x$x; done", "restartPolicy: Never")
        here.put("hog", hog.replace("  command", "  resources: {limits: {memory: 32Mi}}\n  command"))
        await here.until(lambda: here.status("hog").phase == "Failed")
        end = here.container("hog").state.terminated
        assert end is not None
        assert (end.reason, end.exitCode) == ("OOMKilled", 137)


async def test_a_flood_of_lines_is_cut_into_files(rig: Rig) -> None:
    async with node(rig, containerLogMaxSize="1Mi", containerLogMaxFiles=2) as here:
        here.put("flood", shell("yes a line that says nothing at all and does so again and again"))
        await here.until(lambda: here.status("flood").phase == "Running")
        folder = next(here.rig.base.glob("pods/test_flood-testnode_*")) / "c"
        await here.until(lambda: len(list(folder.iterdir())) > 1, 40)
        here.put("web", WEB)
        await here.ready("web")
        await here.gone("flood")
        await here.until(lambda: not folder.exists())


async def test_a_termination_message_that_is_a_fifo_stops_nobody(rig: Rig) -> None:
    mounts = "volumeMounts: [{name: v, mountPath: /dev/termination-log, subPath: fifo}]"
    command = "command: [/bin/busybox, mkfifo, /v/fifo], volumeMounts: [{name: v, mountPath: /v}]"
    init = f"initContainers: [{{name: i, image: '{HELLO}', {command}}}]"
    async with node(rig) as here:
        text = shell("exit 3", f"restartPolicy: Never\nvolumes: [{{name: v, emptyDir: {{}}}}]\n{init}")
        here.put("fifo", text.replace("  command: [sh", f"  {mounts}\n  command: [sh"))
        await here.until(lambda: here.status("fifo").phase == "Failed")
        end = here.container("fifo").state.terminated
        assert end is not None
        assert "not a regular file" in end.message
