"""WebSocket: two ends talk to each other; what breaks the RFC is refused with its code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagong.api.streams.websocket import (
    BAD_DATA,
    NORMAL,
    PROTOCOL_ERROR,
    TOO_BIG,
    Closed,
    Event,
    Message,
    Ping,
    Pong,
    WebSocket,
    WebSocketError,
    accept_key,
)


def client(limit: int = 1 << 20) -> WebSocket:
    return WebSocket(mask=lambda: b"\x01\x02\x03\x04", limit=limit)


def test_the_handshake_key_is_the_rfcs_example() -> None:
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_frames_of_the_rfcs_examples() -> None:
    assert WebSocket().message(b"Hello", text=True) == bytes.fromhex("810548656c6c6f")
    assert WebSocket().feed(bytes.fromhex("818537fa213d7f9f4d5158")) == [Message(b"Hello", text=True)]


def test_fragments_are_joined_around_control_frames() -> None:
    server = client()
    fragments = bytes.fromhex("010348656c") + WebSocket().ping(b"?") + bytes.fromhex("80026c6f")
    assert server.feed(fragments) == [Ping(b"?"), Message(b"Hello", text=True)]


def test_pings_pongs_and_the_end() -> None:
    one, other = client(), WebSocket()
    assert other.feed(one.ping(b"x")) == [Ping(b"x")]
    assert one.feed(other.pong(b"x")) == [Pong(b"x")]
    assert one.feed(other.close(NORMAL, "done")) == [Closed(NORMAL, "done")]


@given(st.lists(st.binary(max_size=70_000), max_size=4), st.integers(1, 9000))
def test_messages_of_any_length_in_any_pieces(messages: list[bytes], piece: int) -> None:
    one, other = client(), WebSocket()
    sent = b"".join(one.message(data) for data in messages)
    events: list[Event] = []
    for at in range(0, len(sent), piece):
        events += other.feed(sent[at : at + piece])
    assert events == [Message(data) for data in messages]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (bytes.fromhex("810548656c6c6f"), PROTOCOL_ERROR),  # not masked
        (bytes.fromhex("c18037fa213d"), PROTOCOL_ERROR),  # a reserved bit
        (bytes.fromhex("838037fa213d"), PROTOCOL_ERROR),  # a reserved opcode
        (bytes.fromhex("098037fa213d"), PROTOCOL_ERROR),  # a ping in fragments
        (bytes.fromhex("808037fa213d"), PROTOCOL_ERROR),  # a continuation of nothing
        (bytes.fromhex("818200000000ff00"), BAD_DATA),
        (bytes.fromhex("82ff000000010000000000000000"), TOO_BIG),
    ],
)
def test_what_breaks_the_rfc_is_refused(sent: bytes, code: int) -> None:
    with pytest.raises(WebSocketError) as caught:
        WebSocket(limit=1000).feed(sent)
    assert caught.value.code == code
