"""Just enough of an API server for kubectl to find a node's pods and to reach the kubelet behind it."""

from __future__ import annotations

import asyncio
import urllib.parse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from sagong.node.server.app import KubeletServer
from sagong.node.server.ends import StreamEnd
from sagong.node.server.host import Host
from sagong.node.server.http import Exchange, serve_connection
from sagong.node.server.streaming import PassThrough, pump

_VERSIONS = {"kind": "APIVersions", "versions": ["v1"]}
_GROUPS = {"kind": "APIGroupList", "apiVersion": "v1", "groups": []}
_POD = {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get", "list"], "shortNames": ["po"]}
_RESOURCES = {"kind": "APIResourceList", "groupVersion": "v1", "resources": [_POD]}
_FIXED: dict[str, Any] = {"/api": _VERSIONS, "/apis": _GROUPS, "/api/v1": _RESOURCES}
_NOT_FOUND = b'{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}'
_SUBRESOURCES = {"exec": "exec", "attach": "attach", "portforward": "portForward", "log": "containerLogs"}


@asynccontextmanager
async def small_api(host: Host, kubelet: KubeletServer) -> AsyncIterator[str]:
    """Serve both on free ports of this machine; yield the API's address."""
    node = await asyncio.start_server(kubelet.connected, "127.0.0.1", 0)
    port = node.sockets[0].getsockname()[1]

    async def handle(exchange: Exchange) -> None:
        path = exchange.request.path
        if path in _FIXED:
            await exchange.send_json(_FIXED[path])
            return
        parts = path.strip("/").split("/")
        pod = host.find(parts[3], parts[5]) if len(parts) > 5 else None
        if pod is None:
            await exchange.send(
                404, b'{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}', "application/json"
            )
        elif len(parts) == 6:
            body = {"apiVersion": "v1", "kind": "Pod", **msgspec.to_builtins(pod)}
            await exchange.send_json(body)
        else:
            await forward(exchange, port, parts)

    server = await asyncio.start_server(lambda r, w: serve_connection(handle, r, w), "127.0.0.1", 0)
    async with server, node:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def forward(exchange: Exchange, port: int, parts: list[str]) -> None:
    """Pass the connection on to the kubelet, as an API server does with subresources of pods."""
    request = exchange.request
    query = [(name, value) for name, values in request.query.items() for value in values]
    container = next((value for name, value in query if name == "container"), "c")
    tail = "" if parts[6] == "portforward" else f"/{container}"
    target = f"/{_SUBRESOURCES[parts[6]]}/{parts[3]}/{parts[5]}{tail}"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    # the log of a container is read to its end: the connection closes after it
    headers = {**request.headers, **({} if request.upgrade else {"connection": "close"})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"{request.method} {target}?{urllib.parse.urlencode(query)} HTTP/1.1\r\n{lines}\r\n".encode())
    exchange.taken = exchange.started = True
    try:
        await pump(StreamEnd(exchange.reader, exchange.writer), StreamEnd(reader, writer), PassThrough())
    finally:
        writer.close()
