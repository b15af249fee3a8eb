"""The configuration files of the components that take one: the API server and the kubelet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from sagong.cluster.apiserver import ApiServerConfig
from sagong.cluster.config import ClusterConfig, write_file
from sagong.node.config import X509, Authentication, Authorization, KubeletConfig, Webhook

CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"


def write(cluster: ClusterConfig) -> None:
    """Write both. In the API server's, what the cluster does not decide stays as the user has set it."""
    etc = Path(cluster.data_dir, "etc")
    for name, settings in (("apiserver", _with_users_own(_apiserver(cluster), etc / "apiserver.json")), ("kubelet", kubelet(cluster))):
        path = etc / f"{name}.json"
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
    defaults = msgspec.to_builtins(ApiServerConfig(store=""))
    own = {name: value for name, value in said.items() if name in defaults and value != defaults[name]}
    return {**own, **settings}


def _apiserver(cluster: ClusterConfig) -> dict[str, Any]:
    pki = cluster.pki
    return {
        "store": f"{cluster.data_dir}/store/state.db",
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


def kubelet(cluster: ClusterConfig) -> KubeletConfig:
    """Return the kubelet's settings."""
    pki = cluster.pki
    return KubeletConfig(
        port=cluster.kubelet_port,
        tlsCertFile=str(pki / "kubelet.crt"),
        tlsPrivateKeyFile=str(pki / "kubelet.key"),
        authentication=Authentication(x509=X509(clientCAFile=str(pki / "ca.crt")), webhook=Webhook(enabled=True)),
        authorization=Authorization(mode="Webhook"),
        containerRuntimeEndpoint=f"unix://{cluster.containerd_socket}",
        staticPodPath=str(cluster.manifests),
        clusterDNS=[cluster.dns_ip],
        clusterDomain=cluster.cluster_domain,
        podCIDR=cluster.node_pod_cidr,
        podLogsDir=cluster.pod_log_dir,
        containerLogsDir=cluster.container_log_dir,
        kubeconfig=str(cluster.kubeconfigs / "kubelet.conf"),
        hostnameOverride=cluster.node_name,
        nodeIP=cluster.node_ip,
        nodeLabels={CONTROL_PLANE_LABEL: ""},
        # A laptop's disk is often nearly full: what is short there is the user's to decide, but for what the store needs to go on.
        evictionHard={"memory.available": "100Mi", "nodefs.available": "256Mi", "nodefs.inodesFree": "0%", "imagefs.available": "256Mi"},
        imageGCHighThresholdPercent=100,
        rootDir=cluster.kubelet_dir,
        cgroupRoot=cluster.cgroup_root,
    )
