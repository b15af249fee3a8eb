"""The HTTPS server of all simulated nodes: it says what there is, and that there are no processes to enter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sagong.api.types.core import Pod, PodList
from sagong.node.server.app import Tls
from sagong.node.server.auth import Gatekeeper
from sagong.node.server.http import Exchange, HttpError, serve_connection
from sagong.node.simulated.fleet import Fleet

Handler = Callable[[Exchange, "list[str]"], Awaitable[None]]
_STREAMS = {"exec": "exec in", "run": "exec in", "attach": "attach to", "portForward": "port-forward to"}


class SimulatedServer:
    """Serves what a kubelet serves, for every node at the same address."""

    def __init__(self, fleet: Fleet, gatekeeper: Gatekeeper) -> None:
        self._fleet, self._gatekeeper = fleet, gatekeeper
        self._routes: dict[str, Handler] = {"pods": self._pods, "containerLogs": self._logs}

    async def run(self, address: str, port: int, tls: Tls, ready: Callable[[int], None] = lambda _: None) -> None:
        """Serve until cancelled; `ready` is told the port. Raises OSError."""

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await serve_connection(self.handle, reader, writer)

        server = await asyncio.start_server(connected, address, port, ssl=tls.context())
        async with server:
            ready(server.sockets[0].getsockname()[1])
            await server.serve_forever()

    async def handle(self, exchange: Exchange) -> None:
        """Serve a request. Raises HttpError."""
        first, *rest = exchange.request.path.strip("/").split("/")
        if first == "healthz":
            await exchange.send(200, "ok")
            return
        await self._gatekeeper.admit(exchange)
        if first in _STREAMS and len(rest) >= 2:  # noqa: PLR2004 - namespace and name
            node, pod = self._find(rest[0], rest[1])
            name = f"{pod.metadata.namespace}/{pod.metadata.name}"
            # no ": " in the text: kubectl would take it for YAML and show nothing of it
            raise HttpError(501, f"pod {name} runs on the simulated node {node}, which has no process to {_STREAMS[first]}")
        handler = self._routes.get(first)
        if handler is None:
            raise HttpError(404, "404 page not found")
        await handler(exchange, rest)

    async def _pods(self, exchange: Exchange, rest: list[str]) -> None:
        del rest
        await exchange.send_json(PodList(apiVersion="v1", kind="PodList", items=list(self._fleet.pods())))

    async def _logs(self, exchange: Exchange, rest: list[str]) -> None:
        """Tell the container's story: that is all a simulated container has to say."""
        if len(rest) != 3:  # noqa: PLR2004 - namespace, pod, container
            raise HttpError(404, "404 page not found")
        node, pod = self._find(rest[0], rest[1])
        status = next(
            (found for found in (*pod.status.initContainerStatuses, *pod.status.containerStatuses) if found.name == rest[2]), None
        )
        if status is None or not status.containerID:
            raise HttpError(400, f'container "{rest[2]}" in pod "{rest[1]}" is waiting to start: ContainerCreating')
        lines = []
        for state in (status.lastState, status.state):
            if state.terminated:
                lines.append(f"simulated on node {node}: ran from {state.terminated.startedAt} to {state.terminated.finishedAt}")
                lines.append(f"simulated on node {node}: ended with exit code {state.terminated.exitCode}")
            elif state.running:
                lines.append(f"simulated on node {node}: runs since {state.running.startedAt}")
        await exchange.send(200, "".join(f"{line}\n" for line in lines))

    def _find(self, namespace: str, name: str) -> tuple[str, Pod]:
        found = self._fleet.find(namespace, name)
        if found is None:
            raise HttpError(404, f'pod "{name}" not found')
        return found[0].name, found[1]
