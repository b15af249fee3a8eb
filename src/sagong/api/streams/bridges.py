"""From a WebSocket client to a SPDY server and back, without I/O: containerd's streaming server speaks SPDY only.

Each bridge takes the bytes of either side and returns what to send to both. The SPDY side plays the client.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from sagong.api.streams import channels, spdy, websocket
from sagong.api.streams.channels import CLOSE_SIGNAL, ERROR, RESIZE, STDERR, STDIN, STDOUT, ChannelCodec, Streams
from sagong.api.streams.spdy import Spdy
from sagong.api.streams.websocket import WebSocket


@dataclass(frozen=True, slots=True)
class Out:
    """What to send to the client and to the server; `done` says that the conversation is over after that."""

    client: bytes = b""
    server: bytes = b""
    done: bool = False

    def __add__(self, other: Out) -> Out:
        return Out(self.client + other.client, self.server + other.server, self.done or other.done)


class Bridge(Protocol):
    """A conversation between two ends."""

    def start(self) -> Out:
        """Return what to send first, after both upgrades."""
        ...

    def from_client(self, data: bytes) -> Out:
        """Take bytes of the client."""
        ...

    def from_server(self, data: bytes) -> Out:
        """Take bytes of the server; none at all means that it closed the connection."""
        ...


class _WebSocketSide:
    """What all bridges do with the client's frames."""

    def __init__(self) -> None:
        self._socket = WebSocket()
        self._over = False

    def from_client(self, data: bytes) -> Out:
        """Take bytes of the client."""
        if not data:
            return Out(done=True)
        try:
            return self._sum(map(self._client_event, self._socket.feed(data)))
        except websocket.WebSocketError as error:
            return self._end(error.code, str(error))

    def _client_event(self, event: websocket.Event) -> Out:
        if isinstance(event, websocket.Message):
            return self._message(event)
        if isinstance(event, websocket.Ping):
            return Out(client=self._socket.pong(event.data))
        if isinstance(event, websocket.Closed):
            return self._end(websocket.NORMAL, "")
        return Out()

    def _message(self, message: websocket.Message) -> Out:
        raise NotImplementedError

    def _end(self, code: int = websocket.NORMAL, reason: str = "") -> Out:
        if self._over:
            return Out(done=True)
        self._over = True
        return Out(client=self._socket.close(code, reason), done=True)

    def _sum(self, outs: Iterable[Out]) -> Out:
        parts = list(outs)
        if len(parts) == 1:
            return parts[0]
        return Out(b"".join(out.client for out in parts), b"".join(out.server for out in parts), any(out.done for out in parts))


class Tunnel(_WebSocketSide):
    """The messages are the bytes of a SPDY connection: port-forward of kubectl 1.31 and newer."""

    def start(self) -> Out:
        """Wait for the client."""
        return Out()

    def from_server(self, data: bytes) -> Out:
        """Wrap the server's bytes."""
        return Out(client=self._socket.message(data)) if data else self._end()

    def _message(self, message: websocket.Message) -> Out:
        if message.text:
            return self._end(websocket.UNSUPPORTED, "invalid message type received")
        return Out(server=message.data)


class _SpdySide(_WebSocketSide):
    """What bridges with channels do with the server's frames."""

    def __init__(self, protocol: str) -> None:
        super().__init__()
        self._codec = ChannelCodec(protocol)
        self._spdy = Spdy(client=True)
        self._stream_of: dict[int, int] = {}
        self._channel_of: dict[int, int] = {}

    def from_server(self, data: bytes) -> Out:
        """Take bytes of the server."""
        if not data:
            return self._end()
        try:
            return self._sum(map(self._server_event, _joined(self._spdy.feed(data))))
        except spdy.SpdyError as error:
            return self._end(websocket.INTERNAL, str(error))

    def _open(self, channel: int, headers: spdy.Headers, *, fin: bool = False) -> bytes:
        stream, sent = self._spdy.open(headers, fin=fin)
        self._stream_of[channel], self._channel_of[stream] = stream, channel
        return sent

    def _to_client(self, channel: int, data: bytes) -> Out:
        if self._codec.text:
            return Out(client=self._socket.message(self._codec.encode(channel, data), text=True))
        return Out(client=self._socket.message(data, first=bytes([channel])))

    def _to_server(self, channel: int, data: bytes, *, fin: bool = False) -> Out:
        stream = self._stream_of.get(channel)
        return Out() if stream is None else Out(server=self._spdy.data(stream, data, fin=fin))

    def _server_event(self, event: spdy.Event) -> Out:
        if isinstance(event, spdy.Data) and event.stream in self._channel_of:
            return self._server_data(self._channel_of[event.stream], event)
        if isinstance(event, spdy.Ping) and not event.own:
            return Out(server=self._spdy.pong(event.id))
        if isinstance(event, spdy.Reset):
            return self._server_data(self._channel_of.get(event.stream, CLOSE_SIGNAL), spdy.Data(event.stream, b"", fin=True))
        return self._end() if isinstance(event, spdy.GoneAway) else Out()

    def _server_data(self, channel: int, event: spdy.Data) -> Out:
        raise NotImplementedError


class RemoteCommand(_SpdySide):
    """exec and attach."""

    def __init__(self, protocol: str, streams: Streams) -> None:
        super().__init__(protocol)
        self._streams = streams
        self._errors = b""

    def start(self) -> Out:
        """Open the streams; before v5 an empty message tells the client that it is connected."""
        opened = b"".join(self._open(channel, {"streamtype": channels.STREAM_NAMES[channel]}) for channel in self._streams.channels())
        if self._codec.protocol == channels.V5:
            # kubectl complains of messages that come before it has set its streams up
            return Out(server=opened)
        first = min(channel for channel in self._streams.channels() if channel in (STDOUT, STDERR, ERROR))
        return Out(server=opened) + self._to_client(first, b"")

    def _message(self, message: websocket.Message) -> Out:
        channel, data = self._codec.decode(message.data)
        if channel == CLOSE_SIGNAL and self._codec.protocol == channels.V5:
            return self._to_server(data[0], b"", fin=True) if data else Out()
        if channel not in (STDIN, RESIZE) or not data:
            return Out()
        return self._to_server(channel, data)

    def _server_data(self, channel: int, event: spdy.Data) -> Out:
        if channel != ERROR:
            return self._to_client(channel, event.data) if event.data else Out()
        self._errors += event.data
        return self._status() + self._end() if event.fin else Out()

    def _end(self, code: int = websocket.NORMAL, reason: str = "") -> Out:
        # a server that closes the connection may have left the error stream open
        return self._status() + super()._end(code, reason)

    def _status(self) -> Out:
        errors, self._errors = self._errors, b""
        if not errors:
            return Out()
        if self._codec.protocol in (channels.BINARY, channels.BASE64):
            message = _message_of(errors)
            return self._to_client(ERROR, message) if message else Out()
        return self._to_client(ERROR, errors)


class PortForward(_SpdySide):
    """port-forward with a pair of channels a port: clients from before tunnelling, such as the Python client."""

    def __init__(self, protocol: str, ports: Sequence[int]) -> None:
        super().__init__(protocol)
        self._ports = ports

    def start(self) -> Out:
        """Open two streams a port; the first message on each channel names the port, in little endian."""
        out = Out()
        for index, port in enumerate(self._ports):
            named = {"port": str(port), "requestid": str(index)}
            opened = self._open(2 * index + 1, {"streamtype": "error", **named}, fin=True)
            opened += self._open(2 * index, {"streamtype": "data", **named})
            hello = struct.pack("<H", port)
            out += Out(server=opened) + self._to_client(2 * index, hello) + self._to_client(2 * index + 1, hello)
        return out

    def _message(self, message: websocket.Message) -> Out:
        channel, data = self._codec.decode(message.data)
        return self._to_server(channel, data) if channel % 2 == 0 and data else Out()

    def _server_data(self, channel: int, event: spdy.Data) -> Out:
        return self._to_client(channel, event.data) if event.data else Out()


def _joined(events: Sequence[spdy.Event]) -> Iterator[spdy.Event]:
    """Yield events with what follows one another on a stream as one: a long output comes in many frames, and leaves in one message."""
    for key, group in itertools.groupby(events, _data_of):
        if key is None:
            yield from group
        else:
            parts = [event.data for event in group if isinstance(event, spdy.Data)]
            yield spdy.Data(key[0], parts[0] if len(parts) == 1 else b"".join(parts), key[1])


def _data_of(event: spdy.Event) -> tuple[int, bool] | None:
    return (event.stream, event.fin) if isinstance(event, spdy.Data) else None


def _message_of(status: bytes) -> bytes:
    """Return the message of a Status that is a failure: before v4 the error stream was plain text."""
    try:
        found = msgspec.json.decode(status, type=dict[str, object])
    except msgspec.DecodeError:
        return status
    return b"" if found.get("status") == "Success" else str(found.get("message", "")).encode()
