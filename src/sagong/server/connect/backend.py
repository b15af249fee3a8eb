"""One HTTP/1.1 request to a backend on a connection of its own: head first, then the body as it comes, or an upgraded stream."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import cast
from urllib.parse import urlencode

from msgspec import Struct

from sagong.server.messages import Duplex

_CHUNK = 64 * 1024
_HEAD_LIMIT = 256 * 1024
_NO_BODY = (204, 304)
_SWITCHING = 101

Headers = Sequence[tuple[str, str]]


class BackendError(Exception):
    """The backend cannot be reached, or does not speak HTTP; the message begins as Go's does (`dial tcp ...`)."""


class Location(Struct, frozen=True):
    """Where a request goes. `tls` None: plain HTTP; `query` is encoded already; `server_name` "": the host's own name."""

    host: str
    port: int
    path: str = ""
    query: str = ""
    tls: ssl.SSLContext | None = None
    server_name: str = ""

    @property
    def authority(self) -> str:
        """`host:port`, IPv6 addresses in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def target(self) -> str:
        """Path and query, as the request line has them."""
        return f"{self.path or '/'}?{self.query}" if self.query else self.path or "/"

    @property
    def url(self) -> str:
        """The whole URL."""
        return f"{'https' if self.tls else 'http'}://{self.authority}{self.target}"


class Reply:
    """The head of an answer; `body`, `read` and `write` go on from there. `close` it."""

    def __init__(self, status: int, headers: Headers, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: str) -> None:
        self.status, self.headers = status, headers
        self._reader, self._writer, self._method = reader, writer, method

    def header(self, name: str) -> str:
        """Return a header's first value, "" when absent; `name` in lower case."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    async def body(self) -> AsyncGenerator[bytes, None]:
        """Yield the body, then close. Raises BackendError when it is cut off."""
        try:
            if self._method == "HEAD" or self.status in _NO_BODY:
                return
            length = self.header("content-length")
            if "chunked" in self.header("transfer-encoding").lower():
                async for data in self._chunked():
                    yield data
            elif length:
                async for data in self._exactly(int(length)):
                    yield data
            else:
                while data := await self._reader.read(_CHUNK):
                    yield data
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            raise BackendError(f"unexpected EOF: {error}") from error
        finally:
            self.close()

    async def whole(self, limit: int) -> bytes:
        """Return the body, `limit` bytes of it at most."""
        data = bytearray()
        async for chunk in self.body():
            data += chunk
            if len(data) >= limit:
                self.close()
                break
        return bytes(data[:limit])

    async def join(self, client: Duplex) -> None:
        """Carry an upgraded connection's bytes to the client and back, until one of them ends."""
        pipe = _Pipe(client, self._writer.transport)
        self._writer.transport.set_protocol(pipe)
        self._reader.feed_eof()
        pipe.data_received(await self._reader.read())  # what came behind the head
        async with asyncio.TaskGroup() as group:
            ways = [group.create_task(way) for way in (pipe.to_backend(), pipe.to_client())]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()

    async def _exactly(self, count: int) -> AsyncIterator[bytes]:
        while count:
            data = await self._reader.read(min(_CHUNK, count))
            if not data:
                raise asyncio.IncompleteReadError(b"", count)
            count -= len(data)
            yield data

    async def _chunked(self) -> AsyncIterator[bytes]:
        while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
            async for data in self._exactly(size):
                yield data
            await self._reader.readexactly(2)
        while await self._reader.readuntil(b"\r\n") != b"\r\n":
            pass


class _Pipe(asyncio.Protocol):
    """The backend's end of an upgraded connection. Its bytes go to the client as they come, without a buffer or a task between."""

    def __init__(self, client: Duplex, transport: asyncio.WriteTransport) -> None:
        self._client = client
        self._transport = cast("asyncio.Transport", transport)
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._congested = asyncio.Event()
        self._over = False

    def data_received(self, data: bytes) -> None:
        """Pass bytes on; a client that does not take them keeps the backend from sending more."""
        self._client.write(data)
        if self._client.congested and not self._congested.is_set():
            self._transport.pause_reading()
            self._congested.set()

    def eof_received(self) -> None:
        """Take the end of what the backend sends."""
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the reason changes nothing
        """Take the end of the connection."""
        self._end()
        self._may_write.set()

    def pause_writing(self) -> None:
        """Keep the client waiting."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """Let it go on."""
        self._may_write.set()

    async def to_client(self) -> None:
        """Wait for the backend's end; meanwhile let it go on whenever the client has taken enough."""
        while not self._over:
            await self._congested.wait()
            try:
                await self._client.drain()
            except OSError:
                return
            if not self._over:
                self._congested.clear()
                self._transport.resume_reading()

    async def to_backend(self) -> None:
        """Carry the client's bytes until there are no more."""
        try:
            while (data := await self._client.read()) and not self._transport.is_closing():
                self._transport.write(data)
                await self._may_write.wait()
        except OSError:
            return

    def _end(self) -> None:
        self._over = True
        self._congested.set()


async def request(location: Location, method: str, headers: Headers, body: bytes = b"") -> Reply:
    """Send a request; return when the head of the answer is there. Raises BackendError."""
    reader, writer = await _connect(location)
    try:
        writer.write(_head(location, method, headers, body) + body)
        await writer.drain()
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        while lines[0].split(" ")[1] == "100":
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        pairs = [line.partition(":") for line in lines[1:] if ":" in line]
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        writer.close()
        raise BackendError(f"{method} {location.url}: EOF: {error}") from error
    except (IndexError, ValueError) as error:
        writer.close()
        raise BackendError(f"malformed HTTP response: {error}") from error
    except BaseException:
        writer.close()
        raise
    return Reply(status, [(name, value.strip()) for name, _, value in pairs], reader, writer, method)


def query(pairs: Sequence[tuple[str, str]]) -> str:
    """Encode a query, sorted by name as Go's url.Values are."""
    return urlencode(sorted(pairs, key=lambda pair: pair[0]))


async def _connect(location: Location) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        name = (location.server_name or None) if location.tls else None
        return await asyncio.open_connection(location.host, location.port, ssl=location.tls, server_hostname=name, limit=_HEAD_LIMIT)
    except ssl.SSLCertVerificationError as error:
        raise BackendError(f"tls: failed to verify certificate: x509: {error.verify_message}") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower() if not isinstance(error, ssl.SSLError) else str(error)
        raise BackendError(f"dial tcp {location.authority}: connect: {_plain(error, reason)}") from error


def _plain(error: OSError, reason: str) -> str:
    """Return the reason without asyncio's own words around it."""
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return reason


def _head(location: Location, method: str, headers: Headers, body: bytes) -> bytes:
    names = {name.lower() for name, _ in headers}
    lines = [f"{method} {location.target} HTTP/1.1"]
    if "host" not in names:
        lines.append(f"Host: {location.authority}")
    lines += [f"{name}: {value}" for name, value in headers]
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
