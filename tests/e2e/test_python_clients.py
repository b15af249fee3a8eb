"""Streams to pods as clients in Python open them: channels over WebSocket, with a subprotocol and without."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import pytest
import websocket
from kubernetes import client, config
from kubernetes.stream import portforward, stream

from tests.e2e.conftest import Cluster, eventually

pytestmark = pytest.mark.e2e

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: web, namespace: {namespace}, labels: {{app: web}}}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {{name: main, image: "sagong.local/hello:1.0", ports: [{{containerPort: 8080}}]}}
"""
ASK = b"GET / HTTP/1.0\r\n\r\n"


@pytest.fixture
def core(cluster: Cluster, namespace: str) -> Iterator[client.CoreV1Api]:
    cluster.apply(POD.format(namespace=namespace))
    cluster.wait_ready("app=web", namespace)
    with config.new_client_from_config(str(cluster.kubeconfig)) as made:
        yield client.CoreV1Api(made)


def test_the_official_client_runs_commands_and_forwards_ports(core: client.CoreV1Api, namespace: str) -> None:
    run = ["sh", "-c", "read line; echo got $line; echo bad >&2; exit 3"]
    asked = stream(
        core.connect_get_namespaced_pod_exec, "web", namespace, command=run, stdin=True, stdout=True, stderr=True, _preload_content=False
    )
    asked.write_stdin("it\n")
    asked.run_forever(timeout=20)
    assert (asked.read_stdout(), asked.read_stderr(), asked.returncode) == ("got it\n", "bad\n", 3)
    forwarded = portforward(core.connect_get_namespaced_pod_portforward, "web", namespace, ports="8080")
    link: socket.socket = forwarded.socket(8080)
    link.settimeout(20)
    link.sendall(ASK)
    answer = b""
    while b"Hello from Sagong" not in answer:
        data = link.recv(65536)
        assert data, answer
        answer += data
    link.close()
    assert forwarded.error(8080) is None
    eventually(lambda: not forwarded.connected)
    for left in (asked.sock, forwarded.websocket):  # of WebSockets that the server closes, the client forgets the sockets
        left.shutdown()


def test_clients_that_name_no_subprotocol_are_served_with_binary_channels(core: client.CoreV1Api, namespace: str) -> None:
    chosen = core.api_client.configuration
    tls = {"ca_certs": chosen.ssl_ca_cert, "certfile": chosen.cert_file, "keyfile": chosen.key_file, "cert_reqs": ssl.CERT_REQUIRED}
    url = f"{chosen.host.replace('https', 'wss')}/api/v1/namespaces/{namespace}/pods/web"
    forwarded = websocket.create_connection(f"{url}/portforward?ports=8080", sslopt=tls, timeout=20)
    assert [forwarded.recv(), forwarded.recv()] == [b"\0\x90\x1f", b"\1\x90\x1f"]
    forwarded.send_binary(b"\0" + ASK)
    answer = forwarded.recv()
    assert isinstance(answer, bytes)
    assert answer.startswith(b"\0HTTP/1")
    forwarded.close()
    run = websocket.create_connection(f"{url}/exec?command=echo&command=hi&stdout=true", sslopt=tls, timeout=20)
    said = b""
    while not said.endswith(b"hi\n"):
        message = run.recv()
        assert isinstance(message, bytes)
        assert message[:1] == b"\1"
        said += message[1:]
    run.close()
