"""The README's application: deployed, exposed, scaled, updated, looked at, with the real kubectl on real containers."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from sagong.cluster import images, manifests
from tests.e2e.conftest import Cluster, eventually

pytestmark = pytest.mark.e2e
HELLO = "sagong.local/hello:1.0"


def deploy(cluster: Cluster, ns: str, replicas: int = 2) -> None:
    cluster.kubectl("create", "deployment", "hello-sagong", f"--image={HELLO}", f"--replicas={replicas}", "-n", ns)
    cluster.kubectl("rollout", "status", "deployment/hello-sagong", "-n", ns, "--timeout=90s")


def expose(cluster: Cluster, ns: str) -> dict[str, str]:
    cluster.kubectl("expose", "deployment", "hello-sagong", "--type=NodePort", "--port=8080", "-n", ns)
    service = cluster.get("service", "hello-sagong", "-n", ns)["spec"]
    return {"ip": service["clusterIP"], "port": str(service["ports"][0]["nodePort"])}


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())


def test_kube_system_is_shown_honestly(cluster: Cluster) -> None:
    eventually(lambda: "1/1" in cluster.kubectl("get", "pods", "-n", "kube-system", "-l", "k8s-app=metrics-server"))
    lines = cluster.kubectl("get", "pods", "-A").splitlines()
    assert lines[0].split() == ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    for part in (
        "kube-apiserver-",
        "kube-controller-manager-",
        "kube-scheduler-",
        "kube-proxy-",
        "coredns-",
        "storage-provisioner",
        "metrics-server-",
    ):
        line = next(line for line in lines if f" {part}" in line)
        assert line.split()[2:4] == ["1/1", "Running"], line
    for part in ("kube-apiserver", "kube-scheduler"):
        name = next(line.split()[1] for line in lines if f" {part}-" in line)
        assert cluster.kubectl("logs", "-n", "kube-system", name, "--tail=1").strip()
        assert cluster.kubectl("exec", "-n", "kube-system", name, "--", sys.executable, "--version").startswith("Python 3.")
    node = cluster.kubectl("get", "nodes", "-o", "wide").splitlines()
    assert node[0].split()[:5] == ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]
    assert node[1].split()[1:3] == ["Ready", "control-plane"]
    assert "v1.36.0" in node[1]


def test_a_service_answers_on_all_its_addresses(cluster: Cluster, namespace: str) -> None:
    deploy(cluster, namespace)
    at = expose(cluster, namespace)
    node_ip = cluster.get("nodes")["items"][0]["status"]["addresses"][0]["address"]
    for url in (f"http://{at['ip']}:8080/", f"http://{node_ip}:{at['port']}/"):
        eventually(lambda url=url: "Hello from Sagong" in fetch(url))  # type: ignore[misc] # bound now
    seen: set[str] = set()
    eventually(lambda: len(seen.add(fetch(f"http://{at['ip']}:8080/hostname").strip()) or seen) == 2)  # type: ignore[func-returns-value] # add and look


def test_pods_resolve_and_reach_the_service_by_name(cluster: Cluster, namespace: str) -> None:
    deploy(cluster, namespace, replicas=1)
    at = expose(cluster, namespace)
    client: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "client", "namespace": namespace}}
    mounts = manifests.interpreter_mounts()
    client["spec"] = {
        "containers": [
            {
                "name": "python",
                "image": images.PYTHON,
                "command": [sys.executable, "-c", "import time; time.sleep(3600)"],
                "volumeMounts": [{"name": f"v{n}", "mountPath": path, "readOnly": True} for n, path in enumerate(mounts)],
            }
        ],
        "volumes": [{"name": f"v{n}", "hostPath": {"path": path}} for n, path in enumerate(mounts)],
        "terminationGracePeriodSeconds": 0,
    }
    cluster.apply(json.dumps(client))
    cluster.kubectl("wait", "pod/client", "-n", namespace, "--for=condition=Ready", "--timeout=60s")
    for name in ("hello-sagong", f"hello-sagong.{namespace}.svc.cluster.local"):
        program = f"import urllib.request as u; print(u.urlopen('http://{name}:8080/', timeout=5).read().decode())"
        page = cluster.kubectl("exec", "client", "-n", namespace, "--", sys.executable, "-c", program)
        assert "Hello from Sagong" in page
        found = cluster.kubectl("exec", "deploy/hello-sagong", "-n", namespace, "--", "getent", "hosts", name)
        assert found.split()[0] == at["ip"]


def test_port_forward(cluster: Cluster, namespace: str) -> None:
    deploy(cluster, namespace, replicas=1)
    expose(cluster, namespace)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["kubectl", "port-forward", "service/hello-sagong", f"{port}:8080", "-n", namespace]
    with subprocess.Popen(command, env=cluster.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            eventually(lambda: "Hello from Sagong" in fetch(f"http://127.0.0.1:{port}/"))
            assert all("Hello" in fetch(f"http://127.0.0.1:{port}/") for _ in range(10))
        finally:
            process.terminate()


def test_every_output_format(cluster: Cluster, namespace: str) -> None:
    deploy(cluster, namespace)
    expose(cluster, namespace)
    kinds = "all,ep,endpointslices,events"
    wide = cluster.kubectl("get", kinds, "-o", "wide", "-n", namespace)
    for words in ("NAME READY UP-TO-DATE AVAILABLE AGE CONTAINERS IMAGES SELECTOR", "NAME DESIRED CURRENT READY AGE", "NAME ENDPOINTS AGE"):
        assert re.search(r"\s+".join(words.split()), wide), wide
    assert "deployment.apps/hello-sagong" in wide
    assert "kind: List" in cluster.kubectl("get", kinds, "-o", "yaml", "-n", namespace)
    items = json.loads(cluster.kubectl("get", kinds, "-o", "json", "-n", namespace))["items"]
    assert {"Pod", "Service", "Deployment", "ReplicaSet", "Endpoints", "EndpointSlice", "Event"} <= {item["kind"] for item in items}
    path = "jsonpath={.items[*].spec.containers[*].image}"
    assert cluster.kubectl("get", "pods", "-o", path, "-n", namespace).split() == [HELLO, HELLO]
    watch = cluster.kubectl_done("get", "pods", "--watch", "-n", namespace, "--request-timeout=2s", check=False)
    assert watch.stdout.count("Running") >= 2


def test_describe_tells_the_story(cluster: Cluster, namespace: str) -> None:
    deploy(cluster, namespace, replicas=1)
    pod = cluster.kubectl("describe", "pod", "-l", "app=hello-sagong", "-n", namespace)
    for words in (
        "Successfully assigned",
        "Container created",
        "Container started",
        "Controlled By:  ReplicaSet/hello-sagong-",
    ):
        assert words in pod, pod
    assert re.search(
        r"Scaled up replica set hello-sagong-\S+ from 0 to 1", cluster.kubectl("describe", "deployment", "hello-sagong", "-n", namespace)
    )


def test_logs_exec_and_cp(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    deploy(cluster, namespace, replicas=1)
    name = cluster.get("pods", "-n", namespace)["items"][0]["metadata"]["name"]
    assert cluster.kubectl("exec", "-n", namespace, name, "--", "sh", "-c", "echo out; echo err >&2") == "out\n"
    assert cluster.kubectl("exec", "-i", "-n", namespace, name, "--", "cat", stdin="through and back\n") == "through and back\n"
    failed = cluster.kubectl_done("exec", "-n", namespace, name, "--", "sh", "-c", "exit 7", check=False)
    assert failed.returncode == 7
    assert "command terminated with exit code 7" in failed.stderr
    terminal = subprocess.run(
        ["script", "-qec", f"kubectl exec -it -n {namespace} {name} -- sh -c 'test -t 0 && echo a-terminal'", "/dev/null"],
        capture_output=True, text=True, env=cluster.env, timeout=60, check=False,
    )  # fmt: skip
    assert "a-terminal" in terminal.stdout
    source = tmp_path / "in"
    source.write_bytes(bytes(range(256)) * 4096)
    cluster.kubectl("cp", str(source), f"{namespace}/{name}:/tmp/there")
    cluster.kubectl("cp", f"{namespace}/{name}:/tmp/there", str(tmp_path / "out"))
    assert (tmp_path / "out").read_bytes() == source.read_bytes()
    ip = cluster.get("pods", "-n", namespace)["items"][0]["status"]["podIP"]
    fetch(f"http://{ip}:8080/")
    with subprocess.Popen(["kubectl", "logs", "-f", name, "-n", namespace], env=cluster.env, stdout=subprocess.PIPE, text=True) as logs:
        assert logs.stdout is not None
        stop = threading.Timer(20, logs.terminate)
        stop.start()
        try:
            assert "url:/" in logs.stdout.readline()
        finally:
            stop.cancel()
            logs.terminate()


def test_scale_update_undo_restart(cluster: Cluster, namespace: str) -> None:
    deploy(cluster, namespace, replicas=1)
    cluster.kubectl("scale", "deployment/hello-sagong", "--replicas=3", "-n", namespace)
    cluster.kubectl("rollout", "status", "deployment/hello-sagong", "-n", namespace, "--timeout=60s")
    assert cluster.get("deployment", "hello-sagong", "-n", namespace)["status"]["readyReplicas"] == 3
    cluster.kubectl("set", "image", "deployment/hello-sagong", "hello=sagong.local/none:9", "-n", namespace)
    eventually(lambda: "ImagePullBackOff" in cluster.kubectl("get", "pods", "-n", namespace), 60)
    assert "ErrImagePull" in cluster.kubectl("get", "events", "-n", namespace)
    history = cluster.kubectl("rollout", "history", "deployment/hello-sagong", "-n", namespace)
    assert re.search(r"REVISION\s+CHANGE-CAUSE\n1\s+<none>\n2\s+<none>", history), history
    assert "rolled back" in cluster.kubectl("rollout", "undo", "deployment/hello-sagong", "-n", namespace)
    assert "successfully rolled out" in cluster.kubectl("rollout", "status", "deployment/hello-sagong", "-n", namespace, "--timeout=60s")
    before = {pod["metadata"]["name"] for pod in cluster.get("pods", "-n", namespace)["items"]}
    cluster.kubectl("rollout", "restart", "deployment/hello-sagong", "-n", namespace)
    cluster.kubectl("rollout", "status", "deployment/hello-sagong", "-n", namespace, "--timeout=90s")
    running = cluster.get("pods", "-n", namespace, "--field-selector=status.phase=Running")["items"]
    assert {p["metadata"]["name"] for p in running if "deletionTimestamp" not in p["metadata"]} & before == set()


def test_change_objects_in_every_way(cluster: Cluster, namespace: str) -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": namespace}, "data": {"a": "1", "b": "2"}}
    assert "configmap/c created" in cluster.apply(json.dumps(manifest))
    assert "configmap/c unchanged" in cluster.apply(json.dumps(manifest))
    manifest["data"] = {"a": "3"}
    assert "configmap/c configured" in cluster.apply(json.dumps(manifest))
    assert cluster.get("cm", "c", "-n", namespace)["data"] == {"a": "3"}
    cluster.apply(json.dumps(manifest), "--server-side", "--force-conflicts", "--field-manager=me")
    assert "labeled" in cluster.kubectl("label", "cm", "c", "color=blue", "-n", namespace)
    assert "annotated" in cluster.kubectl("annotate", "cm", "c", "note=x", "-n", namespace)
    cluster.kubectl("patch", "cm", "c", "-p", '{"data":{"z":"26"}}', "-n", namespace)
    cluster.kubectl("patch", "cm", "c", "--type=json", "-p", '[{"op":"remove","path":"/data/a"}]', "-n", namespace)
    cluster.kubectl("patch", "cm", "c", "--type=merge", "-p", '{"data":{"m":"thirteen"}}', "-n", namespace)
    cluster.env["KUBE_EDITOR"] = "sed -i s/thirteen/fourteen/"
    assert "edited" in cluster.kubectl("edit", "cm", "c", "-n", namespace)
    assert cluster.get("cm", "-l", "color=blue", "-n", namespace)["items"][0]["data"] == {"z": "26", "m": "fourteen"}
    assert 'configmap "c" deleted' in cluster.kubectl("delete", "cm", "c", "-n", namespace)
    gone = cluster.kubectl_done("get", "cm", "c", "-n", namespace, check=False)
    assert (gone.returncode, gone.stderr) == (1, 'Error from server (NotFound): configmaps "c" not found\n')
