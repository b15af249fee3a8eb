"""The two ends of a stream that the kubelet joins: a client behind TLS, and the runtime's streaming server on this machine."""

from __future__ import annotations

import asyncio
import socket
from typing import Protocol

_READ_SIZE = 256 << 10
_FREED = 2 << 20


class End(Protocol):
    """One end of a connection."""

    async def read(self) -> bytes:
        """Return the next bytes, b"" at the end. Raises ConnectionError."""
        ...

    async def write(self, data: bytes) -> None:
        """Send bytes; return when the other side has taken enough of them. Raises ConnectionError."""
        ...


class StreamEnd:
    """A connection of asyncio's streams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self) -> bytes:
        """Return the next bytes, b"" at the end. Raises ConnectionError."""
        return await self._reader.read(_READ_SIZE)

    async def write(self, data: bytes) -> None:
        """Send bytes. Raises ConnectionError."""
        self._writer.write(data)
        await self._writer.drain()


class SocketEnd:
    """A plain connection that is looked at only when somebody reads: the runtime's small pieces gather in the kernel meanwhile."""

    def __init__(self, connection: socket.socket) -> None:
        """Take over a connected socket that does not block."""
        self._socket = connection
        self._kept = b""
        self._writing = asyncio.Lock()
        # glibc gives freed blocks back to the kernel until it has seen a larger one freed: pieces of the first long stream would cost as
        # much in page faults as in all else
        bytes(_FREED)

    @classmethod
    async def connect(cls, host: str, port: int) -> SocketEnd:
        """Connect. Raises OSError."""
        family, kind, protocol, _, address = (await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM))[0]
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(0)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2 * _READ_SIZE)
            await asyncio.get_running_loop().sock_connect(connection, address)
        except BaseException:
            connection.close()
            raise
        return cls(connection)

    async def read(self) -> bytes:
        """Return the next bytes, b"" at the end. Raises ConnectionError."""
        if self._kept:
            kept, self._kept = self._kept, b""
            return kept
        return await asyncio.get_running_loop().sock_recv(self._socket, _READ_SIZE)

    async def read_until(self, mark: bytes, limit: int) -> bytes:
        """Return what comes up to a mark, with it. Raises ConnectionError, EOFError when it does not come."""
        came = b""
        while mark not in came:
            more = b"" if len(came) > limit else await self.read()
            if not more:
                raise EOFError(f"{len(came)} bytes came without {mark!r}")
            came += more
        end = came.index(mark) + len(mark)
        self._kept = came[end:]
        return came[:end]

    async def write(self, data: bytes) -> None:
        """Send bytes. Raises ConnectionError."""
        async with self._writing:
            await asyncio.get_running_loop().sock_sendall(self._socket, data)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()
