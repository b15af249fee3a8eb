"""What to do about a pod: a pure function of its spec and of what runs.

The order of thought is upstream's computePodActions:

1. no usable sandbox: end what is left, make a new one, begin with the first init container;
2. a container asked for all containers to be restarted: end and remove them, the asking ones last;
3. ephemeral containers start once, whatever else happens;
4. init containers run one after another; those with restartPolicy Always (sidecars) keep running beside the rest;
5. regular containers: start what should run and does not, end what changed or failed a probe, resize what was granted other resources;
6. nothing to keep and nothing to start: the pod is done, its sandbox is stopped.

A start that has failed before may be held back; a Hold says until when. So may a sandbox that died soon after it was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from sagong.api.pods import is_sidecar
from sagong.api.types.core import Container, EphemeralContainer, Pod
from sagong.node.allocations import Granted
from sagong.node.config import format_duration
from sagong.node.cri.labels import container_hash
from sagong.node.observe import ContainerRun, Observed, Sandbox
from sagong.node.resize import Update, judge, pod_differs
from sagong.node.restarts import asks_restart_all, resets, restarts_after, restarts_on_kill

AnyContainer = Container | EphemeralContainer
Role = Literal["init", "regular", "ephemeral"]
KillReason = Literal["", "Unknown", "StartupProbe", "LivenessProbe", "RestartAllContainers"]
Failure = Literal["startup", "liveness"]


class Holds(Protocol):
    """Knows how long a container that keeps failing is held back."""

    def until(self, key: str, since: float) -> float:
        """Return the time before which `key`, which failed at `since`, is not tried again."""
        ...

    def delay(self, key: str) -> float:
        """Return the key's current delay in seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Health:
    """What probes found, by container id."""

    failures: Mapping[str, Failure] = field(default_factory=dict)
    started: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Kill:
    """End one run of a container."""

    run: ContainerRun
    message: str
    reason: KillReason = ""


@dataclass(frozen=True, slots=True)
class Start:
    """Start a container. `failed_at` is the end of the run that failed before, for the back-off; None: there was none."""

    container: AnyContainer
    role: Role
    failed_at: float | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Do not start the container before `until` (seconds since 1970)."""

    container: AnyContainer
    until: float
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything to be done now, in the order of the fields."""

    sandbox_id: str = ""
    attempt: int = 0
    kill_pod: bool = False
    kill: tuple[Kill, ...] = ()
    reset: tuple[ContainerRun, ...] = ()
    create_sandbox: bool = False
    resize: tuple[Update, ...] = ()
    resize_pod: bool = False
    start: tuple[Start, ...] = ()
    hold: tuple[Hold, ...] = ()
    sandbox_not_before: float = 0.0
    """when a sandbox that died young may be replaced, in seconds since 1970; 0: nothing is waited for"""

    @property
    def idle(self) -> bool:
        """Tell whether there is nothing to do but wait."""
        acts = (self.kill_pod, self.kill, self.reset, self.create_sandbox, self.resize, self.resize_pod, self.start)
        return not any(acts)

    def summary(self) -> str:
        """Return one line for logs."""
        parts = [
            "kill pod" if self.kill_pod else "",
            *(f"kill {k.run.name}" for k in self.kill),
            *(f"reset {run.name}" for run in self.reset),
            f"create sandbox {self.attempt}" if self.create_sandbox else "",
            *(f"resize {update.container.name}" for update in self.resize),
            "resize pod" if self.resize_pod else "",
            *(f"start {s.container.name}" for s in self.start),
            *(f"hold {h.container.name}" for h in self.hold),
            "hold sandbox" if self.sandbox_not_before else "",
        ]
        return ", ".join(part for part in parts if part) or "nothing"


def decide(
    pod: Pod,
    observed: Observed,
    health: Health,
    holds: Holds,
    now: float,
    *,
    restarting_all: bool = False,
    actuated: Granted | None = None,
) -> Decision:
    """Return what to do. `restarting_all`: the pod's condition AllContainersRestarting is true; `actuated`: resources that are set."""
    fresh, attempt = sandbox_needed(pod, observed)
    base = Decision(sandbox_id=observed.sandbox.id if observed.sandbox else "", attempt=attempt)
    if (restarting_all or asks_restart_all(pod, observed)) and (runs := resets(pod, observed)):
        return replace(base, reset=runs)
    if fresh:
        return _sandbox_held_back(_in_new_sandbox(pod, observed, base), pod, observed, holds, now)
    draft = _Draft(actuated=actuated or Granted())
    for container in pod.spec.ephemeralContainers:
        if observed.latest(container.name) is None:
            draft.start.append((container, "ephemeral"))
    progress = _init_containers(pod, observed, health, draft)
    if progress == "failed":
        draft = _Draft(kill_pod=True)
    elif progress == "done":
        _regular_containers(pod, observed, health, draft)
    decision = replace(
        base,
        kill_pod=draft.kill_pod,
        kill=tuple(draft.kill),
        resize=() if draft.kill_pod else tuple(draft.resize),
        resize_pod=not draft.kill_pod and pod_differs(pod, draft.actuated),
        start=tuple(Start(container, role) for container, role in draft.start),
    )
    return _hold_back(decision, pod, observed, holds, now)


def sandbox_needed(pod: Pod, observed: Observed) -> tuple[bool, int]:
    """Tell whether the pod needs another sandbox, and return the attempt number of the one it has or gets."""
    newest = observed.sandbox
    if newest is None:
        return True, 0
    ready = [sandbox for sandbox in observed.sandboxes if sandbox.ready]
    usable = len(ready) == 1 and newest.ready and newest.host_network == pod.spec.hostNetwork and _has_address(pod, newest)
    return not usable, newest.attempt + (0 if usable else 1)


def _has_address(pod: Pod, sandbox: Sandbox) -> bool:
    return pod.spec.hostNetwork or bool(sandbox.ips)


def _in_new_sandbox(pod: Pod, observed: Observed, base: Decision) -> Decision:
    base = replace(base, kill_pod=observed.alive)
    ran_before = base.attempt != 0 and bool(observed.runs)
    if ran_before and not any(restarts_on_kill(container, pod.spec) for container in pod.spec.containers):
        return base
    wanted = [container for container in pod.spec.containers if not _ran_once(container, pod, observed)]
    if not wanted and any(observed.latest(container.name) for container in pod.spec.containers):
        return base
    first = [Start(container, "init") for container in pod.spec.initContainers[:1]]
    start = first or [Start(container, "regular") for container in wanted]
    # a dead sandbox is ended too: that takes its network down
    return replace(base, kill_pod=bool(observed.sandboxes or observed.running), create_sandbox=True, start=tuple(start))


def _ran_once(container: Container, pod: Pod, observed: Observed) -> bool:
    """Tell whether a container that is run until it succeeds has succeeded."""
    run = observed.latest(container.name)
    once = (container.restartPolicy or pod.spec.restartPolicy) == "OnFailure"
    return once and run is not None and run.state == "exited" and run.exit_code == 0


@dataclass(slots=True)
class _Draft:
    kill_pod: bool = False
    kill: list[Kill] = field(default_factory=list)
    resize: list[Update] = field(default_factory=list)
    start: list[tuple[AnyContainer, Role]] = field(default_factory=list)
    actuated: Granted = field(default_factory=Granted)

    def resizes(self, pod: Pod, container: Container, run: ContainerRun) -> Kill | None:
        """Note what the resources of a running container are to become; return a kill where that takes a restart."""
        found = judge(pod, container, run, self.actuated)
        if found == "restart":
            return Kill(run, f"Container {container.name} resize requires restart")
        if found is not None:
            self.resize.append(found)
        return None


Progress = Literal["done", "pending", "failed"]


def _init_containers(pod: Pod, observed: Observed, health: Health, draft: _Draft) -> Progress:
    """Move initialization on by one step. The furthest container that has ever run tells how far it is."""
    containers = pod.spec.initContainers
    runs = [observed.latest(container.name) for container in containers]
    regular = (observed.latest(container.name) for container in pod.spec.containers)
    if not containers or any(run and run.state in ("created", "running") for run in regular):
        reached, progress = len(containers), "done"
    else:
        reached = max((index for index, run in enumerate(runs) if run), default=-1)
    for container, run in zip(containers[:reached], runs[:reached], strict=True):
        if is_sidecar(container):
            _sidecar(pod, container, run, health, draft)
    if reached == len(containers):
        return "done"
    progress = _frontier(pod, containers[reached], runs[reached], health, draft) if reached >= 0 else "done"
    if progress == "done" and reached + 1 < len(containers):
        draft.start.append((containers[reached + 1], "init"))
        return "pending"
    return progress


def _frontier(pod: Pod, container: Container, run: ContainerRun | None, health: Health, draft: _Draft) -> Progress:
    """Judge the init container that was started last."""
    if is_sidecar(container):
        return _sidecar(pod, container, run, health, draft)
    if run is None or run.state == "created":
        draft.start.append((container, "init"))
        return "pending"
    if run.state == "running":
        draft.resizes(pod, container, run)
        return "pending"
    if run.state == "exited":
        if run.exit_code == 0:
            return "done"
        again = restarts_after(container, pod.spec, run.exit_code)
    else:
        again = restarts_on_kill(container, pod.spec)
        draft.kill.append(_kill_unknown(run, "Init container"))
    if not again:
        return "failed"
    draft.start.append((container, "init"))
    return "pending"


def _sidecar(pod: Pod, container: Container, run: ContainerRun | None, health: Health, draft: _Draft) -> Progress:
    """Keep a sidecar running; done: what comes after it may start."""
    if run is None or run.state != "running":
        if run and run.state == "unknown":
            draft.kill.append(_kill_unknown(run, "Init container"))
        draft.start.append((container, "init"))
        return "pending"
    failure = health.failures.get(run.id)
    started = container.startupProbe is None or run.id in health.started
    if failure == "startup":
        draft.kill.append(Kill(run, f"Init container {container.name} failed startup probe", "StartupProbe"))
    elif run.hash != container_hash(container):
        draft.kill.append(Kill(run, f"Init container {container.name} definition changed"))
    elif failure == "liveness" and started:
        draft.kill.append(Kill(run, f"Init container {container.name} failed liveness probe", "LivenessProbe"))
    elif (kill := draft.resizes(pod, container, run)) is not None:
        draft.kill.append(kill)
    else:
        return "done" if started else "pending"
    draft.start.append((container, "init"))
    return "done" if started else "pending"


def _regular_containers(pod: Pod, observed: Observed, health: Health, draft: _Draft) -> None:
    kept = 0
    starts = 0
    for container in pod.spec.containers:
        run = observed.latest(container.name)
        if run is None or run.state != "running":
            if _should_run(container, pod, run):
                draft.start.append((container, "regular"))
                starts += 1
                if run and run.state == "unknown":
                    draft.kill.append(_kill_unknown(run, "Container"))
            continue
        kill, again = _verdict(container, pod, run, health)
        if kill is not None and again:
            kill = replace(kill, message=f"{kill.message}, will be restarted")
        elif kill is None:
            kill, again = draft.resizes(pod, container, run), True
        if kill is None:
            kept += 1
            continue
        if again:
            draft.start.append((container, "regular"))
            starts += 1
        draft.kill.append(kill)
    if kept == 0 and starts == 0:
        draft.kill_pod = True
        draft.kill.clear()
        draft.start = [(container, role) for container, role in draft.start if role != "init"]


def _should_run(container: Container, pod: Pod, run: ContainerRun | None) -> bool:
    if pod.metadata.deletionTimestamp:
        return False
    return run is None or run.state != "exited" or restarts_after(container, pod.spec, run.exit_code)


def _verdict(container: Container, pod: Pod, run: ContainerRun, health: Health) -> tuple[Kill | None, bool]:
    """Return why a running container must end, if it must, and whether it is started again."""
    again = restarts_on_kill(container, pod.spec)
    if run.hash != container_hash(container):
        return Kill(run, f"Container {container.name} definition changed"), True
    failure = health.failures.get(run.id)
    if failure == "liveness":
        return Kill(run, f"Container {container.name} failed liveness probe", "LivenessProbe"), again
    if failure == "startup":
        return Kill(run, f"Container {container.name} failed startup probe", "StartupProbe"), again
    return None, False


def _kill_unknown(run: ContainerRun, what: str) -> Kill:
    return Kill(run, f'{what} is in "{run.state}" state, try killing it before restart', "Unknown")


def _hold_back(decision: Decision, pod: Pod, observed: Observed, holds: Holds, now: float) -> Decision:
    """Turn starts that come too soon after a failure into holds; nothing starts after an init container that is held."""
    starts: list[Start] = []
    held: list[Hold] = []
    for start in decision.start:
        ended = next((run for run in observed.runs if run.name == start.container.name and run.state == "exited"), None)
        if ended is None:
            starts.append(start)
            continue
        failed_at = ended.finished_at / 1e9
        key = backoff_key(pod, start.container)
        until = holds.until(key, failed_at)
        if until > now:
            held.append(Hold(start.container, until, backoff_message(pod, start.container, holds.delay(key))))
        else:
            starts.append(replace(start, failed_at=failed_at))
    return replace(decision, start=tuple(starts), hold=tuple(held))


def _sandbox_held_back(decision: Decision, pod: Pod, observed: Observed, holds: Holds, now: float) -> Decision:
    """Replace sandboxes that keep dying ever less often. Containers are not held back: that theirs died was not their fault."""
    if not decision.create_sandbox or observed.sandbox is None:
        return decision
    until = holds.until(sandbox_key(pod), observed.sandbox.created_at / 1e9)
    if until <= now:
        return decision
    return replace(decision, kill_pod=observed.alive, create_sandbox=False, start=(), sandbox_not_before=until)


def sandbox_key(pod: Pod) -> str:
    """Return the key under which a pod's dead sandboxes are counted."""
    return f"{pod.metadata.uid}/"


def backoff_key(pod: Pod, container: AnyContainer) -> str:
    """Return the key under which a container's failures are counted; a changed definition starts anew."""
    return f"{pod.metadata.uid}/{container.name}/{container_hash(container)}"


def backoff_message(pod: Pod, container: AnyContainer, delay: float) -> str:
    """Return the message of a container that waits with CrashLoopBackOff."""
    return f"back-off {format_duration(delay)} restarting failed container={container.name} pod={pod_text(pod)}"


def pod_text(pod: Pod) -> str:
    """Return `name_namespace(uid)`, as upstream's messages name a pod."""
    meta = pod.metadata
    return f"{meta.name}_{meta.namespace}({meta.uid})"
