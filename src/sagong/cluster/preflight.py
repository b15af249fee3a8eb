"""What must be true before a cluster starts. Each check answers in one line that names the cause and the fix; nothing is changed."""

from __future__ import annotations

import errno
import ipaddress
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from sagong.cluster import etcd
from sagong.cluster.config import ClusterConfig, ConfigError
from sagong.cluster.containerd import CNI_PLUGINS

LEAST_FREE = 512 * 2**20
"""Bytes that the data directory's file system must have free."""

LARGEST_POD_PREFIX, LARGEST_SERVICE_PREFIX = 24, 28
"""A node's pods take a /24; Services need the server's and the DNS's address, and some more."""

PROGRAMS = {
    "containerd": "containerd",
    "runc": "runc",
    "ctr": "containerd",
    "nft": "nftables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "catatonit": "catatonit",
    "busybox": "busybox-static",
}
"""Program -> the Debian package that brings it."""

STORE_PROGRAMS = {"etcd": {"etcd": "etcd-server"}}
"""The same, for a cluster with that store."""


def missing_packages(store: str = "") -> list[str]:
    """Return the Debian packages whose programs are not on this machine, those of the `store` among them."""
    wanted = {**PROGRAMS, **STORE_PROGRAMS.get(store, {})}
    missing = {package for program, package in wanted.items() if find(program) is None}
    if not any(Path(directory, "bridge").exists() for directory in CNI_PLUGINS):
        missing.add("containernetworking-plugins")
    return sorted(missing)


def find(program: str) -> str | None:
    """Find a program, also where a user's PATH does not look."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin")


def check_root() -> None:
    """Namespaces, cgroups and packet rules need root."""
    if os.geteuid() != 0:
        raise ConfigError("a cluster needs root (namespaces, cgroups, packet rules); run `sudo sagong start`")


def check_packages(config: ClusterConfig) -> None:
    """Everything that runs, wires and stores containers must be installed."""
    missing = missing_packages(config.store)
    if missing:
        raise ConfigError(f"not installed: {', '.join(missing)}; install with `apt-get install {' '.join(missing)}`")


def check_disk(config: ClusterConfig) -> None:
    """Refuse a disk that is full or that cannot be written."""
    directory = _existing(Path(config.data_dir))
    free = shutil.disk_usage(directory).free
    if free < LEAST_FREE:
        raise ConfigError(
            f"{directory} has {free // 2**20} MiB free, a cluster needs {LEAST_FREE // 2**20} MiB; "
            "free some space, or give another --data-dir"
        )
    if not os.access(directory, os.W_OK):
        raise ConfigError(f"{directory} cannot be written; give another --data-dir")


def check_ports(config: ClusterConfig) -> None:
    """Refuse a port that another program listens on."""
    ports = {
        config.api_port: ("kube-apiserver", "--api-port"),
        config.kubelet_port: ("kubelet", "--kubelet-port"),
        config.controller_manager_port: ("kube-controller-manager", "--controller-manager-port"),
        config.scheduler_port: ("kube-scheduler", "--scheduler-port"),
        config.proxy_health_port: ("kube-proxy", "--proxy-health-port"),
        config.proxy_metrics_port: ("kube-proxy", "--proxy-metrics-port"),
    }
    if config.store == "etcd":
        ports |= dict.fromkeys(etcd.ports(config), ("etcd", "--etcd-port"))
    if config.simulated:
        ports[config.simulated_port] = ("simulated-nodes", "--data-dir")
    for port, (part, option) in ports.items():
        if taken(port):
            raise ConfigError(f"port {port}, which {part} needs, is taken by another program; stop it, or give another {option}")


def check_ranges(config: ClusterConfig) -> None:
    """Refuse ranges of addresses that are none, too small, overlap, or hold the node's own address: its packets would go astray."""
    ranges = {"--pod-cidr": (config.pod_cidr, LARGEST_POD_PREFIX), "--service-cidr": (config.service_cidr, LARGEST_SERVICE_PREFIX)}
    found: dict[str, ipaddress.IPv4Network] = {}
    for option, (text, longest) in ranges.items():
        try:
            network = ipaddress.IPv4Network(text)
        except ValueError as error:
            raise ConfigError(f"{text!r} is no IPv4 range: {error}; give another {option}") from error
        if network.prefixlen > longest:
            raise ConfigError(f"{network} is too small, it must be a /{longest} at least; give another {option}")
        if ipaddress.ip_address(config.node_ip) in network:
            raise ConfigError(f"the node's address {config.node_ip} is in {network}; give another {option}, or another --node-ip")
        found[option] = network
    pods, services = found.values()
    if pods.overlaps(services):
        raise ConfigError(f"the ranges of pods {pods} and of Services {services} overlap; give another --pod-cidr")


def taken(port: int) -> bool:
    """Say whether somebody listens on the TCP port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def checks(config: ClusterConfig) -> Iterator[Callable[[], None]]:
    """Yield the checks in the order in which a user can act on them."""
    yield check_root
    yield lambda: check_packages(config)
    yield lambda: check_ranges(config)
    yield lambda: check_disk(config)
    yield lambda: check_ports(config)


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
