"""A real API server on a free port, and a client of its administrator."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from sagong.api.types.core import Node
from sagong.api.types.meta import ObjectMeta
from sagong.client.client import Client
from sagong.client.config import load_kubeconfig
from sagong.cluster import certificates, component_configs
from sagong.cluster.clock import RealClock, RealRandom
from sagong.cluster.config import ClusterConfig
from sagong.server.app import ApiServer
from sagong.store.sqlite import SqliteStore


@asynccontextmanager
async def api(directory: Path) -> AsyncIterator[Client]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0)
    cluster = ClusterConfig(node_name="here", node_ip="127.0.0.1", data_dir=str(directory), api_port=listener.getsockname()[1])
    certificates.ensure(cluster, datetime.now(UTC))
    store = await SqliteStore.open(directory / "store", durable=False)
    clock, random = RealClock(), RealRandom()
    server = ApiServer(component_configs.apiserver(cluster), store, clock=clock, random=random)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve(listener))
        await server.ready.wait()
        async with Client(load_kubeconfig(str(cluster.kubeconfigs / "admin.conf")), clock=clock, random=random) as client:
            await client.create(Node(metadata=ObjectMeta(name="here", labels={"topology.kubernetes.io/zone": "z1"})))
            yield client
        server.stop()
    await store.close()


@asynccontextmanager
async def background(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a test looks from outside
            await asyncio.sleep(0.01)
