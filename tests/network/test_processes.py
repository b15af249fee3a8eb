"""kube-proxy and coredns as processes, with a real API server and kernel, in a network namespace of their own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import dnslib
import pytest
from tests.network.netns import Namespace

from sagong.cluster import certificates, component_configs
from sagong.cluster.config import ClusterConfig

pytestmark = pytest.mark.e2e
WEB = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, ports: [{name: https, port: 443, nodePort: 30443}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: https, port: 6443}]
endpoints: [{addresses: [192.168.99.1]}]
"""


class Node:
    """A namespace with an API server, kube-proxy and coredns."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.space = Namespace(f"sgp{os.getpid() % 100000}")
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.cluster = ClusterConfig(node_name="here", node_ip="192.168.99.1", data_dir=str(directory))
        self.admin = str(self.cluster.kubeconfigs / "admin.conf")

    def start(self) -> None:
        for command in ("ip link set lo up", "ip link add d0 type bridge", "ip addr add 192.168.99.1/24 dev d0", "ip link set d0 up"):
            self.space.run(*command.split())
        certificates.ensure(self.cluster, datetime.now(UTC))
        component_configs.write(self.cluster)
        (self.directory / "store").mkdir()
        self.run("apiserver", "--config", str(self.directory / "etc" / "apiserver.json"))
        eventually(lambda: self.kubectl("get", "--raw", "/readyz") == "ok")
        ranges = ("--cluster-cidr", "10.244.0.0/16", "--service-cidr", "10.96.0.0/12")
        self.run("kube_proxy", "--kubeconfig", self.admin, "--node-name", "here", *ranges)
        self.run("dns", "--kubeconfig", self.admin, "--resolv-conf", "/dev/null")

    def run(self, name: str, *options: str) -> None:
        command = ["ip", "netns", "exec", self.space.name, sys.executable, "-m", f"sagong.cluster.{name}", *options]
        with (self.directory / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def kubectl(self, *words: str, text: str = "") -> str:
        command = ["ip", "netns", "exec", self.space.name, "kubectl", "--kubeconfig", self.admin, *words]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False).stdout

    def fetch(self, url: str) -> str:
        command = ["ip", "netns", "exec", self.space.name, "curl", "-skm", "2", "-w", " %{http_code}", url]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def resolve(self, name: str, server: str = "127.0.0.1") -> list[str]:
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        with self.space.call(lambda: socket.socket(family, socket.SOCK_DGRAM)) as link:
            link.settimeout(2)
            link.sendto(dnslib.DNSRecord.question(name).pack(), (server, 53))
            return [str(record.rdata) for record in dnslib.DNSRecord.parse(link.recv(4096)).rr]

    def memory(self, name: str) -> float:
        """Return a process's proportional set size, in MB."""
        text = Path(f"/proc/{self.processes[name].pid}/smaps_rollup").read_text()
        return int(next(line.split()[1] for line in text.splitlines() if line.startswith("Pss:"))) / 1024

    def end(self, name: str) -> int:
        self.processes[name].send_signal(signal.SIGTERM)
        return self.processes[name].wait(10)

    def close(self) -> None:
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
        self.space.close()


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not _holds(condition):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _holds(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except (OSError, dnslib.DNSError):
        return False


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.close()


def test_a_service_is_reached_by_name_and_address_and_port(node: Node) -> None:
    assert "created" in node.kubectl("apply", "-f", "-", text=WEB)
    address = node.kubectl("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
    eventually(lambda: node.resolve("web.default.svc.cluster.local") == [address])
    assert node.resolve("web.default.svc.cluster.local", "::1") == [address]
    for url in (f"https://{address}", "https://127.0.0.1:30443", "https://192.168.99.1:30443"):
        eventually(lambda url=url: node.fetch(f"{url}/readyz") == "ok 200")  # type: ignore[misc]  # a bound argument
    assert node.fetch("http://127.0.0.1:8181/ready") == "OK 200"
    assert node.fetch("http://127.0.0.1:8080/health") == "OK 200"
    assert "coredns_dns_requests_total" in node.fetch("http://127.0.0.1:9153/metrics")
    assert "kubeproxy_sync_proxy_rules" in node.fetch("http://127.0.0.1:10249/metrics")
    assert node.fetch("http://127.0.0.1:10249/proxyMode") == "nftables 200"
    health, _, status = node.fetch("http://127.0.0.1:10256/healthz").rpartition(" ")
    assert (json.loads(health)["nodeEligible"], status) == (False, "503")  # there is no Node object here
    assert node.fetch("http://127.0.0.1:10256/livez").endswith(" 200")
    assert node.memory("kube_proxy") < 40
    assert node.memory("dns") < 40
    assert node.end("dns") == 0
    assert node.end("kube_proxy") == 0
    assert node.fetch("https://127.0.0.1:30443/readyz") == "ok 200"  # rules outlive the proxy


def test_what_keeps_them_from_starting_is_one_line() -> None:
    for name, called in (("kube_proxy", "kube-proxy"), ("dns", "coredns")):
        command = [sys.executable, "-m", f"sagong.cluster.{name}", "--kubeconfig", "/nowhere"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert (
            done.stderr
            == f"{called}: kubeconfig /nowhere: No such file or directory; check the path and its permissions, or set KUBECONFIG\n"
        )
