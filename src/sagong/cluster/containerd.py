"""The container runtime as a child process: Debian's containerd with a configuration, root, state and socket of our own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path

import msgspec

from sagong.api.clock import Clock
from sagong.cluster.config import ConfigError, write_file
from sagong.cluster.images import PAUSE
from sagong.cluster.node import NodeConfig
from sagong.node import oom_score

CNI_PLUGINS = ("/usr/lib/cni", "/opt/cni/bin")
HOSTS = "/etc/containerd/certs.d"
"""Where users of containerd say how to reach registries."""


def write_config(node: NodeConfig) -> None:
    """Write containerd's configuration, and the template of CNI's."""
    directory = config_file(node).parent
    (directory / "cni").mkdir(parents=True, exist_ok=True)
    write_file(directory / "cni.template", cni_template(node), 0o644)
    text = toml(node, directory / "cni", directory / "cni.template", spared=oom_score.may_lower())
    write_file(config_file(node), text.encode(), 0o644)


def config_file(node: NodeConfig) -> Path:
    """Return the path of containerd's configuration."""
    return Path(node.data_dir, "etc", "containerd.toml")


def answers(node: NodeConfig) -> bool:
    """Say whether containerd accepts connections."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(str(node.containerd_socket)) == 0


def wait_ready(node: NodeConfig, deadline: float, clock: Clock) -> None:
    """Wait until containerd serves its API. Raises ConfigError that names the log."""
    while not (answers(node) and "server" in _ctr(node, "version", check=False).lower()):
        if clock.monotonic() > deadline:
            raise ConfigError(f"containerd did not start; see {node.log_dir}/containerd.log")
        time.sleep(0.02)


def references(node: NodeConfig) -> list[str]:
    """Return the references of all images."""
    return _ctr(node, "images", "ls", "-q").split()


def import_archive(node: NodeConfig, archive: Path) -> list[str]:
    """Import an OCI or docker archive; return what it held. Raises ConfigError for a file that is none."""
    output = _ctr(node, "images", "import", str(archive))
    return [line.split()[1] for line in output.splitlines() if line.startswith("unpacking ")]


def _ctr(node: NodeConfig, *arguments: str, check: bool = True) -> str:
    command = [shutil.which("ctr") or "ctr", "--address", str(node.containerd_socket), "--namespace", "k8s.io", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command line
    if check and done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise ConfigError(f"containerd refused `{' '.join(arguments)}`: {said}")
    return done.stdout


def toml(node: NodeConfig, cni_dir: Path, cni_template_file: Path, *, spared: bool) -> str:
    """Return containerd's configuration (version 2, CRI plugin); `spared`: scores for lack of memory can be lowered on this host."""
    plugins = next((p for p in CNI_PLUGINS if Path(p, "bridge").exists()), CNI_PLUGINS[0])
    return f"""version = 2
root = "{node.containerd_root}"
state = "{node.containerd_state}"
oom_score = {-999 if spared else 0}
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp",
    "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.aufs"]

[grpc]
  address = "{node.containerd_socket}"

[ttrpc]
  address = "{node.containerd_socket}.ttrpc"

[timeouts]
  # A containerd that starts on a busy machine would take a shim that is slow for dead and kill its containers, or not learn how they are.
  "io.containerd.timeout.shim.load" = "30s"
  "io.containerd.timeout.task.state" = "20s"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  # Where a score cannot be lowered, for want of CAP_SYS_RESOURCE, no container of a Guaranteed or critical pod would start otherwise.
  restrict_oom_score_adj = {"false" if spared else "true"}
  disable_apparmor = {"false" if _apparmor() else "true"}
  stream_server_address = "127.0.0.1"
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
  ignore_image_defined_volumes = false
  max_container_log_line_size = 16384
  # Below our own directory, where it is plain whose they are.
  netns_mounts_under_state_dir = true

  # Mirrors, private authorities and plain HTTP, by registry: <directory>/<host>/hosts.toml.
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{node.data_dir}/etc/certs.d:{HOSTS}"

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{cni_dir}"
    conf_template = "{cni_template_file}"

  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = "{node.runc_root}"
        BinaryName = "{shutil.which("runc") or "/usr/sbin/runc"}"
"""


def cni_template(node: NodeConfig) -> bytes:
    """Return the network of a node's pods: a bridge with the node's pod range, which containerd fills in when the kubelet tells it.

    Masquerading and host ports are the proxy's.
    """
    network = {
        "cniVersion": "0.4.0",
        "name": "sagong",
        "plugins": [
            {
                "type": "bridge",
                "bridge": node.bridge,
                "isDefaultGateway": True,
                "hairpinMode": True,
                "mtu": 1500,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": "{{.PodCIDR}}"}]],
                    "dataDir": f"{node.data_dir}/cni",
                },
            },
        ],
    }
    return msgspec.json.format(msgspec.json.encode(network))


def _apparmor() -> bool:
    return Path("/sys/module/apparmor/parameters/enabled").exists() and bool(shutil.which("apparmor_parser"))
