"""Our own API server, a kubelet that serves, and containerd: processes as in a cluster, for tests that talk to them with kubectl."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from tests.node.life.api_rig import ApiRig, api_rig
from tests.node.life.rig import NODE, Rig, runtime_rig

ACCOUNT = '{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}'
OWN = f"nodeName: {NODE}\nterminationGracePeriodSeconds: 0\n"


@contextmanager
def served_node(**settings: object) -> Iterator[ApiRig]:
    """Run them with a node that is ready; `settings` are the kubelet's."""
    with runtime_rig() as rig, api_rig(rig) as api, _kubelet(rig, api, settings):
        # a controller's work, and there is none here
        wait(lambda: api.kubectl("create", "--validate=false", "-f", "-", stdin=ACCOUNT, check=False).returncode == 0)
        wait(lambda: "True" in api.kubectl("get", "nodes", "-o", "jsonpath={..conditions[?(@.type=='Ready')].status}").stdout)
        yield api
        api.kubectl("delete", "pods", "--all", "--timeout=30s", "--grace-period=0", "--force")


@contextmanager
def _kubelet(rig: Rig, api: ApiRig, settings: dict[str, object]) -> Iterator[None]:
    pki = Path(api.cluster.pki)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    served = {
        "kubeconfig": api.kubelet_kubeconfig,
        "nodeStatusUpdateFrequency": "2s",
        "enableServer": True,
        "port": port,
        "tlsCertFile": str(pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(pki / "kubelet.key"),
        "authentication": {"x509": {"clientCAFile": str(pki / "ca.crt")}},
    }
    file = rig.base / "kubelet-served.json"
    file.write_bytes(msgspec.json.encode(rig.config(**{**served, **settings})))
    log = rig.base / "kubelet-served.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "sagong.cluster.kubelet", "--config", str(file), "-v"], stdout=output, stderr=output
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)
        sys.stdout.write(log.read_text()[-6000:])


def create_pod(api: ApiRig, name: str, spec: str, metadata: str = "") -> None:
    """Create a pod on the node; `spec` is YAML."""
    lines = "".join(f"  {line}\n" for line in (OWN + spec.strip("\n")).splitlines())
    manifest = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}{metadata}}}\nspec:\n{lines}"
    api.kubectl("create", "--validate=false", "-f", "-", stdin=manifest)


def wait(true: Callable[[], object], limit: float = 20.0) -> None:
    """Wait until it holds."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < limit, "not in time"
        time.sleep(0.1)
