"""The container runtime as a child process: Debian's containerd with a configuration, root, state and socket of our own."""

from __future__ import annotations

import ipaddress
import shutil
import socket
import subprocess
import time
from pathlib import Path

import msgspec

from sagong.api.clock import Clock
from sagong.cluster.config import ClusterConfig, ConfigError, write_file
from sagong.cluster.images import PAUSE

CNI_PLUGINS = ("/usr/lib/cni", "/opt/cni/bin")


def root(config: ClusterConfig) -> Path:
    """Where containerd keeps images and snapshots."""
    return Path(config.data_dir, "containerd")


def write_config(config: ClusterConfig) -> Path:
    """Write containerd's and CNI's configuration; return the path of containerd's."""
    directory = Path(config.data_dir, "etc")
    write_file(directory / "cni" / "10-sagong.conflist", cni(config), 0o644)
    path = directory / "containerd.toml"
    write_file(path, toml(config, directory / "cni").encode(), 0o644)
    return path


def answers(config: ClusterConfig) -> bool:
    """Say whether containerd accepts connections."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(str(config.containerd_socket)) == 0


def wait_ready(config: ClusterConfig, deadline: float, clock: Clock) -> None:
    """Wait until containerd serves its API. Raises ConfigError that names the log."""
    while not (answers(config) and "server" in _ctr(config, "version", check=False).lower()):
        if clock.monotonic() > deadline:
            raise ConfigError(f"containerd did not start; see {config.log_dir}/containerd.log")
        time.sleep(0.02)


def references(config: ClusterConfig) -> list[str]:
    """Return the references of all images."""
    return _ctr(config, "images", "ls", "-q").split()


def import_archive(config: ClusterConfig, archive: Path) -> list[str]:
    """Import an OCI or docker archive; return what it held. Raises ConfigError for a file that is none."""
    output = _ctr(config, "images", "import", str(archive))
    return [line.split()[1] for line in output.splitlines() if line.startswith("unpacking ")]


def _ctr(config: ClusterConfig, *arguments: str, check: bool = True) -> str:
    command = [shutil.which("ctr") or "ctr", "--address", str(config.containerd_socket), "--namespace", "k8s.io", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command line
    if check and done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise ConfigError(f"containerd refused `{' '.join(arguments)}`: {said}")
    return done.stdout


def toml(config: ClusterConfig, cni_dir: Path) -> str:
    """Return containerd's configuration (version 2, CRI plugin)."""
    plugins = next((p for p in CNI_PLUGINS if Path(p, "bridge").exists()), CNI_PLUGINS[0])
    return f"""version = 2
root = "{root(config)}"
state = "{config.run_dir}/containerd"
oom_score = 0
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp",
    "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.aufs"]

[grpc]
  address = "{config.containerd_socket}"

[ttrpc]
  address = "{config.containerd_socket}.ttrpc"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  # Not every host lets us lower a score: without this no container starts where CAP_SYS_RESOURCE is missing.
  restrict_oom_score_adj = true
  disable_apparmor = {"false" if _apparmor() else "true"}
  stream_server_address = "127.0.0.1"
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
  ignore_image_defined_volumes = false
  max_container_log_line_size = 16384

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{cni_dir}"

  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        BinaryName = "{shutil.which("runc") or "/usr/sbin/runc"}"
"""


def cni(config: ClusterConfig) -> bytes:
    """Return the network of this node's pods: a bridge with the node's pod range. Masquerading and host ports are the proxy's."""
    network = {
        "cniVersion": "0.4.0",
        "name": "sagong",
        "plugins": [
            {
                "type": "bridge",
                "bridge": config.bridge,
                "isDefaultGateway": True,
                "hairpinMode": True,
                "mtu": 1500,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": config.node_pod_cidr, "gateway": str(ipaddress.ip_network(config.node_pod_cidr)[1])}]],
                    "dataDir": f"{config.data_dir}/cni",
                },
            },
        ],
    }
    return msgspec.json.format(msgspec.json.encode(network))


def _apparmor() -> bool:
    return Path("/sys/module/apparmor/parameters/enabled").exists() and bool(shutil.which("apparmor_parser"))
