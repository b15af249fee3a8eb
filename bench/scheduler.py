"""How fast pods are placed, from the first create to the last binding, API server included. Works on any Kubernetes by kubeconfig.

    python bench/scheduler.py --kubeconfig FILE [--workload basic] [--scale 0.1]
    python bench/scheduler.py --own             [--workload basic] [--scale 0.1]

The workloads are those of upstream's scheduler_perf: nodes of 4 CPU, 32 Gi and 110 pods that nobody runs, some pods that are there first,
then the pods that are measured. `--scale` multiplies all three numbers. With `--own` an API server and a scheduler of this checkout are
started for it, and the answer says how much CPU time a pod took in each. On a cluster with controllers, nodes without a kubelet are found
out after 40 s, and their pods are evicted. Prints one JSON object for each workload, and removes what it made.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import uvloop
import yaml

from sagong.api.errors import AlreadyExistsError, ApiError, NotFoundError
from sagong.client.client import Client
from sagong.client.config import load_kubeconfig
from sagong.cluster import certificates, component_configs
from sagong.cluster.clock import RealClock, RealRandom
from sagong.cluster.config import ClusterConfig

NAMESPACE = "sched-1"
HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
PRIORITIES = {"bench-low": 1, "bench-high": 10}
PINNED = "bench-node-0"
JSON_PATCH, MERGE = "application/json-patch+json", "application/merge-patch+json"
PROFILED = """
import cProfile, runpy, sys
file, *sys.argv = sys.argv[1:]
cProfile.run("runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)", file)
"""
"""what runs a module under cProfile in such a way that its types find their names"""

Body = dict[str, Any]
PROFILED = """
import cProfile, importlib, sys
_, file, module = sys.argv[:3]
sys.argv[:3] = [module]
profile = cProfile.Profile()
try:
    profile.runcall(importlib.import_module(module).main)
finally:
    profile.dump_stats(file)
"""
"""Runs a module's main. `python -m cProfile -m` would hide its types from those who look them up by name."""


def pod(cpu: str = "100m", *, color: str = "", **spec: Any) -> Body:
    """Return upstream's pod-default template, changed."""
    requests = {"cpu": cpu, "memory": "500Mi"}
    container = {
        "name": "pause",
        "image": "registry.k8s.io/pause:3.10",
        "ports": [{"containerPort": 80}],
        "resources": {"limits": requests, "requests": requests},
    }
    labels = {"color": color} if color else {}
    return {"metadata": {"labels": labels}, "spec": {"containers": [container], **spec}}


def term(color: str, key: str) -> list[Body]:
    return [{"labelSelector": {"matchLabels": {"color": color}}, "topologyKey": key}]


def pinned() -> Body:
    fields = [{"key": "metadata.name", "operator": "In", "values": [PINNED]}]
    required = {"nodeSelectorTerms": [{"matchFields": fields}]}
    found = pod(affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}})
    found["spec"]["containers"][0]["resources"] = {}
    return found


def spreading() -> Body:
    constraint = {
        "maxSkew": 5,
        "topologyKey": ZONE,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"color": "blue"}},
    }
    return pod(color="blue", topologySpreadConstraints=[constraint])


def near() -> Body:
    return pod(color="blue", affinity={"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": term("blue", ZONE)}})


def apart() -> Body:
    return pod(color="green", affinity={"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": term("green", HOST)}})


@dataclass(frozen=True)
class Workload:
    """How many nodes, pods before, and pods measured; what they are; how many a second are wanted."""

    nodes: int
    before: int
    measured: int
    wanted: int
    first: Callable[[], Body] = pod
    then: Callable[[], Body] = pod
    churn: Callable[[], Body] | None = None
    zones: int = 1
    room: dict[str, str] = field(default_factory=dict)


WORKLOADS: Mapping[str, Workload] = {
    "small": Workload(1000, 0, 3000, 900),
    "basic": Workload(5000, 1000, 10000, 1000),
    "daemonset": Workload(15000, 0, 30000, 1000, then=pinned, room={"pods": "90000"}),
    "spreading": Workload(5000, 5000, 5000, 800, first=lambda: pod(color="blue"), then=spreading, zones=3),
    "anti-affinity": Workload(5000, 1000, 2000, 600, first=apart, then=apart),
    "affinity": Workload(5000, 5000, 5000, 350, first=near, then=near),
    "unschedulable": Workload(5000, 100, 10000, 700, churn=lambda: pod("9", priorityClassName="bench-high")),
    "preemption": Workload(
        5000,
        20000,
        5000,
        500,
        first=lambda: pod("900m", priorityClassName="bench-low", terminationGracePeriodSeconds=0),
        then=lambda: pod("3", priorityClassName="bench-high"),
    ),
}


class Bench:
    """One cluster, and a client that keeps many requests under way."""

    def __init__(self, client: Client, connections: int) -> None:
        self._client, self._connections = client, connections
        self._bound: set[bytes] = set()
        self._changed = asyncio.Event()

    async def run(self, name: str, workload: Workload, scale: float) -> dict[str, Any]:
        """Make the nodes, place the first pods, then measure."""
        nodes, before, measured = (max(round(count * scale), bool(count)) for count in (workload.nodes, workload.before, workload.measured))
        await self.prepare()
        await self.many(nodes, lambda number: self.node(number, workload))
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self.watch())
            await self.many(before, lambda number: self.create(f"first-{number}", workload.first()))
            await self.wait_bound(b"first-", before)
            churning = tasks.create_task(self.churn(workload.churn)) if workload.churn else None
            began, cpu = time.monotonic(), self.cpu()
            await self.many(measured, lambda number: self.create(f"then-{number}", workload.then()))
            created = time.monotonic() - began
            await self.wait_bound(b"then-", measured)
            took = time.monotonic() - began
            spent = {part: round(seconds - cpu[part], 2) for part, seconds in self.cpu().items()}
            for task in (watching, churning):
                if task is not None:
                    task.cancel()
        return {
            "workload": name,
            "nodes": nodes,
            "before": before,
            "measured": measured,
            "pods_per_second": round(measured / took),
            "wanted": workload.wanted,
            "seconds_creating": round(created, 2),
            "seconds": round(took, 2),
            **({"cpu_ms_per_pod": {part: round(seconds / measured * 1000, 2) for part, seconds in spent.items()}} if spent else {}),
        }

    cpu: Callable[[], dict[str, float]] = staticmethod(dict)

    async def many(self, count: int, make: Callable[[int], Any]) -> None:
        """Make things, so many at a time as there are connections."""
        numbers = iter(range(count))

        async def work() -> None:
            for number in numbers:
                await make(number)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._connections):
                tasks.create_task(work())

    async def prepare(self) -> None:
        """Make namespace, account and priorities."""
        await self.ensure("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        await self.ensure(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", {"metadata": {"name": "default"}})
        for name, value in PRIORITIES.items():
            await self.ensure("/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": name}, "value": value})

    async def node(self, number: int, workload: Workload) -> None:
        """Make a node, and say that it is ready."""
        name = f"bench-node-{number}"
        amounts = {"cpu": "4", "memory": "32Gi", "pods": "110"} | (workload.room if name == PINNED else {})
        labels = {HOST: name, ZONE: f"zone-{number % workload.zones}"}
        status = {"capacity": amounts, "allocatable": amounts, "conditions": [{"type": "Ready", "status": "True", "reason": "Bench"}]}
        await self.ensure("/api/v1/nodes", {"metadata": {"name": name, "labels": labels}, "status": status})
        await self.send("PATCH", f"/api/v1/nodes/{name}", {"spec": {"taints": None}}, MERGE)

    async def create(self, name: str, body: Body) -> None:
        """Make a pod."""
        body["metadata"]["name"] = name
        await self.send("POST", f"/api/v1/namespaces/{NAMESPACE}/pods", body)

    async def churn(self, make: Callable[[], Body]) -> None:
        """Make a pod that fits nowhere every 200 ms."""
        for number in itertools.count():
            await self.create(f"churn-{number}", make())
            await asyncio.sleep(0.2)

    async def watch(self) -> None:
        """Note which pods have a node. A watch that the server ends, as upstream's does with one that falls behind, is begun again."""
        query = {"watch": "true", "resourceVersion": "0", "timeoutSeconds": "3600"}
        while True:
            async with self._client.stream(f"/api/v1/namespaces/{NAMESPACE}/pods", query=query) as stream:
                async for line in _lines(stream):
                    if b'"nodeName":"' in line:
                        name = line.partition(b'"name":"')[2].partition(b'"')[0]
                        self._bound.add(name)
                        self._changed.set()

    async def wait_bound(self, prefix: bytes, count: int) -> None:
        """Wait until so many pods of a name have a node."""
        while sum(name.startswith(prefix) for name in self._bound) < count:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), 60)
            await asyncio.sleep(0.02)

    async def clean(self) -> None:
        """Remove what was made."""
        for path in (f"/api/v1/namespaces/{NAMESPACE}/pods", f"/api/v1/namespaces/{NAMESPACE}/events"):
            await self.send("DELETE", path, {"gracePeriodSeconds": 0})
        nodes = (await self._client.raw("GET", "/api/v1/nodes", headers={"Accept": "application/json"})).body
        names = [item["metadata"]["name"] for item in json.loads(nodes)["items"]]
        made = [name for name in names if name.startswith("bench-node-")]
        await self.many(len(made), lambda number: self.send("DELETE", f"/api/v1/nodes/{made[number]}"))
        for name in PRIORITIES:
            await self.send("DELETE", f"/apis/scheduling.k8s.io/v1/priorityclasses/{name}")
        await self.send("DELETE", f"/api/v1/namespaces/{NAMESPACE}")
        self._bound.clear()

    async def ensure(self, path: str, body: Body) -> None:
        with contextlib.suppress(AlreadyExistsError):
            await self.send("POST", path, body)

    async def send(self, method: str, path: str, body: Body | None = None, kind: str = "application/json") -> None:
        headers = {"Content-Type": kind, "Accept": "application/json"}
        with contextlib.suppress(NotFoundError):
            await self._client.raw(
                method, path, headers=headers, body=msgspec.json.encode(body) if body is not None else b"", time_limit=300
            )


async def _lines(stream: Any) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in stream:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line


@contextlib.contextmanager
def own_cluster(profiles: str = "") -> Iterator[tuple[str, Callable[[], dict[str, float]]]]:
    """Run an API server and a scheduler of this checkout; return a kubeconfig, and what tells their CPU seconds.

    `profiles`: a folder for what cProfile finds in each of them.
    """
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as running:
        ports = [free_port() for _ in range(2)]
        cluster = ClusterConfig(node_name="bench", node_ip="127.0.0.1", data_dir=directory, api_port=ports[0])
        Path(directory, "store").mkdir()
        certificates.ensure(cluster, RealClock().now())
        file = Path(directory, "apiserver.json")
        file.write_bytes(msgspec.json.encode(component_configs.apiserver(cluster)))
        for user in ("admin", "scheduler"):
            Path(directory, f"{user}.yaml").write_text(yaml.safe_dump(certificates.kubeconfig(cluster, user)))
        commands = {
            "apiserver": ["sagong.cluster.apiserver", "--config", str(file)],
            "scheduler": [
                *("sagong.cluster.scheduler", "--kubeconfig", f"{directory}/scheduler.yaml"),
                *("--pki", f"{directory}/pki", "--port", str(ports[1])),
            ],
        }
        log = running.enter_context(Path(directory, "log").open("w"))
        pids: dict[str, int] = {}
        for part, command in commands.items():
            how = ["-c", PROFILED, f"{profiles}/{part}.prof"] if profiles else ["-m"]
            process = subprocess.Popen([sys.executable, "-P", *how, *command], stderr=log)
            running.callback(process.wait)
            running.callback(process.terminate)
            pids[part] = process.pid
        yield f"{directory}/admin.yaml", lambda: {part: cpu_of(pid) for part, pid in pids.items()}


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def answering(client: Client) -> None:
    """Wait for the API server."""
    async with asyncio.timeout(60):
        while True:
            try:
                await client.raw("GET", "/readyz")
            except (ApiError, OSError):
                await asyncio.sleep(0.1)
            else:
                return


async def measure(kubeconfig: str, options: argparse.Namespace, cpu: Callable[[], dict[str, float]]) -> None:
    names = list(WORKLOADS) if options.workload == "all" else [options.workload]
    async with Client(load_kubeconfig(kubeconfig), clock=RealClock(), random=RealRandom()) as client:
        await answering(client)
        for name in names:
            bench = Bench(client, options.connections)
            bench.cpu = cpu
            try:
                print(json.dumps(await bench.run(name, WORKLOADS[name], options.scale)), flush=True)
            finally:
                if not options.own or len(names) > 1:
                    await bench.clean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--kubeconfig")
    where.add_argument("--own", action="store_true")
    parser.add_argument("--workload", choices=("all", *WORKLOADS), default="all")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--profile", default="", help="with --own: a folder for the profiles of both processes")
    options = parser.parse_args()
    if options.own:
        with own_cluster(options.profile) as (kubeconfig, cpu):
            uvloop.run(measure(kubeconfig, options, cpu))
    else:
        uvloop.run(measure(options.kubeconfig, options, dict))


if __name__ == "__main__":
    main()
