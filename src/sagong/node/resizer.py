"""Carries a pod's resize out, step by step, and keeps the record of what has been set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sagong.api.clock import Clock
from sagong.api.types.core import Pod
from sagong.node import qos
from sagong.node.allocations import Allocations
from sagong.node.cri.client import CriError, Runtime
from sagong.node.meters.resizes import ResizeMeter
from sagong.node.ports import CgroupManager, ContainerConfigs
from sagong.node.qos import Amounts
from sagong.node.resize import ContainerStep, PodStep, Update, shrinking, steps, with_sizes
from sagong.node.sandbox_config import pod_resources


class ResizeError(Exception):
    """A resize was not, or not wholly, carried out. What has been done stays done; the rest is tried again."""


@dataclass(frozen=True)
class Resizer:
    """Resizes pods that run."""

    runtime: Runtime
    cgroups: CgroupManager
    containers: ContainerConfigs
    allocations: Allocations
    clock: Clock
    meter: ResizeMeter

    def differs(self, pod: Pod) -> bool:
        """Tell whether the pod's cgroup has other limits than the pod is to have. Raises OSError."""
        now, then = self.cgroups.amounts(pod), qos.pod_amounts(pod)
        return (now.cpu_shares, now.cpu_quota, now.memory) != (then.cpu_shares, then.cpu_quota, then.memory)

    async def resize(self, pod: Pod, updates: Sequence[Update], sandbox: str) -> None:
        """Bring the pod's cgroup and these containers to what they are to have. Raises ResizeError."""
        began, well = self.clock.monotonic(), False
        try:
            await self._resize(pod, updates, sandbox)
            well = True
        except (CriError, OSError) as error:
            raise ResizeError(str(error)) from error
        finally:
            self.meter.carried_out(self.clock.monotonic() - began, well=well)

    async def _resize(self, pod: Pod, updates: Sequence[Update], sandbox: str) -> None:
        current, wanted = self.cgroups.amounts(pod), qos.pod_amounts(pod)
        await self._check_usage(pod, current, wanted, updates)
        for step in steps(current, wanted, updates):
            await (self._pod(pod, step, sandbox) if isinstance(step, PodStep) else self._container(pod, step))
        if pod.spec.resources is not None:
            self.allocations.actuate(pod.metadata.uid, "", pod.spec.resources)

    async def _pod(self, pod: Pod, step: PodStep, sandbox: str) -> None:
        try:
            await self.runtime.update_sandbox_resources(sandbox, pod_resources(pod))
        except CriError as error:
            if not error.unimplemented:
                raise
        self.cgroups.resize_pod(pod, step.resource, step.amounts)

    async def _container(self, pod: Pod, step: ContainerStep) -> None:
        update = step.update
        await self.runtime.update_resources(update.run.id, self.containers.resources(pod, with_sizes(update.container, step.sizes)))
        self.allocations.actuate(pod.metadata.uid, update.container.name, update.container.resources, [step.resource])

    async def _check_usage(self, pod: Pod, current: Amounts, wanted: Amounts, updates: Sequence[Update]) -> None:
        """Refuse limits below what is in use: the kernel would kill, and half of the resize would be done."""
        tighter, containers = shrinking(current.memory, wanted.memory, updates)
        problems = []
        if tighter is not None and (used := self.cgroups.pod_usage(pod.metadata.uid).memory) >= tighter:
            problems.append(f"attempting to set pod memory limit ({tighter}) below current usage ({used})")
        for stats in await self.runtime.list_stats() if containers else ():
            used = stats.memory.usage_bytes.value or stats.memory.working_set_bytes.value
            limit = containers.get(stats.attributes.id, math.inf)
            if used >= limit:
                text = f'attempting to set container "{stats.attributes.metadata.name}" memory limit ({limit}) below current usage ({used})'
                problems.append(text)
        if problems:
            shown = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
            raise ResizeError(f"cannot decrease memory limits: {shown}")
