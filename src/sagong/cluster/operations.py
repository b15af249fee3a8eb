"""The command line's verbs, carried out: the `Operations` of `cli/` over this package's parts."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec
import yaml

from sagong import __version__
from sagong.cli.operations import ImageLine, OperationError, PartStatus, PodAnswer, Report, StartOptions
from sagong.client.config import KubeconfigError, load_kubeconfig
from sagong.cluster import certificates, config, containerd, host, preflight, scheduler_settings, spaces, supervisor, user_kubeconfig
from sagong.cluster.clock import RealClock
from sagong.cluster.config import KUBERNETES_VERSION, ClusterConfig, ConfigError
from sagong.cluster.launch import Launch
from sagong.cluster.node import NodeConfig

STOP_GRACE = 10
"""Seconds a container has to end when the cluster stops."""

MOST_AT_ONCE = 8
"""Nodes whose containers are stopped at the same time."""


class HostOperations:
    """Operations on a cluster of this machine."""

    def start(self, options: StartOptions, report: Report) -> bool:
        """Check, prepare, launch, wait."""
        with _one_line():
            preflight.check_root()
            existing = config.load(options.data_dir)
            cluster = configure(options, existing)
            if supervisor.holder(pid_file(cluster)) is not None:
                return False
            for check in preflight.checks(cluster):
                check()
            spaces.check(cluster)
            scheduler_settings.check(cluster, options.scheduler_config)
            admin_file = user_kubeconfig.path()
            if options.kubeconfig:
                user_kubeconfig.read(admin_file)
            scheduler_settings.keep(cluster, options.scheduler_config)
            launch = Launch(cluster, RealClock(), report)
            launch.prepare()
            launch.run(options.timeout)
            if options.kubeconfig:
                user_kubeconfig.add(admin_file, certificates.kubeconfig(cluster, "admin"))
        return True

    def stop(self, data_dir: str, report: Report) -> bool:
        """Stop the kubelet, then all containers, then the runtime."""
        with _one_line():
            preflight.check_root()
            cluster = config.load(data_dir)
            return cluster is not None and shut_down(cluster, report, remove=False)

    def delete(self, data_dir: str, report: Report) -> bool:
        """Stop and remove. A corrupt configuration does not stand in the way: what it would have named is at its default."""
        with _one_line():
            preflight.check_root()
            if not Path(data_dir).exists():
                return False
            try:
                cluster = config.load(data_dir) or configure(StartOptions(data_dir), None)
            except ConfigError:
                cluster = configure(StartOptions(data_dir), None)
            shut_down(cluster, report, remove=True)
            host.remove_bridge(cluster)
            places = tuple(place for node in cluster.all_nodes for place in node.directories)
            host.unmount_under(*places)
            host.remove_directories(*places)
            user_kubeconfig.remove(user_kubeconfig.path())
            return True

    def status(self, data_dir: str) -> Sequence[PartStatus]:
        """Ask the supervisor's lock, the sockets and the API."""
        with _one_line():
            cluster = config.load(data_dir)
            return () if cluster is None else Launch(cluster, RealClock(), _Silent()).status()

    def logs(self, data_dir: str, part: str, node: str, *, follow: bool, tail: int) -> Iterator[bytes]:
        """Read a host part's log file, or the newest log of a control-plane container."""
        with _one_line():
            cluster = _existing(data_dir)
            path = _log_file(_node(cluster, node), part)
        if path is None:
            raise OperationError(f"{part} has no log yet")
        return _read_log(path, follow=follow, tail=tail)

    def load_image(self, data_dir: str, archive: str) -> Sequence[str]:
        """Import through containerd's own client."""
        with _one_line():
            cluster = _running(data_dir)
            if not Path(archive).is_file():
                raise OperationError(f"there is no file {archive}; name an OCI or docker archive, as `docker save` writes it")
            held: list[str] = []
            for node in cluster.all_nodes:
                held = containerd.import_archive(node, Path(archive))
            return held

    def list_images(self, data_dir: str) -> Sequence[ImageLine]:
        """List the CRI's images."""
        from sagong.cluster.containers import Runtime  # noqa: PLC0415 - grpc is slow to import and only this needs it

        with _one_line():
            cluster = _running(data_dir)
            lines: set[ImageLine] = set()
            for node in cluster.all_nodes:
                with Runtime(node.containerd_socket) as runtime:
                    lines |= {
                        ImageLine(tag, image.id.removeprefix("sha256:")[:12], image.size)
                        for image in runtime.images()
                        for tag in image.repo_tags
                    }
        return sorted(lines, key=lambda line: line.reference)

    def kubeconfig(self, data_dir: str) -> str:
        """Render the administrator's kubeconfig."""
        with _one_line():
            return yaml.safe_dump(certificates.kubeconfig(_existing(data_dir), "admin"), sort_keys=False)

    def why(self, data_dir: str, kubeconfig: str, namespace: str, pod: str) -> PodAnswer:
        """Let the scheduler judge what the API shows."""
        from sagong.cluster import why  # noqa: PLC0415 - the scheduler and numpy are slow to import and only this needs them

        with _one_line():
            file = kubeconfig or str(_running(data_dir).kubeconfigs / "admin.conf")
            try:
                return asyncio.run(why.why(load_kubeconfig(file), namespace, pod))
            except KubeconfigError as error:
                raise OperationError(str(error)) from error

    def install_packages(self, report: Report, store: str = "") -> None:
        """Run apt-get."""
        preflight_root = os.geteuid() == 0
        if not preflight_root or shutil.which("apt-get") is None:
            names = " ".join(self.missing_packages(store))
            raise OperationError(f"not installed: {names}; install them with this system's package manager, as root")
        packages = self.missing_packages(store)
        report.step(f"installing {' '.join(packages)}")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]):
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603 - fixed words
        if done.returncode != 0:
            said = (done.stderr.strip().splitlines() or ["no output"])[-1]
            raise OperationError(f"apt-get could not install {' '.join(packages)} ({said}); check the network, or install them by hand")

    def missing_packages(self, store: str = "") -> Sequence[str]:
        """Ask the PATH."""
        return preflight.missing_packages(store)

    def versions(self) -> dict[str, str]:
        """Read the package's metadata, the interpreter and the runtime's binary."""
        binary = preflight.find("containerd")
        runtime = host.run(binary, "--version").split() if binary else []
        return {
            "sagong": __version__,
            "kubernetes": KUBERNETES_VERSION,
            "python": platform.python_version(),
            "containerd": runtime[2] if len(runtime) > 2 else "not installed",  # noqa: PLR2004 - "containerd REPOSITORY VERSION ..."
        }


def configure(options: StartOptions, existing: ClusterConfig | None) -> ClusterConfig:
    """Return the cluster's settings: what it was created with, changed by what is asked for now."""
    asked = {
        name: value
        for name in (
            "node_name",
            "node_ip",
            "api_port",
            "kubelet_port",
            "controller_manager_port",
            "scheduler_port",
            "proxy_health_port",
            "proxy_metrics_port",
            "nodes",
            "node_cidr",
            "pod_cidr",
            "service_cidr",
            "simulated",
            "store",
            "etcd_port",
        )
        if (value := getattr(options, name))
    }
    if existing is not None:
        if asked.get("node_name", existing.node_name) != existing.node_name:
            raise ConfigError(f"this cluster's node is {existing.node_name!r} and cannot be renamed; start with another --data-dir")
        for name in ("pod_cidr", "service_cidr"):
            if asked.get(name, getattr(existing, name)) != getattr(existing, name):
                option = f"--{name.replace('_', '-')}"
                raise ConfigError(f"this cluster has {option} {getattr(existing, name)} and keeps it; start with another --data-dir")
        if asked.get("store", existing.store) != existing.store:
            raise ConfigError(f"this cluster's state is in {existing.store} and stays there; start with another --data-dir")
        if existing.nodes > 1 and asked.get("simulated", existing.simulated) != existing.simulated:
            raise ConfigError(f"this cluster has {existing.nodes} nodes that are not simulated; start with another --data-dir")
        if asked.get("nodes", existing.nodes) < existing.nodes:
            raise ConfigError(f"this cluster has {existing.nodes} nodes, and none can be taken away; start with another --data-dir")
        return _reachable(msgspec.structs.replace(existing, **asked))
    settings = {"node_name": config.node_name(), "node_ip": config.node_ip(), "data_dir": options.data_dir, **asked}
    return _reachable(ClusterConfig(**{**config.directories(options.data_dir), **settings}))


def _reachable(cluster: ClusterConfig) -> ClusterConfig:
    """Give the first node an address that the others reach, on a machine that has none."""
    alone = cluster.real_nodes == 1 or not cluster.node_ip.startswith("127.")
    return cluster if alone else msgspec.structs.replace(cluster, node_ip=cluster.node_gateway)


def pid_file(cluster: ClusterConfig) -> Path:
    """Where the supervisor writes its pid and holds its lock."""
    return Path(cluster.run_dir, "supervisor.pid")


def shut_down(cluster: ClusterConfig, report: Report, *, remove: bool) -> bool:
    """Stop everything in order; `remove` also removes the containers and what they left. Say whether something ran."""
    launch = Launch(cluster, RealClock(), report)
    running = supervisor.holder(pid_file(cluster))
    leftovers = host.processes_with(cluster.run_dir) + host.processes_with(cluster.data_dir)
    if running is None and not leftovers and not remove:
        return False
    if running:
        host.end([running], wait=30.0)
    host.end([pid for pid in host.processes_with("sagong.cluster.kubelet") if pid in leftovers])
    if running or leftovers or cluster.all_nodes[0].containerd_root.exists():
        spaces.ensure(cluster)
        with launch.runtime(), concurrent.futures.ThreadPoolExecutor(MOST_AT_ONCE) as pool:
            count = sum(pool.map(partial(_stop_containers, remove=remove), cluster.all_nodes))
        report.step(f"stopped {count} containers")
    host.end([pid for pid in host.processes_with(cluster.run_dir) if host.alive(pid)])
    spaces.remove(cluster)
    host.clear_network(cluster)
    if remove:
        for node in reversed(cluster.all_nodes):
            host.remove_cgroups(node.cgroup_root)
    return True


def _stop_containers(node: NodeConfig, *, remove: bool) -> int:
    """Stop a node's containers, and remove them if wanted; return how many there were."""
    from sagong.cluster.containers import Runtime, RuntimeFailure  # noqa: PLC0415 - grpc is slow to import and only this needs it

    with Runtime(node.containerd_socket) as runtime:
        try:
            count = runtime.stop_all(STOP_GRACE)
            if remove:
                runtime.remove_all()
        except RuntimeFailure as error:
            if not remove:
                raise ConfigError(
                    f"containerd cannot stop everything ({error}); `sagong delete` removes the cluster all the same"
                ) from error
            return 0  # what is left of it goes with its cgroups, mounts and directories
    return count


class _Silent:
    def step(self, text: str) -> None:
        pass


class _one_line:  # noqa: N801 - reads as the statement it is
    """Turns what the user can act on into an OperationError of one line."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, ConfigError):
            raise OperationError(str(error)) from error
        if isinstance(error, OSError):
            where = f"{error.filename}: " if error.filename else ""
            hint = "; free some space and try again" if error.errno == 28 else ""  # noqa: PLR2004 - ENOSPC
            raise OperationError(f"{where}{error.strerror or error}{hint}") from error


def _existing(data_dir: str) -> ClusterConfig:
    cluster = config.load(data_dir)
    if cluster is None:
        raise ConfigError(f"there is no cluster in {data_dir}; `sagong start` makes one")
    return cluster


def _running(data_dir: str) -> ClusterConfig:
    cluster = _existing(data_dir)
    if supervisor.holder(pid_file(cluster)) is None:
        raise ConfigError("the cluster is not running; `sagong start` starts it")
    return cluster


def _node(cluster: ClusterConfig, name: str) -> NodeConfig:
    """Return the node of that name, or the first."""
    nodes = {node.name: node for node in cluster.all_nodes}
    if name and name not in nodes:
        raise ConfigError(f"there is no node {name!r} on this machine; there are {', '.join(nodes)}")
    return nodes[name] if name else cluster.all_nodes[0]


def _log_file(node: NodeConfig, part: str) -> Path | None:
    if part in ("kubelet", "containerd"):
        path = Path(node.log_dir, f"{part}.log")
        return path if path.exists() else None
    found = Path(node.pod_log_dir).glob(f"kube-system_{part}-*/{part}/*.log")
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def _read_log(path: Path, *, follow: bool, tail: int) -> Iterator[bytes]:
    with path.open("rb") as stream:
        data = stream.read()
        if tail >= 0:
            lines = data.splitlines(keepends=True)
            data = b"".join(lines[len(lines) - tail :] if tail else [])
        yield data
        while follow:
            more = stream.read()
            if more:
                yield more
            else:
                time.sleep(0.2)
