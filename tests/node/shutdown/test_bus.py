"""The message bus: its bytes, a real dbus-daemon, and a logind that is played on it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.node.builders import HandClock

from sagong.node.shutdown.bus import Bus, BusError, Peer
from sagong.node.shutdown.dbus import CALL, RETURN, SIGNAL, Decoder, Message, ProtocolError, Variant, encode
from sagong.node.shutdown.logind import Logind

DAEMON = pytest.mark.skipif(not shutil.which("dbus-daemon"), reason="needs dbus-daemon")
BUS = Peer("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")


def test_values_of_every_type_come_back() -> None:
    body = (
        1,
        True,
        -2,
        3,
        -4,
        5,
        -6,
        7,
        0.5,
        "text",
        "/path",
        "as",
        ["x", "y"],
        [(1, Variant("t", 1 << 40))],
        ("z", 9),
        Variant("as", ["v"]),
    )
    message = Message(SIGNAL, 7, path="/p", interface="i.i", member="m", sender=":1.1", signature="ybnqiuxtdsogasa(uv)(sy)v", body=body)
    assert list(Decoder().feed(encode(message))) == [message]


def test_bytes_may_come_in_any_pieces() -> None:
    messages = [Message(RETURN, 1, reply_to=9), Message(CALL, 2, path="/", member="m", signature="s", body=("x",))]
    data = b"".join(map(encode, messages))
    decoder = Decoder()
    assert [found for byte in data for found in decoder.feed(bytes([byte]))] == messages


def test_a_known_message_of_the_other_byte_order() -> None:
    # a signal without a body, big endian: path /a, interface b.c, member D
    fields = b"\x01\x01o\0\0\0\0\x02/a\0" + bytes(5) + b"\x02\x01s\0\0\0\0\x03b.c\0" + bytes(4) + b"\x03\x01s\0\0\0\0\x01D\0"
    head = b"B\x04\x00\x01" + (0).to_bytes(4, "big") + (5).to_bytes(4, "big") + len(fields).to_bytes(4, "big")
    data = head + fields + bytes(-(len(head) + len(fields)) % 8)
    assert list(Decoder().feed(data)) == [Message(SIGNAL, 5, path="/a", interface="b.c", member="D")]


@pytest.mark.parametrize("data", [b"x" * 16, b"l" + bytes(3) + b"\xff" * 12, encode(Message(CALL, 1, path="/"))[:-8] + b"\xff" * 8])
def test_what_is_no_message(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        list(Decoder().feed(data))


@contextlib.asynccontextmanager
async def daemon(folder: Path) -> AsyncIterator[str]:
    path = folder / "bus"
    arguments = ["--session", "--nofork", "--nopidfile", f"--address=unix:path={path}"]
    process = await asyncio.create_subprocess_exec("dbus-daemon", *arguments)
    try:
        while not path.exists():  # noqa: ASYNC110 - the file is the event
            await asyncio.sleep(0.01)
        yield str(path)
    finally:
        process.terminate()
        await process.wait()


@DAEMON
async def test_a_real_bus_answers_refuses_and_signals(tmp_path: Path) -> None:
    async with daemon(tmp_path) as path:
        bus = await Bus.connect(path)
        try:
            (names,) = await bus.call(BUS, "ListNames")
            assert "org.freedesktop.DBus" in names
            with pytest.raises(BusError, match="UnknownMethod"):
                await bus.call(BUS, "Nonsense")
            with pytest.raises(BusError, match="NameHasNoOwner"):
                await bus.call(BUS, "GetNameOwner", "s", "no.such.name")
            await bus.match("type='signal',member='NameOwnerChanged'")
            other = await Bus.connect(path)
            while (await bus.signal()).member != "NameOwnerChanged":
                pass
            other.close()
        finally:
            bus.close()


async def test_a_bus_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        await Bus.connect(str(tmp_path / "none"))


class PlayedLogind(Bus):
    """Owns logind's name on a bus; the lock that it hands out is one end of a pipe."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.locks: list[int] = []
        self.inhibited: list[tuple[Any, ...]] = []

    def _take(self, message: Message) -> None:
        if message.kind != CALL:
            super()._take(message)
        elif message.member == "Get":
            self._answer(message, "v", Variant("t", 5_000_000))
        elif message.member == "Inhibit":
            self.inhibited.append(message.body)
            ours, theirs = os.pipe()
            self.locks.append(ours)
            self._answer(message, "h", 0, files=[theirs])
            os.close(theirs)

    def _answer(self, to: Message, signature: str, *body: Any, files: list[int] | None = None) -> None:
        answer = Message(RETURN, 999, reply_to=to.serial, destination=to.sender, signature=signature, files=len(files or ()), body=body)
        socket.send_fds(self._socket, [encode(answer)], files or [])

    def prepare(self, *, coming: bool) -> None:
        signal = Message(
            SIGNAL,
            998,
            path="/org/freedesktop/login1",
            interface="org.freedesktop.login1.Manager",
            member="PrepareForShutdown",
            signature="b",
            body=(coming,),
        )
        self._socket.send(encode(signal))

    async def released(self, lock: int) -> bytes:
        """Return when the other end of the lock is closed."""
        return await asyncio.to_thread(os.read, self.locks[lock], 1)


@DAEMON
async def test_a_shutdown_waits_for_the_kubelet(tmp_path: Path) -> None:
    heard: list[str] = []

    async def begins() -> None:
        heard.append("begins")

    async with daemon(tmp_path) as path:
        played = await PlayedLogind.connect(path)
        assert isinstance(played, PlayedLogind)
        await played.call(BUS, "RequestName", "su", "org.freedesktop.login1", 0)
        task = asyncio.create_task(Logind(HandClock(), 30.0, begins, lambda: heard.append("cancelled"), path).run())
        try:
            while not played.locks:  # noqa: ASYNC110 - it is asked by a message
                await asyncio.sleep(0.01)
            assert played.inhibited == [("shutdown", "kubelet", "Kubelet needs time to handle node shutdown", "delay")]
            played.prepare(coming=True)
            assert await asyncio.wait_for(played.released(0), 20) == b""
            assert heard == ["begins"]
            played.prepare(coming=False)
            while len(played.locks) < 2:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
            assert heard == ["begins", "cancelled"]
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await asyncio.wait_for(played.released(1), 20) == b""
            for lock in played.locks:
                os.close(lock)
            played.close()
