"""Kept connections to one server, and the TLS that they share."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from sagong.client.config import ClientConfig
from sagong.client.connection import Connection, ServerUnreachableError, connect
from sagong.client.tls import ResumingContext, client_context

CONNECT_TIMEOUT = 10.0
MAX_IDLE = 64  # a connection made anew costs either side more CPU than a request does; the server drops those that rest for long
REMEMBER_SECONDS = 3600.0

Guard = Callable[[], None]
"""Raises OSError when nothing may be written any more."""


def always() -> None:
    """Let everything be written."""


class Pool:
    """Hands out connections, the one used last first. Sessions of TLS are resumed."""

    def __init__(self, config: ClientConfig) -> None:
        parts = urlsplit(config.server if "://" in config.server else f"https://{config.server}")
        self.authority, self.prefix = parts.netloc, parts.path.rstrip("/")
        self._config = config
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (443 if self._secure else 80)
        self._idle: deque[Connection] = deque()
        self._busy: set[Connection] = set()
        self._tls: ResumingContext | None = None
        self._tls_stamp: tuple[float, ...] = ()
        self._remember_at = 0.0

    async def send(self, request: bytes, *, again: bool, guard: Guard = always) -> Connection:
        """Send and wait for the head of the answer; `release` must follow.

        A kept connection that the server closed meanwhile is replaced by another; with `again` also when it closes on the
        request, which must then be harmless to repeat. `guard` is asked last of all before anything is sent, and may raise.
        Raises ServerUnreachableError.
        """
        while self._idle:
            connection = self._idle.pop()
            if connection.closed:
                continue
            try:
                return await self._begin(connection, request, guard)
            except ServerUnreachableError:
                if connection.answered or not again:
                    raise
        return await self._begin(await self._connect(), request, guard)

    def release(self, connection: Connection) -> None:
        """Keep a connection whose answer was read to the end; drop another."""
        self._busy.discard(connection)
        while self._idle and self._idle[0].closed:  # the one that rested longest
            self._idle.popleft()
        if connection.reusable and len(self._idle) < MAX_IDLE:
            self._idle.append(connection)
        else:
            connection.abort()

    def close(self) -> None:
        """Drop all connections."""
        for connection in [*self._idle, *self._busy]:
            connection.abort()
        self._idle.clear()

    async def _begin(self, connection: Connection, request: bytes, guard: Guard) -> Connection:
        self._busy.add(connection)
        try:
            guard()
            connection.send(request)
            await connection.wait_head()
        except BaseException:
            self._busy.discard(connection)
            connection.abort()
            raise
        if self._tls is not None and asyncio.get_running_loop().time() >= self._remember_at:
            self._remember(connection, self._tls)
        return connection

    def _remember(self, connection: Connection, tls: ResumingContext) -> None:
        """Keep the session that the server's tickets allow to resume; they come with the first answer (TLS 1.3).

        Reading a session costs 13 kB that CPython 3.11 never gives back, hence once an hour; between, an expired one costs only a
        full handshake.
        """
        ssl_object = connection.transport.get_extra_info("ssl_object")
        if ssl_object is not None and not ssl_object.session_reused:
            tls.session = ssl_object.session
            self._remember_at = asyncio.get_running_loop().time() + REMEMBER_SECONDS

    async def _connect(self) -> Connection:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            if not self._secure:
                return await connect(self._host, self._port)
            name = self._config.server_name or self._host
            return await connect(self._host, self._port, ssl=self._context(), server_hostname=name)

    def _context(self) -> ResumingContext:
        """Build the TLS context when a certificate file is new, as after a rotation."""
        stamp = tuple(Path(file).stat().st_mtime for file in self._config.cert or ())
        if self._tls is None or stamp != self._tls_stamp:
            self._tls, self._tls_stamp = client_context(self._config), stamp
        return self._tls
