"""Cleaning up: pods that nobody wants any more, dead containers that nobody asks about, logs and links without an owner.

It is also the safety net under the runtime's events: whatever they missed is seen here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sagong.api.clock import Clock
from sagong.api.types.core import Pod, PodSpec
from sagong.api.types.meta import ObjectMeta
from sagong.node.cri.client import CriError, Runtime
from sagong.node.kills import Killer
from sagong.node.leases import Leases
from sagong.node.logs_layout import LogFiles
from sagong.node.meters.relists import RelistMeter
from sagong.node.meters.volumes import VolumeMeter
from sagong.node.observe import ContainerRun, Observed, Observer
from sagong.node.ports import CgroupManager, VolumeManager
from sagong.node.shims import Shims
from sagong.node.volumes.untrusted import remove_tree

RELIST_SECONDS = 20.0
COLLECT_EVERY = 3
"""Every third relist also collects dead containers: once a minute, as upstream."""
log = logging.getLogger(__name__)


@dataclass
class Housekeeper:
    """Looks at the whole runtime now and then."""

    runtime: Runtime
    observer: Observer
    killer: Killer
    leases: Leases
    shims: Shims
    volumes: VolumeManager
    cgroups: CgroupManager
    logs: LogFiles
    clock: Clock
    known: Callable[[str], bool]
    wake: Callable[[str, str], None]
    sources_ready: Callable[[], bool]
    relists: RelistMeter
    volume_meter: VolumeMeter
    _seen: dict[str, object] = field(default_factory=dict)
    _removing: set[str] = field(default_factory=set)
    _ended: list[str] = field(default_factory=list)
    _soon: asyncio.Event = field(default_factory=asyncio.Event)

    def look_soon(self, ended: str = "") -> None:
        """Look at the whole runtime now: events may have been missed, sources have become ready, or something unknown has ended."""
        if ended:
            self._ended.append(ended)
        self._soon.set()

    async def run(self) -> None:
        """Relist until cancelled."""
        rounds = 0
        while True:
            try:
                await self.relist(collect=rounds % COLLECT_EVERY == COLLECT_EVERY - 1)
            except (CriError, OSError) as error:
                log.warning("the runtime cannot be looked at: %s", error)
            rounds += 1
            self._soon.clear()
            try:
                async with asyncio.timeout(RELIST_SECONDS):
                    await self._soon.wait()
            except TimeoutError:
                continue

    async def relist(self, *, collect: bool = False) -> None:
        """Wake the workers of pods that look different; end pods that nobody knows. Raises CriError."""
        await self.leases.prune()
        with self.relists.relisting():
            pods = await self.observer.uids()
        await self.shims.prune({sandbox.id for observed in pods.values() for sandbox in observed.sandboxes})
        for uid, observed in pods.items():
            looks = _signature(observed)
            if self._seen.get(uid) != looks:
                self.wake(uid, "")
            self._seen[uid] = looks
        for uid in self._seen.keys() - pods.keys():
            del self._seen[uid]
            self.wake(uid, "")
        while self._ended:
            ended = self._ended.pop()
            if owner := self.observer.owner(ended):
                self.wake(owner, ended)
        if self.sources_ready():
            await self._remove_strangers(pods)
        if collect:
            for observed in pods.values():
                await self.collect(observed)
            self.logs.prune_links()

    async def remove(self, pod: Pod) -> None:
        """Remove what the runtime still has of a pod, and its logs. Tried again by relist when it fails."""
        uid = pod.metadata.uid
        if uid in self._removing:
            return
        self._removing.add(uid)
        try:
            observed = await self.observer.pod(uid)
            await self.killer.kill_pod(pod, observed, _orphan_grace(observed))
            await self.volumes.unmount(uid)
            self.cgroups.remove_pod(uid)
            for run in observed.runs:
                await self.runtime.remove_container(run.id)
            for sandbox in observed.sandboxes:
                await self.runtime.remove_sandbox(sandbox.id)
            for folder in self.logs.of_pod(uid):
                await asyncio.to_thread(remove_tree, folder)
            self.logs.prune_links()
        except (CriError, OSError) as error:
            log.warning("pod %s not removed yet: %s", uid, error)
        finally:
            self._removing.discard(uid)

    async def collect(self, observed: Observed) -> None:
        """Remove dead runs but the last of each container, and dead sandboxes but the last."""
        for run in superfluous(observed):
            try:
                status = await self.runtime.container_status(run.id)
                await self.runtime.remove_container(run.id)
            except CriError as error:
                log.info("container %s not removed: %s", run.id, error)
                continue
            _remove_logs(status.log_path)
        in_use = {run.sandbox_id for run in observed.runs}
        for sandbox in observed.sandboxes[1:]:
            if not sandbox.ready and sandbox.id not in in_use:
                await self.runtime.remove_sandbox(sandbox.id)

    async def _remove_strangers(self, pods: Mapping[str, Observed]) -> None:
        with_volumes = set(self.volumes.pod_uids())
        uids = {*pods, *with_volumes, *self.cgroups.pod_uids(), *self.logs.pod_uids()}
        strangers = [pods.get(uid, Observed(uid=uid)) for uid in uids if not self.known(uid)]
        self.relists.orphans.add(value=sum(observed.alive for observed in strangers if observed.uid not in self._removing))
        await asyncio.gather(*(self.remove(_skeleton(observed)) for observed in strangers))
        unowned = with_volumes & {observed.uid for observed in strangers}
        left = unowned & set(self.volumes.pod_uids()) if unowned else unowned
        self.volume_meter.cleaned.set(len(unowned - left))
        self.volume_meter.cleaning_errors.set(len(left))


def superfluous(observed: Observed) -> Sequence[ContainerRun]:
    """Return the dead runs of which a newer dead one is kept."""
    kept: set[str] = set()
    found = []
    for run in observed.runs:
        if run.state == "exited":
            if run.name in kept:
                found.append(run)
            kept.add(run.name)
    return found


def _signature(observed: Observed) -> object:
    return (
        tuple((run.id, run.state) for run in observed.runs),
        tuple((sandbox.id, sandbox.ready) for sandbox in observed.sandboxes),
    )


def _skeleton(observed: Observed) -> Pod:
    """Return as much of a pod as the runtime remembers."""
    meta = ObjectMeta(name=observed.name, namespace=observed.namespace, uid=observed.uid)
    return Pod(metadata=meta, spec=PodSpec(terminationGracePeriodSeconds=observed.termination_grace))


def _orphan_grace(observed: Observed) -> int | None:
    return observed.termination_grace


def _remove_logs(path: str) -> None:
    file = Path(path)
    if path and file.parent.is_dir():
        for part in file.parent.glob(f"{file.name}*"):
            part.unlink(missing_ok=True)
