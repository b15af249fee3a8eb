"""A kubelet as a process of its own beside the API rig, and what tests say to both through kubectl."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable

import msgspec
from tests.node.life.api_rig import ApiRig
from tests.node.life.rig import NODE, Rig

HELLO = "sagong.local/hello:1.0"
ACCOUNT = '{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}'


class KubeletProcess:
    def __init__(self, rig: Rig, api: ApiRig, **changes: object) -> None:
        config = rig.config(kubeconfig=api.kubelet_kubeconfig, nodeStatusUpdateFrequency="2s", **changes)
        self.file = rig.base / "kubelet.json"
        self.file.write_bytes(msgspec.json.encode(config))
        self.log = rig.base / "kubelet.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "sagong.cluster.kubelet", "--config", str(self.file), "-v"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(15)
            self.process = None


def until(true: Callable[[], object], limit: float = 20.0) -> float:
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < limit, "not in time"
        time.sleep(0.05)
    return time.monotonic() - begun


def manifest(name: str, spec: str = "") -> str:
    container = f"containers: [{{name: c, image: '{HELLO}'}}]"
    body = spec or container
    lines = "\n".join(f"  {line}" for line in body.strip().splitlines())
    head = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n"
    return f"{head}  nodeName: {NODE}\n  automountServiceAccountToken: false\n  terminationGracePeriodSeconds: 0\n{lines}\n"


def create(api: ApiRig, name: str, spec: str = "") -> None:
    api.kubectl("create", "--validate=false", "-f", "-", stdin=manifest(name, spec))


def field(api: ApiRig, name: str, path: str, namespace: str = "default") -> str:
    return api.kubectl("get", "pod", name, "-n", namespace, "-o", f"jsonpath={{{path}}}", check=False).stdout


def ready(api: ApiRig, name: str, namespace: str = "default") -> bool:
    return field(api, name, ".status.conditions[?(@.type=='Ready')].status", namespace) == "True"
