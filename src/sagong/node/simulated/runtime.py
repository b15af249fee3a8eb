"""A runtime that only remembers: sandboxes and containers of all simulated nodes' pods, which start and end as their behaviour says.

It does for workers what observe.py, act.py, kills.py and probes.py do on a machine; what is to be done, decide.py says for both.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache

from sagong.api.clock import Clock, Random, parse_time
from sagong.api.types.core import Container, ContainerStatus, Pod
from sagong.node.act import Outcome
from sagong.node.allocations import Allocations
from sagong.node.backoff import Backoff
from sagong.node.container_statuses import Probed, Waiting
from sagong.node.cri.labels import container_hash
from sagong.node.decide import AnyContainer, Decision, Health, Hold, Start, backoff_key, sandbox_key
from sagong.node.duties import SandboxReady
from sagong.node.events import PodEvents
from sagong.node.observe import ContainerRun, Observed, Sandbox
from sagong.node.simulated.behaviour import Behaviour, behaviour_of

NAME = "simulated"
FIRST_CRASH_DELAY, LONGEST_CRASH_DELAY = 10.0, 300.0
KEPT_RUNS = 2
_TERMINATED, _KILLED = 143, 137


@dataclass(slots=True)
class _Pod:
    """What would run of one pod; newest first."""

    sandboxes: list[Sandbox] = field(default_factory=list)
    runs: list[ContainerRun] = field(default_factory=list)
    timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    ready: bool = True


class SimulatedRuntime:
    """Implements duties.PodObserver, PodActor, PodKiller and PodProber. `ended` is told of a run that ends by itself."""

    def __init__(
        self,
        behaviour: Behaviour,
        events: PodEvents,
        allocations: Allocations,
        clock: Clock,
        random: Random,
        *,
        address: Callable[[Pod], str],
        ended: Callable[[str, str], None],
    ) -> None:
        """`address` gives a pod the address of a new sandbox."""
        self.behaviour, self.backoff = behaviour, Backoff(clock, FIRST_CRASH_DELAY, LONGEST_CRASH_DELAY)
        self._events, self._allocations, self._clock, self._random = events, allocations, clock, random
        self._address, self._ended = address, ended
        self._pods: dict[str, _Pod] = {}
        self._count = 0

    # Observing.

    async def pod(self, uid: str) -> Observed:
        """Return what would run of a pod."""
        known = self._pods.get(uid)
        if known is None:
            return Observed(uid=uid)
        ready = next((sandbox for sandbox in known.sandboxes if sandbox.ready), None)
        return Observed(uid=uid, sandboxes=tuple(known.sandboxes), runs=tuple(known.runs), ips=ready.ips if ready else ())

    def recall(self, pod: Pod) -> None:
        """Take up what an earlier process had shown of a pod: what ran goes on."""
        uid, status = pod.metadata.uid, pod.status
        running = [found for found in status.containerStatuses if found.state.running]
        if uid in self._pods or not running or not status.podIPs:
            return
        at = int(parse_time(status.startTime).timestamp() * 1e9) if status.startTime else self._now()
        ips = tuple(found.ip for found in status.podIPs)
        sandbox = Sandbox(self._id(), 0, ready=True, created_at=at, host_network=pod.spec.hostNetwork, ips=ips)
        containers = {container.name: container for container in (*pod.spec.initContainers, *pod.spec.containers)}
        known = self._pods[uid] = _Pod([sandbox], ready=behaviour_of(pod, self.behaviour).ready)
        for found in (*status.initContainerStatuses, *status.containerStatuses):
            if found.containerID and found.name in containers:
                known.runs.append(_recalled(found, containers[found.name], sandbox))
        known.runs.sort(key=lambda run: run.created_at, reverse=True)

    # Acting.

    async def act(self, pod: Pod, decision: Decision, observed: Observed, sandbox_ready: SandboxReady) -> Outcome:
        """Carry a decision out, in its order."""
        outcome = Outcome()
        for hold in decision.hold:
            self.report_hold(pod, hold)
            outcome.waiting[hold.container.name] = Waiting("CrashLoopBackOff", hold.message)
        known = self._pods.setdefault(pod.metadata.uid, _Pod())
        known.ready = behaviour_of(pod, self.behaviour).ready
        if decision.kill_pod:
            self._end_all(known)
            if not decision.create_sandbox:
                return outcome
        for kill in decision.kill:
            self._end(known, kill.run.id, _KILLED)
        for run in decision.reset:
            self._end(known, run.id, _KILLED)
            known.runs = [other for other in known.runs if other.id != run.id]
        if decision.create_sandbox:
            self._make_sandbox(pod, known, decision, observed)
        self._resize(pod, decision)
        if decision.start:
            await self._start_all(pod, known, decision, sandbox_ready, outcome)
        return outcome

    def report_hold(self, pod: Pod, hold: Hold) -> None:
        """Tell that a container is held back."""
        meta = pod.metadata
        text = f"Back-off restarting failed container {hold.container.name} in pod {meta.name}_{meta.namespace}({meta.uid})"
        self._events.container(pod, hold.container, "Warning", "BackOff", text)

    async def kill_pod(self, pod: Pod, observed: Observed, grace_override: int | None = None) -> None:
        """End all containers, then the sandbox; simulated programs do not let one wait."""
        del observed, grace_override
        if known := self._pods.get(pod.metadata.uid):
            self._end_all(known)

    def forget(self, pod_uid: str) -> None:
        """Drop a pod that is gone."""
        self.backoff.forget(f"{pod_uid}/")
        if known := self._pods.pop(pod_uid, None):
            for timer in known.timers.values():
                timer.cancel()

    # Probing.

    def observe(self, pod: Pod, observed: Observed, ip: str) -> None:
        """Nothing is asked: a probe of a simulated container has its answer at once."""

    def quiet(self, pod_uid: str) -> None:
        """Nothing is asked."""

    def health(self, pod_uid: str) -> Health:
        """Nothing fails its probes; what runs has started."""
        return Health(started=self._running(pod_uid))

    def probed(self, pod_uid: str) -> Probed:
        """Say that what runs has started, and is ready unless its pod wants it otherwise."""
        running = self._running(pod_uid)
        known = self._pods.get(pod_uid)
        return Probed(started=running, ready=running if known and known.ready else frozenset())

    # The rest is how.

    def _running(self, uid: str) -> frozenset[str]:
        known = self._pods.get(uid)
        return frozenset(run.id for run in known.runs if run.state == "running") if known else frozenset()

    def _make_sandbox(self, pod: Pod, known: _Pod, decision: Decision, observed: Observed) -> None:
        if observed.sandbox:
            self.backoff.fail(sandbox_key(pod), observed.sandbox.created_at / 1e9)
        ips = (self._address(pod),)
        made = Sandbox(self._id(), decision.attempt, ready=True, created_at=self._now(), host_network=pod.spec.hostNetwork, ips=ips)
        known.sandboxes = [made, *known.sandboxes[:1]]
        if pod.spec.resources is not None:
            self._allocations.actuate(pod.metadata.uid, "", pod.spec.resources)

    async def _start_all(self, pod: Pod, known: _Pod, decision: Decision, sandbox_ready: SandboxReady, outcome: Outcome) -> None:
        behaviour = behaviour_of(pod, self.behaviour)
        if seconds := behaviour.start(self._random):
            if decision.create_sandbox:
                await sandbox_ready()
            await self._clock.sleep(seconds)
        for start in decision.start:
            self._start(pod, known, start, behaviour)
            outcome.started.append(start.container.name)

    def _start(self, pod: Pod, known: _Pod, start: Start, behaviour: Behaviour) -> None:
        container, uid = start.container, pod.metadata.uid
        if start.failed_at is not None:
            self.backoff.fail(backoff_key(pod, container), start.failed_at)
        if isinstance(container, Container):
            self._allocations.actuate(uid, container.name, container.resources)
        earlier = [run for run in known.runs if run.name == container.name]
        now = self._now()
        run = ContainerRun(
            id=self._id(),
            name=container.name,
            sandbox_id=known.sandboxes[0].id,
            state="running",
            restart_count=earlier[0].restart_count + 1 if earlier else _shown_count(pod, container.name),
            created_at=now,
            started_at=now,
            image=container.image,
            image_id=_image_id(container.image),
            hash=container_hash(container),
        )
        dropped = {old.id for old in earlier[KEPT_RUNS - 1 :]}
        known.runs = [run, *(old for old in known.runs if old.id not in dropped)]
        if start.role == "init" and container.restartPolicy != "Always":
            self._end(known, run.id, 0)
        elif seconds := behaviour.run(self._random):
            code = behaviour.end(self._random)
            known.timers[run.id] = asyncio.get_running_loop().call_later(seconds, self._run_out, uid, run.id, code)

    def _run_out(self, uid: str, run_id: str, code: int) -> None:
        known = self._pods.get(uid)
        if known is not None:
            self._end(known, run_id, code)
            self._ended(uid, run_id)

    def _resize(self, pod: Pod, decision: Decision) -> None:
        for update in decision.resize:
            self._allocations.actuate(pod.metadata.uid, update.container.name, update.container.resources)
        if decision.resize_pod and pod.spec.resources is not None:
            self._allocations.actuate(pod.metadata.uid, "", pod.spec.resources)

    def _end(self, known: _Pod, run_id: str, code: int) -> None:
        if timer := known.timers.pop(run_id, None):
            timer.cancel()
        reason = "Completed" if code == 0 else "Error"
        for place, run in enumerate(known.runs):
            if run.id == run_id and run.state == "running":
                known.runs[place] = replace(run, state="exited", finished_at=self._now(), exit_code=code, reason=reason)

    def _end_all(self, known: _Pod) -> None:
        for run in known.runs:
            if run.state == "running":
                self._end(known, run.id, _TERMINATED)
        known.sandboxes = [replace(sandbox, ready=False) if sandbox.ready else sandbox for sandbox in known.sandboxes]

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1e9)

    def _id(self) -> str:
        self._count += 1
        return hashlib.sha256(f"{self._now()} {self._count}".encode()).hexdigest()


def _recalled(status: ContainerStatus, container: AnyContainer, sandbox: Sandbox) -> ContainerRun:
    running, ended = status.state.running, status.state.terminated
    started = running.startedAt if running else ended.startedAt if ended else None
    finished = ended.finishedAt if ended else None
    return ContainerRun(
        id=status.containerID.partition("://")[2],
        name=status.name,
        sandbox_id=sandbox.id,
        state="running" if running else "exited",
        restart_count=status.restartCount,
        created_at=_nanoseconds(started) or sandbox.created_at,
        started_at=_nanoseconds(started) or sandbox.created_at,
        finished_at=_nanoseconds(finished),
        exit_code=ended.exitCode if ended else 0,
        reason=ended.reason if ended else "",
        image=status.image,
        image_id=status.imageID,
        hash=container_hash(container),
    )


def _nanoseconds(time: str | None) -> int:
    return int(parse_time(time).timestamp() * 1e9) if time else 0


def _shown_count(pod: Pod, name: str) -> int:
    """Return the restarts of a container whose earlier runs nobody remembers."""
    shown = next((found for found in pod.status.containerStatuses if found.name == name), None)
    return shown.restartCount + 1 if shown is not None and shown.containerID else 0


@lru_cache(maxsize=1024)
def _image_id(image: str) -> str:
    return f"{image.partition('@')[0]}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"
