"""One real cluster for all end-to-end tests, in a directory and on ports of its own, and kubectl against it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sagong.cluster.config import directories
from tests.network.netns import Namespace

ROOT = Path(__file__).parents[2]
PORTS = {"api": 27643, "kubelet": 27650, "controller-manager": 27657, "scheduler": 27659, "proxy-health": 27656, "proxy-metrics": 27649}


_NUMBERS = itertools.count()


class Cluster:
    """A cluster driven as a user does it: through the sagong command and kubectl."""

    def __init__(self, directory: Path, *, within: Sequence[str] = ()) -> None:
        """`within` is what enters the network namespace of the cluster, if it is not ours."""
        self.within = tuple(within)
        self.data_dir = directory / "data"
        self.kubeconfig = directory / "kubeconfig"
        self.ports = PORTS
        self.env = {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "SAGONG_DATA_DIR": str(self.data_dir),
            "KUBECTL_COMMAND_HEADERS": "false",
        }

    def sagong(self, *arguments: str, check: bool = True, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """Run the sagong command."""
        command = [sys.executable, "-P", "-m", "sagong.cluster.main", *arguments]
        return self._run(command, check=check, timeout=timeout)

    def start(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Start on the test ports."""
        ports = [word for part, port in self.ports.items() for word in (f"--{part}-port", str(port))]
        return self.sagong("start", *ports, *arguments)

    def kubectl(self, *arguments: str, check: bool = True, stdin: str | None = None, timeout: float = 120) -> str:
        """Run kubectl and return what it printed."""
        return self.kubectl_done(*arguments, check=check, stdin=stdin, timeout=timeout).stdout

    def kubectl_done(
        self, *arguments: str, check: bool = True, stdin: str | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl and return the finished process."""
        return self._run(["kubectl", *arguments], check=check, stdin=stdin, timeout=timeout)

    def get(self, *arguments: str) -> Any:
        """Return `kubectl get ... -o json` decoded."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def apply(self, manifest: str, *arguments: str) -> str:
        """Apply YAML."""
        return self.kubectl("apply", "-f", "-", *arguments, stdin=manifest)

    def wait_ready(self, selector: str, namespace: str, timeout: int = 60) -> None:
        """Wait for the pods of a selector."""
        self.kubectl("wait", "pod", "-n", namespace, "-l", selector, "--for=condition=Ready", f"--timeout={timeout}s")

    def run(self, *command: str, timeout: float = 60, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run any command where the cluster's first node is."""
        words = [*self.within, *command]
        return subprocess.run(words, capture_output=True, text=True, check=False, env=self.env, timeout=timeout, input=stdin, cwd="/")

    def _run(self, command: list[str], *, check: bool, timeout: float, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        done = self.run(*command, timeout=timeout, stdin=stdin)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done


def eventually(condition: Callable[[], bool], seconds: float = 30.0, pause: float = 0.1) -> None:
    """Wait until the condition holds; assertion errors and absent things count as not yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
            last: Exception = AssertionError("did not become true in time")
        except (AssertionError, OSError, KeyError, IndexError, ValueError) as error:
            last = error
        if time.monotonic() > deadline:
            raise last
        time.sleep(pause)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start a cluster; at the end remove every trace of it and look that none is left."""
    made = Cluster(tmp_path_factory.mktemp("sagong"))
    try:
        made.start()
        yield made
    finally:
        failures = traces_after_delete(made)
        shutil.rmtree(made.data_dir, ignore_errors=True)
    assert failures == []


@contextlib.contextmanager
def on_a_machine_of_its_own(directory: Path, address: str) -> Iterator[Cluster]:
    """Give a cluster that is not started yet a network namespace, which stands for a machine; at the end remove every trace of both."""
    machine = f"sagong-test-{os.getpid()}"
    made = Cluster(directory, within=("nsenter", f"--net=/run/netns/{machine}", "--"))
    space = Namespace(machine)
    try:
        for words in (
            "link set lo up",
            "link add eth0 type veth peer name outside",
            f"address add {address}/24 dev eth0",
            "link set eth0 up",
            "link set outside up",
            "route add default dev eth0",
        ):
            assert made.run("ip", *words.split()).returncode == 0, words
        yield made
    finally:
        failures = traces_after_delete(made)
        space.close()
        shutil.rmtree(made.data_dir, ignore_errors=True)
    assert failures == []


def traces_after_delete(cluster: Cluster) -> list[str]:
    """Delete the cluster and list what is left of it: processes, mounts, packet rules, interfaces, cgroups, directories."""
    done = cluster.sagong("delete", check=False)
    left = [] if done.returncode == 0 else [f"delete failed: {done.stderr}"]
    mark = str(cluster.data_dir.parent)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if mark in command and "pytest" not in command:
                left.append(f"process {entry.name}: {command}")
    mine = directories(str(cluster.data_dir))
    left += [f"mount {line}" for line in Path("/proc/mounts").read_text().splitlines() if mark in line or mine["run_dir"] in line]
    group = mine["cgroup_root"].strip("/")
    left += [f"cgroup {path}" for path in (*Path("/sys/fs/cgroup").glob(group), *Path("/sys/fs/cgroup").glob(f"*/{group}"))]
    left += [f"rule {line}" for line in cluster.run("nft", "list", "tables").stdout.splitlines() if "sagong" in line]
    left += [f"interface {line}" for line in cluster.run("ip", "-o", "link").stdout.splitlines() if mine["bridge"] in line]
    left += [f"directory {path}" for path in (cluster.data_dir, Path(mine["run_dir"])) if path.exists()]
    return left


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace for one test, removed in the background afterwards."""
    words = "".join(c if c.isalnum() else "-" for c in request.node.name.lower())[:40].strip("-")
    name = f"t-{words}-{next(_NUMBERS)}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false", check=False)
