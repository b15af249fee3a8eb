"""The configuration files of the components that take one: the API server and the kubelets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from sagong.cluster import etcd
from sagong.cluster.apiserver import ApiServerConfig
from sagong.cluster.config import ClusterConfig, write_file
from sagong.cluster.node import NodeConfig
from sagong.node.config import X509, Authentication, Authorization, KubeletConfig, Webhook
from sagong.node.simulated.settings import SimulationSettings

_PLACES = ("store", "etcd")
CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"


def write(cluster: ClusterConfig) -> None:
    """Write them all. In the API server's, what the cluster does not decide stays as the user has set it."""
    server = Path(cluster.data_dir, "etc", "apiserver.json")
    wanted: dict[Path, dict[str, Any] | KubeletConfig | SimulationSettings] = {server: _with_users_own(_apiserver(cluster), server)}
    if cluster.simulated and not simulation_file(cluster).exists():  # from then on the user's own
        wanted[simulation_file(cluster)] = SimulationSettings()
    wanted |= {kubelet_file(node): kubelet(cluster, node) for node in cluster.all_nodes}
    for path, settings in wanted.items():
        text = msgspec.json.format(msgspec.json.encode(settings))
        if not path.exists() or path.read_bytes() != text:
            write_file(path, text, 0o600)


def apiserver(cluster: ClusterConfig) -> ApiServerConfig:
    """Return the API server's settings, as far as the cluster decides them."""
    return ApiServerConfig(**_apiserver(cluster))


def _with_users_own(settings: dict[str, Any], earlier: Path) -> dict[str, Any]:
    """Add what else the earlier file says that differs from the defaults."""
    try:
        said = msgspec.json.decode(earlier.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError):
        return settings
    defaults = msgspec.to_builtins(ApiServerConfig(store="-"))
    own = {name: value for name, value in said.items() if name in defaults and name not in _PLACES and value != defaults[name]}
    return {**own, **settings}


def _apiserver(cluster: ClusterConfig) -> dict[str, Any]:
    pki = cluster.pki
    return {
        **({"etcd": etcd.servers(cluster)} if cluster.store == "etcd" else {"store": f"{cluster.data_dir}/store/state.db"}),
        "certificate": str(pki / "apiserver.crt"),
        "key": str(pki / "apiserver.key"),
        "client_ca": str(pki / "ca.crt"),
        "front_proxy_ca": str(pki / "front-proxy-ca.crt"),
        "front_proxy_certificate": str(pki / "front-proxy-client.crt"),
        "front_proxy_key": str(pki / "front-proxy-client.key"),
        "service_account_key": str(pki / "sa.key"),
        "service_account_issuer": f"https://kubernetes.default.svc.{cluster.cluster_domain}",
        "kubelet_labels": [CONTROL_PLANE_LABEL],
        "kubelet_ca": str(pki / "ca.crt"),
        "kubelet_certificate": str(pki / "apiserver-kubelet-client.crt"),
        "kubelet_key": str(pki / "apiserver-kubelet-client.key"),
        "service_cidrs": [cluster.service_cidr],
        "node_ports": cluster.node_ports,
        "port": cluster.api_port,
        "advertise_address": cluster.node_ip,
    }


def simulation_file(cluster: ClusterConfig) -> Path:
    """Return the path of the settings of simulated nodes."""
    return Path(cluster.data_dir, "etc", "simulated.json")


def kubelet_file(node: NodeConfig) -> Path:
    """Return the path of a kubelet's configuration."""
    return Path(node.data_dir, "etc", "kubelet.json")


def kubelet(cluster: ClusterConfig, node: NodeConfig) -> KubeletConfig:
    """Return the settings of a node's kubelet."""
    pki = cluster.pki
    return KubeletConfig(
        port=cluster.kubelet_port,
        tlsCertFile=str(pki / f"{node.credentials}.crt"),
        tlsPrivateKeyFile=str(pki / f"{node.credentials}.key"),
        authentication=Authentication(x509=X509(clientCAFile=str(pki / "ca.crt")), webhook=Webhook(enabled=True)),
        authorization=Authorization(mode="Webhook"),
        containerRuntimeEndpoint=f"unix://{node.containerd_socket}",
        staticPodPath=str(node.manifests),
        clusterDNS=[cluster.dns_ip],
        clusterDomain=cluster.cluster_domain,
        podLogsDir=node.pod_log_dir,
        containerLogsDir=node.container_log_dir,
        kubeconfig=str(cluster.kubeconfigs / f"{node.credentials}.conf"),
        hostnameOverride=node.name,
        nodeIP=node.ip,
        nodeLabels={CONTROL_PLANE_LABEL: ""} if node.control_plane else {},
        # A laptop's disk is often nearly full: what is short there is the user's to decide, but for what the store needs to go on.
        evictionHard={"memory.available": "100Mi", "nodefs.available": "256Mi", "nodefs.inodesFree": "0%", "imagefs.available": "256Mi"},
        imageGCHighThresholdPercent=100,
        rootDir=node.kubelet_dir,
        cgroupRoot=node.cgroup_root,
    )
