"""Pods come and go while the kubelet and the runtime are killed again and again: nothing is lost, and nothing stays behind.

SAGONG_WAVE_PODS sets the number of pods, SAGONG_WAVE_SEED repeats a run's choices.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from sagong.cluster import supervisor
from sagong.cluster.config import directories
from sagong.node import remains
from tests.e2e.conftest import Cluster, eventually
from tests.e2e.host_state import HostState, differences, host_state
from tests.e2e.test_healing import pids_of

pytestmark = pytest.mark.e2e

HELLO = "sagong.local/hello:1.0"
PODS = int(os.environ.get("SAGONG_WAVE_PODS", "32"))
PARTS = {"kubelet": "sagong.cluster.kubelet", "containerd": "containerd --config"}
SHAPES = tuple(
    yaml.safe_load_all(
        """
{}
---
restartPolicy: Never
volumes: [{name: v, emptyDir: {medium: Memory}}]
containers: [{command: [sh, -c, "echo a > /v/a; sleep 1"], volumeMounts: [{name: v, mountPath: /v}]}]
---
initContainers: [{name: i, image: "sagong.local/hello:1.0", command: [sleep, "0.2"]}]
volumes: [{name: v, configMap: {name: kube-root-ca.crt}}]
containers:
- {volumeMounts: [{name: v, mountPath: /v}]}
- {name: d, image: "sagong.local/hello:1.0", command: [sleep, "100"]}
---
hostNetwork: true
containers: [{command: [sleep, "100"]}]
---
containers: [{command: [sh, -c, "sleep 0.5; exit 1"]}]
---
terminationGracePeriodSeconds: 3
volumes: [{name: v, emptyDir: {}}]
containers:
- command: [sh, -c, "trap : TERM; while true; do sleep 0.1; done"]
  volumeMounts: [{name: v, mountPath: /v, subPath: s}]
"""
    )
)


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("SAGONG_WAVE_SEED") or random.SystemRandom().randrange(10**6))
    sys.stdout.write(f"SAGONG_WAVE_SEED={seed}\n")
    return random.Random(seed)


def pod(namespace: str, name: str, shape: Mapping[str, Any]) -> dict[str, Any]:
    """Return a pod of one of the shapes."""
    spec = {"terminationGracePeriodSeconds": 1, **shape}
    first, *others = spec.get("containers", [{}])
    spec["containers"] = [{"name": "c", "image": HELLO, **first}, *others]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def create(cluster: Cluster, pods: list[dict[str, Any]]) -> None:
    """Create them with one command."""
    cluster.kubectl("create", "-f", "-", stdin=yaml.safe_dump_all(pods))


@contextmanager
def kills(cluster: Cluster, chance: random.Random, shortest: float, longest: float, *, together: bool) -> Iterator[list[str]]:
    """Kill the kubelet or containerd at random moments; at the end both run. Yields what was killed.

    `together`: also while the other one is just coming back.
    """
    done: list[str] = []
    over = threading.Event()

    def kill() -> None:
        while not over.wait(chance.uniform(shortest, longest)):
            part = chance.choice(tuple(PARTS))
            for pid in pids_of(cluster, PARTS[part]):
                os.kill(pid, signal.SIGKILL)
                done.append(part)
            if not together:
                eventually(lambda: both_serve(cluster), 60)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield done
    finally:
        over.set()
        thread.join()
        eventually(lambda: all(pids_of(cluster, words) for words in PARTS.values()), 30)


def both_serve(cluster: Cluster) -> bool:
    """Tell whether the kubelet and containerd answer."""
    health = cluster.run("curl", "-fsS", "http://127.0.0.1:10248/healthz")
    socket = f"{directories(str(cluster.data_dir))['run_dir']}/containerd.sock"
    return health.returncode == 0 and cluster.run("ctr", "--address", socket, "version").returncode == 0


def wait_as_before(cluster: Cluster, before: HostState, seconds: float) -> None:
    """Wait until the host is as it was; fail with what differs. What earlier tests left of dead containers may go meanwhile."""
    deadline = time.monotonic() + seconds
    while True:
        left = [line for line in differences(before, host_state(cluster)) if not is_collected(line)]
        if not left:
            return
        assert time.monotonic() < deadline, "\n".join(left)
        time.sleep(1)


def is_collected(difference: str) -> bool:
    """Tell whether something of the runtime's is gone: the kubelet collects each minute, containerd when it starts."""
    return difference.lstrip().startswith("- ") and ("runtime: " in difference or "/containerd/io.containerd." in difference)


def wait_steady(cluster: Cluster) -> HostState:
    """Return the host's state once it does not change any more, and no pod of earlier tests is on its way out."""
    eventually(lambda: not any(one["metadata"].get("deletionTimestamp") for one in cluster.get("pods", "-A")["items"]), 90, 1)
    eventually(lambda: not any(one["metadata"].get("deletionTimestamp") for one in cluster.get("namespaces")["items"]), 90, 1)
    before = host_state(cluster)
    for _ in range(30):
        time.sleep(2)
        now = host_state(cluster)
        if not differences(before, now):
            return now
        before = now
    raise AssertionError("the host does not come to rest")


def test_after_waves_of_pods_and_kills_the_host_is_as_before(cluster: Cluster, namespace: str, chance: random.Random) -> None:
    before = wait_steady(cluster)
    size = min(50, max(PODS // 2, 1))
    with kills(cluster, chance, 0.5, 6.0, together=True) as killed:
        for first in range(0, PODS, size):
            names = [f"p-{number}" for number in range(first, min(first + size, PODS))]
            create(cluster, [pod(namespace, name, chance.choice(SHAPES)) for name in names])
            time.sleep(chance.uniform(1.0, 1.0 + size / 5))
            chance.shuffle(names)
            forced, rest = names[: len(names) // 4], names[len(names) // 4 :]
            cluster.kubectl("delete", "pod", "-n", namespace, "--grace-period=0", "--force", "--wait=false", *forced)
            cluster.kubectl("delete", "pod", "-n", namespace, "--wait=false", *rest)
    sys.stdout.write(f"killed: {' '.join(killed)}\n")
    eventually(lambda: cluster.kubectl("get", "pods", "-n", namespace, "-o", "name") == "", 120, 1)
    wait_as_before(cluster, before, 90)


def test_what_was_being_deleted_when_containerd_was_killed_goes(cluster: Cluster, namespace: str) -> None:
    create(cluster, [pod(namespace, "p", {})])
    cluster.kubectl("wait", "pod/p", "-n", namespace, "--for=condition=Ready", "--timeout=60s")
    bundles = bundles_of(cluster, namespace, "p")
    assert len(bundles) == 2
    run_dir = Path(directories(str(cluster.data_dir))["run_dir"])
    holder = supervisor.holder(run_dir / "supervisor.pid")
    assert holder
    os.kill(holder, signal.SIGSTOP)
    try:
        for pid in pids_of(cluster, PARTS["containerd"]):
            os.kill(pid, signal.SIGKILL)
        for bundle in bundles:
            address = (bundle / "address").read_text()
            os.kill(int((bundle / "init.pid").read_text()), signal.SIGKILL)
            eventually(partial(deleted, address, bundle.name))
    finally:
        os.kill(holder, signal.SIGCONT)
    eventually(lambda: both_serve(cluster), 60)
    assert not any(bundle.exists() for bundle in bundles)
    assert bundles[-1].name not in remains.shims_of(str(run_dir / "containerd.sock"))
    eventually(lambda: len(bundles_of(cluster, namespace, "p")) == 2, 60)
    cluster.kubectl("wait", "pod/p", "-n", namespace, "--for=condition=Ready", "--timeout=60s")


def deleted(address: str, task: str) -> bool:
    """Have a task whose process ends deleted as containerd does it; say whether its shim has let go of it."""
    remains.call_shim(address, "Delete", task)
    return remains.ask(address, task).lacking


def bundles_of(cluster: Cluster, namespace: str, name: str) -> list[Path]:
    """Return the directories of the tasks of a pod, its sandbox last."""
    marks = {"io.kubernetes.cri.sandbox-namespace": namespace, "io.kubernetes.cri.sandbox-name": name}
    found = []
    for path in Path(directories(str(cluster.data_dir))["run_dir"]).glob("containerd/io.containerd.runtime.v2.task/k8s.io/*/config.json"):
        annotations = json.loads(path.read_bytes())["annotations"]
        if marks.items() <= annotations.items():
            found.append((annotations["io.kubernetes.cri.container-type"] == "sandbox", path.parent))
    return [path for _, path in sorted(found)]


def test_no_container_restarts_and_no_exit_is_lost(cluster: Cluster, namespace: str, chance: random.Random) -> None:
    count = max(min(PODS // 4, 50), 2)
    steady = [pod(namespace, f"steady-{number}", SHAPES[0]) for number in range(count)]
    ending = {f"ending-{number}": (chance.randrange(256), chance.uniform(2, 2 + count)) for number in range(count)}
    create(cluster, steady + [pod(namespace, name, ends(*how)) for name, how in ending.items()])
    cluster.kubectl(
        "wait", "pod", *(f"steady-{number}" for number in range(count)), "-n", namespace, "--for=condition=Ready", "--timeout=180s"
    )
    running = runs(cluster, "kube-system") | {name: run for name, run in runs(cluster, namespace).items() if name.startswith("steady")}
    with kills(cluster, chance, 0.3, 4.0, together=False) as killed:
        time.sleep(max(12, count))
    sys.stdout.write(f"killed: {' '.join(killed)}\n")
    eventually(partial(expect_exits, cluster, namespace, {name: code for name, (code, _) in ending.items()}), 90, 1)
    eventually(lambda: runs(cluster, "kube-system") | runs(cluster, namespace) == running, 60, 1)


def ends(code: int, seconds: float) -> dict[str, Any]:
    """Return the shape of a pod that ends with the code."""
    return {"restartPolicy": "Never", "containers": [{"command": ["sh", "-c", f"sleep {seconds:.1f}; exit {code}"]}]}


def runs(cluster: Cluster, namespace: str) -> dict[str, tuple[int, str]]:
    """Return how often each running container was restarted, and since when it runs."""
    return {
        pod["metadata"]["name"]: (status["restartCount"], status["state"]["running"]["startedAt"])
        for pod in cluster.get("pods", "-n", namespace)["items"]
        for status in pod["status"].get("containerStatuses", [])
        if "running" in status["state"]
    }


def expect_exits(cluster: Cluster, namespace: str, codes: dict[str, int]) -> bool:
    """Fail with what differs from the codes."""
    assert exits(cluster, namespace) == codes
    return True


def exits(cluster: Cluster, namespace: str) -> dict[str, int]:
    """Return the exit codes of the containers that have ended."""
    return {
        pod["metadata"]["name"]: status["state"]["terminated"]["exitCode"]
        for pod in cluster.get("pods", "-n", namespace)["items"]
        for status in pod["status"].get("containerStatuses", [])
        if "terminated" in status["state"]
    }
