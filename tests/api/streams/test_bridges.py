"""Conversations: kubectl over WebSocket on one side, a runtime that speaks SPDY on the other, a bridge between them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sagong.api.streams import channels, spdy, websocket
from sagong.api.streams.bridges import Bridge, Out, PortForward, RemoteCommand, Tunnel
from sagong.api.streams.channels import ChannelCodec, Streams
from sagong.api.streams.spdy import Data, Opened, Spdy
from sagong.api.streams.websocket import Closed, Message, WebSocket

SUCCESS = b'{"metadata":{},"status":"Success"}'
FAILURE = b'{"metadata":{},"status":"Failure","message":"command terminated with exit code 3","reason":"NonZeroExitCode"}'


class Play:
    """Both ends of a bridge: the client's WebSocket and the server's SPDY."""

    def __init__(self, bridge: Bridge, protocol: str) -> None:
        self.bridge = bridge
        self.client = WebSocket(mask=lambda: b"mask")
        self.codec = ChannelCodec(protocol)
        self.server = Spdy(client=False)
        self.streams: dict[str, int] = {}
        self.done = False
        self.seen: list[tuple[int, bytes] | str] = []
        self.got: list[Data] = []
        self.take(bridge.start())

    def take(self, out: Out) -> None:
        self.done = self.done or out.done
        for event in self.client.feed(out.client):
            if isinstance(event, Message):
                assert event.text == self.codec.text
                self.seen.append(self.codec.decode(event.data))
            elif isinstance(event, Closed):
                self.seen.append(f"closed {event.code}")
        for arrived in self.server.feed(out.server):
            if isinstance(arrived, Opened):
                self.streams["/".join([arrived.headers["streamtype"], *filter(None, [arrived.headers.get("port")])])] = arrived.stream
                self.take(self.bridge.from_server(self.server.reply(arrived.stream)))
            elif isinstance(arrived, Data):
                self.got.append(arrived)

    def say(self, channel: int, data: bytes) -> None:
        self.send(self.client.message(self.codec.encode(channel, data), text=self.codec.text))

    def send(self, data: bytes) -> None:
        self.take(self.bridge.from_client(data))

    def answer(self, stream: str, data: bytes, *, fin: bool = False) -> None:
        self.take(self.bridge.from_server(self.server.data(self.streams[stream], data, fin=fin)))


def command(protocol: str = channels.V5, streams: Streams | None = None) -> Play:
    return Play(RemoteCommand(protocol, streams or Streams(stdin=True, stdout=True, stderr=True)), protocol)


@pytest.mark.parametrize("protocol", [channels.V5, channels.V4, channels.V4_BASE64])
def test_a_command_reads_writes_and_ends(protocol: str) -> None:
    play = command(protocol)
    assert list(play.streams) == ["error", "stdin", "stdout", "stderr"]
    play.say(channels.STDIN, b"in")
    play.answer("stdout", b"out")
    play.answer("stderr", b"err")
    play.answer("stdout", b"", fin=True)
    play.answer("error", SUCCESS, fin=True)
    assert play.got == [Data(play.streams["stdin"], b"in")]
    hello = [] if protocol == channels.V5 else [(1, b"")]
    assert play.seen == [*hello, (1, b"out"), (2, b"err"), (3, SUCCESS), "closed 1000"]
    assert play.done


def test_what_comes_in_many_frames_leaves_in_one_message() -> None:
    play = command()
    out, err = (play.streams[name] for name in ("stdout", "stderr"))
    frames = [(out, b"a"), (out, b"b"), (err, b"c"), (out, b"d"), (out, b"e")]
    play.take(
        play.bridge.from_server(b"".join(play.server.data(stream, data) for stream, data in frames) + play.server.data(out, b"f", fin=True))
    )
    assert play.seen == [(1, b"ab"), (2, b"c"), (1, b"de"), (1, b"f")]


def test_the_fifth_version_can_close_stdin() -> None:
    play = command()
    play.say(channels.STDIN, b"last")
    play.send(play.client.message(play.codec.close(channels.STDIN)))
    assert [(data.data, data.fin) for data in play.got] == [(b"last", False), (b"", True)]
    assert ChannelCodec(channels.V4).close(channels.STDIN) == b""


def test_a_terminal_has_a_size_and_no_stderr() -> None:
    play = command(streams=Streams(stdin=True, stdout=True, stderr=True, tty=True))
    assert list(play.streams) == ["error", "stdin", "stdout", "resize"]
    play.say(channels.RESIZE, b'{"Width":80,"Height":24}')
    assert play.got == [Data(play.streams["resize"], b'{"Width":80,"Height":24}')]


def test_old_clients_get_the_message_of_a_failure_as_text() -> None:
    play = command(channels.BINARY)
    play.answer("error", FAILURE, fin=True)
    assert play.seen[1:] == [(3, b"command terminated with exit code 3"), "closed 1000"]
    play = command(channels.BINARY)
    play.answer("error", SUCCESS, fin=True)
    assert play.seen[1:] == ["closed 1000"]


def test_a_runtime_that_just_hangs_up_still_delivers_the_status() -> None:
    play = command()
    play.answer("error", FAILURE)
    play.take(play.bridge.from_server(b""))
    assert play.seen == [(3, FAILURE), "closed 1000"]
    assert play.done


def test_pings_are_answered_on_both_sides() -> None:
    play = command()
    answer = play.bridge.from_server(play.server.ping())
    assert play.server.feed(answer.server) == [spdy.Ping(2, own=True)]
    answer = play.bridge.from_client(play.client.ping(b"?"))
    assert play.client.feed(answer.client) == [websocket.Pong(b"?")]


def test_a_client_that_breaks_the_protocol_is_told_and_left() -> None:
    play = command()
    play.send(b"\x81\x01x")
    assert play.seen[-1] == "closed 1002"
    assert play.done


def test_old_port_forwarding_has_two_channels_a_port() -> None:
    play = Play(PortForward(channels.V4, [80, 8080]), channels.V4)
    assert list(play.streams) == ["error/80", "data/80", "error/8080", "data/8080"]
    assert play.seen == [(0, b"P\x00"), (1, b"P\x00"), (2, b"\x90\x1f"), (3, b"\x90\x1f")]
    play.say(2, b"GET /")
    play.answer("data/8080", b"200")
    play.answer("error/80", b"refused")
    assert play.got == [Data(play.streams["data/8080"], b"GET /")]
    assert play.seen[4:] == [(2, b"200"), (1, b"refused")]


def test_a_tunnel_carries_spdy_both_ways() -> None:
    bridge, client = Tunnel(), WebSocket(mask=lambda: b"mask")
    near, far = Spdy(client=True), Spdy(client=False)

    def arrived(out: Out) -> Sequence[spdy.Event]:
        return [event for message in client.feed(out.client) if isinstance(message, Message) for event in near.feed(message.data)]

    assert bridge.start() == Out()
    stream, opened = near.open({"streamType": "data", "port": "80"})
    assert far.feed(bridge.from_client(client.message(opened)).server) == [Opened(1, {"streamtype": "data", "port": "80"})]
    assert arrived(bridge.from_server(far.reply(stream) + far.data(stream, b"hi")))[1] == Data(1, b"hi")
    assert client.feed(bridge.from_server(b"").client) == [Closed(websocket.NORMAL)]


def test_the_first_offered_protocol_that_is_spoken_wins() -> None:
    assert channels.choose([channels.V5, channels.V4], channels.REMOTE_COMMAND) == channels.V5
    assert channels.choose(["v9", channels.BASE64], channels.REMOTE_COMMAND) == channels.BASE64
    assert channels.choose(["v9"], channels.REMOTE_COMMAND) is None
