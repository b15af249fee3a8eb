"""One worker a pod: it looks, decides, acts and looks again, until the pod's life on this node is over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from sagong.api.clock import Clock, Random, format_time, parse_time
from sagong.api.types.core import Pod, PodStatus
from sagong.node.act import Outcome
from sagong.node.allocations import Allocations
from sagong.node.container_statuses import Context, Waiting
from sagong.node.cri.client import CriError
from sagong.node.decide import Decision, decide
from sagong.node.duties import PodActor, PodKiller, PodObserver, PodProber
from sagong.node.events import Kind, PodEvents
from sagong.node.lifecycle import State, move
from sagong.node.observe import Observed
from sagong.node.phases import FAILED, TERMINAL
from sagong.node.pod_changes import matters, shown_in_volumes
from sagong.node.ports import CgroupManager, VolumeManager
from sagong.node.resize_conditions import RESIZE_PENDING, ResizeConditions, resize_message
from sagong.node.status_manager import StatusManager
from sagong.node.statuses import NO_VERDICT, Node, Verdict, final_status, pod_status, rejected
from sagong.node.volumes.errors import VolumeError

ROUNDS = 20
SETTLE = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64)
"""Seconds to wait for the runtime to show an end that its own event has told."""
PAST_DEADLINE = "Pod was active on the node longer than the specified deadline"
FIRST_RETRY, LONGEST_RETRY = 1.0, 10.0
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Machinery:
    """What all workers share."""

    observer: PodObserver
    actor: PodActor
    killer: PodKiller
    volumes: VolumeManager
    cgroups: CgroupManager
    prober: PodProber
    statuses: StatusManager
    events: PodEvents
    clock: Clock
    random: Random
    node: Node
    allocations: Allocations
    runtime_name: str
    resync_seconds: float
    recursive_read_only: Callable[[Pod], bool]
    """whether the runtime can make mounts below a read-only one read-only too, for this pod"""
    finished: Callable[[str], None]
    """told the uid of a pod of which nothing is left"""
    worked: Callable[[str, float], None] = lambda _operation, _seconds: None
    """told what each look at a pod was for (create, sync, kill), and how many seconds it took"""
    began: Callable[[Pod, float], None] = lambda _pod, _seconds: None
    """told of each pod that is to run when its worker begins, and how many seconds ago the pod was seen first"""
    asked: Callable[[Pod, Pod], None] = lambda _before, _after: None
    """told of each version of a pod that asks for other resources than it has, and of the one before"""
    restarted: Callable[[bool], None] = lambda _static: None
    """told of each pod that was shown again while it was being ended, and begins anew"""


@dataclass(slots=True)
class _Memory:
    """What a worker keeps between looks."""

    waiting: dict[str, Waiting] = field(default_factory=dict)
    failures: int = 0
    mounted_at: float | None = None
    stale: bool = False
    """what volumes show of the pod itself has changed"""
    ended: set[str] = field(default_factory=set)


class PodWorker:
    """Drives one pod."""

    def __init__(self, pod: Pod, machinery: Machinery, *, static: bool = False, seen: float | None = None) -> None:
        """`seen` is when the pod was seen first, by the clock's monotonic time."""
        self.wanted = pod
        self._seen = machinery.clock.monotonic() if seen is None else seen
        self.pod = machinery.allocations.apply(pod)
        """the pod with the resources that it has been granted: all work is done with it"""
        self.static = static
        self.state = State.SYNC
        self._m = machinery
        self._verdict = NO_VERDICT
        self._rejected = False
        self._grace: int | None = None
        self._memory = _Memory()
        self._wake = asyncio.Event()
        self._step: asyncio.Task[float] | None = None
        self._resize = ResizeConditions.recall(pod)

    @property
    def uid(self) -> str:
        """Return the pod's uid."""
        return self.pod.metadata.uid

    @property
    def counts(self) -> bool:
        """Tell whether the pod uses the node's resources."""
        return self.state in (State.SYNC, State.TERMINATING) and self.pod.status.phase not in TERMINAL and not self._rejected

    @property
    def resizing(self) -> bool:
        """Tell whether the pod asks for other resources than it has been granted."""
        return self.wanted.spec is not self.pod.spec

    @property
    def deferred_since(self) -> str:
        """Return since when a resize of the pod waits, "" when none does."""
        known = next((found for found in self._before().conditions if found.type == RESIZE_PENDING), None)
        return (known.lastTransitionTime or "") if known else ""

    @property
    def resize_waits(self) -> str:
        """Return why a resize of the pod waits, "" when none does."""
        return self._resize.pending.reason if self._resize.pending else ""

    @property
    def resize_goes_on(self) -> bool:
        """Tell whether a resize of the pod is being carried out."""
        return self._resize.progress is not None

    def grant(self) -> None:
        """Take the resources that the pod has just been granted."""
        self.pod = self._m.allocations.apply(self.wanted)
        self._resize.granted(self.wanted)
        self._memory.stale = True  # volumes may show resources
        self._wake.set()

    def defer(self, reason: str, message: str) -> bool:
        """Show why the pod is not granted what it asks for; tell whether that is news."""
        news = self._resize.defer(self.wanted, reason, message)
        self._wake.set()
        return news

    def update(self, pod: Pod) -> None:
        """Take a newer version of the pod."""
        before, self.pod, self.wanted = self.wanted, self._m.allocations.apply(pod), pod
        if self.resizing:
            self._m.asked(before, pod)
        else:
            self._resize.pending = None
        if shown_in_volumes(before) != shown_in_volumes(pod):
            self._memory.stale = True
        if pod.metadata.deletionTimestamp and not before.metadata.deletionTimestamp:
            self.end()
        elif pod.metadata.deletionGracePeriodSeconds != before.metadata.deletionGracePeriodSeconds:
            self._interrupt()
        if matters(before, pod):
            self._wake.set()

    def wake(self, ended: str = "") -> None:
        """Look again: something has changed in the runtime, or a probe's result. `ended` is a container or sandbox that has."""
        if ended:
            self._memory.ended.add(ended)
        self._wake.set()

    def end(self, verdict: Verdict = NO_VERDICT, grace: int | None = None) -> None:
        """End the pod: deleted, evicted, gone from its source. `grace` overrides its grace period."""
        self.state = move(self.state, "end")
        if verdict is not NO_VERDICT and self._verdict is NO_VERDICT:
            self._verdict = verdict
        if grace is not None:
            self._grace = grace if self._grace is None else min(grace, self._grace)
        self._interrupt()

    def reject(self, verdict: Verdict) -> None:
        """Do not run the pod at all. Before `run`."""
        self._rejected = True
        self._verdict = verdict
        self.state = move(self.state, "end")

    async def run(self) -> None:
        """Work until the pod is finished. Never raises for what can be tried again."""
        if self.pod.metadata.deletionTimestamp and self.state is State.SYNC:
            self.state = move(self.state, "end")
        if self.state is State.SYNC:
            self._m.began(self.pod, self._m.clock.monotonic() - self._seen)
        steps = {State.SYNC: self._sync, State.TERMINATING: self._terminate, State.TERMINATED: self._clean}
        while self.state is not State.FINISHED:
            self._wake.clear()
            state = self.state
            try:
                async with asyncio.TaskGroup() as group:
                    self._step = group.create_task(self._attempt(steps[state]))
                    if state is State.TERMINATING:
                        self._accompany(group.create_task(self._follow()), self._step)
            finally:
                step, self._step = self._step, None
            assert step is not None
            delay = 0.0 if step.cancelled() or self.state is not state else step.result()
            await self._pause(delay)
        self._m.finished(self.uid)

    @staticmethod
    def _accompany(follower: asyncio.Task[None], step: asyncio.Task[float]) -> None:
        step.add_done_callback(lambda _: follower.cancel())

    async def _attempt(self, step: Callable[[], Awaitable[float]]) -> float:
        began = self._m.clock.monotonic()
        operation = "kill" if self.state is not State.SYNC else "sync" if self._memory.mounted_at is not None else "create"
        try:
            return await step()
        except (CriError, OSError, VolumeError) as error:
            log.warning("pod %s/%s: %s: %s", self.pod.metadata.namespace, self.pod.metadata.name, self.state.value, error)
        except Exception:  # a mistake that one pod brings to light must not take the others down
            log.exception("pod %s/%s: %s", self.pod.metadata.namespace, self.pod.metadata.name, self.state.value)
        finally:
            self._m.worked(operation, self._m.clock.monotonic() - began)
        return self._retry_delay()

    async def _pause(self, seconds: float) -> None:
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    def _interrupt(self) -> None:
        self._wake.set()
        if self._step is not None and not self._step.done() and self._step is not asyncio.current_task():
            self._step.cancel()

    def _retry_delay(self) -> float:
        delay = min(FIRST_RETRY * 2.0**self._memory.failures, LONGEST_RETRY)
        self._memory.failures += 1
        return float(delay)

    # SYNC: make what runs match the spec.

    async def _sync(self) -> float:
        for _ in range(ROUNDS):
            observed = await self._observe()
            status = self._publish(observed)
            if self._past_deadline():
                self._m.events.pod(self.pod, "Normal", "DeadlineExceeded", PAST_DEADLINE)
                self.end(Verdict(FAILED, "DeadlineExceeded", PAST_DEADLINE))
                return 0.0
            if status.phase in TERMINAL:
                self.end()
                return 0.0
            if not await self._mount():
                return self._retry_delay()
            decision = self._decide(observed)
            self._forget_reasons(decision, observed)
            if decision.idle:
                return self._rest(decision, observed)
            outcome = await self._m.actor.act(self.pod, decision, observed, self._show)
            self._memory.waiting.update(outcome.waiting)
            for name in outcome.started:
                self._memory.waiting.pop(name, None)
            if outcome.resize_error and self._resize.fail(self.pod, outcome.resize_error):
                self._tell_resize("Warning", "ResizeError", "error", outcome.resize_error)
            if outcome.failed:
                await self._show()
                return self._retry_after(outcome)
            self._memory.failures = 0
        return FIRST_RETRY

    def _decide(self, observed: Observed) -> Decision:
        restarting = any(found.type == "AllContainersRestarting" and found.status == "True" for found in self._before().conditions)
        decision = decide(
            self.pod,
            observed,
            self._m.prober.health(self.uid),
            self._m.actor.backoff,
            self._now(),
            restarting_all=restarting,
            actuated=self._m.allocations.actuated(self.uid),
        )
        log.debug("pod %s/%s: %s", self.pod.metadata.namespace, self.pod.metadata.name, decision.summary())
        return decision

    def _forget_reasons(self, decision: Decision, observed: Observed) -> None:
        """Drop reasons for waiting of containers that run, or that are not held back any more."""
        held = {hold.container.name for hold in decision.hold}
        for name in list(self._memory.waiting):
            run = observed.latest(name)
            crash_loop = self._memory.waiting[name].reason == "CrashLoopBackOff"
            if (run and run.state == "running") or (crash_loop and name not in held):
                del self._memory.waiting[name]

    def _rest(self, decision: Decision, observed: Observed) -> float:
        """Show what is held back, and return how long there is nothing to do."""
        for hold in decision.hold:
            if hold.container.name not in self._memory.waiting:
                self._m.actor.report_hold(self.pod, hold)
            self._memory.waiting[hold.container.name] = Waiting("CrashLoopBackOff", hold.message)
        if decision.hold:
            self._publish(observed)
        self._memory.failures = 0
        times = [hold.until - self._now() for hold in decision.hold]
        if decision.sandbox_not_before:
            times.append(decision.sandbox_not_before - self._now())
        if deadline := self._deadline():
            times.append(deadline - self._now())
        resync = self._m.resync_seconds * (1 + 0.5 * self._m.random.uniform())
        return max(0.01, min([*times, resync]))

    def _retry_after(self, outcome: Outcome) -> float:
        return max(self._retry_delay(), min(outcome.retry_at - self._now(), 300.0))

    async def _mount(self) -> bool:
        """Set the volumes up, and refresh them now and then; False: not now."""
        now = self._m.clock.monotonic()
        fresh = self._memory.mounted_at is not None and now - self._memory.mounted_at < self._m.resync_seconds
        if fresh and not self._memory.stale:
            return True
        self._memory.stale = False
        try:
            await self._m.volumes.mount(self.pod)
        except VolumeError as error:
            self._memory.stale = True
            for message in getattr(error, "messages", (str(error),)):
                self._m.events.pod(self.pod, "Warning", "FailedMount", message)
            return self._memory.mounted_at is not None
        self._memory.mounted_at = now
        return True

    def _deadline(self) -> float | None:
        seconds, start = self.pod.spec.activeDeadlineSeconds, self._before().startTime
        return parse_time(start).timestamp() + seconds if seconds is not None and start else None

    def _past_deadline(self) -> bool:
        deadline = self._deadline()
        return deadline is not None and self._now() >= deadline

    # TERMINATING: end everything.

    async def _terminate(self) -> float:
        self._m.prober.quiet(self.uid)
        observed = await self._observe()
        if observed.alive:
            self._publish(observed)
            try:
                await self._m.killer.kill_pod(self.pod, observed, self._grace)
            except CriError as error:
                self._m.events.pod(self.pod, "Warning", "FailedKillPod", f"error killing pod: {error}")
                raise
            observed = await self._observe()
            if observed.alive:
                return FIRST_RETRY
        self._m.prober.forget(self.uid)
        self.state = move(self.state, "ended")
        self._publish(observed)
        return 0.0

    async def _follow(self) -> None:
        """Show what changes while containers take their time to end: that they are not ready any more, and which have ended already."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._attempt(self._shown)

    async def _shown(self) -> float:
        observed = await self._observe()
        if self.state is State.TERMINATING:
            self._publish(observed)
        return 0.0

    # TERMINATED: take down what the pod had on the node.

    async def _clean(self) -> float:
        await self._m.volumes.unmount(self.uid)
        self._m.cgroups.remove_pod(self.uid)
        last = self._m.statuses.get(self.uid) or self.pod.status
        self._m.statuses.set(self.uid, final_status(self.pod, last, self._time(), static=self.static))
        self._m.statuses.finish(self.uid)
        self._m.actor.forget(self.uid)
        self.state = move(self.state, "cleaned")
        return 0.0

    # What all steps share.

    async def _observe(self) -> Observed:
        observed = await self._m.observer.pod(self.uid)
        for pause in SETTLE:
            alive = {run.id for run in observed.running} | {sandbox.id for sandbox in observed.sandboxes if sandbox.ready}
            if not self._memory.ended & alive:
                break
            await self._m.clock.sleep(pause)
            observed = await self._m.observer.pod(self.uid)
        self._memory.ended.clear()
        if self.state is State.SYNC:
            ips = observed.ips or (self._m.node.ips if self.pod.spec.hostNetwork else ())
            self._m.prober.observe(self.pod, observed, ips[0] if ips else "")
        return observed

    async def _show(self) -> None:
        try:
            self._publish(await self._observe())
        except CriError as error:
            log.debug("pod %s/%s not shown: %s", self.pod.metadata.namespace, self.pod.metadata.name, error)

    def _before(self) -> PodStatus:
        return self._m.statuses.get(self.uid) or self.pod.status

    def _publish(self, observed: Observed) -> PodStatus:
        """Work the status out and show it; a pod is shown as ended only when nothing of it runs any more."""
        before = self._before()
        if self._rejected and not observed.runs:
            status = rejected(self.pod, before, self._verdict, self._time())
            self._m.statuses.set(self.uid, status)
            return status
        ended = self.state in (State.TERMINATED, State.FINISHED)
        context = Context(
            observed=observed,
            waiting=self._memory.waiting,
            probed=self._m.prober.probed(self.uid),
            runtime=self._m.runtime_name,
            actuated=self._m.allocations.actuated(self.uid),
            restarting_all=any(found.type == "AllContainersRestarting" and found.status == "True" for found in before.conditions),
            recursive_read_only=self._m.recursive_read_only(self.pod),
            terminal=ended,
        )
        if self._resize.follow(self.pod, observed, context.actuated):
            self._tell_resize("Normal", "ResizeCompleted", "completed")
        status = pod_status(
            self.pod,
            before,
            context,
            self._m.node,
            self._time(),
            verdict=self._verdict,
            static=self.static,
            resize=self._resize.conditions(),
        )
        shown = status
        if status.phase in TERMINAL and not ended and before.phase not in TERMINAL:
            shown = status.copy()
            shown.phase, shown.reason, shown.message = before.phase or "Pending", before.reason, before.message
        self._m.statuses.set(self.uid, shown)
        return status

    def _tell_resize(self, kind: Kind, reason: str, what: str, error: str = "") -> None:
        self._m.events.pod(self.pod, kind, reason, resize_message(self.pod, self._resize.generation, what, error))

    def _now(self) -> float:
        return self._m.clock.now().timestamp()

    def _time(self) -> str:
        return format_time(self._m.clock.now())
