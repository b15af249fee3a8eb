"""How long pods take from create to Running, what a node costs, how soon a death is noticed, and how fast bytes come through.

    python bench/node.py --kubeconfig FILE [--rows single,steady,burst,death,stream,idle] [--image IMAGE] [--pods 100] [--seconds 30]
                         [--processes PATTERN]

Works on any Kubernetes of one node by kubeconfig; the image needs busybox. Prints one JSON object for each row:

    single   20 pods one after the other, on an idle node
    steady   as many pods as asked for, five a second
    burst    90 pods at once
    death    a container's process is killed: until the API shows it (needs this machine to be the node)
    stream   an exec and its end; logs, and files copied both ways, in MB a second of kubectl's whole run; how fast the runtime
             writes a log that nobody reads, which is the most that one who follows can see
    idle     memory and CPU without pods and with as many as asked for

Memory is PSS and CPU is user plus system time, both summed over this machine's processes whose command line matches the pattern (Sagong's
and its containerd by default; for another Kubernetes give its own, such as 'kube-|etcd|kubelet|containerd'). `cpu_s_per_pod` is what
kubelet and containerd spent on each pod, shims and runc aside: on a busy machine it tells more than the times do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from sagong.api.types.core import Container, Namespace, Pod, PodSpec
from sagong.api.types.meta import ObjectMeta
from sagong.client.client import Client
from sagong.client.config import load_kubeconfig
from sagong.client.informer import Informer
from sagong.cluster.clock import RealClock, RealRandom

NAMESPACE = "bench-node"
SAGONG = r"sagong\.cluster\.|supervisor\.py|containerd --config"
NODE_PARTS = r"sagong\.cluster\.kubelet|containerd --config|^\S*kubelet "
TICKS = os.sysconf("SC_CLK_TCK")
MEGABYTE = 1_000_000


class Bench:
    """One namespace of one cluster, and when its pods were first seen running."""

    def __init__(self, client: Client, options: argparse.Namespace) -> None:
        self.client, self.options = client, options
        self.pods: Informer[Pod] = Informer(client, Pod, namespace=NAMESPACE)
        self.running: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.changed = asyncio.Event()

    def seen(self, _: Pod | None, new: Pod | None) -> None:
        """Take note of a change."""
        if new is not None and new.status.phase == "Running":
            self.running.setdefault(new.metadata.name, time.monotonic())
        if new is not None and new.status.phase == "Succeeded":
            self.ended.setdefault(new.metadata.name, time.monotonic())
        self.changed.set()

    async def until(self, true: Callable[[], bool], seconds: float = 300.0) -> None:
        """Wait for pods to change until it holds."""
        async with asyncio.timeout(seconds):
            while not true():
                self.changed.clear()
                await self.changed.wait()

    async def create(self, name: str, *command: str, again: bool = True) -> float:
        """Create a pod, which ends with its command unless `again`; return when that was asked for."""
        container = Container(name="c", image=self.options.image, command=list(command))
        policy = "Always" if again else "Never"
        spec = PodSpec(containers=[container], terminationGracePeriodSeconds=0, restartPolicy=policy)
        began = time.monotonic()
        await self.client.create(Pod(metadata=ObjectMeta(name=name, namespace=NAMESPACE), spec=spec))
        return began

    async def create_many(self, count: int, pause: float) -> dict[str, Any]:
        """Create pods, the next a while after the last; say how long each took until it was seen running."""
        before = spent(NODE_PARTS)
        began = {}
        for number in range(count):
            due = time.monotonic() + pause
            began[f"p-{number}"] = await self.create(f"p-{number}")
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await self.until(lambda: began.keys() <= self.running.keys())
        took = [self.running[name] - at for name, at in began.items()]
        cost = spent(NODE_PARTS) - before
        return {
            **spread(took),
            "all_s": round(max(self.running.values()) - min(began.values()), 2),
            "cpu_s_per_pod": round(cost / count, 3),
        }

    async def clear(self) -> None:
        """Remove all pods."""
        for pod in self.pods.list():
            await self.client.delete(Pod, pod.metadata.name, NAMESPACE, grace_period_seconds=1)
        await self.until(lambda: len(self.pods) == 0)
        self.running.clear()
        self.ended.clear()
        await asyncio.sleep(2)

    async def single(self) -> dict[str, Any]:
        """Create pods one after the other."""
        took = []
        before = spent(NODE_PARTS)
        for number in range(20):
            name = f"p-{number}"
            began = await self.create(name)
            await self.until(lambda name=name: name in self.running)  # type: ignore[misc] # a default binds it
            took.append(self.running[name] - began)
            await asyncio.sleep(0.5)
        return {**spread(took), "cpu_s_per_pod": round((spent(NODE_PARTS) - before) / len(took), 3)}

    async def steady(self) -> dict[str, Any]:
        """Create five pods a second."""
        return await self.create_many(self.options.pods, 0.2)

    async def burst(self) -> dict[str, Any]:
        """Create 90 pods at once."""
        return await self.create_many(90, 0.0)

    async def death(self) -> dict[str, Any]:
        """Kill containers; say when the API shows that they have ended."""
        took = []
        for number in range(5):
            name = f"p-{number}"
            await self.create(name, "sleep", "1000")
            await self.until(lambda name=name: self.status(name) == (0, True))  # type: ignore[misc] # as above
            found = await self.client.get(Pod, name, NAMESPACE)
            pid = process_of(found.status.containerStatuses[0].containerID.partition("://")[2])
            began = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            await self.until(lambda name=name: self.status(name) != (0, True))  # type: ignore[misc] # as above
            took.append(time.monotonic() - began)
        return spread(took)

    def status(self, name: str) -> tuple[int, bool] | None:
        """Return how often the pod's container was restarted, and whether it runs."""
        pod = self.pods.get(NAMESPACE, name)
        if pod is None or not pod.status.containerStatuses:
            return None
        found = pod.status.containerStatuses[0]
        return found.restartCount, found.state.running is not None

    async def stream(self) -> dict[str, Any]:
        """Run commands, read a log, copy a file out and in."""
        size = 200
        write = f"dd if=/dev/zero of=/f bs=1M count={size} 2>/dev/null; touch /done; sleep 1000"
        await self.create("p", "sh", "-c", write)
        await self.until(lambda: "p" in self.running)
        self.kubectl("exec", "p", "--", "sh", "-c", "until test -e /done; do sleep 0.2; done")
        plain = statistics.median(self.kubectl("get", "--raw", "/version")[0] for _ in range(5))
        execs = [self.kubectl("exec", "p", "--", "echo")[0] for _ in range(15)]
        result: dict[str, Any] = {"exec": spread(execs), "kubectl_alone_s": round(plain, 3)}
        result.update(await self.logs(size))
        with tempfile.TemporaryDirectory() as directory:
            copy = f"{directory}/f"
            rows: dict[str, Callable[[], tuple[float, bytes]]] = {
                "exec_out": lambda: self.kubectl("exec", "p", "--", "cat", "/f"),
                "cp_out": lambda: self.kubectl("cp", f"{NAMESPACE}/p:/f", copy),
                "cp_in": lambda: self.kubectl("cp", copy, f"{NAMESPACE}/p:/g"),
            }
            for name, run in rows.items():
                result[name] = moved(run, size * 1.048576)
        return result

    async def logs(self, size: int) -> dict[str, Any]:
        """Read a log of lines of 100 bytes: after it was written with nobody reading, and while it is written.

        A log is rotated while its container runs, which happens every ten seconds; then little is left for those who come later.
        """
        write = f"yes {'x' * 99} | head -c {size}000000"
        result: dict[str, Any] = {}
        for attempt in range(5):
            name = f"log-{attempt}"
            before = spent("containerd --config")
            await self.create(name, "sh", "-c", write, again=False)
            await self.until(lambda name=name: name in self.ended)  # type: ignore[misc] # as above
            seconds = self.ended[name] - self.running[name]
            cost = round(spent("containerd --config") - before, 2)
            result["log_written_unread"] = {"mb": size, "mb_per_s": round(size / seconds), "cpu_s": {"containerd": cost}}
            result["logs"] = moved(lambda name=name: self.kubectl("logs", name), None)  # type: ignore[misc] # as above
            if result["logs"]["mb"] > size * 0.5:
                break
        await self.create("followed", "sh", "-c", write, again=False)
        await self.until(lambda: "followed" in self.running)
        most = f"--limit-bytes={size * 9 // 10}000000"  # its end is not waited for, only what it writes
        result["logs_followed"] = moved(lambda: self.kubectl("logs", "-f", most, "followed"), None)
        return result

    def kubectl(self, *arguments: str, check: bool = True) -> tuple[float, bytes]:
        """Run kubectl; return how long it took, and what it printed."""
        command = ["kubectl", f"--kubeconfig={self.options.kubeconfig}", "-n", NAMESPACE, *arguments]
        began = time.monotonic()
        done = subprocess.run(command, check=check, capture_output=True)
        return time.monotonic() - began, done.stdout

    async def idle(self) -> dict[str, Any]:
        """Measure without pods, then with pods."""
        pattern = re.compile(self.options.processes)
        await asyncio.sleep(10)
        empty = await asyncio.to_thread(idle, pattern, self.options.seconds)
        await self.create_many(self.options.pods, 0.2)
        await asyncio.sleep(20)
        full = await asyncio.to_thread(idle, pattern, self.options.seconds)
        return {"empty": empty, f"{self.options.pods} pods": full}


ROWS: dict[str, Callable[[Bench], Awaitable[dict[str, Any]]]] = {
    "single": Bench.single,
    "steady": Bench.steady,
    "burst": Bench.burst,
    "death": Bench.death,
    "stream": Bench.stream,
    "idle": Bench.idle,
}


async def run(options: argparse.Namespace) -> None:
    """Measure the rows asked for."""
    clock, random = RealClock(), RealRandom()
    async with Client(load_kubeconfig(options.kubeconfig), clock=clock, random=random) as client:
        await client.create(Namespace(metadata=ObjectMeta(name=NAMESPACE)))
        bench = Bench(client, options)
        bench.pods.add_handler(bench.seen)
        watching = asyncio.ensure_future(bench.pods.run())
        try:
            await bench.pods.wait_synced()
            await asyncio.sleep(2)  # the namespace gets its account and its certificates
            for row in options.rows.split(","):
                print(json.dumps({row: await ROWS[row](bench)}, indent=2), flush=True)
                await bench.clear()
        finally:
            watching.cancel()
            await client.delete(Namespace, NAMESPACE)


def moved(run: Callable[[], tuple[float, bytes]], megabytes: float | None) -> dict[str, Any]:
    """Say how fast bytes were moved and what that cost; None: they are what was printed."""
    before = {part: spent(part) for part in ("apiserver", "kubelet", "containerd --config")}
    seconds, out = run()
    size = len(out) / MEGABYTE if megabytes is None else megabytes
    cpu = {part.split()[0]: round(spent(part) - was, 2) for part, was in before.items()}
    return {"mb": round(size), "mb_per_s": round(size / seconds), "cpu_s": cpu}


def spread(seconds: Iterable[float]) -> dict[str, float]:
    """Return what matters of many times."""
    ordered = sorted(seconds)
    return {
        "median_s": round(statistics.median(ordered), 3),
        "p99_s": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 3),
        "min_s": round(ordered[0], 3),
    }


def idle(pattern: re.Pattern[str], seconds: float) -> dict[str, Any]:
    """Return memory, and the share of one core used over a while."""
    before = {pid: cpu(pid) for pid in matching(pattern)}
    time.sleep(seconds)
    parts: list[dict[str, Any]] = []
    for pid, used in before.items():
        try:
            parts.append({"command": title(pid), "pss_mb": round(pss(pid), 1), "cpu_percent": round((cpu(pid) - used) / seconds * 100, 2)})
        except OSError:
            continue
    return {
        "processes": parts,
        "pss_mb": round(sum(part["pss_mb"] for part in parts), 1),
        "cpu_percent": round(sum(part["cpu_percent"] for part in parts), 2),
    }


def spent(pattern: str) -> float:
    """Return the seconds of CPU of the processes that match, of the cluster in this network namespace."""
    total = 0.0
    for pid in filter(in_this_network, matching(re.compile(pattern))):
        try:
            total += cpu(pid)
        except OSError:
            continue
    return total


def matching(pattern: re.Pattern[str]) -> list[int]:
    """Return the processes that match."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if pattern.search(command(int(entry.name))):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def in_this_network(pid: int) -> bool:
    """Tell whether a process shares this process's network."""
    try:
        return Path(f"/proc/{pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink()
    except OSError:
        return False


def process_of(container: str) -> int:
    """Return the first process of a container."""
    for entry in sorted(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        try:
            if container in Path(f"/proc/{entry}/cgroup").read_text():
                return entry
        except OSError:
            continue
    raise LookupError(container)


def command(pid: int) -> str:
    """Return a command line."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def title(pid: int) -> str:
    """Return a short one."""
    return " ".join(word.rsplit("/", 1)[-1] for word in command(pid).split()[:4])


def pss(pid: int) -> float:
    """Return the memory of a process in MB, shared pages by its share of them."""
    line = next(line for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() if line.startswith("Pss:"))
    return int(line.split()[1]) / 1024


def cpu(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--image", default="sagong.local/hello:1.0")
    parser.add_argument("--pods", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--processes", default=SAGONG)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
