"""Probes of running containers: startup first, then liveness and readiness, each at its own pace (KEP-950).

One watcher belongs to one run of a container: it ends with the run, and the next run gets another.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sagong.api.clock import Clock, Random
from sagong.api.pods import is_sidecar
from sagong.api.types.core import Container, ContainerStatus, Pod, Probe
from sagong.node.container_statuses import Probed
from sagong.node.decide import Health
from sagong.node.events import PodEvents
from sagong.node.observe import ContainerRun, Observed
from sagong.node.probe_checks import Checker, CheckError, Finding

Kind = Literal["startup", "liveness", "readiness"]
TRIES = 3
log = logging.getLogger(__name__)
_TITLES: dict[Kind, str] = {"startup": "Startup", "liveness": "Liveness", "readiness": "Readiness"}


@dataclass(slots=True)
class _Watch:
    """What is known of one run."""

    pod: Pod
    container: Container
    run: ContainerRun
    ip: str
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)
    results: dict[Kind, bool] = field(default_factory=dict)


class Prober:
    """Probes all pods; `changed` is told the uid of a pod when a result that matters is another."""

    def __init__(
        self,
        checker: Checker,
        events: PodEvents,
        clock: Clock,
        random: Random,
        changed: Callable[[str], None],
        *,
        checked: Callable[[Pod, str, str, bool | None, float], None] = lambda _pod, _container, _kind, _passed, _seconds: None,
    ) -> None:
        """Take the parts; `checked` is told of each check: pod, container, kind of probe, what was learnt, and the seconds it took."""
        self._checked = checked
        self._checker = checker
        self._events = events
        self._clock = clock
        self._random = random
        self._changed = changed
        self._watches: dict[str, dict[str, _Watch]] = {}
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Host the watchers until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            await asyncio.get_running_loop().create_future()

    def observe(self, pod: Pod, observed: Observed, ip: str) -> None:
        """Probe the runs that have probes and are running; stop probing those that have ended."""
        watches = self._watches.setdefault(pod.metadata.uid, {})
        lasting = [*filter(is_sidecar, pod.spec.initContainers), *pod.spec.containers]
        probed = [container for container in lasting if container.startupProbe or container.livenessProbe or container.readinessProbe]
        latest = [(container, observed.latest(container.name)) for container in probed]
        running = {run.id: (container, run) for container, run in latest if run is not None and run.state == "running"}
        for gone in watches.keys() - running.keys():
            _cancel(watches.pop(gone))
        for run_id, (container, run) in running.items():
            if run_id in watches:
                watches[run_id].pod = pod
            else:
                watches[run_id] = self._begin(pod, container, run, ip)

    def quiet(self, pod_uid: str) -> None:
        """Stop what could restart containers: the pod is ending. Readiness goes on."""
        for watch in self._watches.get(pod_uid, {}).values():
            for task in watch.tasks:
                if task.get_name() != "readiness":
                    task.cancel()
            watch.results.pop("liveness", None)
            if watch.results.get("startup") is False:
                del watch.results["startup"]

    def forget(self, pod_uid: str) -> None:
        """Stop all probes of the pod."""
        for watch in self._watches.pop(pod_uid, {}).values():
            _cancel(watch)

    def health(self, pod_uid: str) -> Health:
        """Return what is to be killed, and which sidecars have started."""
        watches = self._watches.get(pod_uid, {})
        failures: dict[str, Literal["startup", "liveness"]] = {}
        for run_id, watch in watches.items():
            if watch.results.get("liveness") is False:
                failures[run_id] = "liveness"
            elif watch.results.get("startup") is False:
                failures[run_id] = "startup"
        return Health(failures=failures, started=self.probed(pod_uid).started)

    def probed(self, pod_uid: str) -> Probed:
        """Return which runs have passed their startup and their readiness probes."""
        watches = self._watches.get(pod_uid, {})
        return Probed(
            started=frozenset(run_id for run_id, watch in watches.items() if watch.results.get("startup")),
            ready=frozenset(run_id for run_id, watch in watches.items() if watch.results.get("readiness")),
        )

    def _begin(self, pod: Pod, container: Container, run: ContainerRun, ip: str) -> _Watch:
        watch = _Watch(pod, container, run, ip)
        self._recall(watch)
        assert self._group is not None, "run() comes before observe()"
        if container.startupProbe and not watch.results.get("startup"):
            watch.tasks.append(self._group.create_task(self._startup(watch, container.startupProbe), name="startup"))
        else:
            self._after_startup(watch)
        return watch

    def _recall(self, watch: _Watch) -> None:
        """Take over what an earlier kubelet had found, so that a restart of the kubelet makes nothing unready."""
        status = watch.pod.status
        known = (*status.containerStatuses, *status.initContainerStatuses)
        before = next((found for found in known if found.containerID.endswith(f"://{watch.run.id}")), ContainerStatus())
        if before.started and watch.container.startupProbe:
            watch.results["startup"] = True
        if before.ready and watch.container.readinessProbe:
            watch.results["readiness"] = True

    def _after_startup(self, watch: _Watch) -> None:
        assert self._group is not None
        kinds: tuple[tuple[Kind, Probe | None], ...] = (
            ("liveness", watch.container.livenessProbe),
            ("readiness", watch.container.readinessProbe),
        )
        for kind, probe in kinds:
            if probe is not None:
                watch.tasks.append(self._group.create_task(self._repeat(watch, kind, probe), name=kind))

    async def _startup(self, watch: _Watch, probe: Probe) -> None:
        if await self._repeat(watch, "startup", probe):
            self._after_startup(watch)

    async def _repeat(self, watch: _Watch, kind: Kind, probe: Probe) -> bool:
        """Check again and again; return when the result is final: a startup probe's, or a failed liveness probe's."""
        await self._clock.sleep(self._initial_delay(watch, probe))
        last, streak = None, 0
        while True:
            passed = await self._check(watch, kind, probe)
            if passed is not None:
                streak = streak + 1 if passed == last else 1
                last = passed
                needed = (probe.successThreshold if passed else probe.failureThreshold) or 1
                if streak >= needed:
                    self._set(watch, kind, passed)
                    if kind == "startup" or (kind == "liveness" and not passed):
                        return passed
            await self._clock.sleep(probe.periodSeconds or 10)

    def _initial_delay(self, watch: _Watch, probe: Probe) -> float:
        started = datetime.fromtimestamp(watch.run.started_at / 1e9, UTC)
        age = (self._clock.now() - started).total_seconds()
        period = probe.periodSeconds or 10
        if age > max(period, probe.initialDelaySeconds):  # an old container, a young kubelet: spread the checks
            return self._random.uniform() * period
        return max(0.0, probe.initialDelaySeconds - age)

    def _set(self, watch: _Watch, kind: Kind, passed: bool) -> None:  # noqa: FBT001 - the result itself
        if watch.results.get(kind) is not passed:
            watch.results[kind] = passed
            self._changed(watch.pod.metadata.uid)

    async def _check(self, watch: _Watch, kind: Kind, probe: Probe) -> bool | None:
        began = self._clock.monotonic()
        passed = await self._tried(watch, kind, probe)
        self._checked(watch.pod, watch.container.name, kind, passed, self._clock.monotonic() - began)
        return passed

    async def _tried(self, watch: _Watch, kind: Kind, probe: Probe) -> bool | None:
        """Check once, a few times if the check itself fails; None: nothing was learnt."""
        for attempt in range(TRIES):
            try:
                finding = await self._checker.check(probe, watch.pod, watch.container, watch.run.id, watch.ip)
            except CheckError as error:
                if attempt == TRIES - 1:
                    text = f"{_TITLES[kind]} probe errored and resulted in unknown state: {error}"
                    self._events.container(watch.pod, watch.container, "Warning", "Unhealthy", text)
                continue
            except Exception:  # a probe that nobody thought of must not end the node's other probes
                log.exception("%s probe of %s", kind, watch.container.name)
                return None
            self._report(watch, kind, finding)
            return finding.passed
        return None

    def _report(self, watch: _Watch, kind: Kind, finding: Finding) -> None:
        if not finding.passed:
            text = f"{_TITLES[kind]} probe failed: {finding.output}"
            self._events.container(watch.pod, watch.container, "Warning", "Unhealthy", text)
        elif finding.warning:
            text = f"{_TITLES[kind]} probe warning: {finding.output}"
            self._events.container(watch.pod, watch.container, "Warning", "ProbeWarning", text)


def _cancel(watch: _Watch) -> None:
    for task in watch.tasks:
        task.cancel()
