"""Answers that stream, over WebSocket, for clients that cannot read a chunked answer as it comes: logs and watches.

A watch sends one event a message: text for JSON, binary for protobuf. Everything else sends bytes as they come, as binary messages or,
where the client asks for `base64.binary.k8s.io`, as base64 text. What the client sends is read over; when it closes, the stream ends.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from contextlib import aclosing, suppress

from sagong.api.streams.websocket import GOING_AWAY, NORMAL, Closed, Ping, WebSocket, WebSocketError, accept_key
from sagong.server.messages import JSON, Duplex, Request, Stream, Upgrade

_BINARY, _BASE64 = "binary.k8s.io", "base64.binary.k8s.io"
_BEARER = "base64url.bearer.authorization.k8s.io."
_LENGTH = 4


def upgrade(request: Request, stream: Stream, *, events: bool) -> Upgrade:
    """Return the answer that sends what `stream` does over WebSocket; `events`: it is a watch."""
    offered = [name.strip() for value in request.headers.get("sec-websocket-protocol", ()) for name in value.split(",")]
    offered = [name for name in offered if name and not name.startswith(_BEARER)]
    chosen = next((name for name in offered if events or name in (_BINARY, _BASE64)), "")
    headers = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", accept_key(request.header("sec-websocket-key"))),
        *([("Sec-WebSocket-Protocol", chosen)] if chosen else []),
    ]
    return Upgrade(_Sender(stream, events=events, text=chosen == _BASE64).run, headers)


class _Sender:
    def __init__(self, stream: Stream, *, events: bool, text: bool) -> None:
        self._stream, self._events, self._text = stream, events, text
        self._socket = WebSocket()

    async def run(self, duplex: Duplex) -> None:
        """Send until the stream ends or the client goes."""
        try:
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(self._send(duplex))
                reading = group.create_task(self._read(duplex, sending))
                sending.add_done_callback(lambda _: reading.cancel())
        except* ConnectionError:
            pass
        finally:
            duplex.close()

    async def _send(self, duplex: Duplex) -> None:
        if not self._events:
            duplex.write(self._socket.message(b"", text=self._text))  # a sign that the stream is open
        async with aclosing(self._stream.chunks) as chunks:  # type: ignore[type-var]  # every stream is a generator
            async for chunk in chunks:
                for data, text in self._messages(chunk):
                    duplex.write(self._socket.message(data, text=text))
                await duplex.drain()
        duplex.write(self._socket.close(NORMAL))

    def _messages(self, chunk: bytes) -> Iterator[tuple[bytes, bool]]:
        if not self._events:
            yield (base64.b64encode(chunk), True) if self._text else (chunk, False)
        elif self._stream.content_type.startswith(JSON):
            yield from ((line, True) for line in chunk.splitlines(keepends=True))
        else:
            while chunk:
                end = _LENGTH + int.from_bytes(chunk[:_LENGTH], "big")
                yield chunk[_LENGTH:end], False
                chunk = chunk[end:]

    async def _read(self, duplex: Duplex, sending: asyncio.Task[None]) -> None:
        with suppress(WebSocketError):
            while data := await duplex.read():
                for event in self._socket.feed(data):
                    if isinstance(event, Ping):
                        duplex.write(self._socket.pong(event.data))
                    elif isinstance(event, Closed):
                        duplex.write(self._socket.close(GOING_AWAY if event.code == GOING_AWAY else NORMAL))
                        sending.cancel()
                        return
        sending.cancel()
