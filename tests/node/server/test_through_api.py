"""The same through our own API server, with TLS, client certificates and delegated authorization: processes as in a cluster."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPSConnection
from pathlib import Path

import msgspec
import pytest
from tests.node.life.api_rig import ApiRig, api_rig
from tests.node.life.rig import NODE, Rig, runtime_rig
from tests.node.server.conversations import SPEC, Cluster, check_all

pytestmark = pytest.mark.e2e

ACCOUNT = '{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}'
OWN = f"nodeName: {NODE}\nautomountServiceAccountToken: false\n"


@pytest.fixture(scope="module")
def api() -> Iterator[ApiRig]:
    with runtime_rig() as rig, api_rig(rig) as found, kubelet(rig, found):
        wait(lambda: found.kubectl("create", "--validate=false", "-f", "-", stdin=ACCOUNT, check=False).returncode == 0)
        wait(lambda: "True" in found.kubectl("get", "nodes", "-o", "jsonpath={..conditions[?(@.type=='Ready')].status}").stdout)
        spec = "".join(f"  {line}\n" for line in (OWN + SPEC.strip()).splitlines())
        manifest = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n{spec}"
        found.kubectl("create", "--validate=false", "-f", "-", stdin=manifest)
        found.kubectl("wait", "pod/web", "--for=condition=Ready", "--timeout=30s")
        yield found
        found.kubectl("delete", "pod", "web", "--timeout=30s")


@contextmanager
def kubelet(rig: Rig, api: ApiRig) -> Iterator[None]:
    pki = Path(api.cluster.pki)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = rig.config(
        kubeconfig=api.kubelet_kubeconfig,
        nodeStatusUpdateFrequency="2s",
        enableServer=True,
        port=port,
        tlsCertFile=str(pki / "kubelet.crt"),
        tlsPrivateKeyFile=str(pki / "kubelet.key"),
        authentication={"x509": {"clientCAFile": str(pki / "ca.crt")}},
    )
    file = rig.base / "kubelet-served.json"
    file.write_bytes(msgspec.json.encode(config))
    log = rig.base / "kubelet-served.log"
    with log.open("ab") as output:
        command = [sys.executable, "-m", "sagong.cluster.kubelet", "--config", str(file), "-v"]
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)
        sys.stdout.write(log.read_text()[-6000:])


def wait(true: Callable[[], object], limit: float = 20.0) -> None:
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < limit, "not in time"
        time.sleep(0.1)


async def test_kubectl_execs_copies_attaches_forwards_and_reads_logs(api: ApiRig, tmp_path: Path) -> None:
    options = ["--kubeconfig", str(Path(api.cluster.kubeconfigs, "admin.conf"))]
    await check_all(Cluster(options, "web", tmp_path), tmp_path)


def test_what_has_no_log_is_told_in_upstreams_words(api: ApiRig) -> None:
    done = api.kubectl("logs", "web", "--previous", check=False)
    assert done.stderr == 'Error from server (BadRequest): previous terminated container "c" in pod "web" not found\n'


def test_the_node_tells_what_it_uses_to_those_who_may_know(api: ApiRig) -> None:
    port = int(api.kubectl("get", "node", NODE, "-o", "jsonpath={.status.daemonEndpoints.kubeletEndpoint.Port}").stdout)
    assert ask(api, port, "/stats/summary")[0] == 401
    status, body = ask(api, port, "/stats/summary", certificate="apiserver-kubelet-client")
    summary = json.loads(body)
    assert status == 200
    assert summary["pods"][0]["podRef"]["name"] == "web"
    assert summary["pods"][0]["containers"][0]["memory"]["workingSetBytes"] > 0
    assert summary["pods"][0]["network"]["interfaces"][0]["name"] == "eth0"
    text = ask(api, port, "/metrics/resource", certificate="apiserver-kubelet-client")[1].decode()
    assert 'container_memory_working_set_bytes{container="c",namespace="default",pod="web"}' in text


def ask(api: ApiRig, port: int, path: str, certificate: str = "") -> tuple[int, bytes]:
    pki = Path(api.cluster.pki)
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    if certificate:
        context.load_cert_chain(pki / f"{certificate}.crt", pki / f"{certificate}.key")
    with closing(HTTPSConnection("127.0.0.1", port, context=context, timeout=10)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
