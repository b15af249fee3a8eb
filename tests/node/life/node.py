"""A kubelet in the test's own event loop, with static pods as its only source, and questions to ask it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from tests.node.life.rig import CLOCK, RANDOM, Rig

from sagong.api.types.core import ContainerStatus, PodStatus
from sagong.node.kubelet import Kubelet


@dataclass
class Node:
    """A kubelet that runs, and the events it has recorded."""

    kubelet: Kubelet
    rig: Rig
    events: list[tuple[str, str, str]] = field(default_factory=list)

    def event(self, obj: object, type: str, reason: str, message: str) -> None:  # noqa: A002 - the recorder's signature
        self.events.append((type, reason, message))

    def reasons(self) -> list[str]:
        return [reason for _, reason, _ in self.events]

    def message(self, reason: str) -> str:
        return next((message for _, found, message in self.events if found == reason), "")

    def put(self, name: str, spec: str, metadata: str = "") -> None:
        """Write a manifest."""
        body = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: test{metadata}}}\nspec:\n"
        temporary = self.rig.manifests / f".{name}.new"
        temporary.write_text(body + "".join(f"  {line}\n" for line in spec.strip("\n").splitlines()))
        temporary.rename(self.rig.manifests / f"{name}.yaml")

    def drop(self, name: str) -> None:
        (self.rig.manifests / f"{name}.yaml").unlink()

    def status(self, name: str) -> PodStatus:
        worker = self.kubelet.pods.find("test", f"{name}-testnode")
        found = self.kubelet.statuses.get(worker.uid) if worker else None
        return found or PodStatus()

    def container(self, name: str, container: str = "c") -> ContainerStatus:
        status = self.status(name)
        every = (*status.containerStatuses, *status.initContainerStatuses, *status.ephemeralContainerStatuses)
        return next((found for found in every if found.name == container), ContainerStatus())

    def condition(self, name: str, kind: str) -> str:
        return next((found.status for found in self.status(name).conditions if found.type == kind), "")

    async def until(self, true: Callable[[], object], limit: float = 20.0) -> float:
        """Wait until it holds; return the seconds that took."""
        begun = time.monotonic()
        while not true():
            if time.monotonic() - begun > limit:
                raise AssertionError(
                    f"not in {limit} s; events: {self.events[-10:]}; pods: {[w.pod.metadata.name for w in self.kubelet.pods.all()]}"
                )
            await asyncio.sleep(0.01)
        return time.monotonic() - begun

    async def ready(self, name: str, limit: float = 20.0) -> float:
        return await self.until(lambda: self.condition(name, "Ready") == "True", limit)

    async def gone(self, name: str, limit: float = 20.0) -> float:
        self.drop(name)
        return await self.until(lambda: self.kubelet.pods.find("test", f"{name}-testnode") is None, limit)

    async def pid(self, name: str, container: str = "c") -> int:
        run = self.container(name, container).containerID.removeprefix("containerd://")
        command = await asyncio.create_subprocess_exec(*self.rig.ctr("tasks", "ls"), stdout=asyncio.subprocess.PIPE)
        output, _ = await command.communicate()
        return next(int(line.split()[1]) for line in output.decode().splitlines() if line.startswith(run))

    async def kill(self, name: str, container: str = "c") -> None:
        os.kill(await self.pid(name, container), 9)


@contextlib.asynccontextmanager
async def node(rig: Rig, *, clean: bool = True, **config: object) -> AsyncIterator[Node]:
    """Run a kubelet; unless `clean` is false, its pods are ended and removed before it stops."""
    kubelet = Kubelet(rig.config(**config), None, CLOCK, RANDOM)
    found = Node(kubelet, rig)
    kubelet.events._recorder = found
    task = asyncio.create_task(kubelet.run())
    try:
        yield found
        if clean:
            for manifest in rig.manifests.glob("*.yaml"):
                manifest.unlink()
            await found.until(lambda: kubelet.pods.idle or task.done(), 40)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await kubelet.close()
    if not task.cancelled() and (error := task.exception()):
        raise error
