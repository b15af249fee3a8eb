"""Everything is killed at once while clients write, 50 times: every acknowledged write is there, no resourceVersion is used twice."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagong.cluster import host
from tests.e2e.conftest import Cluster
from tests.e2e.test_healing import pids_of_everything

pytestmark = pytest.mark.e2e

ROUNDS = 50
WRITERS = 4
WRITING_SECONDS = 0.7


class Writers:
    """Clients that create ConfigMaps as fast as they are answered, and remember what was acknowledged."""

    def __init__(self, cluster: Cluster) -> None:
        user = json.loads((cluster.data_dir / "kubeconfig" / "admin.conf").read_text())
        self._port = int(user["clusters"][0]["cluster"]["server"].rsplit(":", 1)[1])
        self._tls = ssl.create_default_context(cafile=str(cluster.data_dir / "pki" / "ca.crt"))
        self._tls.load_cert_chain(cluster.data_dir / "pki" / "admin.crt", cluster.data_dir / "pki" / "admin.key")
        self.acknowledged: dict[str, int] = {}
        self._stop = threading.Event()

    def run(self, prefix: str, kill: Iterator[None]) -> None:
        """Write for a while, then have everything killed in the middle of it."""
        self._stop.clear()
        threads = [threading.Thread(target=self._write, args=(f"{prefix}-{n}",)) for n in range(WRITERS)]
        for thread in threads:
            thread.start()
        time.sleep(WRITING_SECONDS)
        next(kill)
        self._stop.set()
        for thread in threads:
            thread.join()

    def ready(self) -> bool:
        """Say whether the API answers."""
        try:
            return self._request("GET", "/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def stored(self) -> dict[str, int]:
        """Return what is there: name -> resourceVersion."""
        items = json.loads(self._request("GET", "/api/v1/namespaces/default/configmaps")[1])["items"]
        return {item["metadata"]["name"]: int(item["metadata"]["resourceVersion"]) for item in items}

    def _write(self, prefix: str) -> None:
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, context=self._tls, timeout=5)
        number = 0
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            while not self._stop.is_set():
                self._create(connection, f"{prefix}-{number}")
                number += 1

    def _create(self, connection: http.client.HTTPSConnection, name: str) -> None:
        body = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"of": name}})
        connection.request("POST", "/api/v1/namespaces/default/configmaps", body, {"Content-Type": "application/json"})
        with connection.getresponse() as answer:
            content = answer.read()
            if answer.status == 201:
                self.acknowledged[name] = int(json.loads(content)["metadata"]["resourceVersion"])

    def _request(self, method: str, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, context=self._tls, timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def kill_everything(cluster: Cluster, start: subprocess.Popen[bytes] | None) -> None:
    """Send SIGKILL to every process of the cluster, again until none is left."""
    run_dir = Path(json.loads((cluster.data_dir / "cluster.json").read_text())["config"]["run_dir"])
    for _ in range(200):
        pids = [pid for words in ("sagong", "containerd") for pid in pids_of_everything(cluster, words, run_dir) if host.alive(pid)]
        if start is not None and start.poll() is None:
            start.kill()
            start.wait()
        if not pids:
            return
        for pid in set(pids):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.02)
    raise AssertionError(f"processes survive SIGKILL: {pids}")


@pytest.mark.timeout(600)
def test_fifty_power_cuts_lose_nothing(cluster: Cluster) -> None:
    writers = Writers(cluster)
    start: subprocess.Popen[bytes] | None = None

    def cut() -> Iterator[None]:
        while True:
            kill_everything(cluster, start)
            yield

    kill = cut()
    for number in range(ROUNDS):
        writers.run(f"r{number}", kill)
        command = [sys.executable, "-P", "-m", "sagong.cluster.main", "start"]
        start = subprocess.Popen(command, env=cluster.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not writers.ready():
            assert time.monotonic() < deadline, "the API server did not come back"
            time.sleep(0.05)
    stored = writers.stored()
    lost = {name: revision for name, revision in writers.acknowledged.items() if stored.get(name) != revision}
    assert lost == {}
    assert len(writers.acknowledged) >= ROUNDS
    assert len(set(stored.values())) == len(stored)
    assert start is not None
    assert start.wait(120) == 0
