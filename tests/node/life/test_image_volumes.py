"""Image volumes on a containerd whose CRI cannot mount images."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.node.life.node import Node, node
from tests.node.life.rig import Rig
from tests.node.life.test_pods_run import HELLO, shell

pytestmark = pytest.mark.e2e

IMAGE = f"{{name: v, image: {{reference: '{HELLO}', pullPolicy: IfNotPresent}}}}"


def views(rig: Rig) -> list[str]:
    listed = subprocess.run(rig.ctr("snapshots", "ls"), capture_output=True, text=True, check=True).stdout
    return [line.split()[0] for line in listed.splitlines() if "image-volume/" in line]


def mounts(rig: Rig) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [point for line in lines if (point := line.split()[4]).startswith(str(rig.base)) and "kubernetes.io~image" in point]


def message(here: Node, name: str) -> str:
    end = here.container(name).state.terminated
    return end.message if end else ""


async def test_a_pod_reads_an_image_and_cannot_write_it(rig: Rig) -> None:
    async with node(rig) as here:
        script = "(ls /v/bin/busybox; ls /part; touch /v/x 2>&1) > /dev/termination-log; cat /hold/* 2>/dev/null; sleep 2"
        mounted = "volumeMounts: [{name: v, mountPath: /v}, {name: v, mountPath: /part, subPath: bin}]"
        here.put("p", shell(script, f"restartPolicy: Never\nvolumes: [{IMAGE}]").replace("  command", f"  {mounted}\n  command"))
        await here.until(lambda: here.status("p").phase == "Running")
        assert len(views(rig)) == 1
        await here.until(lambda: here.status("p").phase == "Succeeded")
        said = message(here, "p")
        assert said.startswith("/v/bin/busybox\n")
        assert "\nsh\n" in said
        assert "touch: /v/x: Read-only file system" in said
        await here.until(lambda: not views(rig))
        assert mounts(rig) == []


async def test_a_kubelet_that_starts_again_finds_its_image_volumes(rig: Rig) -> None:
    spec = shell("sleep 1000", f"volumes: [{IMAGE}]").replace("  command", "  volumeMounts: [{name: v, mountPath: /v}]\n  command")
    async with node(rig, clean=False) as here:
        here.put("p", spec)
        await here.ready("p")
    async with node(rig) as here:
        await here.ready("p")
        await here.kill("p")
        await here.until(lambda: here.container("p").restartCount == 1 and here.container("p").state.running)
        assert (len(views(rig)), len(mounts(rig))) == (1, 1)
        await here.gone("p")
        await here.until(lambda: not views(rig))
    assert mounts(rig) == []


async def test_an_image_that_cannot_be_had_keeps_the_containers_waiting(rig: Rig) -> None:
    absent = "{name: v, image: {reference: 'sagong.local/none:1', pullPolicy: Never}}"
    spec = shell("sleep 1000", f"volumes: [{absent}]").replace("  command", "  volumeMounts: [{name: v, mountPath: /v}]\n  command")
    async with node(rig) as here:
        here.put("p", spec)
        await here.until(lambda: (found := here.container("p").state.waiting) and found.reason == "ErrImageNeverPull")
        assert here.message("ErrImageNeverPull") == 'Container image "sagong.local/none:1" is not present with pull policy of Never'
        assert here.message("Failed") == "Error: ErrImageNeverPull"
