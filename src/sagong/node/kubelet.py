"""The kubelet: one node's pods, from whatever source, made to run. Here its parts are put together and kept going."""

from __future__ import annotations

import asyncio
import logging
import platform
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sagong.api.clock import Clock, Random
from sagong.api.exposition import Family
from sagong.api.quantity import parse
from sagong.api.slis import Slis
from sagong.api.types.core import Pod, PodStatus, Taint
from sagong.client.client import Client
from sagong.node import apparmor, cgroup_fs, machine, node_metrics
from sagong.node.act import Actor
from sagong.node.admission import Rejection
from sagong.node.allocations import Allocations
from sagong.node.api_side import ApiSide, NoApi
from sagong.node.backoff import Backoff
from sagong.node.certificates import Rotator, Wanted, client_certificate, serving_certificate
from sagong.node.cgroups import Cgroups
from sagong.node.config import KubeletConfig, seconds
from sagong.node.container_config import ContainerBuilder
from sagong.node.credential_plugins import plugins_of
from sagong.node.credentials import PullSecrets
from sagong.node.cri import api_pb2 as cri
from sagong.node.cri.client import Channel, CriError, Runtime
from sagong.node.cri.exits import RuntimeEvents
from sagong.node.cri.metered import Metered
from sagong.node.dns_config import ClusterDns
from sagong.node.endings import Endings
from sagong.node.ends import Ends
from sagong.node.env import EnvBuilder
from sagong.node.events import PodEvents
from sagong.node.eviction import thresholds
from sagong.node.eviction_manager import EvictionManager
from sagong.node.gate import Gate
from sagong.node.grants import Grants
from sagong.node.hooks import Hooks
from sagong.node.housekeeping import Housekeeper
from sagong.node.image_collector import ImageCollector
from sagong.node.images import Images, Rate
from sagong.node.kills import Killer
from sagong.node.lease import NodeLease
from sagong.node.leases import Leases
from sagong.node.log_rotation import LogRotator
from sagong.node.logs_layout import LogFiles
from sagong.node.meter import KubeletMeter
from sagong.node.meters.certificates import Kind as CertificateKind
from sagong.node.meters.images import records
from sagong.node.meters.resizes import waiting
from sagong.node.meters.volumes import totals
from sagong.node.mirrors import Mirrors
from sagong.node.node_reporter import NodeObserver, NodeReporter
from sagong.node.node_status import VERSION, NodeSettings
from sagong.node.observe import Observer
from sagong.node.pod_network import PodNetwork
from sagong.node.pod_resources import PodResources
from sagong.node.pods import Pods
from sagong.node.probe_checks import Checker
from sagong.node.probes import Prober
from sagong.node.pull_records import PullRecords
from sagong.node.resizer import Resizer
from sagong.node.resources import Reservations, for_pods
from sagong.node.runtime_classes import RuntimeClasses
from sagong.node.sandbox_config import SandboxBuilder
from sagong.node.security import Seccomp
from sagong.node.server.health import serve_health
from sagong.node.server.kubelet_host import KubeletHost, serve
from sagong.node.shims import Shims
from sagong.node.shutdown.logind import Logind
from sagong.node.shutdown.manager import Shutdown
from sagong.node.shutdown.order import Period, periods
from sagong.node.shutdown.record import ShutdownRecord
from sagong.node.static_pods import StaticPods
from sagong.node.stats import NodeStatistics
from sagong.node.status_manager import StatusManager
from sagong.node.statuses import Node
from sagong.node.user_namespaces import UserNamespaces
from sagong.node.volumes.image import image_volumes
from sagong.node.volumes.layout import NodeFiles
from sagong.node.volumes.manager import VolumeManager
from sagong.node.volumes.payload import Contents
from sagong.node.volumes.sources import ObjectCache
from sagong.node.volumes.tokens import TokenCache
from sagong.node.workers import Machinery

if TYPE_CHECKING:
    from sagong.api.zpages import Zpages

FIRST_CRASH_DELAY = 10.0
RUNTIME_RETRY = 0.2
log = logging.getLogger(__name__)


class Kubelet:
    """One node. `client` is None for a node that runs only static pods.

    `process` is what /metrics shows of the process, `started` when it began: now, if nobody says; `command` is the flags it got.
    """

    def __init__(
        self,
        config: KubeletConfig,
        client: Client | None,
        clock: Clock,
        random: Random,
        process: Callable[[], Iterable[Family]] = tuple,
        *,
        started: Callable[[], datetime] | None = None,
        command: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        now = clock.now()
        self._process, self._started, self._command = process, started or (lambda: now), command
        self.config, self.clock, self.random = config, clock, random
        self._channel = Channel(config.runtime_socket)
        self.meter = KubeletMeter(clock, machine.booted())
        self.runtime = Runtime(Metered(self._channel, self.meter, clock))
        self.files = NodeFiles(Path(config.rootDir))
        self.pull_records = PullRecords(self.files.root)
        self.logs = LogFiles(Path(config.podLogsDir), Path(config.containerLogsDir))
        self.ips = (machine.node_address(config.nodeIP),)
        reserved = Reservations(config.kubeReserved, config.systemReserved, config.evictionHard, config.maxPods, config.podsPerCore)
        self.node_observer = NodeObserver(self.runtime, self.files.root, clock, reserved)
        self.api = ApiSide(client, config.node_name) if client else None
        self.events = PodEvents(self.api.recorder if self.api else NoApi())
        self.pods = Pods(self._admit, self._gone)
        self.endings = Endings(self.pods, self.events)
        lookup = self.api.handler if self.api else (lambda _: None)
        self.runtime_classes = RuntimeClasses(lookup, self.node_observer.features, UserNamespaces(self.files))
        self.static_pods: StaticPods | None = None
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Run until cancelled."""
        self.files.root.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._assemble(await self._wait_for_runtime())
        async with asyncio.TaskGroup() as group:
            self._group = group
            for task in self._tasks():
                group.create_task(task)

    async def close(self) -> None:
        """Let go of the runtime."""
        await self._channel.close()

    def _assemble(self, version: cri.VersionResponse) -> None:
        config, clock = self.config, self.clock
        self.image_volumes = image_volumes(version, self.runtime, self.files)
        self.observer = Observer(self.runtime, Ends(self.files.root), timed=self.meter.relists.pod)
        self.statuses = StatusManager(
            self.api.client if self.api else None,
            clock,
            self.pods.shown,
            changed=self._status_changed,
            synced=self.meter.sync_seconds.observe,
        )
        self.prober = Prober(Checker(self.runtime), self.events, clock, self.random, self.pods.wake, checked=self.meter.probed)
        hooks = Hooks(self.runtime, clock, self.events, self.meter.endings)
        killer = Killer(self.runtime, hooks, self.events, clock)
        self._assemble_volumes()
        self._assemble_evictions()
        objects = self.objects
        allocatable = self.node_observer.allocatable
        # a tenth of the process numbers is the node's own, so that no pod can keep it from starting anything
        pids = self.node_observer.machine.max_pid * 9 // 10
        self.cgroups.ensure_node(*for_pods(self.node_observer.machine, self.node_observer.reserved), pids)
        self.events.node(config.node_name, "Normal", "NodeAllocatableEnforced", "Updated Node Allocatable limit across pods")
        images = Images(
            self.runtime,
            self.events,
            clock,
            PullSecrets(objects, self.events, plugins_of(config, clock, self.meter.images.asked_plugin)),
            parallel_pulls=1 if config.serializeImagePulls else config.maxParallelImagePulls,
            rate=Rate(clock, config.registryPullQPS, config.registryBurst),
            records=self.pull_records,
            pulled=self.meter.pulled,
            meter=self.meter.images,
        )
        allocations = Allocations(self.files)
        containers = ContainerBuilder(
            files=self.files,
            environment=EnvBuilder(objects),
            services=self.api.all_services if self.api else tuple,
            mounted=self.volumes.mounted,
            image_volumes=self.image_volumes,
            recursive_read_only=self.runtime_classes.recursive_read_only,
            memory_capacity=self.node_observer.machine.memory,
            cluster_domain=config.clusterDomain,
            seccomp=Seccomp(self.files.root / "seccomp", "RuntimeDefault" if config.seccompDefault else "Unconfined"),
            cgroups=self.cgroups.traits,
        )
        actor = Actor(
            runtime=self.runtime,
            observer=self.observer,
            sandboxes=SandboxBuilder(
                self.cgroups.parent,
                ClusterDns(config.clusterDNS, config.clusterDomain, Path(config.resolvConf) if config.resolvConf else None),
                self.runtime_classes.handler,
                lambda pod, reason, message: self.events.pod(pod, "Warning", reason, message),
                self.runtime_classes.users,
            ),
            containers=containers,
            allocations=allocations,
            resizer=Resizer(self.runtime, self.cgroups, containers, allocations, clock, self.meter.resizes),
            cgroups=self.cgroups,
            images=images,
            hooks=hooks,
            killer=killer,
            events=self.events,
            backoff=Backoff(clock, FIRST_CRASH_DELAY, seconds(config.crashLoopBackOff.maxContainerRestartPeriod)),
            logs=self.logs,
            host_ips=self.ips,
            allocatable=allocatable,
            meter=self.meter,
        )
        self.grants = Grants(allocations, self.pods.counting, self.gate.admit, self.events, clock, meter=self.meter.resizes)
        self.pods.use(
            Machinery(
                observer=self.observer,
                actor=actor,
                killer=killer,
                volumes=self.volumes,
                cgroups=self.cgroups,
                prober=self.prober,
                statuses=self.statuses,
                events=self.events,
                clock=clock,
                random=self.random,
                node=Node(self.ips),
                allocations=allocations,
                runtime_name=version.runtime_name,
                recursive_read_only=self.runtime_classes.recursive_read_only,
                resync_seconds=seconds(config.syncFrequency),
                finished=self._finished,
                worked=self._worked,
                began=self.meter.began,
                asked=self.meter.resizes.asked,
                restarted=lambda static: self.meter.restarts.add(("true" if static else "",)),
            ),
            self.grants.look,
        )
        self.housekeeper = Housekeeper(
            runtime=self.runtime,
            observer=self.observer,
            killer=killer,
            leases=Leases(self.runtime, Path(config.runtime_socket)),
            shims=Shims(self.runtime, config.runtime_socket, clock),
            volumes=self.volumes,
            cgroups=self.cgroups,
            logs=self.logs,
            clock=clock,
            known=self.pods.known,
            wake=self.pods.wake,
            sources_ready=self._sources_ready,
            relists=self.meter.relists,
            volume_meter=self.meter.volumes,
        )
        self.network = PodNetwork(self.runtime, clock, self._pod_ranges)
        self.mirrors = Mirrors(self.api.client, clock, config.node_name, self._node_uid, self.pods.mirror) if self.api else None

    def _assemble_volumes(self) -> None:
        api: Any = self.api.client if self.api else NoApi()
        self.objects = ObjectCache(api, self.clock)
        contents = Contents(self.objects, TokenCache(api, self.clock, self.random))
        self.volumes = VolumeManager(
            self.files,
            contents,
            api,
            self.clock,
            lambda: self.node_observer.allocatable,
            images=self.image_volumes,
            meter=self.meter.volumes,
        )
        self.cgroups = Cgroups(cgroup_fs.detect(), self.config.cgroupRoot, pod_pids_limit=self.config.podPidsLimit, timed=self.meter.cgroup)

    def _assemble_evictions(self) -> None:
        config = self.config
        high, low = config.imageGCHighThresholdPercent / 100, config.imageGCLowThresholdPercent / 100
        self.image_collector = ImageCollector(
            self.runtime,
            self.files.root,
            self.clock,
            high=high,
            low=low,
            min_age=seconds(config.imageMinimumGCAge),
            max_age=seconds(config.imageMaximumGCAge),
            listed=self.pull_records.prune,
            removed=lambda reason: self.meter.collected.add((reason,)),
            failed=lambda text: self.events.node(config.node_name, "Warning", "FreeDiskSpaceFailed", text),
        )
        self.evictions = EvictionManager(
            runtime=self.runtime,
            cgroups=self.cgroups,
            files=self.files,
            logs=self.logs.pods,
            machine=self.node_observer.machine,
            thresholds=thresholds(
                config.evictionHard,
                config.evictionSoft,
                {signal: seconds(text) for signal, text in config.evictionSoftGracePeriod.items()},
                config.evictionMinimumReclaim,
            ),
            pods=self.endings.active,
            evict=self.endings.evict,
            clock=self.clock,
            reclaim=self.image_collector.free_all,
            transition=seconds(config.evictionPressureTransitionPeriod),
            longest_grace=config.evictionMaxPodGracePeriod,
            evicted=lambda signal: self.meter.evictions.add((signal,)),
            reclaiming=lambda resource: self.events.node(
                config.node_name, "Warning", "EvictionThresholdMet", f"Attempting to reclaim {resource}"
            ),
            aged=lambda signal, seconds: self.meter.eviction_ages.observe(seconds, (signal,)),
        )
        self.node_observer.pressures = self.evictions.pressures
        self._assemble_shutdown()

    def _assemble_shutdown(self) -> None:
        config = self.config
        listed = [Period(rule.priority, rule.shutdownGracePeriodSeconds) for rule in config.shutdownGracePeriodByPodPriority]
        total, critical = seconds(config.shutdownGracePeriod), seconds(config.shutdownGracePeriodCriticalPods)
        self.shutdown = Shutdown(
            periods(total, critical, listed), self.endings.active, self.endings.shut_down, self.endings.has_ended, self.clock
        )
        self.shutdown_record = ShutdownRecord(self.files.root)
        self.shutdown.told = self._shutdown_told
        self.meter.endings.shutdown(*map(_seconds_of, self.shutdown_record.read()))
        self.node_observer.problems = self.shutdown.problems
        self.gate = Gate(
            self.shutdown.refuse,
            self.evictions.pressures,
            lambda: self.node_observer.allocatable,
            self.api.node if self.api else lambda: None,
            self.node_observer.features,
            self.endings.preempt,
            config.allowedUnsafeSysctls,
            lambda resource: self.meter.preemptions.add((resource,)),
            apparmor=apparmor.enabled(),
        )

    def _tasks(self) -> list[Coroutine[Any, Any, None]]:
        config = self.config
        tasks = [
            self.pods.run(),
            self.network.run(),
            self.grants.run(),
            self.prober.run(),
            self.statuses.run(),
            RuntimeEvents(self.runtime, self.clock, self._runtime_changed, self.observer.learn_end, meter=self.meter.relists).run(),
            self.housekeeper.run(),
            self.evictions.run(),
            self.image_collector.run(),
            self._rotator().run(),
            PodResources(self.files.root / "pod-resources" / "kubelet.sock", self.endings.active, self.meter.agents).run(),
        ]
        if self.shutdown.rules:
            tasks.append(Logind(self.clock, self.shutdown.seconds, self.shutdown.begin, self.shutdown.cancel).run())
        if config.staticPodPath:
            every = seconds(config.fileCheckFrequency)
            self.static_pods = StaticPods(Path(config.staticPodPath), config.node_name, every, self.clock, self._static_changed)
            tasks.append(self.static_pods.run())
        if config.enableServer:
            host = KubeletHost(config, self.pods, self.statuses)
            reviewer = self.api.client if self.api else None
            machine, mounted = self.node_observer.machine, self.volumes.mounted
            statistics = NodeStatistics(
                host,
                self.runtime,
                self.cgroups,
                machine,
                self.files,
                self.logs.pods,
                mounted,
                self.clock,
                self._families,
                self.meter.volumes,
            )
            slis = Slis()
            tasks.append(serve_health(config.healthzBindAddress, config.healthzPort, slis))
            serving = serve(
                host,
                self.runtime,
                self.clock,
                reviewer=reviewer,
                addresses=self.ips,
                statistics=statistics,
                slis=slis,
                meter=self.meter.requests,
                zpages=self._zpages,
            )
            tasks.append(serving)
        return [*tasks, self._with_api(self.api, self.mirrors)] if self.api and self.mirrors else tasks

    def _zpages(self, paths: Iterable[str]) -> Zpages:
        from sagong.api import zpages  # noqa: PLC0415 - rarely asked for
        from sagong.node.server.flags import flags  # noqa: PLC0415 - see above

        language = f"python{platform.python_version()}"
        process = zpages.Process("kubelet", VERSION, language, self._started(), flags(self.config, self._command))
        return zpages.Zpages(process, paths, self.clock, self.random)

    def _rotator(self) -> LogRotator:
        size = parse(self.config.containerLogMaxSize).value()
        return LogRotator(self.runtime, self.logs.pods, size, self.config.containerLogMaxFiles, self.clock)

    async def _with_api(self, api: ApiSide, mirrors: Mirrors) -> None:
        """Do what needs the API once it answers: it may be one of the static pods, and each part would wait longer and longer for it."""
        await api.client.wait_ready()
        async with asyncio.TaskGroup() as group:
            for task in self._api_tasks(api, mirrors):
                group.create_task(task)

    def _api_tasks(self, api: ApiSide, mirrors: Mirrors) -> list[Coroutine[Any, Any, None]]:
        config = self.config
        taints = [Taint(key=taint.key, value=taint.value, effect=taint.effect) for taint in config.registerWithTaints]
        settings = NodeSettings(config.node_name, self.ips, config.port, config.nodeLabels, taints, config.providerID)
        reporter = NodeReporter(
            api.client,
            self.node_observer,
            settings,
            api.recorder,
            self.clock,
            every=seconds(config.nodeStatusUpdateFrequency),
            full=seconds(config.nodeStatusReportFrequency),
            meter=self.meter.startup,
        )
        self.shutdown.changed = reporter.wake
        api.nodes.add_handler(lambda _, __: mirrors.look())
        api.nodes.add_handler(lambda _, __: self.network.look())
        tasks = [*api.tasks(), mirrors.run(), api.follow_pods(self._api_changed, self.housekeeper.look_soon)]
        node, pki = config.node_name, self.files.root / "pki"
        if config.rotateCertificates:
            tasks.append(self._renewing(api, client_certificate(node), "client", pki))
        if config.serverTLSBootstrap:
            tasks.append(self._renewing(api, serving_certificate(node, self.ips), "server", pki))
        if config.registerNode:
            tasks += [reporter.run(), NodeLease(api.client, self.clock, config.node_name, config.nodeLeaseDurationSeconds).run()]
        return tasks

    def _renewing(self, api: ApiSide, wanted: Wanted, kind: CertificateKind, pki: Path) -> Coroutine[Any, Any, None]:
        rotator = Rotator(api.client, wanted, pki, self.clock, self.random)
        meter = self.meter.certificate(kind, rotator.current)
        rotator.failed, rotator.replaced = meter.failed, meter.replaced
        return rotator.run()

    async def _wait_for_runtime(self) -> cri.VersionResponse:
        while True:
            try:
                self.node_observer.features.take(await self.runtime.status())
                return await self.runtime.version()
            except CriError as error:
                log.warning("the container runtime at %s does not answer: %s", self.config.runtime_socket, error)
                await self.clock.sleep(RUNTIME_RETRY)

    # What the parts tell each other.

    def _static_changed(self, pods: dict[str, Pod] | Any) -> None:
        self.pods.static_changed(pods)
        if self.mirrors:
            self.mirrors.want(pods)

    def _api_changed(self, old: Pod | None, new: Pod | None) -> None:
        self.pods.api_changed(old, new)
        changed = new or old
        if self.mirrors and changed and (uid := changed.metadata.annotations.get("kubernetes.io/config.mirror")):
            self.mirrors.look()
            if new is not None:
                self.statuses.reconcile(uid)
                if not self.pods.known(uid) and self._group:
                    self._group.create_task(self.mirrors.remove(new))

    def _runtime_changed(self, changed: str) -> None:
        uid = self.observer.owner(changed) if changed else None
        if uid:
            self.pods.wake(uid, changed)
        else:
            self.housekeeper.look_soon(changed)

    def _finished(self, uid: str) -> None:
        self.pods.finished(uid)

    def _gone(self, pod: Pod) -> None:
        if self._group:
            self._group.create_task(self._remove(pod))

    async def _remove(self, pod: Pod) -> None:
        meta = pod.metadata
        await self.housekeeper.remove(pod)
        mirror = self.pods.mirror(meta.namespace, meta.name)
        if self.mirrors and mirror is not None and mirror.metadata.annotations.get("kubernetes.io/config.mirror") == meta.uid:
            await self.mirrors.remove(mirror)
        self.pods.left(meta.uid)

    def _sources_ready(self) -> bool:
        """Tell whether every source has been read, so that a pod nobody shows is a stranger."""
        static = self.static_pods is None or self.static_pods.ready
        return static and (self.api is None or self.api.pods.synced.is_set())

    def _pod_ranges(self) -> Sequence[str]:
        """Return the ranges that pods get their addresses from: the node's, or the configured one where there is no API."""
        if self.api is None:
            return [self.config.podCIDR] if self.config.podCIDR else []
        node = self.api.node()
        return node.spec.podCIDRs if node else []

    def _node_uid(self) -> str:
        node = self.api.node() if self.api else None
        return node.metadata.uid if node else ""

    def _admit(self, pod: Pod, others: list[Pod]) -> Rejection | None:
        refused = self.gate.admit(pod, others)
        if refused is not None:
            self.meter.rejections.add((refused.reason,))
        return refused

    def _status_changed(self, uid: str, before: PodStatus | None, after: PodStatus) -> None:
        worker = self.pods.worker(uid)
        self.meter.status_changed(worker.pod if worker else None, before, after)

    def _shutdown_told(self, began: datetime, ended: datetime | None) -> None:
        self.shutdown_record.write(began, ended)
        self.meter.endings.shutdown(_seconds_of(began), _seconds_of(ended))

    def _worked(self, operation: str, seconds: float) -> None:
        self.meter.work_seconds.observe(seconds, (operation,))

    def _families(self, path: str) -> Iterable[Family]:
        """Return what only the kubelet as a whole can show on a page of metrics."""
        if path == "probes":
            return self.meter.page_of_probes()
        requests = self.api.client.transport.metrics.families() if self.api else ()
        volumes = totals(self.volumes.desired(), self.volumes.actual())
        workers = self.pods.all()
        of_pods = [
            *node_metrics.of_workers(workers, len(self.pods.mirrors())),
            *waiting((worker.resize_waits for worker in workers if worker.resize_waits), sum(worker.resize_goes_on for worker in workers)),
            *records(*self.pull_records.counts()),
        ]
        return [*self.meter.families(), volumes, *of_pods, *requests, *self._process()]


def _seconds_of(moment: datetime | None) -> float:
    return moment.timestamp() if moment is not None else 0.0
