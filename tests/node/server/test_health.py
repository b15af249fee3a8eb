"""The port for those who watch the kubelet."""

from __future__ import annotations

import asyncio
import socket

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
    task = asyncio.create_task(serve_health("127.0.0.1", port))
    await asyncio.sleep(0.05)
    try:
        assert (await ask(port, "/healthz")).endswith(b"\r\n\r\nok")
        assert (await ask(port, "/pods")).startswith(b"HTTP/1.1 404")
        await serve_health("127.0.0.1", port)  # taken: the node goes on without
        await serve_health("127.0.0.1", 0)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
