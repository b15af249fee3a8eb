"""Lists and fan-out against any Kubernetes: `python -m bench.lists --kubeconfig FILE [--process PATTERN]`; prints JSON.

Makes pods that no node runs, lists all of them (JSON, protobuf, in pages), lists with selectors that find nothing or one pod, then lets
watchers follow updates of some of them, made by one writer and by several. With a pattern of the API server's command line, its
resident memory and the processor time that each part took are told too. The load generator reads with as little work as it can.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop
from bench.api import NAMESPACE, Target, head, pod, prepare, read_kubeconfig, request

PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
MAKERS = 32
PAGE = 500
PROTOBUF = "application/vnd.kubernetes.protobuf"
CHANGED = {"application/json": b'"type":"MODIFIED"', PROTOBUF: b"\n\x08MODIFIED"}
SELECTIVE = {
    "label_of_none": "labelSelector=app%3Dnobody",
    "labels_of_none": "labelSelector=app+in+(a,b),!x,tier+notin+(c)",
    "node_of_none": "fieldSelector=spec.nodeName%3Dnobody",
    "phase_of_none": "fieldSelector=status.phase%3DRunning",
    "node_and_phase_of_none": "fieldSelector=spec.nodeName%3Dnone,status.phase!%3DPending",
    "one_name": "fieldSelector=metadata.name%3Dp-1",
}


class Api(asyncio.Protocol):
    """One kept connection, one request at a time. Bodies are measured, not kept, unless asked for."""

    def __init__(self, target: Target) -> None:
        self.target = target

    async def open(self) -> Api:
        target = self.target
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, target.host, target.port, ssl=target.tls(), server_hostname=target.host)
        return self

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionResetError("closed"))

    def close(self) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self.done.cancel()
        self.transport.close()

    async def call(
        self, method: str, path: str, body: bytes = b"", media: str = "application/json", *, keep: bool = False, accept: str = ""
    ) -> int:
        """Send a request, read the whole answer; return how long its body is, `content` holds it when it is to be kept."""
        self.head, self.size, self.left, self.keep = bytearray(), 0, -1, keep
        self.content: list[bytes] = []
        self.done = asyncio.get_running_loop().create_future()
        top = head(self.target, method, path, len(body), media)
        self.transport.write((top.replace(b"application/json", accept.encode(), 1) if accept else top) + body)
        await self.done
        return self.size

    def data_received(self, data: bytes) -> None:
        if self.left < 0:
            self.head += data
            top, end, data = bytes(self.head).partition(b"\r\n\r\n")
            if not end:
                return
            assert top.split(b" ", 2)[1] in (b"200", b"201"), top + data
            length = re.search(rb"(?i)content-length: (\d+)", top)
            self.chunked = length is None
            self.left = int(length[1]) if length else 1 << 62
        if self.keep:
            self.content.append(data)
        self.size += len(data)
        self.left -= len(data)
        if not self.left or (self.chunked and data.endswith(b"0\r\n\r\n")):
            self.done.set_result(None)


class Follower(asyncio.Protocol):
    """A watch that counts events."""

    def __init__(
        self, target: Target, since: str, wanted: int, ready: Callable[[], None], seen: Callable[[], None], *, accept: str
    ) -> None:
        self.request = head(target, "GET", f"{PODS}?watch=1&resourceVersion={since}", 0).replace(b"application/json", accept.encode(), 1)
        self.changed = CHANGED[accept]
        self.wanted, self.ready, self.seen = wanted, ready, seen
        self.count, self.tail = 0, b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        if self.ready is not None:
            assert data.startswith(b"HTTP/1.1 200"), data
            self.ready()
            self.ready = None  # type: ignore[assignment]
        around = len(self.changed) - 1
        self.count += data.count(self.changed) + (self.tail + data[:around]).count(self.changed)
        self.tail = (self.tail + data)[-around:] if len(data) < around else data[-around:]
        if self.count >= self.wanted:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        assert self.count == self.wanted, (self.count, exc)
        self.seen()


class Server:
    """The API server's process from outside: its memory and the processor time it has used."""

    def __init__(self, pattern: str) -> None:
        self.pids: list[str] = []
        if pattern:
            listed = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True, check=True).stdout.splitlines()
            self.pids = [line.split(None, 1)[0] for line in listed if pattern in line and "bench" not in line]

    def resident(self) -> float | None:
        """Return megabytes."""
        return self._memory("VmRSS")

    def peak(self) -> float | None:
        """Return the most megabytes since `forget_peak`."""
        return self._memory("VmHWM")

    def _memory(self, name: str) -> float | None:
        if not self.pids:
            return None
        sizes = []
        for pid in self.pids:
            with Path("/proc", pid, "status").open() as file:
                sizes += [int(line.split()[1]) for line in file if line.startswith(f"{name}:")]
        return round(sum(sizes) / 1024, 1)

    def forget_peak(self) -> None:
        for pid in self.pids:
            Path("/proc", pid, "clear_refs").write_text("5")

    def seconds(self) -> float:
        """Return the processor time used so far."""
        used = 0
        for pid in self.pids:
            fields = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()
            used += int(fields[11]) + int(fields[12])
        return used / os.sysconf("SC_CLK_TCK")


def named(name: str) -> bytes:
    return json.dumps(pod(name)).encode()


async def make(target: Target, count: int) -> None:
    names = iter(range(count))

    async def maker() -> None:
        api = await Api(target).open()
        for n in names:
            await api.call("POST", PODS, named(f"p-{n}"))
        api.close()

    await asyncio.gather(*(maker() for _ in range(MAKERS)))


async def timed(target: Target, server: Server, path: str, rounds: int, accept: str = "") -> dict[str, Any]:
    """Measure one request, time and again."""
    api = await Api(target).open()
    took, size = [], 0
    resident, before = server.resident(), server.seconds()
    server.forget_peak()
    for _ in range(rounds):
        began = time.perf_counter()
        size = await api.call("GET", path, accept=accept)
        took.append(time.perf_counter() - began)
    used = server.seconds() - before
    api.close()
    found = {"median_ms": round(statistics.median(took) * 1000, 2), "min_ms": round(min(took) * 1000, 2), "bytes": size, "rounds": rounds}
    if server.pids:
        found |= {"server_cpu_ms": round(used / rounds * 1000, 2), "extra_mb": round(server.peak() - resident, 1)}  # type: ignore[operator]
    return found


async def paged(target: Target, server: Server) -> dict[str, Any]:
    """List in pages."""
    api = await Api(target).open()
    began, before, pages, token = time.perf_counter(), server.seconds(), 0, ""
    while token or not pages:
        await api.call("GET", f"{PODS}?limit={PAGE}" + (f"&continue={token}" if token else ""), keep=True)
        pages += 1
        found = re.search(rb'"continue":"([^"]*)"', b"".join(api.content))
        token = found[1].decode() if found else ""
    took = time.perf_counter() - began
    api.close()
    return {"ms": round(took * 1000, 1), "pages": pages, "server_cpu_ms": round((server.seconds() - before) * 1000, 1)}


async def fan_out(target: Target, server: Server, watchers: int, updates: int, writers: int, *, accept: str) -> dict[str, Any]:
    """Let every watcher see every update; count events per second from the first update to the last watcher's last event."""
    loop = asyncio.get_running_loop()
    api = await Api(target).open()
    await api.call("GET", f"{PODS}?limit=1", keep=True)
    found_first = re.search(rb'"resourceVersion":"(\d+)"', b"".join(api.content))  # the list's own; upstream answers in chunks
    assert found_first
    first = found_first[1].decode()
    begun, ended = asyncio.Semaphore(0), asyncio.Semaphore(0)
    for _ in range(watchers):
        await loop.create_connection(
            lambda: Follower(target, first, updates, begun.release, ended.release, accept=accept),
            target.host,
            target.port,
            ssl=target.tls(),
            server_hostname=target.host,
        )
    for _ in range(watchers):
        await begun.acquire()
    numbers = iter(range(updates))

    async def write(api: Api) -> None:
        for n in numbers:
            patch = json.dumps({"metadata": {"labels": {"n": f"{writers}-{n}"}}}).encode()
            await api.call("PATCH", f"{PODS}/p-{n}", patch, "application/merge-patch+json")
        api.close()

    everyone = [await Api(target).open() for _ in range(writers)]
    began, before = time.perf_counter(), server.seconds()
    await asyncio.gather(*map(write, everyone))
    written = time.perf_counter() - began
    for _ in range(watchers):
        await ended.acquire()
    took, used = time.perf_counter() - began, server.seconds() - before
    api.close()
    found = {"watchers": watchers, "updates": updates, "writers": writers, "seconds": round(took, 2), "seconds_writing": round(written, 2)}
    found["events_per_second"] = round(watchers * updates / took)
    if used:
        found |= {"server_cpu_s": round(used, 2), "events_per_cpu_second": round(watchers * updates / used)}
    return found


async def lists(target: Target, server: Server, rounds: int, found: dict[str, Any]) -> None:
    found["list"] = await timed(target, server, PODS, rounds)
    found["list_protobuf"] = await timed(target, server, PODS, 1, PROTOBUF)
    found["list_pages"] = await paged(target, server)
    for name, query in SELECTIVE.items():
        found[f"list_{name}"] = await timed(target, server, f"{PODS}?{query}", rounds * 10)


async def run(target: Target, options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {"pods": options.pods}
    server = Server(options.process)
    await prepare(target, 0, 0)
    memory = {"before": server.resident()}
    began, before = time.perf_counter(), server.seconds()
    if not options.kept:
        await make(target, options.pods)
    found["creates_per_second"] = round(options.pods / (time.perf_counter() - began))
    found["create_server_cpu_us"] = round((server.seconds() - before) / options.pods * 1e6)
    memory["with_pods"] = server.resident()
    if options.rounds:
        await lists(target, server, options.rounds, found)
    for writers in options.writers:
        updates = min(options.updates, options.pods)
        found[f"fan_out_{writers}"] = await fan_out(target, server, options.watchers, updates, writers, accept=options.watch)
    memory["after"] = server.resident()
    return found | {"resident_mb": memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--watchers", type=int, default=200)
    parser.add_argument("--updates", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of lists; ten times as many of selective ones; 0: none")
    parser.add_argument("--writers", type=int, nargs="*", default=[1, 16], help="one fan-out with each number of writers")
    parser.add_argument("--watch", choices=sorted(CHANGED), default="application/json", help="what watchers accept")
    parser.add_argument("--kept", action="store_true", help="the pods are there already; leave them there")
    parser.add_argument("--process", default="", help="a part of the API server's command line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        target = read_kubeconfig(options.kubeconfig, directory)
        found = uvloop.run(run(target, options))
        if not options.kept:
            asyncio.run(request(target, "DELETE", f"/api/v1/namespaces/{NAMESPACE}"))
    json.dump(found, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
