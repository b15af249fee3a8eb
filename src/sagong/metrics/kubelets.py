"""Asks the kubelets: every fifteen seconds while somebody reads, every minute otherwise."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from sagong.api.clock import Clock
from sagong.api.errors import ApiError
from sagong.api.types.core import Node
from sagong.client.config import ClientConfig
from sagong.client.transport import Request, Transport
from sagong.metrics.scrape import parse
from sagong.metrics.usage import History

log = logging.getLogger(__name__)

RESOLUTION, IDLE_RESOLUTION = 15.0, 60.0
FIRST_RESOLUTION = 5.0
READ_LATELY = 150.0
KEPT_SECONDS = 180.0
_TIMEOUT = 10.0
_PORT = 10250
_PREFERRED = ("InternalIP", "ExternalIP", "Hostname")


class Kubelets:
    """Keeps a History current. `config` is whose token and authority the kubelets are shown and checked with."""

    def __init__(self, config: ClientConfig, clock: Clock, nodes: Callable[[], Sequence[Node]]) -> None:
        self.history = History()
        self._config, self._clock, self._nodes = config, clock, nodes
        self._transports: dict[str, Transport] = {}
        self._read_at = -READ_LATELY
        self._wake = asyncio.Event()
        self._scraped = 0

    def read(self) -> None:
        """Note that somebody reads."""
        if self._clock.monotonic() - self._read_at >= READ_LATELY:
            self._wake.set()
        self._read_at = self._clock.monotonic()

    async def run(self) -> None:
        """Scrape until cancelled."""
        while True:
            await self.scrape()
            began = self._clock.monotonic()
            while (rest := began + self._pause() - self._clock.monotonic()) > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(rest):
                        await self._wake.wait()
                self._wake.clear()

    async def scrape(self) -> None:
        """Ask all of them once, at the same time."""
        nodes = list(self._nodes())
        async with asyncio.TaskGroup() as group:
            for node in nodes:
                group.create_task(self._scrape(node))
        names = {node.metadata.name for node in nodes}
        self.history.forget(names, self._clock.now().timestamp() - KEPT_SECONDS)
        places = {place for node in nodes if (place := _place(node))}
        for place in [place for place in self._transports if place not in places]:
            self._transports.pop(place).pool.close()
        self._scraped += not self.history.empty

    def _pause(self) -> float:
        if self._scraped <= 1:
            return FIRST_RESOLUTION
        return RESOLUTION if self._clock.monotonic() - self._read_at < READ_LATELY else IDLE_RESOLUTION

    async def _scrape(self, node: Node) -> None:
        place = _place(node)
        if not place:
            return
        if place not in self._transports:
            self._transports[place] = Transport(replace(self._config, server=place, server_name=""), self._clock)
        try:
            answer = await self._transports[place].request(Request("GET", "/metrics/resource", {}, {"Accept": "text/plain"}), _TIMEOUT)
        except (ApiError, OSError) as error:
            log.warning("node %s: %s", node.metadata.name, error)
            return
        self.history.add(node.metadata.name, parse(answer.body.decode("utf-8", "replace"), self._clock.now().timestamp()))

    def close(self) -> None:
        """Drop all connections."""
        for transport in self._transports.values():
            transport.pool.close()


def _place(node: Node) -> str:
    """Return the URL of a node's kubelet, "" when no address is known."""
    endpoint = node.status.daemonEndpoints.kubeletEndpoint
    port = (endpoint.Port if endpoint else 0) or _PORT
    known = {address.type: address.address for address in reversed(node.status.addresses)}
    host = next((known[kind] for kind in _PREFERRED if kind in known), "")
    bracketed = f"[{host}]" if ":" in host else host
    return f"https://{bracketed}:{port}" if host else ""
