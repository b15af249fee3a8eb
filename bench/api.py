"""API benchmarks against any Kubernetes: `python bench/api.py --kubeconfig FILE`; prints JSON.

The load generator runs in processes of its own, on raw TLS connections that it keeps open, one request at a time on each.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import functools
import json
import multiprocessing
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httptools
import uvloop
import yaml

NAMESPACE = "sagong-bench"


@dataclass(frozen=True)
class Target:
    """Where to, and as whom."""

    host: str
    port: int
    ca: str
    certificate: str
    key: str
    token: str

    def tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca or None)
        if not self.ca:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        return context


def read_kubeconfig(path: str, directory: str) -> Target:
    document = yaml.safe_load(Path(path).read_text())
    context = next(c["context"] for c in document["contexts"] if c["name"] == document["current-context"])
    cluster = next(c["cluster"] for c in document["clusters"] if c["name"] == context["cluster"])
    user = next(u["user"] for u in document["users"] if u["name"] == context["user"])

    def file(entry: dict[str, str], name: str) -> str:
        if data := entry.get(f"{name}-data"):
            target = Path(directory, name)
            target.write_bytes(base64.b64decode(data))
            return str(target)
        return entry.get(name, "")

    url = urlsplit(cluster["server"])
    assert url.hostname
    names = (file(cluster, "certificate-authority"), file(user, "client-certificate"), file(user, "client-key"))
    return Target(url.hostname, url.port or 443, *names, user.get("token", ""))


class Connection(asyncio.Protocol):
    """One connection: writes a request, waits for the whole answer, times it, goes on until the deadline."""

    def __init__(self, make: Callable[[], bytes], deadline: float) -> None:
        self.make, self.deadline = make, deadline
        self.latencies: list[float] = []
        self.errors = 0
        self.done = asyncio.get_running_loop().create_future()
        self.parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._send()

    def _send(self) -> None:
        self.started = time.perf_counter()
        self.transport.write(self.make())

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        self.latencies.append(now - self.started)
        if self.parser.get_status_code() >= 300:
            self.errors += 1
        if now < self.deadline:
            self.parser = httptools.HttpResponseParser(self)
            asyncio.get_running_loop().call_soon(self._send)
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the run ends here either way
        if not self.done.done():
            self.done.set_result(None)


def head(target: Target, method: str, path: str, length: int, content_type: str = "application/json") -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {target.host}",
        "Accept: application/json",
        "User-Agent: bench/1",
        f"Content-Length: {length}",
    ]
    lines += [f"Content-Type: {content_type}"] if length else []
    lines += [f"Authorization: Bearer {target.token}"] if target.token else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def config_map(name: str, filler: str) -> bytes:
    metadata = {"name": name, "namespace": NAMESPACE}
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"filler": filler}}).encode()


def maker(target: Target, what: str, worker: int, connection: int) -> Callable[[], bytes]:
    count = 0
    if what == "get":
        request = head(target, "GET", f"/api/v1/namespaces/{NAMESPACE}/pods/bench", 0)
        return lambda: request
    stamp = f"{int(time.time() * 1000):x}-{worker}-{connection}"
    if what == "create":
        path = f"/api/v1/namespaces/{NAMESPACE}/configmaps"

        def create() -> bytes:
            nonlocal count
            count += 1
            body = config_map(f"c-{stamp}-{count}", "x" * 850)
            return head(target, "POST", path, len(body)) + body

        return create
    if what == "create pod":
        path = f"/api/v1/namespaces/{NAMESPACE}/pods"

        def create_pod() -> bytes:
            nonlocal count
            count += 1
            body = json.dumps(pod(f"p-{stamp}-{count}")).encode()
            return head(target, "POST", path, len(body)) + body

        return create_pod
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/patched-{worker}-{connection}"

    def patch() -> bytes:
        nonlocal count
        count += 1
        body = json.dumps({"data": {"counter": f"{stamp}-{count}"}}).encode()
        return head(target, "PATCH", path, len(body), "application/merge-patch+json") + body

    return patch


async def drive(target: Target, what: str, worker: int, connections: int, seconds: float) -> tuple[list[float], int]:
    loop, tls = asyncio.get_running_loop(), target.tls()
    deadline = time.perf_counter() + seconds
    made = []
    for index in range(connections):
        connection = functools.partial(Connection, maker(target, what, worker, index), deadline)
        _, protocol = await loop.create_connection(connection, target.host, target.port, ssl=tls, server_hostname=target.host)
        made.append(protocol)
    await asyncio.gather(*(protocol.done for protocol in made))
    return [latency for protocol in made for latency in protocol.latencies], sum(protocol.errors for protocol in made)


def work(run: tuple[Target, str, int, int, float], results: Any) -> None:
    results.put(uvloop.run(drive(*run)))


def measure(target: Target, what: str, connections: int, seconds: float, processes: int) -> dict[str, Any]:
    processes = min(processes, connections)
    results: multiprocessing.Queue[tuple[list[float], int]] = multiprocessing.Queue()
    shares = [connections // processes + (index < connections % processes) for index in range(processes)]
    workers = [
        multiprocessing.Process(target=work, args=((target, what, index, share, seconds), results)) for index, share in enumerate(shares)
    ]
    for process in workers:
        process.start()
    collected = [results.get() for _ in workers]
    for process in workers:
        process.join()
    latencies = sorted(latency for part, _ in collected for latency in part)
    return {
        "what": what,
        "connections": connections,
        "seconds": seconds,
        "requests": len(latencies),
        "errors": sum(errors for _, errors in collected),
        "per_second": round(len(latencies) / seconds),
        "median_ms": round(statistics.median(latencies) * 1000, 2),
        "p99_ms": round(latencies[int(len(latencies) * 0.99)] * 1000, 2),
    }


async def request(target: Target, method: str, path: str, body: bytes = b"") -> int:
    reader, writer = await asyncio.open_connection(target.host, target.port, ssl=target.tls(), server_hostname=target.host)
    writer.write(head(target, method, path, len(body)).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1) + body)
    answer = await reader.read()
    writer.close()
    return int(answer.split(b" ", 2)[1])


def pod(name: str) -> dict[str, Any]:
    environment = [{"name": f"VARIABLE_{index}", "value": f"value-{index}"} for index in range(12)]
    container = {"name": "main", "image": "registry.example/app:1.0", "env": environment}
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {"app": "bench"}}
    spec = {"containers": [container], "serviceAccountName": "default", "automountServiceAccountToken": False, "nodeName": "none"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


async def prepare(target: Target, connections: int, processes: int) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": NAMESPACE}}
    base = f"/api/v1/namespaces/{NAMESPACE}"
    await request(target, "POST", "/api/v1/namespaces", json.dumps(namespace).encode())
    await request(target, "POST", f"{base}/serviceaccounts", json.dumps(account).encode())
    await request(target, "POST", f"{base}/pods", json.dumps(pod("bench")).encode())
    for worker in range(processes):
        for index in range(connections):
            await request(target, "POST", f"{base}/configmaps", config_map(f"patched-{worker}-{index}", "x" * 850))


RUNS = (("get", 32), ("create", 64), ("create", 1), ("patch", 64), ("create pod", 64))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--processes", type=int, default=1, help="processes of the load generator")
    parser.add_argument("--only", choices=sorted({what for what, _ in RUNS}), help="one kind of request")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        target = read_kubeconfig(arguments.kubeconfig, directory)
        asyncio.run(prepare(target, 64 // arguments.processes + 1, arguments.processes))
        results = [
            measure(target, what, connections, arguments.seconds, arguments.processes)
            for what, connections in RUNS
            if arguments.only in (None, what)
        ]
        asyncio.run(request(target, "DELETE", f"/api/v1/namespaces/{NAMESPACE}"))
    json.dump(results, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
