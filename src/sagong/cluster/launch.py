"""Bringing a cluster up, step by step: files, runtime, images, kubelet, control plane, add-ons."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import yaml

from sagong.api.clock import Clock, format_time
from sagong.api.errors import ApiError
from sagong.api.resources import TABLE, Resource
from sagong.api.types.core import ContainerStatus, Node, Pod
from sagong.cli.operations import OperationError, PartStatus, Report
from sagong.client.client import Client
from sagong.client.config import load_kubeconfig
from sagong.cluster import certificates, component_configs, config, containerd, images, manifests, preflight, supervisor, workloads
from sagong.cluster.clock import RealRandom
from sagong.cluster.config import ClusterConfig, write_file
from sagong.cluster.manifests import Manifest

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
        for directory in (cluster.data_dir, cluster.run_dir, cluster.log_dir, cluster.kubelet_dir, f"{cluster.data_dir}/store"):
            Path(directory).mkdir(parents=True, exist_ok=True)
        config.save(cluster)
        certificates.ensure(cluster, self.clock.now())
        component_configs.write(cluster)
        containerd.write_config(cluster)
        for name, pod in workloads.static_pods(cluster).items():
            text = yaml.safe_dump(pod, sort_keys=False).encode()
            path = cluster.manifests / name
            if not path.exists() or path.read_bytes() != text:
                write_file(path, text, 0o644)
        self._load_kernel_modules()

    def run(self, timeout: float) -> None:
        """Start the supervisor and wait until all of kube-system runs."""
        process = self._start_supervisor()
        deadline = self.clock.monotonic() + timeout
        containerd.wait_ready(self.cluster, deadline, self.clock)
        self._import_images()
        self._step("containerd and kubelet run")
        try:
            asyncio.run(self._wait_for_cluster(process, deadline))
        except TimeoutError as error:
            raise OperationError(f"{error}; see `sagong logs kubelet` and `sagong status`") from error

    @contextlib.contextmanager
    def runtime(self) -> Iterator[None]:
        """Have containerd answer for a while: the one that runs, or one of our own that is ended afterwards."""
        if containerd.answers(self.cluster):
            yield
            return
        with Path(self.cluster.log_dir, "containerd.log").open("ab") as log:
            process = subprocess.Popen(self._containerd_argv(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)  # noqa: S603
        try:
            containerd.wait_ready(self.cluster, self.clock.monotonic() + 30.0, self.clock)
            yield
        finally:
            process.terminate()
            process.wait()

    def status(self) -> Sequence[PartStatus]:
        """Return the state of the supervisor, the runtime, and each part of kube-system."""
        cluster = self.cluster
        if supervisor.holder(Path(cluster.run_dir, "supervisor.pid")) is None:
            return [PartStatus("cluster", "Stopped", f"data in {cluster.data_dir}")]
        parts = [
            PartStatus("supervisor", "Running"),
            PartStatus("containerd", "Running" if containerd.answers(cluster) else "Down", str(cluster.containerd_socket)),
        ]
        try:
            pods, nodes = asyncio.run(self._observe())
        except (*_NOT_YET, ExceptionGroup) as error:
            return [*parts, PartStatus("kube-apiserver", "Down", f"{cluster.server_url}: {error}")]
        for node in nodes:
            ready = any(c.type == "Ready" and c.status == "True" for c in node.status.conditions)
            parts.append(PartStatus(f"node {node.metadata.name}", "Running" if ready else "NotReady", node.status.nodeInfo.kubeletVersion))
        return [*parts, *(PartStatus(pod.metadata.name, _state(pod)) for pod in pods)]

    def _client(self) -> Client:
        return Client(load_kubeconfig(str(self.cluster.kubeconfigs / "admin.conf")), clock=self.clock, random=RealRandom())

    async def _observe(self) -> tuple[Sequence[Pod], Sequence[Node]]:
        async with asyncio.timeout(10), self._client() as client:
            return (await client.list(Pod, "kube-system")).items, (await client.list(Node)).items

    def _start_supervisor(self) -> subprocess.Popen[bytes]:
        cluster = self.cluster
        spec = {
            "pid_file": f"{cluster.run_dir}/supervisor.pid",
            "children": [
                {"name": "containerd", "argv": self._containerd_argv(), "log": f"{cluster.log_dir}/containerd.log"},
                {
                    "name": "kubelet",
                    "argv": [sys.executable, "-P", "-m", "sagong.cluster.kubelet", "--config", f"{cluster.data_dir}/etc/kubelet.json"],
                    "log": f"{cluster.log_dir}/kubelet.log",
                },
            ],
        }
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

    def _containerd_argv(self) -> list[str]:
        return [preflight.find("containerd") or "containerd", "--config", f"{self.cluster.data_dir}/etc/containerd.toml"]

    def _import_images(self) -> None:
        wanted = {images.PAUSE, images.PYTHON, images.HELLO}
        if wanted <= set(containerd.references(self.cluster)):
            return
        catatonit, busybox = preflight.find("catatonit"), preflight.find("busybox")
        if catatonit is None or busybox is None:
            raise config.ConfigError("catatonit and busybox are needed to build the images; install catatonit and busybox-static")
        archive = Path(self.cluster.run_dir, "images.tar")
        resolver = images.with_libraries(Path(preflight.find("getent") or "getent"))
        built = images.built_in(Path(catatonit), Path(busybox), manifests.interpreter_mounts(), resolver)
        archive.write_bytes(images.archive(built))
        containerd.import_archive(self.cluster, archive)
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
            await self._until(process, deadline, "the node did not become Ready", lambda: self._node_ready(client))
            self._step(f"node {self.cluster.node_name} is Ready")
            await self._until(process, deadline, "kube-system did not become Running", lambda: _all_running(client, self.began_at))
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

    async def _node_ready(self, client: Client) -> bool:
        node = await client.get(Node, self.cluster.node_name)
        return any(c.type == "Ready" and c.status == "True" for c in node.status.conditions)

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


async def _all_running(client: Client, since: str) -> bool:
    """Say whether all pods run containers of this start: what a stopped cluster last said of them does not count."""
    pods = (await client.list(Pod, "kube-system")).items
    running = [
        pod for pod in pods if _state(pod) == "Running" and all(_started(status) >= since for status in pod.status.containerStatuses)
    ]
    return len(running) == len(pods) >= workloads.EXPECTED_PODS


def _started(status: ContainerStatus) -> str:
    return status.state.running.startedAt if status.state and status.state.running else ""


def _state(pod: Pod) -> str:
    """Return Running for a pod whose containers are all ready, otherwise why not."""
    statuses = pod.status.containerStatuses
    if statuses and all(status.ready for status in statuses):
        return pod.status.phase
    waiting = [s.state.waiting.reason for s in statuses if s.state and s.state.waiting]
    return waiting[0] if waiting and waiting[0] else ("NotReady" if pod.status.phase == "Running" else pod.status.phase or "Pending")


def _row(manifest: Manifest) -> Resource:
    row = TABLE.by_kind(manifest["apiVersion"], manifest["kind"])
    if row is None:
        raise LookupError(manifest["kind"])
    return replace(row, module=None)  # dicts in, dicts out
