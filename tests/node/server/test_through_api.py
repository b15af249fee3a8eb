"""The same through our own API server, with TLS, client certificates and delegated authorization: processes as in a cluster."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path

import pytest
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


def ask(api: ApiRig, port: int, path: str, certificate: str = "") -> tuple[int, bytes]:
    pki = Path(api.cluster.pki)
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    if certificate:
        context.load_cert_chain(pki / f"{certificate}.crt", pki / f"{certificate}.key")
    with closing(HTTPSConnection("127.0.0.1", port, context=context, timeout=10)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
