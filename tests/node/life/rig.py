"""A real runtime for tests: Debian's containerd with root, state, socket and network of its own, and all of it gone afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from sagong.cluster.clock import RealClock, RealRandom
from sagong.cluster.images import PAUSE, archive, built_in
from sagong.node.config import KubeletConfig

NODE = "testnode"
SUBNET = f"10.{200 + os.getpid() % 50}.{os.getpid() // 50 % 250}.0/24"
"""Each test process has its own, so that several can run at once."""

_CONFIG = """version = 2
root = "{base}/root"
state = "{base}/state"
[grpc]
  address = "{base}/c.sock"
[ttrpc]
  address = "{base}/c.sock.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  stream_server_address = "127.0.0.1"
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{base}/cni"
"""


def _network(base: Path, bridge: str) -> bytes:
    plugin = {
        "type": "bridge",
        "bridge": bridge,
        "isGateway": True,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": SUBNET}]], "dataDir": f"{base}/ipam"},
    }
    return msgspec.json.encode({"cniVersion": "0.4.0", "name": "rig", "plugins": [plugin]})


class Rig:
    """A runtime that listens on `socket`, with the images of `cluster/images.py`."""

    def __init__(self) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="sgn-", dir="/tmp"))
        self.bridge = f"sgn{os.getpid() % 100000}"
        self.cgroup_root = f"/sagong-test-{self.base.name}"
        self.process: subprocess.Popen[bytes] | None = None
        self.manifests = self.base / "manifests"
        self.manifests.mkdir()

    @property
    def socket(self) -> Path:
        return self.base / "c.sock"

    def start(self) -> None:
        (self.base / "cni").mkdir(exist_ok=True)
        (self.base / "cni" / "10-rig.conflist").write_bytes(_network(self.base, self.bridge))
        (self.base / "containerd.toml").write_text(_CONFIG.format(base=self.base, pause=PAUSE))
        self.start_containerd()
        self.import_images()

    def start_containerd(self) -> None:
        with (self.base / "containerd.log").open("ab") as log:
            self.process = subprocess.Popen(["containerd", "-c", str(self.base / "containerd.toml")], stdout=log, stderr=log)
        self.wait_ready()

    def wait_ready(self) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            done = subprocess.run(self.ctr("version"), capture_output=True, check=False)
            if done.returncode == 0:
                return
            time.sleep(0.05)
        raise AssertionError((self.base / "containerd.log").read_text()[-3000:])

    def power_off(self) -> None:
        """Do what a power cut does: everything is killed, and what lay in memory (the state directory) is gone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self._kill_shims()
        pids: list[int] = []
        for folder in Path("/sys/fs/cgroup").glob(f"*{self.cgroup_root}"):
            for file in folder.rglob("cgroup.procs"):
                pids += [int(pid) for pid in file.read_text().split()]
        for pid in set(pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.3)
        for point in sorted(_mounts_under(str(self.base / "state")), reverse=True):
            subprocess.run(["umount", "-l", point], check=False, capture_output=True)
        shutil.rmtree(self.base / "state", ignore_errors=True)

    def import_images(self) -> None:
        tar = self.base / "images.tar"
        tar.write_bytes(archive(built_in(Path("/usr/bin/catatonit"), Path("/usr/bin/busybox"), (), {})))
        subprocess.run(self.ctr("images", "import", str(tar)), check=True, capture_output=True)

    def ctr(self, *arguments: str) -> list[str]:
        return ["ctr", "-a", str(self.socket), "-n", "k8s.io", *arguments]

    def config(self, **changes: object) -> KubeletConfig:
        settings: dict[str, object] = {
            "containerRuntimeEndpoint": f"unix://{self.socket}",
            "staticPodPath": str(self.manifests),
            "rootDir": str(self.base / "kubelet"),
            "podLogsDir": str(self.base / "pods"),
            "containerLogsDir": str(self.base / "containers"),
            "hostnameOverride": NODE,
            "nodeIP": "127.0.0.1",
            "cgroupRoot": self.cgroup_root,
            "resolvConf": "",
            "enableServer": False,
            "evictionHard": {},
        }
        return msgspec.convert({**settings, **changes}, KubeletConfig)

    def containers(self) -> list[str]:
        found = subprocess.run(self.ctr("tasks", "ls", "-q"), capture_output=True, check=True, text=True)
        return found.stdout.split()

    def stop(self) -> None:
        """Leave nothing: tasks, shims, mounts, network namespaces, cgroups, the bridge, files."""
        if self.process is not None:
            with contextlib.suppress(subprocess.SubprocessError):
                asyncio.run(self._remove_sandboxes())
            self.process.terminate()
            self.process.wait(20)
        self._kill_shims()
        for point in sorted(_mounts_under(str(self.base)), reverse=True):
            subprocess.run(["umount", "-l", point], check=False, capture_output=True)
        subprocess.run(["ip", "link", "delete", self.bridge], check=False, capture_output=True)
        for folder in Path("/sys/fs/cgroup").glob(f"*{self.cgroup_root}"):
            for inner in sorted(folder.rglob("*"), reverse=True):
                if inner.is_dir():
                    with contextlib.suppress(OSError):
                        inner.rmdir()
            with contextlib.suppress(OSError):
                folder.rmdir()
        shutil.rmtree(self.base, ignore_errors=True)

    async def _remove_sandboxes(self) -> None:
        from sagong.node.cri.client import Channel, CriError, Runtime  # noqa: PLC0415 - keeps gRPC out of tests that start nothing

        channel = Channel(str(self.socket))
        runtime = Runtime(channel)
        with contextlib.suppress(CriError):
            for container in await runtime.list_containers():
                await runtime.stop_container(container.id, 0)
            for sandbox in await runtime.list_sandboxes():
                with contextlib.suppress(CriError):
                    await runtime.stop_sandbox(sandbox.id)
                    await runtime.remove_sandbox(sandbox.id)
        await channel.close()

    def _kill_shims(self) -> None:
        for process in Path("/proc").iterdir():
            if not process.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                command = (process / "cmdline").read_bytes()
                if b"containerd-shim" in command and str(self.base).encode() in command:
                    os.kill(int(process.name), signal.SIGKILL)


def _mounts_under(path: str) -> list[str]:
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in points if point.startswith(path)]


@contextlib.contextmanager
def runtime_rig() -> Iterator[Rig]:
    """Start a runtime, and leave nothing of it."""
    rig = Rig()
    try:
        rig.start()
        yield rig
    finally:
        rig.stop()


CLOCK, RANDOM = RealClock(), RealRandom()
