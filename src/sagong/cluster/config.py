"""Where a cluster lives and what it is made of: one frozen value that every part of `cluster/` reads."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import socket
from pathlib import Path

import msgspec

from sagong.cluster.node import NodeConfig, nodes

FORMAT = 1
"""The version of the data directory's layout; a newer one is refused."""

DEFAULT_DATA_DIR = "/var/lib/sagong"

KUBERNETES_VERSION = "v1.36.0"


class ConfigError(Exception):
    """One line for the user: the cause and the fix. Nothing has been changed."""


class ClusterConfig(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of a one-machine cluster. Directories are absolute; ports are host ports, the same on each node."""

    node_name: str
    node_ip: str
    data_dir: str = DEFAULT_DATA_DIR
    run_dir: str = "/run/sagong"
    log_dir: str = "/var/log/sagong"
    kubelet_dir: str = "/var/lib/kubelet"
    pod_log_dir: str = "/var/log/pods"
    container_log_dir: str = "/var/log/containers"
    api_port: int = 6443
    kubelet_port: int = 10250
    controller_manager_port: int = 10257
    scheduler_port: int = 10259
    proxy_health_port: int = 10256
    proxy_metrics_port: int = 10249
    pod_cidr: str = "10.244.0.0/16"
    service_cidr: str = "10.96.0.0/12"
    node_ports: str = "30000-32767"
    nodes: int = 1
    simulated: bool = False
    """Whether the nodes beside the first are simulated."""
    simulated_port: int = 10350
    node_cidr: str = "192.168.96.0/24"
    cluster_domain: str = "cluster.local"
    bridge: str = "sagong0"
    cgroup_root: str = "/"
    store: str = "sqlite"
    """What keeps the state: `sqlite`, inside the API server, or `etcd`, a part of its own."""
    etcd_port: int = 2379
    """For clients; members of etcd and its health have the two behind it."""

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return Path(self.data_dir, "pki")

    @property
    def kubeconfigs(self) -> Path:
        """One kubeconfig for each component, and admin.conf."""
        return Path(self.data_dir, "kubeconfig")

    @property
    def all_nodes(self) -> tuple[NodeConfig, ...]:
        """The nodes as values, the first first."""
        return nodes(self)

    @property
    def dns_ip(self) -> str:
        """The tenth address of the service range, as kubeadm has it."""
        return str(ipaddress.ip_network(self.service_cidr)[10])

    @property
    def kubernetes_ip(self) -> str:
        """The first address of the service range: the `kubernetes` Service."""
        return str(ipaddress.ip_network(self.service_cidr)[1])

    @property
    def real_nodes(self) -> int:
        """How many nodes run containers."""
        return 1 if self.simulated else self.nodes

    @property
    def node_gateway(self) -> str:
        """The machine's address on the network between its nodes."""
        return str(ipaddress.ip_network(self.node_cidr)[1])

    @property
    def server_url(self) -> str:
        """How clients on this machine reach the API server."""
        return f"https://127.0.0.1:{self.api_port}"

    @property
    def shared_url(self) -> str:
        """How the host network of every node reaches the API server: at an address that stays when this machine moves."""
        return f"https://{self.node_gateway}:{self.api_port}" if self.real_nodes > 1 else self.server_url

    @property
    def pods_url(self) -> str:
        """How pods reach the API server where services are not routed yet; "" when this machine has no address that pods could reach."""
        host = self.node_gateway if self.real_nodes > 1 else self.node_ip
        if host.startswith("127."):
            return ""
        return f"https://[{host}]:{self.api_port}" if ":" in host else f"https://{host}:{self.api_port}"


def directories(data_dir: str) -> dict[str, str]:
    """Return what a cluster that is not in the default place has of its own, so that nothing is shared: directories, bridge, cgroup."""
    if data_dir == DEFAULT_DATA_DIR:
        return {}
    mark = hashlib.sha256(data_dir.encode()).hexdigest()[:8]
    return {
        "run_dir": f"/run/sagong-{mark}",
        "log_dir": f"{data_dir}/log",
        "kubelet_dir": f"{data_dir}/kubelet",
        "pod_log_dir": f"{data_dir}/log/pods",
        "container_log_dir": f"{data_dir}/log/containers",
        "bridge": f"sg{mark}",
        "cgroup_root": f"/sagong-{mark}",
    }


def node_name() -> str:
    """Return this machine's host name as a node name (RFC 1123 subdomain)."""
    name = re.sub(r"[^a-z0-9.-]+", "-", socket.gethostname().lower()).strip("-.")
    return name or "sagong"


def node_ip() -> str:
    """Return the address of the interface with the default route; without one, any non-loopback address, else 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET: only a route look-up, nothing is sent
            address: str = probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"
    return address


def load(data_dir: str) -> ClusterConfig | None:
    """Read the configuration a data directory was created with; None when there is no cluster in it.

    Raises ConfigError when it is corrupt or of a newer format.
    """
    path = Path(data_dir, "cluster.json")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; run as root, or give another --data-dir") from error
    try:
        document = msgspec.json.decode(raw, type=dict)
        if int(document.get("format", 0)) > FORMAT:
            raise ConfigError(
                f"{data_dir} was written by a newer Sagong (format {document['format']}, this one reads {FORMAT}); "
                "upgrade Sagong, or start with another --data-dir"
            )
        return msgspec.convert(document["config"], ClusterConfig)
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path} is corrupt ({error}); restore it, or remove the cluster with `sagong delete`") from error


def save(config: ClusterConfig) -> None:
    """Write the configuration, atomically and durably."""
    path = Path(config.data_dir, "cluster.json")
    document = {"format": FORMAT, "config": config}
    write_file(path, msgspec.json.format(msgspec.json.encode(document)), 0o644)


def write_file(path: Path, data: bytes, mode: int) -> None:
    """Replace a file atomically: a reader sees the old or the new content, also after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
