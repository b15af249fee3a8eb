"""Bringing a cluster up, step by step: files, runtime, images, kubelet, control plane, add-ons."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import yaml

import sagong
from sagong.api.clock import Clock, format_time
from sagong.api.errors import ApiError
from sagong.api.resources import TABLE, Resource
from sagong.api.types.core import ContainerStatus, Node, Pod
from sagong.cli.operations import OperationError, PartStatus, Report
from sagong.client.client import Client
from sagong.client.config import load_kubeconfig
from sagong.cluster import (
    bytecode,
    certificates,
    component_configs,
    config,
    containerd,
    etcd,
    images,
    manifests,
    preflight,
    spaces,
    supervisor,
    workloads,
)
from sagong.cluster.clock import RealRandom
from sagong.cluster.config import ClusterConfig, write_file
from sagong.cluster.manifests import Manifest
from sagong.cluster.node import NodeConfig
from sagong.node import remains

_POLL = 0.05
_Condition = Callable[[], Awaitable[bool]]
_NOT_YET = (ApiError, OSError, EOFError, TimeoutError)


class Launch:
    """One start of one cluster."""

    def __init__(self, cluster: ClusterConfig, clock: Clock, report: Report) -> None:
        self.cluster, self.clock, self.report = cluster, clock, report
        self.began, self.began_at = clock.monotonic(), format_time(clock.now())

    def prepare(self) -> None:
        """Write everything a start needs; on a cluster that exists, what has changed."""
        cluster = self.cluster
        for directory in (f"{cluster.data_dir}/store", *(place for node in cluster.all_nodes for place in node.directories)):
            Path(directory).mkdir(parents=True, exist_ok=True)
        config.save(cluster)
        certificates.ensure(cluster, self.clock.now())
        component_configs.write(cluster)
        for node in cluster.all_nodes:
            containerd.write_config(node)
            node.manifests.mkdir(exist_ok=True)
        if cluster.store == "etcd":
            etcd.directory(cluster).mkdir(mode=0o700, exist_ok=True)
        for name, pod in workloads.static_pods(cluster).items():
            text = yaml.safe_dump(pod, sort_keys=False).encode()
            path = cluster.all_nodes[0].manifests / name
            if not path.exists() or path.read_bytes() != text:
                write_file(path, text, 0o644)
        self._load_kernel_modules()
        spaces.ensure(cluster)

    def run(self, timeout: float) -> None:
        """Start the supervisor and wait until all of kube-system runs."""
        process = self._start_supervisor()
        bytecode.refresh(Path(sagong.__file__).parent)
        deadline = self.clock.monotonic() + timeout
        self._import_images(deadline)
        self._step("containerd and kubelet run")
        try:
            asyncio.run(self._wait_for_cluster(process, deadline))
        except TimeoutError as error:
            raise OperationError(f"{error}; see `sagong logs kubelet` and `sagong status`") from error

    @contextlib.contextmanager
    def runtime(self) -> Iterator[None]:
        """Have each node's containerd answer for a while: the one that runs, or one of our own that is ended afterwards."""
        with contextlib.ExitStack() as stack:
            for node in self.cluster.all_nodes:
                stack.enter_context(self._runtime_of(node))
            yield

    @contextlib.contextmanager
    def _runtime_of(self, node: NodeConfig) -> Iterator[None]:
        if containerd.answers(node):
            yield
            return
        remains.remove_torn_results()
        with Path(node.log_dir, "containerd.log").open("ab") as log:
            process = subprocess.Popen(_containerd_argv(node), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)  # noqa: S603
        try:
            containerd.wait_ready(node, self.clock.monotonic() + 30.0, self.clock)
            yield
        finally:
            process.terminate()
            process.wait()

    def status(self) -> Sequence[PartStatus]:
        """Return the state of the supervisor, the runtime, and each part of kube-system."""
        cluster = self.cluster
        if supervisor.holder(Path(cluster.run_dir, "supervisor.pid")) is None:
            return [PartStatus("cluster", "Stopped", f"data in {cluster.data_dir}")]
        parts = [PartStatus("supervisor", "Running")]
        for each in cluster.all_nodes:
            part = "containerd" if each.control_plane else f"containerd {each.name}"
            parts.append(PartStatus(part, "Running" if containerd.answers(each) else "Down", str(each.containerd_socket)))
        try:
            pods, nodes = asyncio.run(self._observe())
        except (*_NOT_YET, ExceptionGroup) as error:
            return [*parts, PartStatus("kube-apiserver", "Down", f"{cluster.server_url}: {error}")]
        parts += (PartStatus(f"node {node.metadata.name}", _node_state(node), node.status.nodeInfo.kubeletVersion) for node in nodes)
        return [*parts, *(PartStatus(pod.metadata.name, _state(pod)) for pod in pods)]

    def _client(self) -> Client:
        return Client(load_kubeconfig(str(self.cluster.kubeconfigs / "admin.conf")), clock=self.clock, random=RealRandom())

    async def _observe(self) -> tuple[Sequence[Pod], Sequence[Node]]:
        async with asyncio.timeout(10), self._client() as client:
            return (await client.list(Pod, "kube-system")).items, (await client.list(Node)).items

    def _start_supervisor(self) -> subprocess.Popen[bytes]:
        cluster = self.cluster
        nodes = cluster.all_nodes
        spec = {
            "pid_file": f"{cluster.run_dir}/supervisor.pid",
            "children": [
                *({"name": "containerd", "argv": _containerd_argv(node), **_sweep(node)} for node in nodes),
                *({"name": "kubelet", "argv": _kubelet_argv(node), "log": f"{node.log_dir}/kubelet.log"} for node in nodes),
            ],
        }
        remains.remove_torn_results()
        path = Path(cluster.run_dir, "supervisor.json")
        write_file(path, msgspec.json.encode(spec), 0o644)
        with Path(cluster.log_dir, "supervisor.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own interpreter
                [sys.executable, "-P", "-S", str(Path(supervisor.__file__)), str(path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )

    def _import_images(self, deadline: float) -> None:
        with_etcd = self.cluster.store == "etcd"
        wanted = {images.PAUSE, images.PYTHON, images.HELLO, *((etcd.IMAGE,) if with_etcd else ())}
        lacking = []
        for node in self.cluster.all_nodes:
            containerd.wait_ready(node, deadline, self.clock)
            if not wanted <= set(containerd.references(node)):
                lacking.append(node)
        if not lacking:
            return
        catatonit, busybox = preflight.find("catatonit"), preflight.find("busybox")
        if catatonit is None or busybox is None:
            raise config.ConfigError("catatonit and busybox are needed to build the images; install catatonit and busybox-static")
        archive = Path(self.cluster.run_dir, "images.tar")
        resolver = images.with_libraries(Path(preflight.find("getent") or "getent"))
        built = images.built_in(Path(catatonit), Path(busybox), manifests.interpreter_mounts(), resolver)
        if with_etcd:
            built += (etcd.image(Path(preflight.find("etcd") or "etcd")),)
        archive.write_bytes(images.archive(built))
        for node in lacking:
            containerd.import_archive(node, archive)
        archive.unlink()

    def _load_kernel_modules(self) -> None:
        """Bridged traffic must pass the packet rules, so that replies to a Service find their way back (br_netfilter)."""
        if not Path("/proc/sys/net/bridge").exists():
            subprocess.run(["modprobe", "br_netfilter"], check=False, capture_output=True)  # noqa: S607
        for name in ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables"):
            setting = Path("/proc/sys", name)
            if setting.exists() and setting.read_text().strip() != "1":
                setting.write_text("1")

    async def _wait_for_cluster(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        async with self._client() as client:
            await self._until(process, deadline, "the API server did not answer", lambda: _ready(client))
            self._step("the control plane answers")
            for manifest in workloads.addons(self.cluster):
                await self._apply(client, process, deadline, manifest)
            for node in self.cluster.all_nodes:
                await self._until(process, deadline, f"node {node.name} did not become Ready", partial(_node_ready, client, node.name))
                self._step(f"node {node.name} is Ready")
            pods = workloads.expected_pods(self.cluster)
            await self._until(process, deadline, "kube-system did not become Running", lambda: _all_running(client, self.began_at, pods))
            for manifest in workloads.late_addons(self.cluster):
                await self._apply(client, process, deadline, manifest)
            self._step("all of kube-system is Running")

    async def _apply(self, client: Client, process: subprocess.Popen[bytes], deadline: float, manifest: Manifest) -> None:
        """Apply one add-on. A bare pod that exists is left: most of a pod cannot be changed."""
        row = _row(manifest)
        meta = manifest["metadata"]

        async def done() -> bool:
            with contextlib.suppress(ApiError):
                if manifest["kind"] == "Pod" and await client.get(row, meta["name"], meta["namespace"]):
                    return True
            namespace = meta.get("namespace", "")
            await client.patch(row, meta["name"], namespace, manifest, patch_type="apply", field_manager="sagong", force=True)
            return True

        await self._until(process, deadline, f"{manifest['kind']} {meta['name']} could not be applied", done)

    async def _until(self, process: subprocess.Popen[bytes], deadline: float, failure: str, condition: _Condition) -> None:
        reason = ""
        while self.clock.monotonic() < deadline:
            if process.poll() is not None:
                raise OperationError(f"the supervisor ended; see {self.cluster.log_dir}/supervisor.log")
            try:
                async with asyncio.timeout(5):
                    if await condition():
                        return
            except _NOT_YET as error:
                reason = f" ({error})" if str(error) else ""
            await self.clock.sleep(_POLL)
        raise TimeoutError(f"{failure} in time{reason}")

    def _step(self, text: str) -> None:
        self.report.step(f"{self.clock.monotonic() - self.began:5.1f} s  {text}")


async def _ready(client: Client) -> bool:
    await client.raw("GET", "/readyz")
    return True


async def _node_ready(client: Client, name: str) -> bool:
    return _node_state(await client.get(Node, name)) == "Running"


def _node_state(node: Node) -> str:
    ready = any(c.type == "Ready" and c.status == "True" for c in node.status.conditions)
    return "Running" if ready else "NotReady"


async def _all_running(client: Client, since: str, expected: int) -> bool:
    """Say whether all pods run containers of this start: what a stopped cluster last said of them does not count. Late ones may follow."""
    pods = [pod for pod in (await client.list(Pod, "kube-system")).items if not workloads.is_late(pod.metadata.labels)]
    running = [
        pod for pod in pods if _state(pod) == "Running" and all(_started(status) >= since for status in pod.status.containerStatuses)
    ]
    return len(running) == len(pods) >= expected


def _started(status: ContainerStatus) -> str:
    return (status.state.running.startedAt if status.state and status.state.running else None) or ""


def _state(pod: Pod) -> str:
    """Return Running for a pod whose containers are all ready, otherwise why not."""
    statuses = pod.status.containerStatuses
    if statuses and all(status.ready for status in statuses):
        return pod.status.phase
    waiting = [s.state.waiting.reason for s in statuses if s.state and s.state.waiting]
    return waiting[0] if waiting and waiting[0] else ("NotReady" if pod.status.phase == "Running" else pod.status.phase or "Pending")


def _containerd_argv(node: NodeConfig) -> list[str]:
    return node.inside(preflight.find("containerd") or "containerd", "--config", str(containerd.config_file(node)))


def _sweep(node: NodeConfig) -> dict[str, object]:
    """Return what clears up after a containerd that was killed, and where its log is."""
    places = remains.Places(node.containerd_state, node.containerd_socket, node.runc_root, node.addresses, Path(node.kubelet_dir, "ends"))
    command = [sys.executable, "-P", "-S", str(Path(remains.__file__)), *map(str, vars(places).values())]
    return {"log": f"{node.log_dir}/containerd.log", "before": command, "remains": str(places.bundles)}


def _kubelet_argv(node: NodeConfig) -> list[str]:
    return node.inside(sys.executable, "-P", "-m", "sagong.cluster.kubelet", "--config", str(component_configs.kubelet_file(node)))


def _row(manifest: Manifest) -> Resource:
    row = TABLE.by_kind(manifest["apiVersion"], manifest["kind"])
    if row is None:
        raise LookupError(manifest["kind"])
    return replace(row, module=None)  # dicts in, dicts out
