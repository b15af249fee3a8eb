"""A scheduler beside a real API server, both in the test's process; the test plays kubelet and controllers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from tests.server.harness import Api, running

from sagong.api.types.core import Event, Pod
from sagong.client.client import Client
from sagong.client.config import ClientConfig
from sagong.cluster.clock import RealClock, RealRandom
from sagong.scheduler.app import Scheduler
from sagong.scheduler.extenders import Extender
from sagong.scheduler.plugins import Tools
from sagong.scheduler.profile import Profile

T = TypeVar("T")
NAMESPACE = "t"


class Rig:
    """The parts, and short ways to use them."""

    def __init__(self, api: Api, admin: Client, scheduler: Scheduler) -> None:
        self.api, self.admin, self.scheduler = api, admin, scheduler

    async def nodes(self, *names: str, **allocatable: str) -> None:
        for name in names:
            status = {
                "allocatable": {"cpu": "2", "memory": "4Gi", "pods": "110"} | {k.replace("__", "/"): v for k, v in allocatable.items()}
            }
            labels = {"kubernetes.io/hostname": name}
            await self.api.ok("POST", "/api/v1/nodes", {"metadata": {"name": name, "labels": labels}})
            merge = {"Content_Type": "application/merge-patch+json"}
            await self.api.ok("PATCH", f"/api/v1/nodes/{name}/status", {"status": status}, **merge)
            await self.api.ok("PATCH", f"/api/v1/nodes/{name}", {"spec": {"taints": None}}, **merge)  # a new node has a taint

    async def pod(self, name: str, *, cpu: str = "", labels: dict[str, str] | None = None, **spec: Any) -> None:
        container: dict[str, Any] = {"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu} if cpu else {}}}
        body = {"metadata": {"name": name, "labels": labels or {}}, "spec": {"containers": [container], **spec}}
        await self.api.ok("POST", f"/api/v1/namespaces/{NAMESPACE}/pods", body)

    async def priority(self, name: str, value: int, **more: Any) -> None:
        await self.api.ok("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": name}, "value": value, **more})

    async def get(self, name: str) -> Pod:
        return await self.admin.get(Pod, name, NAMESPACE)

    async def kill(self, name: str) -> None:
        """End a pod as its kubelet would."""
        await self.admin.delete(Pod, name, NAMESPACE, grace_period_seconds=0)

    async def wait(self, name: str, check: Callable[[Pod], Any], seconds: float = 15) -> Pod:
        """Wait until a pod is as wanted."""
        async with asyncio.timeout(seconds):
            while True:
                found = await self.get(name)
                if check(found):
                    return found
                await asyncio.sleep(0.02)

    async def bound(self, name: str) -> str:
        return (await self.wait(name, lambda pod: pod.spec.nodeName)).spec.nodeName

    async def refused(self, name: str, seconds: float = 15) -> str:
        """Wait for the PodScheduled condition to be False; return its message."""
        pod = await self.wait(name, unscheduled, seconds)
        return str(unscheduled(pod).message)

    async def events(self, name: str, reason: str) -> list[str]:
        """Wait for events of a reason about a pod."""
        async with asyncio.timeout(20):
            while True:
                events = (await self.admin.list(Event, NAMESPACE)).items
                found = [event.message for event in events if event.involvedObject.name == name and event.reason == reason]
                if found:
                    return found
                await asyncio.sleep(0.02)


def unscheduled(pod: Pod) -> Any:
    return next((c for c in pod.status.conditions if (c.type, c.status) == ("PodScheduled", "False")), None)


@asynccontextmanager
async def scheduling(
    directory: Path, profiles: Callable[[Tools], Sequence[Profile]] | None = None, extenders: Sequence[Extender] = ()
) -> AsyncIterator[Rig]:
    """Run both; the scheduler has no more rights than its role gives."""
    async with running(directory) as api:
        api.pki.issue("system:kube-scheduler", file="scheduler")
        ca = Path(api.pki.path("ca.crt")).read_bytes()

        def client(user: str) -> Client:
            cert = (api.pki.path(f"{user}.crt"), api.pki.path(f"{user}.key"))
            config = ClientConfig(f"https://127.0.0.1:{api.server.port}", ca=ca, cert=cert)
            return Client(config, clock=RealClock(), random=RealRandom())

        await api.namespace(NAMESPACE)
        async with client("admin") as admin, client("scheduler") as own:
            scheduler = Scheduler(own, clock=RealClock(), random=RealRandom(), profiles=profiles, extenders=extenders)
            task = asyncio.create_task(scheduler.run())
            try:
                yield Rig(api, admin, scheduler)
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


__all__ = ["NAMESPACE", "Pod", "Rig", "scheduling", "unscheduled"]
