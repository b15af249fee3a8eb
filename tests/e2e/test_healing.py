"""It heals and loses nothing, on real processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from sagong.cluster.config import directories
from tests.e2e.conftest import Cluster, eventually

pytestmark = pytest.mark.e2e
HELLO = "sagong.local/hello:1.0"


def pids_of(cluster: Cluster, words: str) -> list[int]:
    """Return pids of this cluster's processes whose command line has the words."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if words in command and str(cluster.data_dir) in command:
                found.append(int(entry.name))
    return found


def container_pid(cluster: Cluster, ns: str, pod: str) -> int:
    """Return the host pid of a pod's first container."""
    status = cluster.get("pod", pod, "-n", ns)["status"]["containerStatuses"][0]
    container = status["containerID"].removeprefix("containerd://")
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if container in (entry / "cgroup").read_text():
                    return int(entry.name)
            except OSError:
                continue
    raise AssertionError("no process of the container")


def restarts(cluster: Cluster, ns: str, pod: str) -> int:
    return int(cluster.get("pod", pod, "-n", ns)["status"]["containerStatuses"][0]["restartCount"])


def run_pod(cluster: Cluster, ns: str, name: str, *command: str) -> None:
    cluster.kubectl("run", name, f"--image={HELLO}", "-n", ns, *(("--command", "--", *command) if command else ()))


def started_at(cluster: Cluster, ns: str, pod: str) -> str:
    return str(cluster.get("pod", pod, "-n", ns)["status"]["containerStatuses"][0]["state"]["running"]["startedAt"])


def test_a_killed_container_is_back_within_a_second(cluster: Cluster, namespace: str) -> None:
    run_pod(cluster, namespace, "p")
    cluster.kubectl("wait", "pod/p", "--for=condition=Ready", "-n", namespace, "--timeout=60s")
    ip = cluster.get("pod", "p", "-n", namespace)["status"]["podIP"]
    eventually(lambda: urllib.request.urlopen(f"http://{ip}:8080/", timeout=1).status == 200)
    os.kill(container_pid(cluster, namespace, "p"), signal.SIGKILL)
    eventually(lambda: restarts(cluster, namespace, "p") == 1, 10)
    last = cluster.get("pod", "p", "-n", namespace)["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert last["exitCode"] == 137


def test_a_crash_loop_backs_off(cluster: Cluster, namespace: str) -> None:
    run_pod(cluster, namespace, "p", "sh", "-c", "exit 3")
    eventually(lambda: "CrashLoopBackOff" in cluster.kubectl("get", "pod", "p", "-n", namespace), 60)
    status = cluster.get("pod", "p", "-n", namespace)["status"]["containerStatuses"][0]
    assert re.match(r"back-off \d+s restarting failed container=p pod=p_", status["state"]["waiting"]["message"])
    assert status["lastState"]["terminated"]["exitCode"] == 3


def test_a_deleted_pod_is_replaced(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "deployment", "d", f"--image={HELLO}", "-n", namespace)
    cluster.kubectl("rollout", "status", "deployment/d", "-n", namespace, "--timeout=60s")
    name = cluster.get("pods", "-n", namespace)["items"][0]["metadata"]["name"]
    cluster.kubectl("delete", "pod", name, "-n", namespace, "--grace-period=1")
    cluster.kubectl("rollout", "status", "deployment/d", "-n", namespace, "--timeout=60s")
    assert cluster.get("pods", "-n", namespace)["items"][0]["metadata"]["name"] != name


@pytest.mark.parametrize("part", ["kube-controller-manager", "kube-scheduler", "kube-apiserver"])
def test_a_killed_control_plane_part_comes_back_and_is_counted(cluster: Cluster, namespace: str, part: str) -> None:
    cluster.kubectl("create", "configmap", "kept", "--from-literal=a=b", "-n", namespace)
    pod = next(p["metadata"]["name"] for p in cluster.get("pods", "-n", "kube-system")["items"] if p["metadata"]["name"].startswith(part))
    before = restarts(cluster, "kube-system", pod)
    module = {"kube-apiserver": "sagong.cluster.apiserver", "kube-scheduler": "sagong.cluster.scheduler"}
    for pid in pids_of(cluster, module.get(part, "sagong.cluster.controller_manager")):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: restarts(cluster, "kube-system", pod) == before + 1, 60)
    cluster.kubectl("wait", f"pod/{pod}", "-n", "kube-system", "--for=condition=Ready", "--timeout=60s")
    assert cluster.get("cm", "kept", "-n", namespace)["data"] == {"a": "b"}
    cluster.kubectl("create", "deployment", "after", f"--image={HELLO}", "-n", namespace)
    cluster.kubectl("rollout", "status", "deployment/after", "-n", namespace, "--timeout=90s")


@pytest.mark.parametrize("part", ["sagong.cluster.kubelet", "containerd --config"])
def test_a_killed_node_part_comes_back_and_no_container_restarts(cluster: Cluster, namespace: str, part: str) -> None:
    run_pod(cluster, namespace, "p")
    cluster.kubectl("wait", "pod/p", "--for=condition=Ready", "-n", namespace, "--timeout=60s")
    since = started_at(cluster, namespace, "p")
    killed = pids_of(cluster, part)
    assert killed
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: bool(set(pids_of(cluster, part)) - set(killed)), 20)
    run_pod(cluster, namespace, "q")
    cluster.kubectl("wait", "pod/q", "--for=condition=Ready", "-n", namespace, "--timeout=60s")
    assert started_at(cluster, namespace, "p") == since
    assert restarts(cluster, namespace, "p") == 0


def test_a_rolling_update_under_load_fails_no_request(cluster: Cluster, namespace: str) -> None:
    manifest = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: {namespace}}}
spec:
  replicas: 3
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}, annotations: {{v: "1"}}}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
      - name: web
        image: {HELLO}
        readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 1}}
        lifecycle: {{preStop: {{sleep: {{seconds: 2}}}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: {namespace}}}
spec: {{selector: {{app: web}}, ports: [{{port: 80, targetPort: 8080}}]}}
"""
    cluster.apply(manifest)
    cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=90s")
    ip = cluster.get("service", "web", "-n", namespace)["spec"]["clusterIP"]
    eventually(lambda: urllib.request.urlopen(f"http://{ip}/", timeout=2).status == 200)
    load = Load(f"http://{ip}/", 10_000)
    load.start()
    changes = [
        ("patch", "deployment", "web", "-p", '{"spec":{"template":{"metadata":{"annotations":{"v":"2"}}}}}'),
        ("rollout", "undo", "deployment/web"),
    ]
    for change in changes:
        cluster.kubectl(*change, "-n", namespace)
        cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s")
    load.finish()
    assert load.failed == []
    assert load.done >= 10_000


class Load:
    """Requests on new connections from four threads, until the wanted number is done and `finish` is called."""

    def __init__(self, url: str, wanted: int) -> None:
        self.url, self.wanted = url, wanted
        self.done = 0
        self.failed: list[str] = []
        self._enough = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(4)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(180)

    def _run(self) -> None:
        while self.done < self.wanted or not self._enough.is_set():
            try:
                with urllib.request.urlopen(self.url, timeout=10) as answer:
                    answer.read()
            except OSError as error:
                self.failed.append(str(error))
            with self._lock:
                self.done += 1
            if self.done > self.wanted * 0.5 and not self._enough.is_set():
                time.sleep(0.005)


def test_stop_and_start_bring_everything_back(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "deployment", "d", f"--image={HELLO}", "-n", namespace)
    cluster.kubectl("rollout", "status", "deployment/d", "-n", namespace, "--timeout=60s")
    cluster.sagong("stop")
    assert pids_of(cluster, "containerd-shim") == []
    cluster.start()
    cluster.kubectl("rollout", "status", "deployment/d", "-n", namespace, "--timeout=90s")
    cluster.kubectl("wait", "pod", "--all", "-n", namespace, "--for=condition=Ready", "--timeout=60s")


def test_after_a_reboot_everything_returns(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "deployment", "d", f"--image={HELLO}", "-n", namespace)
    cluster.kubectl("rollout", "status", "deployment/d", "-n", namespace, "--timeout=60s")
    name = cluster.get("pods", "-n", namespace)["items"][0]["metadata"]["name"]
    power_off(cluster)
    cluster.start()
    eventually(lambda: restarts(cluster, namespace, name) >= 1, 60)
    cluster.kubectl("wait", f"pod/{name}", "-n", namespace, "--for=condition=Ready", "--timeout=60s")


def power_off(cluster: Cluster) -> None:
    """Do what a power cut does: kill everything, lose the run directory and all mounts and interfaces."""
    run_dir = Path(directories(str(cluster.data_dir))["run_dir"])
    for words in ("sagong", "containerd"):
        for pid in pids_of_everything(cluster, words, run_dir):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
    for _ in range(5):
        for line in Path("/proc/mounts").read_text().splitlines()[::-1]:
            point = line.split()[1]
            if str(run_dir) in point or str(cluster.data_dir) in point:
                subprocess.run(["umount", "-l", point], check=False, capture_output=True)
    subprocess.run(["rm", "-rf", str(run_dir)], check=False)


def pids_of_everything(cluster: Cluster, words: str, run_dir: Path) -> list[int]:
    """Return the host's processes of the cluster and every process in a pod's cgroup."""
    group = directories(str(cluster.data_dir))["cgroup_root"]
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            pods = f"{group}/kubepods" in (entry / "cgroup").read_text()
        except OSError:
            continue
        ours = str(cluster.data_dir) in command or str(run_dir) in command
        if pods or (ours and words in command):
            found.append(int(entry.name))
    return found
