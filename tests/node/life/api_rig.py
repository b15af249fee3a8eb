"""A real API server for the kubelet's tests: our own, as a process of its own on a port of its own, with certificates of its own."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from tests.node.life.rig import NODE, Rig

from sagong.cluster import certificates, component_configs
from sagong.cluster.config import ClusterConfig


class ApiRig:
    """An API server whose data and certificates lie under the runtime rig's directory."""

    def __init__(self, rig: Rig) -> None:
        self.base = rig.base / "api"
        self.cluster = ClusterConfig(node_name=NODE, node_ip="127.0.0.1", data_dir=str(self.base), api_port=_free_port())
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        certificates.ensure(self.cluster, datetime.now(UTC))
        (self.base / "store").mkdir(parents=True, exist_ok=True)
        config = self.base / "apiserver.json"
        config.write_bytes(msgspec.json.encode(component_configs.apiserver(self.cluster)))
        with (self.base / "apiserver.log").open("ab") as log:
            command = [sys.executable, "-m", "sagong.cluster.apiserver", "--config", str(config)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.kubectl("get", "--raw", "/readyz", check=False).returncode == 0:
                return
            time.sleep(0.1)
        raise AssertionError((self.base / "apiserver.log").read_text()[-3000:])

    @property
    def kubelet_kubeconfig(self) -> str:
        return str(Path(self.cluster.kubeconfigs, "kubelet.conf"))

    def kubectl(self, *arguments: str, check: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = ["kubectl", "--kubeconfig", str(Path(self.cluster.kubeconfigs, "admin.conf")), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, input=stdin, timeout=60)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(arguments)}: {done.stderr}")
        return done

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


@contextlib.contextmanager
def api_rig(rig: Rig) -> Iterator[ApiRig]:
    api = ApiRig(rig)
    try:
        api.start()
        yield api
    finally:
        api.stop()
