"""Lists and fan-out against any Kubernetes: `python -m bench.lists --kubeconfig FILE [--process PATTERN]`; prints JSON.

Makes pods that no node runs, lists all of them, lists with a label that none has, then lets watchers follow updates of some of them.
With a pattern of the API server's command line, its resident memory is told before, with the pods, and after everything.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import uvloop
from bench.api import NAMESPACE, Target, head, pod, prepare, read_kubeconfig, request

PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
MAKERS = 32


class Api:
    """One kept connection."""

    def __init__(self, target: Target) -> None:
        self.target = target

    async def open(self) -> Api:
        target = self.target
        tls = target.tls()
        self.reader, self.writer = await asyncio.open_connection(
            target.host, target.port, ssl=tls, server_hostname=target.host, limit=1 << 20
        )
        return self

    def send(self, method: str, path: str, body: bytes = b"", media: str = "application/json") -> None:
        self.writer.write(head(self.target, method, path, len(body), media) + body)

    async def call(self, method: str, path: str, body: bytes = b"", media: str = "application/json") -> int:
        """Send a request, read the whole answer; return how long its body is."""
        self.send(method, path, body, media)
        top = await self.reader.readuntil(b"\r\n\r\n")
        assert top.split(b" ", 2)[1] in (b"200", b"201"), top
        length = re.search(rb"(?i)content-length: (\d+)", top)
        if length:
            size = int(length[1])
            await self.reader.readexactly(size)
            return size
        size = 0
        while chunk := int(await self.reader.readline(), 16):
            await self.reader.readexactly(chunk + 2)
            size += chunk
        await self.reader.readline()
        return size


def named(name: str) -> bytes:
    document = pod()
    document["metadata"]["name"] = name
    return json.dumps(document).encode()


async def make(target: Target, count: int) -> None:
    names = iter(range(count))

    async def maker() -> None:
        api = await Api(target).open()
        for n in names:
            await api.call("POST", PODS, named(f"p-{n}"))
        api.writer.close()

    await asyncio.gather(*(maker() for _ in range(MAKERS)))


async def timed(target: Target, path: str, rounds: int) -> dict[str, Any]:
    api = await Api(target).open()
    took, size = [], 0
    for _ in range(rounds):
        began = time.perf_counter()
        size = await api.call("GET", path)
        took.append(time.perf_counter() - began)
    api.writer.close()
    return {"median_ms": round(statistics.median(took) * 1000, 2), "min_ms": round(min(took) * 1000, 2), "bytes": size, "rounds": rounds}


async def fan_out(target: Target, watchers: int, updates: int) -> dict[str, Any]:
    """Let every watcher see every update; count events per second from the first update to the last watcher's last event."""
    last = asyncio.Event()
    finished, first = 0, json.loads(await body_of(target, f"{PODS}?limit=1"))["metadata"]["resourceVersion"]

    async def follow() -> None:
        nonlocal finished
        api = await Api(target).open()
        api.send("GET", f"{PODS}?watch=1&resourceVersion={first}")
        await api.reader.readuntil(b"\r\n\r\n")
        ready.release()
        seen = 0
        while seen < updates:
            data = await api.reader.read(1 << 20)
            assert data, "the watch ended"
            seen += data.count(b'"type":"MODIFIED"')
        api.writer.close()
        finished += 1
        if finished == watchers:
            last.set()

    ready = asyncio.Semaphore(0)
    async with asyncio.TaskGroup() as group:
        for _ in range(watchers):
            group.create_task(follow())
        for _ in range(watchers):
            await ready.acquire()
        api = await Api(target).open()
        began = time.perf_counter()
        for n in range(updates):
            patch = json.dumps({"metadata": {"labels": {"n": str(n)}}}).encode()
            await api.call("PATCH", f"{PODS}/p-{n}", patch, "application/merge-patch+json")
        await last.wait()
        took = time.perf_counter() - began
        api.writer.close()
    return {"watchers": watchers, "updates": updates, "seconds": round(took, 2), "events_per_second": round(watchers * updates / took)}


async def body_of(target: Target, path: str) -> bytes:
    reader, writer = await asyncio.open_connection(target.host, target.port, ssl=target.tls(), server_hostname=target.host)
    writer.write(head(target, "GET", path, 0).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    answer = await reader.read()
    writer.close()
    content = answer.partition(b"\r\n\r\n")[2]
    return content if content.startswith(b"{") else content.partition(b"\r\n")[2].partition(b"\r\n")[0]


def resident(pattern: str) -> float | None:
    """Return the resident megabytes of the processes whose command line matches."""
    if not pattern:
        return None
    listed = subprocess.run(["ps", "-eo", "rss=,args="], capture_output=True, text=True, check=True).stdout.splitlines()
    sizes = [int(line.split(None, 1)[0]) for line in listed if pattern in line and "bench" not in line]
    return round(sum(sizes) / 1024, 1)


async def run(target: Target, options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {"pods": options.pods}
    await prepare(target, 0, 0)
    memory = {"before": resident(options.process)}
    began = time.perf_counter()
    await make(target, options.pods)
    found["creates_per_second"] = round(options.pods / (time.perf_counter() - began))
    memory["with_pods"] = resident(options.process)
    found["list"] = await timed(target, PODS, 5)
    found["list_by_a_label_of_none"] = await timed(target, f"{PODS}?labelSelector=app%3Dnobody", 50)
    found["fan_out"] = await fan_out(target, options.watchers, options.updates)
    memory["after"] = resident(options.process)
    return found | {"resident_mb": memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--watchers", type=int, default=200)
    parser.add_argument("--updates", type=int, default=500)
    parser.add_argument("--process", default="", help="a part of the API server's command line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        target = read_kubeconfig(options.kubeconfig, directory)
        found = uvloop.run(run(target, options))
        asyncio.run(request(target, "DELETE", f"/api/v1/namespaces/{NAMESPACE}"))
    json.dump(found, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
