"""The port for those who watch the kubelet."""

from __future__ import annotations

import asyncio
import socket

from sagong.api.slis import Slis
from sagong.node.server.health import serve_health


async def ask(port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    found = await reader.read()
    writer.close()
    return found


async def test_it_says_ok_to_everyone_and_nothing_else() -> None:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    slis = Slis()
    task = asyncio.create_task(serve_health("127.0.0.1", port, slis))
    await asyncio.sleep(0.05)
    try:
        assert (await ask(port, "/healthz")).endswith(b"\r\n\r\nok")
        assert (await ask(port, "/pods")).startswith(b"HTTP/1.1 404")
        assert (await ask(port, "/healthz/syncloop")).endswith(b"\r\n\r\nok")
        await serve_health("127.0.0.1", port, slis)  # taken: the node goes on without
        await serve_health("127.0.0.1", 0, slis)
        for name, count in (("ping", 1), ("log", 1), ("syncloop", 2)):
            assert f'kubernetes_healthchecks_total{{name="{name}",status="success",type="healthz"}} {count}\n'.encode() in slis.page()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
