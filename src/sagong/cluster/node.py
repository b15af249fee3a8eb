"""The nodes of a cluster as values: what each is called, where it is reached, and what of this machine is its own.

The first node is the machine itself and carries the control plane. Each further one lives in a network and UTS namespace of its own
(`spaces.py` makes them) on a bridge between the nodes; apart from that it is a node as any other.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from sagong.cluster.config import ClusterConfig


class NodeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One node. Directories are absolute; `space` holds its namespaces, and is empty for the machine's own."""

    name: str
    ip: str
    api_url: str
    data_dir: str
    run_dir: str
    log_dir: str
    kubelet_dir: str
    pod_log_dir: str
    container_log_dir: str
    bridge: str
    cgroup_root: str
    credentials: str
    """The stem of its kubelet's certificates and kubeconfig."""
    control_plane: bool = False
    space: str = ""
    link: str = ""
    """The machine's end of the wire into the node's namespace."""

    @property
    def manifests(self) -> Path:
        """The kubelet's static pods."""
        return Path(self.data_dir, "manifests")

    @property
    def containerd_socket(self) -> Path:
        """The runtime's gRPC socket."""
        return Path(self.run_dir, "containerd.sock")

    @property
    def containerd_root(self) -> Path:
        """Where the runtime keeps images and snapshots."""
        return Path(self.data_dir, "containerd")

    @property
    def containerd_state(self) -> Path:
        """Where the runtime keeps what does not outlive the machine."""
        return Path(self.run_dir, "containerd")

    @property
    def runc_root(self) -> Path:
        """Where runc keeps the state of containers."""
        return Path(self.run_dir, "runc")

    @property
    def addresses(self) -> Path:
        """Where host-local notes which pod has which address."""
        return Path(self.data_dir, "cni", "sagong")

    @property
    def directories(self) -> tuple[str, ...]:
        """Everything that is the node's own."""
        return (self.data_dir, self.run_dir, self.log_dir, self.kubelet_dir, self.pod_log_dir, self.container_log_dir)

    def inside(self, *command: str) -> list[str]:
        """Return the command line that runs a command in the node's namespaces."""
        return ["nsenter", f"--net={self.space}/net", f"--uts={self.space}/uts", "--", *command] if self.space else list(command)


def nodes(cluster: ClusterConfig) -> tuple[NodeConfig, ...]:
    """Return the cluster's nodes, the first first; simulated ones are not among them."""
    first = NodeConfig(
        name=cluster.node_name,
        ip=cluster.node_ip,
        api_url=cluster.server_url,
        data_dir=cluster.data_dir,
        run_dir=cluster.run_dir,
        log_dir=cluster.log_dir,
        kubelet_dir=cluster.kubelet_dir,
        pod_log_dir=cluster.pod_log_dir,
        container_log_dir=cluster.container_log_dir,
        bridge=cluster.bridge,
        cgroup_root=cluster.cgroup_root,
        credentials="kubelet",
        control_plane=True,
    )
    return (first, *(_further(cluster, number) for number in range(2, cluster.real_nodes + 1)))


def _further(cluster: ClusterConfig, number: int) -> NodeConfig:
    data, logs = f"{cluster.data_dir}/nodes/{number}", f"{cluster.log_dir}/nodes/{number}"
    return NodeConfig(
        name=f"{cluster.node_name}-{number}",
        ip=str(ipaddress.ip_network(cluster.node_cidr)[number]),
        api_url=cluster.shared_url,
        data_dir=data,
        run_dir=f"{cluster.run_dir}/nodes/{number}",
        log_dir=logs,
        kubelet_dir=f"{data}/kubelet",
        pod_log_dir=f"{logs}/pods",
        container_log_dir=f"{logs}/containers",
        bridge=cluster.bridge,
        cgroup_root=f"{cluster.cgroup_root.rstrip('/')}/sagong-node-{number}",
        credentials=f"kubelet-{number}",
        space=f"{cluster.run_dir}/nodes/{number}/space",
        link=f"{cluster.bridge}-{number}",
    )
