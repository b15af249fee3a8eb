"""What passes between the HTTP layer and whoever answers: a Request, and the three shapes of an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Protocol
from urllib.parse import parse_qsl, unquote

from msgspec import Struct

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


class Peer(Struct, frozen=True):
    """Who is at the other end: its address, and the DER of the client certificate when TLS verified one."""

    address: str = ""
    certificate: bytes | None = None


class Request:
    """One request, its body complete. Header names are lower case; values keep their order."""

    __slots__ = ("_query", "body", "headers", "method", "path", "peer", "query_string", "raw_path")

    def __init__(self, method: str, target: str, headers: dict[str, list[str]], body: bytes, peer: Peer) -> None:
        self.method = method
        self.raw_path, _, self.query_string = target.partition("?")
        self.path = unquote(self.raw_path) if "%" in self.raw_path else self.raw_path
        self.headers = headers
        self.body = body
        self.peer = peer
        self._query: dict[str, list[str]] | None = None

    def header(self, name: str) -> str:
        """Return the first value of a header (name in lower case), "" when absent."""
        values = self.headers.get(name)
        return values[0] if values else ""

    @property
    def query(self) -> dict[str, list[str]]:
        """The query parameters, decoded."""
        if self._query is None:
            self._query = {}
            if self.query_string:
                for key, value in parse_qsl(self.query_string, keep_blank_values=True):
                    self._query.setdefault(key, []).append(value)
        return self._query

    def replace_query(self, query_string: str) -> None:
        """Take another query in the place of the one that came."""
        self.query_string, self._query = query_string, None

    def param(self, name: str) -> str:
        """Return the first value of a query parameter, "" when absent."""
        values = self.query.get(name)
        return values[0] if values else ""

    def flag(self, name: str) -> bool:
        """Tell whether a query parameter is set to something true, as Go's conversion reads it."""
        values = self.query.get(name)
        return values is not None and values[0].lower() not in ("0", "false")

    @property
    def wants_websocket(self) -> bool:
        """Whether the client wants to go on with WebSocket."""
        return (
            "upgrade" in self.headers and self.header("upgrade").lower() == "websocket" and "upgrade" in self.header("connection").lower()
        )


class Response(Struct):
    """An answer whose body is known: complete, or where it is large, `pieces` that are made while they are sent, zipped if so said.

    `sent` is told how many bytes of pieces were sent, when they were.
    """

    body: bytes = b""
    status: int = 200
    content_type: str = JSON
    headers: Sequence[tuple[str, str]] = ()
    pieces: Iterator[bytes] | None = None
    gzip: bool = False
    sent: Callable[[int], None] | None = None

    def complete(self) -> bytes:
        """Make the whole body, and return it."""
        if self.pieces is None:
            return self.body
        whole = b"".join(self.pieces)
        self.pieces = iter((whole,))
        return whole


def page_not_found() -> Response:
    """Return the answer for a path that nobody serves."""
    return Response(b"404 page not found\n", 404, TEXT)


def nothing() -> None:
    """Do nothing when a stream has ended."""


class Sink(Protocol):
    """The sending side of a stream, for those who write the same to many."""

    @property
    def closed(self) -> bool:
        """Whether the client has not taken what was written before, or is gone."""
        ...

    @property
    def framing(self) -> Callable[[bytes], bytes]:
        """What turns a chunk into what `write` takes; the same function where the same comes out."""
        ...

    def write(self, framed: bytes) -> None:
        """Send a chunk now."""
        ...

    async def wait_open(self) -> None:
        """Wait until the client has taken enough of what was written. Raises ConnectionError when it is gone."""
        ...


class Stream(Struct):
    """An answer sent in chunks as they come; a chunk is written before the next is asked for (backpressure).

    `ended` is called once when it is over, however it ended. Where there is `attach`, it is called first with what chunks can be
    written to past the iterator, while that waits.
    """

    chunks: AsyncIterator[bytes]
    status: int = 200
    content_type: str = JSON
    headers: Sequence[tuple[str, str]] = ()
    ended: Callable[[], None] = nothing
    attach: Callable[[Sink], None] | None = None


class Duplex(Protocol):
    """A connection after its upgrade: bytes both ways."""

    async def read(self) -> bytes:
        """Return the next bytes (first what was left over behind the request), b"" at the end of the stream."""
        ...

    def write(self, data: bytes) -> None:
        """Queue bytes."""
        ...

    @property
    def congested(self) -> bool:
        """Whether `drain` would wait."""
        ...

    async def drain(self) -> None:
        """Wait until the peer has taken enough of what is queued. Raises ConnectionError when it is gone."""
        ...

    def close(self) -> None:
        """Flush and close."""
        ...


class Upgrade(Struct):
    """101 Switching Protocols: the head is sent, then `run` owns the connection until it returns.

    With another `status` (200 for CONNECT-like tunnels) the head says that instead. `ended` is called when it is over.
    """

    run: Callable[[Duplex], Awaitable[None]]
    headers: Sequence[tuple[str, str]]
    status: int = 101
    ended: Callable[[], None] = nothing


Answer = Response | Stream | Upgrade
Handler = Callable[[Request], Awaitable[Answer]]
