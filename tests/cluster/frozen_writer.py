"""A process that leads, and is frozen at the worst moment: it has made sure that the lease is its own, and has not sent anything yet."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress

from sagong.api.errors import ApiError
from sagong.api.fence import Fence
from sagong.api.types.core import ConfigMap
from sagong.api.types.meta import ObjectMeta
from sagong.client.client import Client
from sagong.client.config import load_kubeconfig
from sagong.client.leader import LeaderElector, LeadershipLostError, LeaseTimes
from sagong.cluster.clock import RealClock, RealRandom

TIMES = LeaseTimes(duration=2, renew_deadline=1.5, retry_period=0.2)
LEASE = "worst"


class Freezing:
    """A leadership that freezes the process when it has been asked."""

    def __init__(self, elector: LeaderElector) -> None:
        self._elector = elector

    @property
    def fence(self) -> Fence:
        return self._elector.fence

    def guard(self) -> None:
        self._elector.guard()
        os.kill(os.getpid(), signal.SIGSTOP)


async def main(kubeconfig: str) -> None:
    """Write one object; say what became of it."""
    config = load_kubeconfig(kubeconfig)
    clock, random = RealClock(), RealRandom()
    leading, done = asyncio.Event(), asyncio.Event()
    async with Client(config, clock=clock, random=random) as own, Client(config, clock=clock, random=random) as client:
        elector = LeaderElector(own, LEASE, "frozen", times=TIMES)
        client.transport.leadership = Freezing(elector)

        async def write() -> None:
            await leading.wait()
            said = "written"
            try:
                await client.create(ConfigMap(metadata=ObjectMeta(name="late", namespace="default")))
            except ApiError as error:
                said = f"{error.reason}: {error.message}"
            sys.stdout.write(f"{said}\n")
            done.set()

        async def lead() -> None:
            leading.set()
            await done.wait()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(write())
            with suppress(LeadershipLostError):  # what is under way goes on, as in the buffers of a process that has not looked yet
                await elector.run(lead)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
