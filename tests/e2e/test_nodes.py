"""Two nodes on one machine, beside the cluster of the other tests: in a network namespace that stands for a machine of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Cluster, eventually, on_a_machine_of_its_own

pytestmark = pytest.mark.e2e

MACHINE = "192.168.97.1"
HELLO = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: hello}
spec:
  selector: {matchLabels: {app: hello}}
  template:
    metadata: {labels: {app: hello}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: hello, image: "sagong.local/hello:1.0"}]
---
apiVersion: v1
kind: Service
metadata: {name: hello}
spec: {type: NodePort, selector: {app: hello}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: local}
spec: {type: NodePort, externalTrafficPolicy: Local, selector: {app: hello}, ports: [{port: 80, targetPort: 8080}]}
"""


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start a cluster of two nodes; at the end remove every trace of it and look that none is left."""
    with on_a_machine_of_its_own(tmp_path_factory.mktemp("two"), MACHINE) as made:
        made.start("--nodes", "2")
        made.apply(HELLO)
        made.kubectl("rollout", "status", "daemonset/hello", "--timeout=60s")
        yield made


def pods(cluster: Cluster) -> dict[str, Any]:
    """Return the hello pods by node."""
    return {pod["spec"]["nodeName"]: pod for pod in cluster.get("pods", "-l", "app=hello")["items"]}


def nodes(cluster: Cluster) -> dict[str, str]:
    """Return the nodes' addresses, the first node first."""
    items = sorted(cluster.get("nodes")["items"], key=lambda node: len(node["metadata"]["name"]))
    return {node["metadata"]["name"]: node["status"]["addresses"][0]["address"] for node in items}


def ask(cluster: Cluster, pod: str, host: str, port: int = 8080) -> str:
    """Ask for the host name's page from inside a pod; the last line of the answer."""
    address = host if host[0].isdigit() else f"$(getent hosts {host} | (read address rest; echo $address))"
    request = f"printf 'GET /hostname HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 3 {address} {port}"
    return cluster.kubectl("exec", pod, "--", "sh", "-c", request, check=False).strip().rpartition("\n")[2]


def ask_from_machine(cluster: Cluster, host: str, port: int) -> str:
    return cluster.run("curl", "-s", "-m", "3", f"http://{host}:{port}/hostname").stdout.strip()


def eventually_all(names: set[str], answer: Callable[[], str]) -> None:
    """Ask until all of the names have answered, and nobody else."""
    seen: set[str] = set()

    def all_seen() -> bool:
        seen.add(answer())
        return seen == names

    eventually(all_seen)


def test_both_nodes_are_ready_with_ranges_of_their_own(two: Cluster) -> None:
    items = two.get("nodes")["items"]
    first, second = sorted(items, key=lambda node: len(node["metadata"]["name"]))
    assert second["metadata"]["name"] == f"{first['metadata']['name']}-2"
    assert nodes(two) == {first["metadata"]["name"]: MACHINE, second["metadata"]["name"]: "192.168.96.2"}
    assert {node["spec"]["podCIDR"] for node in items} == {"10.244.0.0/24", "10.244.1.0/24"}
    assert ["node-role.kubernetes.io/control-plane" in node["metadata"]["labels"] for node in (first, second)] == [True, False]
    status = two.sagong("status").stdout
    assert "Down" not in status
    assert status.count("containerd") >= 2
    for node, pod in pods(two).items():
        assert pod["status"]["hostIP"] == nodes(two)[node]


def test_pods_reach_each_other_across_nodes_under_their_own_addresses(two: Cluster) -> None:
    found = pods(two)
    assert len(found) == 2
    for here in found.values():
        for there in found.values():
            name, address = there["metadata"]["name"], there["status"]["podIP"]
            assert ask(two, here["metadata"]["name"], address) == name
            if here is not there:
                assert here["status"]["podIP"] in two.kubectl("logs", name)


def test_services_and_names_answer_on_every_node(two: Cluster) -> None:
    found = pods(two)
    names = {pod["metadata"]["name"] for pod in found.values()}
    for pod in found.values():
        eventually_all(names, partial(ask, two, pod["metadata"]["name"], "hello.default.svc.cluster.local", 80))


def test_node_ports_answer_on_every_node_and_local_ones_from_there(two: Cluster) -> None:
    found, names = pods(two), {pod["metadata"]["name"] for pod in pods(two).values()}
    everywhere, local = (two.get("service", name)["spec"]["ports"][0]["nodePort"] for name in ("hello", "local"))
    for node, address in nodes(two).items():
        eventually_all(names, partial(ask_from_machine, two, address, everywhere))
        for pod in found.values():
            eventually_all(names, partial(ask, two, pod["metadata"]["name"], address, everywhere))
        if address != MACHINE:  # from the machine itself its own address is not external
            assert ask_from_machine(two, address, local) == found[node]["metadata"]["name"]


def test_logs_exec_and_port_forward_work_on_every_node(two: Cluster) -> None:
    for number, pod in enumerate(pods(two).values()):
        name, port = pod["metadata"]["name"], 8097 + number
        assert two.kubectl("exec", "-i", name, "--", "cat", stdin="through and back\n") == "through and back\n"
        command = [*two.within, "kubectl", "port-forward", f"pod/{name}", f"{port}:8080"]
        with subprocess.Popen(command, env=two.env, stdout=subprocess.DEVNULL) as process:
            try:
                eventually(partial(lambda port, name: ask_from_machine(two, "127.0.0.1", port) == name, port, name))
            finally:
                process.terminate()
        assert "/hostname" in two.kubectl("logs", name)


def test_images_are_loaded_on_every_node(two: Cluster, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    sockets = [line.split()[-1] for line in two.sagong("status").stdout.splitlines() if line.startswith("containerd ")]
    for words in ("images", "export", str(archive), "sagong.local/hello:1.0"), ("images", "rm", "sagong.local/hello:1.0"):
        assert two.run("ctr", "--address", sockets[-1], "--namespace", "k8s.io", *words).returncode == 0
    assert "Loaded sagong.local/hello:1.0" in two.sagong("image", "load", str(archive)).stdout
    for socket in sockets:
        listed = two.run("ctr", "--address", socket, "--namespace", "k8s.io", "images", "ls", "-q").stdout
        assert "sagong.local/hello:1.0" in listed.split()


def test_the_logs_of_each_nodes_parts(two: Cluster) -> None:
    first, second = nodes(two)
    assert second in two.sagong("logs", "kubelet", "--node", second).stdout
    refused = two.sagong("logs", "kubelet", "--node", "nobody", check=False)
    assert (refused.returncode, refused.stderr) == (1, f"sagong: there is no node 'nobody' on this machine; there are {first}, {second}\n")


def test_a_stopped_cluster_comes_back_with_both_nodes(two: Cluster) -> None:
    two.sagong("stop")
    assert len(two.run("ip", "-o", "link").stdout.splitlines()) == 4  # lo, eth0, outside, and the bridge of the pods
    assert "Stopped" in two.sagong("status", check=False).stdout
    assert "this cluster has 2 nodes" in two.sagong("start", "--nodes", "1", check=False).stderr
    two.start()
    two.kubectl("rollout", "status", "daemonset/hello", "--timeout=60s")
    names = {pod["metadata"]["name"] for pod in pods(two).values()}
    for name in names:
        eventually_all(names, partial(ask, two, name, "hello", 80))
