"""A cluster whose state etcd keeps: its static pod, its image, and how the API server reaches it. Files are where kubeadm has them."""

from __future__ import annotations

from pathlib import Path

from sagong.cluster.apiserver import EtcdServers
from sagong.cluster.config import ClusterConfig
from sagong.cluster.images import Image, with_libraries
from sagong.cluster.manifests import Manifest, control_plane_meta, control_plane_pod, mount, mount_host, probes

IMAGE = "sagong.local/etcd:1.0"
STORES = ("sqlite", "etcd")


def image(program: Path) -> Image:
    """Return the image of this machine's etcd."""
    return Image(IMAGE, with_libraries(program), directories=("tmp",), entrypoint=(str(program),))


def ports(config: ClusterConfig) -> tuple[int, int, int]:
    """Return the ports for clients, for members and for health and metrics."""
    return config.etcd_port, config.etcd_port + 1, config.etcd_port + 2


def directory(config: ClusterConfig) -> Path:
    """Return where it keeps the state."""
    return Path(config.data_dir, "etcd")


def servers(config: ClusterConfig) -> EtcdServers:
    """Return what the API server needs to know."""
    pki = config.pki
    return EtcdServers(
        endpoints=[f"127.0.0.1:{config.etcd_port}"],
        ca=str(pki / "etcd" / "ca.crt"),
        certificate=str(pki / "apiserver-etcd-client.crt"),
        key=str(pki / "apiserver-etcd-client.key"),
    )


def static_pod(config: ClusterConfig) -> Manifest:
    """Return its pod: one member, reached on this machine only, by who has a certificate of its authority."""
    clients, members, health = ports(config)
    pki = config.pki / "etcd"
    options = {
        "name": config.node_name,
        "data-dir": str(directory(config)),
        "listen-client-urls": f"https://127.0.0.1:{clients}",
        "advertise-client-urls": f"https://127.0.0.1:{clients}",
        "listen-peer-urls": f"https://127.0.0.1:{members}",
        "initial-advertise-peer-urls": f"https://127.0.0.1:{members}",
        "initial-cluster": f"{config.node_name}=https://127.0.0.1:{members}",
        "listen-metrics-urls": f"http://127.0.0.1:{health}",
        "snapshot-count": "10000",
        "client-cert-auth": "true",
        "trusted-ca-file": f"{pki}/ca.crt",
        "cert-file": f"{pki}/server.crt",
        "key-file": f"{pki}/server.key",
        "peer-client-cert-auth": "true",
        "peer-trusted-ca-file": f"{pki}/ca.crt",
        "peer-cert-file": f"{pki}/peer.crt",
        "peer-key-file": f"{pki}/peer.key",
    }
    container: Manifest = {
        "name": "etcd",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "args": [f"--{name}={value}" for name, value in options.items()],
        "resources": {"requests": {"cpu": "100m", "memory": "100Mi"}},
        **probes(live="/health", ready="", port=health, scheme="HTTP", host="127.0.0.1"),
    }
    pod = control_plane_pod()
    mount_host(pod, container, [mount(str(directory(config)), writable=True), mount(str(pki))])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": control_plane_meta("etcd"), "spec": pod}
