"""The client of all webhooks: finds or opens a connection, posts a review, and reads the answer within its time."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

import msgspec

from sagong.api.clock import Clock
from sagong.api.errors import ApiError
from sagong.server.webhooks.connection import CallError, Connection, Reply, StaleConnectionError, dial
from sagong.server.webhooks.endpoint import ClientConfig, Endpoint, EndpointError, endpoint_of
from sagong.server.webhooks.replies import status_error
from sagong.server.webhooks.resolver import Services

IDLE_SECONDS = 90.0
_SWEEP_SECONDS = 30.0
_MOST_IDLE = 32
_MOST_ENDPOINTS = 200

__all__ = ["CallError", "EndpointError", "WebhookClient"]


class WebhookClient:
    """Calls webhooks, and keeps their connections. `run` closes those that nobody used for a while, and all in the end."""

    def __init__(self, services: Services, clock: Clock) -> None:
        self._services, self._clock = services, clock
        self._endpoints: OrderedDict[bytes, Endpoint] = OrderedDict()
        self._idle: dict[Endpoint, list[Connection]] = {}
        self._kept = asyncio.Event()

    def endpoint(self, config: ClientConfig) -> Endpoint:
        """Return where a clientConfig leads; the TLS side of each is made once. Raises EndpointError."""
        key = msgspec.json.encode(config)
        endpoint = self._endpoints.get(key)
        if endpoint is None:
            endpoint = self._endpoints[key] = endpoint_of(config, self._services)
            if len(self._endpoints) > _MOST_ENDPOINTS:
                self._forget(self._endpoints.popitem(last=False)[1])
        self._endpoints.move_to_end(key)
        return endpoint

    async def review(self, endpoint: Endpoint, review: Any, seconds: int) -> bytes:
        """Post a review (anything that encodes as JSON); return the body of the answer.

        Raises CallError (`Post "https://...": dial tcp ...`) when there is no answer within the time, and ApiError for an answer
        that is not success, with the words of Go's REST client.
        """
        query = f"?timeout={seconds}s"
        reply = await self.post(endpoint, query, msgspec.json.encode(review), seconds)
        if not 200 <= reply.status <= 206:  # noqa: PLR2004 - success
            raise status_error(reply)
        return reply.body

    async def post(self, endpoint: Endpoint, query: str, body: bytes, seconds: float) -> Reply:
        """Post; return the answer, whatever it says. Raises CallError."""
        return await self._call("POST", endpoint, query, body, seconds)

    async def get(self, endpoint: Endpoint, seconds: float) -> Reply:
        """Get what is there; return the answer, whatever it says. Raises CallError."""
        return await self._call("GET", endpoint, "", b"", seconds, keep=False)

    async def _call(self, method: str, endpoint: Endpoint, query: str, body: bytes, seconds: float, *, keep: bool = True) -> Reply:
        request = _request(method, endpoint, query, body)
        where = f'{method.capitalize()} "{endpoint.url}{query}": '
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange(endpoint, request, keep=keep)
        except TimeoutError:
            raise CallError(f"{where}context deadline exceeded") from None
        except CallError as error:
            raise CallError(where + str(error)) from error
        except ApiError as error:
            raise CallError(where + error.message) from error

    async def _exchange(self, endpoint: Endpoint, request: bytes, *, keep: bool) -> Reply:
        while (connection := self._take(endpoint)) is not None:
            try:
                return await self._on(connection, endpoint, request)
            except StaleConnectionError:
                continue
        return await self._on(await dial(endpoint), endpoint, request, keep=keep)

    async def _on(self, connection: Connection, endpoint: Endpoint, request: bytes, *, keep: bool = True) -> Reply:
        try:
            reply = await connection.exchange(request)
        except BaseException:
            connection.close()
            raise
        connection.keep = connection.keep and keep
        self._put(endpoint, connection)
        return reply

    def _take(self, endpoint: Endpoint) -> Connection | None:
        idle = self._idle.get(endpoint)
        while idle:
            connection = idle.pop()
            if connection.alive:
                return connection
            connection.close()
        return None

    def _put(self, endpoint: Endpoint, connection: Connection) -> None:
        idle = self._idle.setdefault(endpoint, [])
        if not connection.alive or len(idle) >= _MOST_IDLE:
            connection.close()
            return
        connection.idle_since = self._clock.monotonic()
        idle.append(connection)
        self._kept.set()

    async def run(self) -> None:
        """Close what has been idle for long, until cancelled; then close everything."""
        try:
            while True:
                await self._kept.wait()
                await self._clock.sleep(_SWEEP_SECONDS)
                self._sweep(self._clock.monotonic() - IDLE_SECONDS)
        finally:
            self._sweep(float("inf"))

    def _sweep(self, before: float) -> None:
        for endpoint, idle in list(self._idle.items()):
            for connection in [one for one in idle if one.idle_since < before or not one.alive]:
                idle.remove(connection)
                connection.close()
            if not idle:
                del self._idle[endpoint]
        if not self._idle:
            self._kept.clear()

    def _forget(self, endpoint: Endpoint) -> None:
        for connection in self._idle.pop(endpoint, ()):
            connection.close()


def _request(method: str, endpoint: Endpoint, query: str, body: bytes) -> bytes:
    lines = [
        f"{method} {endpoint.path}{query} HTTP/1.1",
        f"Host: {endpoint.authority}",
        "User-Agent: kube-apiserver-admission",
        "Accept: application/json, */*",
        *([f"Content-Length: {len(body)}", "Content-Type: application/json"] if method == "POST" else ()),
        *(f"{name}: {value}" for name, value in endpoint.headers()),
    ]
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body
