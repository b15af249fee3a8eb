"""What really runs: a pod's sandboxes and containers as the runtime tells of them. Nothing here changes anything.

`Observed` is frozen: decide.py and statuses.py are functions of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Literal

from sagong.node.cri import api_pb2 as cri
from sagong.node.cri import labels
from sagong.node.cri.client import CriError, Runtime
from sagong.node.cri.exits import End
from sagong.node.ends import Ends
from sagong.node.terminations import message_of

_LOST = "Unknown"
"""containerd's reason for the exit code 255 of a container whose task is gone without a trace"""
State = Literal["created", "running", "exited", "unknown"]

_STATES: Mapping[int, State] = {
    cri.CONTAINER_CREATED: "created",
    cri.CONTAINER_RUNNING: "running",
    cri.CONTAINER_EXITED: "exited",
    cri.CONTAINER_UNKNOWN: "unknown",
}


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A pod's sandbox. Times are nanoseconds since 1970, as everywhere in CRI."""

    id: str
    attempt: int
    ready: bool
    created_at: int
    host_network: bool = False
    ips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerRun:
    """One run of a container: from its creation to its end."""

    id: str
    name: str
    sandbox_id: str
    state: State
    restart_count: int
    created_at: int
    started_at: int = 0
    finished_at: int = 0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    image: str = ""
    image_id: str = ""
    hash: str = ""
    log_path: str = ""
    user: tuple[int, int, tuple[int, ...]] | None = None

    @property
    def failed(self) -> bool:
        """Tell whether the run has ended and not well."""
        return self.state == "exited" and self.exit_code != 0


@dataclass(frozen=True, slots=True)
class Observed:
    """One pod in the runtime; sandboxes and runs newest first."""

    uid: str
    name: str = ""
    namespace: str = ""
    sandboxes: tuple[Sandbox, ...] = ()
    runs: tuple[ContainerRun, ...] = ()
    ips: tuple[str, ...] = ()
    termination_grace: int | None = field(default=None, compare=False)

    def latest(self, container: str) -> ContainerRun | None:
        """Return the newest run of the container."""
        return next((run for run in self.runs if run.name == container), None)

    def history(self, container: str) -> Sequence[ContainerRun]:
        """Return all runs of the container, newest first."""
        return [run for run in self.runs if run.name == container]

    @property
    def running(self) -> Sequence[ContainerRun]:
        """Return the runs that have processes, or may have."""
        return [run for run in self.runs if run.state in ("running", "unknown")]

    @property
    def sandbox(self) -> Sandbox | None:
        """Return the newest sandbox."""
        return self.sandboxes[0] if self.sandboxes else None

    @property
    def alive(self) -> bool:
        """Tell whether anything of the pod runs: a container or a sandbox."""
        return bool(self.running) or any(sandbox.ready for sandbox in self.sandboxes)


class Observer:
    """Asks the runtime. Ended runs and a sandbox's addresses do not change, so they are asked for once."""

    def __init__(self, runtime: Runtime, ends: Ends, *, timed: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        """Take the parts; `timed` is entered for each look at a pod."""
        self._timed = timed
        self._runtime = runtime
        self._ends = ends
        self._ended: dict[str, ContainerRun] = {}
        self._sandboxes: dict[str, Sandbox] = {}
        self._owners: dict[str, str] = {}

    async def pod(self, uid: str) -> Observed:
        """Observe one pod. Raises CriError."""
        selector = {labels.POD_UID: uid}
        with self._timed():
            sandboxes, containers = await asyncio.gather(self._runtime.list_sandboxes(selector), self._runtime.list_containers(selector))
            return await self._assemble(uid, sandboxes, containers)

    async def uids(self) -> Mapping[str, Observed]:
        """Observe all pods, coarsely: identity, sandboxes and the states of containers, without exit codes. Raises CriError."""
        sandboxes, containers = await asyncio.gather(self._runtime.list_sandboxes(), self._runtime.list_containers())
        self._forget({c.id for c in containers}, {s.id for s in sandboxes})
        pods: dict[str, tuple[list[cri.PodSandbox], list[cri.Container]]] = {}
        for sandbox in sandboxes:
            if uid := sandbox.labels.get(labels.POD_UID):
                pods.setdefault(uid, ([], []))[0].append(sandbox)
        for container in containers:
            if uid := container.labels.get(labels.POD_UID):
                pods.setdefault(uid, ([], []))[1].append(container)
                self._owners[container.id] = uid
        return {uid: _observed(uid, found, map(_coarse_sandbox, found), map(_coarse, runs)) for uid, (found, runs) in pods.items()}

    def owner(self, container_or_sandbox: str) -> str | None:
        """Return the uid of the pod that a container or sandbox was last seen in."""
        return self._owners.get(container_or_sandbox)

    def learn(self, container_or_sandbox: str, uid: str) -> None:
        """Take note of whose a new container or sandbox is, before it is seen: it may end at once."""
        self._owners[container_or_sandbox] = uid

    def learn_end(self, container: str, end: End) -> None:
        """Take note of how a container ended, as an event tells; sandboxes have no exit codes."""
        if container not in self._sandboxes:
            self._ends.learn(container, end)

    async def _assemble(self, uid: str, sandboxes: list[cri.PodSandbox], containers: list[cri.Container]) -> Observed:
        self._owners.update(dict.fromkeys([*(s.id for s in sandboxes), *(c.id for c in containers)], uid))
        details = await asyncio.gather(
            asyncio.gather(*(self._sandbox(sandbox) for sandbox in sandboxes)), asyncio.gather(*(self._run(run) for run in containers))
        )
        return _observed(uid, sandboxes, (s for s in details[0] if s), (run for run in details[1] if run), containers)

    async def _sandbox(self, item: cri.PodSandbox) -> Sandbox | None:
        known = self._sandboxes.get(item.id)
        if known and known.ready == (item.state == cri.SANDBOX_READY):
            return known
        try:
            status = await self._runtime.sandbox_status(item.id)
        except CriError as error:
            if error.missing:
                return None
            raise
        found = _sandbox(status)
        self._sandboxes[item.id] = found
        return found

    async def _run(self, item: cri.Container) -> ContainerRun | None:
        if item.id in self._ended:
            return self._ended[item.id]
        try:
            status = await self._runtime.container_status(item.id)
        except CriError as error:
            if error.missing:
                return None
            raise
        found = _run(status, item.pod_sandbox_id)
        if found.state == "unknown" or (found.state == "exited" and found.reason == _LOST):
            found = _recalled(found, self._ends.recall(item.id))
        elif found.state == "exited":
            self._ends.settle(item.id)
        if found.state == "exited":
            self._ended[item.id] = found
        return found

    def _forget(self, containers: set[str], sandboxes: set[str]) -> None:
        self._ended = {key: run for key, run in self._ended.items() if key in containers}
        self._sandboxes = {key: sandbox for key, sandbox in self._sandboxes.items() if key in sandboxes}
        self._ends.keep(containers)
        self._owners = {key: uid for key, uid in self._owners.items() if key in containers or key in sandboxes}


def _observed(
    uid: str,
    listed: Sequence[cri.PodSandbox],
    sandboxes: Iterable[Sandbox],
    runs: Iterable[ContainerRun],
    containers: Sequence[cri.Container] = (),
) -> Observed:
    newest = sorted(sandboxes, key=lambda s: (s.created_at, s.attempt), reverse=True)
    ready = next((sandbox for sandbox in newest if sandbox.ready), None)
    identity = listed[0].labels if listed else containers[0].labels if containers else {}
    grace = next((found for c in containers if (found := labels.number(c.annotations, labels.TERMINATION_GRACE)) is not None), None)
    return Observed(
        uid=uid,
        name=identity.get(labels.POD_NAME, ""),
        namespace=identity.get(labels.POD_NAMESPACE, ""),
        sandboxes=tuple(newest),
        runs=tuple(sorted(runs, key=lambda run: (run.created_at, run.restart_count), reverse=True)),
        ips=ready.ips if ready else (),
        termination_grace=grace,
    )


def _coarse_sandbox(item: cri.PodSandbox) -> Sandbox:
    return Sandbox(id=item.id, attempt=item.metadata.attempt, ready=item.state == cri.SANDBOX_READY, created_at=item.created_at)


def _coarse(item: cri.Container) -> ContainerRun:
    return ContainerRun(
        id=item.id,
        name=item.labels.get(labels.CONTAINER_NAME, ""),
        sandbox_id=item.pod_sandbox_id,
        state=_STATES[item.state],
        restart_count=labels.number(item.annotations, labels.RESTART_COUNT) or 0,
        created_at=item.created_at,
    )


def _sandbox(status: cri.PodSandboxStatus) -> Sandbox:
    addresses = (status.network.ip, *(extra.ip for extra in status.network.additional_ips))
    return Sandbox(
        id=status.id,
        attempt=status.metadata.attempt,
        ready=status.state == cri.SANDBOX_READY,
        created_at=status.created_at,
        host_network=status.linux.namespaces.options.network == cri.NODE,
        ips=tuple(ip for ip in addresses if ip),
    )


def _recalled(run: ContainerRun, end: End | None) -> ContainerRun:
    """Return a run whose end the runtime has lost with what is known of it."""
    if end is None:
        return run
    reason = "Error" if end.exit_code else "Completed"
    return replace(run, state="exited", exit_code=end.exit_code, finished_at=end.finished_at, reason=reason)


def _run(status: cri.ContainerStatus, sandbox_id: str) -> ContainerRun:
    state = _STATES[status.state]
    linux = status.user.linux
    return ContainerRun(
        id=status.id,
        name=status.labels.get(labels.CONTAINER_NAME, status.metadata.name),
        sandbox_id=sandbox_id,
        state=state,
        restart_count=labels.number(status.annotations, labels.RESTART_COUNT) or status.metadata.attempt,
        created_at=status.created_at,
        started_at=status.started_at,
        finished_at=status.finished_at,
        exit_code=status.exit_code,
        reason=status.reason,
        message=message_of(status) if state == "exited" else status.message,
        image=status.image.image or status.image_ref,
        image_id=status.image_ref,
        hash=status.annotations.get(labels.HASH, ""),
        log_path=status.log_path,
        user=(linux.uid, linux.gid, tuple(linux.supplemental_groups)) if status.user.HasField("linux") else None,
    )
