"""exec, attach and port-forward: the client's connection joined to the runtime's streaming server.

containerd's server speaks SPDY only. A SPDY client's bytes pass through as they are; a WebSocket client's go over a bridge.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httptools

from sagong.api.pods import all_containers
from sagong.api.streams import bridges, channels, websocket
from sagong.api.streams.bridges import Bridge, Out
from sagong.api.streams.channels import Streams
from sagong.api.types.core import Pod
from sagong.node.cri import api_pb2 as cri
from sagong.node.cri import labels
from sagong.node.cri.client import CriError, Runtime
from sagong.node.server.ends import End, SocketEnd, StreamEnd
from sagong.node.server.host import Host
from sagong.node.server.http import Answer, Exchange, HttpError, Request, parse_answer

SPDY = "spdy/3.1"
_MAX_HEAD = 64 << 10
_SWITCHING = 101
_PROTOCOL_HEADER = "x-stream-protocol-version"
_STREAM_PROTOCOL = "X-Stream-Protocol-Version"


class PassThrough:
    """A bridge that changes nothing."""

    def start(self) -> Out:
        """Say nothing."""
        return Out()

    def from_client(self, data: bytes) -> Out:
        """Pass on."""
        return Out(server=data, done=not data)

    def from_server(self, data: bytes) -> Out:
        """Pass on."""
        return Out(client=data, done=not data)


@dataclass(frozen=True)
class Streaming:
    """Serves the three."""

    host: Host
    runtime: Runtime

    async def exec(self, exchange: Exchange, namespace: str, name: str, container: str) -> None:
        """Run a command in a container."""
        request = exchange.request
        streams = _streams(request)
        pod = self._pod(namespace, name)
        found = await self._running(pod, container)
        if found is None:
            raise HttpError(404, f'container not found ("{container}")')
        asked = cri.ExecRequest(
            container_id=found,
            cmd=request.query.get("command", []),
            tty=streams.tty,
            stdin=streams.stdin,
            stdout=streams.stdout,
            stderr=streams.stderr and not streams.tty,
        )
        await self._join(exchange, lambda: self.runtime.exec_url(asked), streams)

    async def attach(self, exchange: Exchange, namespace: str, name: str, container: str) -> None:
        """Join a container's own streams; whether it has a terminal was decided when it was made."""
        streams = _streams(exchange.request)
        pod = self._pod(namespace, name)
        found = await self._running(pod, container)
        if found is None:
            raise HttpError(404, f"container {container} not found in pod {name}_{namespace}")
        tty = any(known.tty for known in all_containers(pod) if known.name == container)
        streams = Streams(streams.stdin, streams.stdout, streams.stderr and not tty, tty)
        asked = cri.AttachRequest(container_id=found, tty=tty, stdin=streams.stdin, stdout=streams.stdout, stderr=streams.stderr)
        await self._join(exchange, lambda: self.runtime.attach_url(asked), streams)

    async def port_forward(self, exchange: Exchange, namespace: str, name: str) -> None:
        """Connect to ports of a pod."""
        pod = self._pod(namespace, name)
        sandboxes = await self.runtime.list_sandboxes({labels.POD_UID: pod.metadata.uid})
        ready = [sandbox for sandbox in sandboxes if sandbox.state == cri.SANDBOX_READY]
        if not ready:
            raise HttpError(404, f'pod not found ("{name}_{namespace}")')
        newest = max(ready, key=lambda sandbox: sandbox.created_at)
        ports = _ports(exchange.request)
        asked = cri.PortForwardRequest(pod_sandbox_id=newest.id, port=ports)
        await self._join(exchange, lambda: self.runtime.port_forward_url(asked), ports)

    def _pod(self, namespace: str, name: str) -> Pod:
        pod = self.host.find(namespace, name)
        if pod is None:
            raise HttpError(404, "pod does not exist")
        return pod

    async def _running(self, pod: Pod, container: str) -> str | None:
        wanted = {labels.POD_UID: pod.metadata.uid, labels.CONTAINER_NAME: container}
        found = await self.runtime.list_containers(wanted)
        return next((known.id for known in found if known.state == cri.CONTAINER_RUNNING), None)

    async def _join(self, exchange: Exchange, url: Callable[[], Awaitable[str]], wanted: Streams | Sequence[int]) -> None:
        plan = _plan(exchange.request, wanted)
        try:
            address = await url()
        except CriError as error:
            raise HttpError(404 if error.missing else 500, str(error)) from error
        server, answer = await _open(address, plan.server_protocols)
        try:
            await _switch(exchange, plan, answer)
            await pump(StreamEnd(exchange.reader, exchange.writer), server, plan.bridge)
        finally:
            server.close()


@dataclass(frozen=True)
class _Plan:
    """How to join a client to the runtime."""

    bridge: Bridge
    server_protocols: Sequence[str]
    websocket_protocol: str | None = None
    """None for a SPDY client"""


def _plan(request: Request, wanted: Streams | Sequence[int]) -> _Plan:
    if request.upgrade == SPDY:
        return _Plan(PassThrough(), request.header_list(_PROTOCOL_HEADER))
    if request.upgrade != "websocket":
        raise HttpError(400, "unable to upgrade: missing upgrade headers in request")
    offered = request.header_list("sec-websocket-protocol")
    if isinstance(wanted, Streams):
        protocol = channels.choose(offered, channels.REMOTE_COMMAND) if offered else ""
        if protocol is not None:
            return _Plan(bridges.RemoteCommand(protocol or channels.BINARY, wanted), [channels.V4], protocol)
    elif channels.TUNNEL in offered:
        return _Plan(bridges.Tunnel(), [channels.PORT_FORWARD], channels.TUNNEL)
    else:
        protocol = channels.choose(offered, (channels.V4, channels.V4_BASE64)) if offered else ""
        if protocol is not None:
            return _Plan(bridges.PortForward(protocol or channels.V4, wanted), [channels.PORT_FORWARD], protocol)
    raise HttpError(400, f"unable to upgrade: none of the subprotocols {offered} is spoken")


async def _open(address: str, protocols: Sequence[str]) -> tuple[SocketEnd, Answer]:
    """Connect to the runtime's streaming server and ask for SPDY. Raises HttpError when it refuses."""
    url = urlsplit(address)
    try:
        server = await SocketEnd.connect(url.hostname or "", url.port or 80)
    except OSError as error:
        raise HttpError(502, f"error dialing backend: {error}") from error
    target = url.path + (f"?{url.query}" if url.query else "")
    offered = "".join(f"{_STREAM_PROTOCOL}: {protocol}\r\n" for protocol in protocols)
    head = f"POST {target} HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nContent-Length: 0\r\n{offered}\r\n"
    try:
        await server.write(head.encode())
        answer = parse_answer(await server.read_until(b"\r\n\r\n", _MAX_HEAD))
        refusal = b"" if answer.status == _SWITCHING else await server.read()
    except (OSError, EOFError, httptools.HttpParserError) as error:
        server.close()
        raise HttpError(502, f"error dialing backend: {error}") from error
    if answer.status != _SWITCHING:
        server.close()
        raise HttpError(answer.status, refusal.decode(errors="replace").strip())
    return server, answer


async def _switch(exchange: Exchange, plan: _Plan, answer: Answer) -> None:
    if plan.websocket_protocol is None:
        chosen = answer.headers.get(_PROTOCOL_HEADER)
        extra = {_STREAM_PROTOCOL: chosen} if chosen else {}
        await exchange.switch({"Connection": "Upgrade", "Upgrade": "SPDY/3.1", **extra})
        return
    extra = {"Sec-WebSocket-Protocol": plan.websocket_protocol} if plan.websocket_protocol else {}
    key = websocket.accept_key(exchange.request.headers.get("sec-websocket-key", ""))
    await exchange.switch({"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Accept": key, **extra})


async def pump(client: End, server: End, bridge: Bridge) -> None:
    """Carry bytes both ways until the bridge says that it is over."""

    async def send(out: Out) -> bool:
        for end, data in ((client, out.client), (server, out.server)):
            if data:
                await end.write(data)
        return out.done

    async def carry(end: End, take: Callable[[bytes], Out]) -> None:
        over = False
        while not over:
            try:
                over = await send(take(await end.read()))
            except ConnectionError:
                # an end that is gone without a word is an end all the same
                over = await _quietly(send, take(b""))

    await send(bridge.start())
    async with asyncio.TaskGroup() as group:
        ways = [group.create_task(carry(client, bridge.from_client)), group.create_task(carry(server, bridge.from_server))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()


async def _quietly(send: Callable[[Out], Awaitable[bool]], out: Out) -> bool:
    with contextlib.suppress(ConnectionError):
        await send(out)
    return True


def _streams(request: Request) -> Streams:
    """Read which streams are wanted: kubelets' parameters, or the API server's. Raises HttpError."""

    def wanted(*names: str) -> bool:
        return any(request.flag(name) for name in names)

    streams = Streams(wanted("input", "stdin"), wanted("output", "stdout"), wanted("error", "stderr"), wanted("tty"))
    if not (streams.stdin or streams.stdout or streams.stderr):
        raise HttpError(400, "you must specify at least 1 of stdin, stdout, stderr")
    return streams


def _ports(request: Request) -> Sequence[int]:
    texts = [text for value in (*request.query.get("port", []), *request.query.get("ports", [])) for text in value.split(",")]
    try:
        ports = [int(text) for text in texts]
    except ValueError as error:
        raise HttpError(400, f"unable to parse ports {texts}") from error
    needs = request.upgrade == "websocket" and channels.TUNNEL not in request.header_list("sec-websocket-protocol")
    if needs and not ports:
        raise HttpError(400, 'query parameter "port" is required')
    return ports
