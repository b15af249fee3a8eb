"""The same through our own API server, with TLS, client certificates and delegated authorization: processes as in a cluster."""

from __future__ import annotations

import json
import resource
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from tests.node.life.api_pods import HELLO
from tests.node.life.api_rig import ApiRig
from tests.node.life.rig import NODE
from tests.node.server.conversations import SPEC, Cluster, check_all
from tests.node.server.processes import create_pod, served_node

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def api() -> Iterator[ApiRig]:
    with served_node() as found:
        create_pod(found, "web", "automountServiceAccountToken: false\n" + SPEC.strip())
        found.kubectl("wait", "pod/web", "--for=condition=Ready", "--timeout=30s")
        yield found


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


@pytest.mark.parametrize(
    "command",
    [
        ("exec", "web", "--", "sh", "-c", "dd if=/dev/zero bs=1M count=100000 2>/dev/null"),
        ("logs", "chatty", "-f"),
    ],
    ids=["exec", "logs"],
)
def test_a_client_that_does_not_read_costs_no_memory(api: ApiRig, command: tuple[str, ...]) -> None:
    if "chatty" in command:
        script = "yes | head -c 20000000; sleep 100"
        lines = f"automountServiceAccountToken: false\ncontainers: [{{name: c, image: '{HELLO}', command: [sh, -c, '{script}']}}]"
        create_pod(api, "chatty", lines)
        api.kubectl("wait", "pod/chatty", "--for=condition=Ready", "--timeout=30s")
        time.sleep(2)
    assert api.process is not None
    parts = [api.process.pid, *pids(str(api.base.parent / "kubelet-served.json"))]
    before = [resident(pid) for pid in parts]
    admin = str(Path(api.cluster.kubeconfigs, "admin.conf"))
    with subprocess.Popen(["kubectl", "--kubeconfig", admin, *command], stdout=subprocess.PIPE) as client:
        assert client.stdout is not None
        try:
            assert client.stdout.read(1 << 20)
            time.sleep(2)
            grown = [resident(pid) - was for pid, was in zip(parts, before, strict=True)]
        finally:
            client.kill()
    assert len(grown) == 2
    assert max(grown) < 16 << 20


def pids(words: str) -> list[int]:
    """Return the processes whose command lines have the words."""
    return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if words.encode() in path.read_bytes()]


def resident(pid: int) -> int:
    """Return a process's memory in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def ask(api: ApiRig, port: int, path: str, certificate: str = "") -> tuple[int, bytes]:
    pki = Path(api.cluster.pki)
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    if certificate:
        context.load_cert_chain(pki / f"{certificate}.crt", pki / f"{certificate}.key")
    with closing(HTTPSConnection("127.0.0.1", port, context=context, timeout=10)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
