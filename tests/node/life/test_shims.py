"""A shim that containerd has forgotten, as it does when the kubelet is killed while one is started, is ended; one in use is not."""

from __future__ import annotations

import asyncio
import os
import subprocess

import pytest
from tests.node.builders import HandClock
from tests.node.life.node import node
from tests.node.life.rig import Rig

from sagong.node.cri.client import Channel, Runtime
from sagong.node.remains import shims_of
from sagong.node.shims import GRACE_SECONDS, Shims

pytestmark = pytest.mark.e2e


async def test_a_forgotten_shim_ends_and_that_of_a_running_pod_does_not(rig: Rig) -> None:
    earlier = shims_of(str(rig.socket)).keys()  # some of them may just be ending
    async with node(rig) as here:
        here.put("web", "containers: [{name: c, image: sagong.local/hello:1.0}]\nterminationGracePeriodSeconds: 0")
        await here.ready("web")
        bundle = rig.base / "lost"
        bundle.mkdir()
        (bundle / "config.json").write_text("{}")
        os.mkfifo(bundle / "log")
        log = os.open(bundle / "log", os.O_RDWR)  # as containerd does; without a reader a shim ends by itself
        words = ["containerd-shim-runc-v2", "-namespace", "k8s.io", "-address", str(rig.socket), "-publish-binary", "true", "-id", "lost"]
        subprocess.run([*words, "start"], cwd=bundle, check=True, env=os.environ | {"TTRPC_ADDRESS": f"{rig.socket}.ttrpc"})
        before = shims_of(str(rig.socket))
        assert len(before["lost"]) == 1
        channel, clock = Channel(str(rig.socket)), HandClock()
        shims = Shims(Runtime(channel), str(rig.socket), clock)
        await shims.prune(())
        clock.move(GRACE_SECONDS)
        await shims.prune(())
        await here.until(lambda: "lost" not in shims_of(str(rig.socket)))
        await channel.close()
        os.close(log)
        own = before.keys() - earlier - {"lost"}
        assert own
        assert own <= shims_of(str(rig.socket)).keys()


async def test_pods_that_are_ended_while_they_start_leave_no_shim(rig: Rig) -> None:
    before = shims_of(str(rig.socket)).keys()
    async with node(rig) as here:
        spec = "hostNetwork: true\ncontainers: [{name: c, image: sagong.local/hello:1.0}]\nterminationGracePeriodSeconds: 0"
        for first in range(0, 48, 8):
            names = [f"p{number}" for number in range(first, first + 8)]
            for name in names:
                here.put(name, spec)
            for name in names:
                await asyncio.sleep(0.04)
                here.drop(name)
        await here.until(lambda: here.kubelet.pods.idle, 60)
        await here.until(lambda: shims_of(str(rig.socket)).keys() <= before, 8)  # a forgotten one is ended by the kubelet later
