"""A connection to a message bus: calls with answers, signals, and the file descriptors that come along."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import deque
from dataclasses import dataclass
from typing import Any

from sagong.node.shutdown.dbus import CALL, ERROR, RETURN, SIGNAL, Decoder, Message, ProtocolError, encode

_CHUNK, _MAX_FILES = 64 << 10, 16
_BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
_LOGIN_SECONDS = 10.0


class BusError(OSError):
    """The bus or its service refused, or the connection broke off."""


@dataclass(frozen=True, slots=True)
class Peer:
    """An interface of an object of a service."""

    service: str
    path: str
    interface: str


class Bus:
    """An open connection. Made by `connect`."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._decoder = Decoder()
        self._files: deque[int] = deque()
        self._serial = 0
        self._waiting: dict[int, asyncio.Future[tuple[Message, list[int]]]] = {}
        self._signals: asyncio.Queue[Message | None] = asyncio.Queue()

    @classmethod
    async def connect(cls, path: str) -> Bus:
        """Connect to the bus at a unix socket, as the user that this process runs as. Raises OSError."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            async with asyncio.timeout(_LOGIN_SECONDS):
                await asyncio.get_running_loop().sock_connect(sock, path)
                await _log_in(sock)
            bus = cls(sock)
            asyncio.get_running_loop().add_reader(sock, bus._readable)
            async with asyncio.timeout(_LOGIN_SECONDS):
                await bus.call(Peer(*_BUS), "Hello")
        except BaseException:
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()
            raise
        return bus

    def close(self) -> None:
        """Close the connection."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        while self._files:
            os.close(self._files.popleft())
        self._fail(BusError("the connection is closed"))

    async def call(self, peer: Peer, member: str, signature: str = "", *values: Any) -> tuple[Any, ...]:
        """Call a method; return its values, those of type h as open file descriptors. Raises BusError."""
        self._serial += 1
        message = Message(
            CALL,
            self._serial,
            path=peer.path,
            interface=peer.interface,
            member=member,
            destination=peer.service,
            signature=signature,
            body=values,
        )
        answered = asyncio.get_running_loop().create_future()
        self._waiting[message.serial] = answered
        try:
            await asyncio.get_running_loop().sock_sendall(self._socket, encode(message))
            answer, files = await answered
        finally:
            self._waiting.pop(message.serial, None)
        if answer.kind == ERROR:
            raise BusError(f"{answer.error}: {answer.body[0] if answer.body else ''}")
        return tuple(files[value] if code == "h" else value for code, value in zip(answer.signature, answer.body, strict=False))

    async def match(self, rule: str) -> None:
        """Let signals through that fit the rule. Raises BusError."""
        await self.call(Peer(*_BUS), "AddMatch", "s", rule)

    async def signal(self) -> Message:
        """Return the next signal. Raises BusError when the connection has broken off."""
        found = await self._signals.get()
        if found is None:
            raise BusError("the connection to the bus broke off")
        return found

    def _readable(self) -> None:
        try:
            data, files, _, _ = socket.recv_fds(self._socket, _CHUNK, _MAX_FILES)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(BusError(str(error)))
            return
        self._files.extend(files)
        if not data:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._fail(BusError("the connection to the bus broke off"))
            return
        try:
            for message in self._decoder.feed(data):
                self._take(message)
        except ProtocolError as error:
            self._fail(BusError(str(error)))

    def _take(self, message: Message) -> None:
        files = [self._files.popleft() for _ in range(min(message.files, len(self._files)))]
        waiting = self._waiting.get(message.reply_to) if message.kind in (RETURN, ERROR) else None
        if waiting is not None and not waiting.done():
            waiting.set_result((message, files))
            return
        for handle in files:
            with contextlib.suppress(OSError):
                os.close(handle)
        if message.kind == SIGNAL:
            self._signals.put_nowait(message)

    def _fail(self, error: BusError) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error)
        self._signals.put_nowait(None)


async def _log_in(sock: socket.socket) -> None:
    """Authenticate by the socket's credentials, and agree on passing files."""
    user = str(os.getuid()).encode().hex()
    for line, expected in ((f"\0AUTH EXTERNAL {user}", "OK"), ("NEGOTIATE_UNIX_FD", "AGREE_UNIX_FD")):
        await asyncio.get_running_loop().sock_sendall(sock, f"{line}\r\n".encode())
        answer = bytearray()
        while not answer.endswith(b"\r\n"):
            data = await asyncio.get_running_loop().sock_recv(sock, 256)
            if not data:
                raise BusError("the bus closed the connection")
            answer += data
        if not answer.decode(errors="replace").startswith(expected):
            raise BusError(f"the bus refuses: {answer.decode(errors='replace').strip()}")
    await asyncio.get_running_loop().sock_sendall(sock, b"BEGIN\r\n")
