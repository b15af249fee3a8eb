"""Kubernetes' channels over WebSocket: one byte before each message says which of several streams it belongs to.

exec and attach: stdin 0, stdout 1, stderr 2, error 3, resize 4, and since v5 a close signal 255 whose payload is the channel
to close (KEP-4006). port-forward, before it was tunnelled: for port number i, data 2i and errors 2i+1.
The base64 variants carry text frames: the channel as a digit, then base64.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sagong.api.streams.websocket import PROTOCOL_ERROR, WebSocketError

STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
CLOSE_SIGNAL = 255

BINARY = "channel.k8s.io"
BASE64 = "base64.channel.k8s.io"
V4 = "v4.channel.k8s.io"
V4_BASE64 = "v4.base64.channel.k8s.io"
V5 = "v5.channel.k8s.io"

REMOTE_COMMAND = (V5, V4, V4_BASE64, BINARY, BASE64)
"""what servers speak for exec and attach over WebSocket, the best first"""
SPDY_REMOTE_COMMAND = (V4, "v3.channel.k8s.io", "v2.channel.k8s.io", BINARY)
"""the same over SPDY, where it stands in X-Stream-Protocol-Version"""
PORT_FORWARD = "portforward.k8s.io"
TUNNEL_PREFIX = "SPDY/3.1+"
TUNNEL = f"{TUNNEL_PREFIX}{PORT_FORWARD}"
"""a WebSocket whose binary messages are the bytes of a SPDY connection (KEP-4006)"""
STREAM_NAMES = {STDIN: "stdin", STDOUT: "stdout", STDERR: "stderr", ERROR: "error", RESIZE: "resize"}


@dataclass(frozen=True, slots=True)
class Streams:
    """Which streams a command has; a terminal merges stderr into stdout."""

    stdin: bool = False
    stdout: bool = True
    stderr: bool = False
    tty: bool = False

    def channels(self) -> Sequence[int]:
        """Return the channels in the order in which client-go opens their streams."""
        chosen = ((ERROR, True), (STDIN, self.stdin), (STDOUT, self.stdout), (STDERR, self.stderr and not self.tty), (RESIZE, self.tty))
        return [channel for channel, wanted in chosen if wanted]


@dataclass(frozen=True, slots=True)
class ChannelCodec:
    """The messages of one subprotocol."""

    protocol: str

    @property
    def text(self) -> bool:
        """Return whether messages are text frames."""
        return "base64" in self.protocol

    def encode(self, channel: int, data: bytes) -> bytes:
        """Return the message that carries `data`."""
        if self.text:
            return b"%d" % channel + base64.b64encode(data)
        return bytes([channel]) + data

    def decode(self, message: bytes) -> tuple[int, bytes]:
        """Return channel and data. Raises WebSocketError."""
        if not message:
            raise WebSocketError(PROTOCOL_ERROR, "a message without a channel")
        if not self.text:
            return message[0], message[1:]
        try:
            return message[0] - ord("0"), base64.b64decode(message[1:], validate=True)
        except binascii.Error as error:
            raise WebSocketError(PROTOCOL_ERROR, f"not base64: {error}") from error

    def close(self, channel: int) -> bytes:
        """Return the message that ends a stream; empty before v5, which cannot say that."""
        return bytes([CLOSE_SIGNAL, channel]) if self.protocol == V5 else b""


def choose(offered: Iterable[str], spoken: Sequence[str]) -> str | None:
    """Return the first offered subprotocol that is spoken, None when there is no such."""
    return next((protocol for protocol in offered if protocol in spoken), None)
