"""SPDY: two ends talk to each other, whole and byte by byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagong.api.streams.spdy import (
    DICTIONARY,
    Data,
    Event,
    GoneAway,
    MoreHeaders,
    Opened,
    Ping,
    Replied,
    Reset,
    Spdy,
    SpdyError,
    Window,
)


def test_the_dictionary_is_the_drafts() -> None:
    assert len(DICTIONARY) == 1423
    assert DICTIONARY[:11] == b"\x00\x00\x00\x07options"


def test_a_stream_from_open_to_end() -> None:
    client, server = Spdy(client=True), Spdy(client=False)
    stream, sent = client.open({"streamType": "stdin"})
    assert server.feed(sent) == [Opened(1, {"streamtype": "stdin"})]
    assert client.feed(server.reply(stream)) == [Replied(1, {})]
    assert server.feed(client.data(stream, b"hello") + client.data(stream, b"", fin=True)) == [Data(1, b"hello"), Data(1, b"", fin=True)]
    assert client.feed(server.data(stream, b"bye", fin=True)) == [Data(1, b"bye", fin=True)]


def test_headers_share_one_compression_context() -> None:
    client, server = Spdy(client=True), Spdy(client=False)
    sent = b"".join(client.open({"streamtype": kind, "port": "8080", "requestid": "0"})[1] for kind in ("error", "data", "error"))
    assert [event.headers["streamtype"] for event in server.feed(sent) if isinstance(event, Opened)] == ["error", "data", "error"]


def test_the_rest_of_the_frames() -> None:
    client, server = Spdy(client=True), Spdy(client=False)
    server.feed(client.open({})[1])
    sent = server.ping() + server.pong(1) + server.reset(1, 5) + server.more_headers(1, {"a": "b"}) + server.window(1, 9) + server.go_away()
    assert client.feed(sent) == [
        Ping(2, own=False),
        Ping(1, own=True),
        Reset(1, 5),
        MoreHeaders(1, {"a": "b"}),
        Window(1, 9),
        GoneAway(1, 0),
    ]


def test_unknown_frames_are_skipped_and_broken_ones_end_the_connection() -> None:
    assert Spdy(client=True).feed(b"\x80\x03\x00\x63\x00\x00\x00\x02ab") == []
    with pytest.raises(SpdyError, match="version 2"):
        Spdy(client=True).feed(b"\x80\x02\x00\x06\x00\x00\x00\x04\x00\x00\x00\x01")
    with pytest.raises(SpdyError, match="malformed"):
        Spdy(client=False).feed(b"\x80\x03\x00\x01\x00\x00\x00\x0e" + b"\x00" * 10 + b"junk")


@given(st.lists(st.tuples(st.binary(max_size=300), st.booleans()), max_size=8), st.integers(1, 40))
def test_frames_may_arrive_in_any_pieces(payloads: list[tuple[bytes, bool]], piece: int) -> None:
    client, server = Spdy(client=True), Spdy(client=False)
    sent = client.open({"k": "v"})[1] + b"".join(client.data(1, data, fin=fin) for data, fin in payloads)
    events: list[Event] = []
    for at in range(0, len(sent), piece):
        events += server.feed(sent[at : at + piece])
    assert events == [Opened(1, {"k": "v"}), *(Data(1, data, fin) for data, fin in payloads)]


def test_long_data_is_split_into_frames() -> None:
    client, server = Spdy(client=True), Spdy(client=False)
    payload = bytes(20 << 20)
    events = server.feed(client.data(1, payload, fin=True))
    assert [event.fin for event in events if isinstance(event, Data)] == [False, True]
    assert b"".join(event.data for event in events if isinstance(event, Data)) == payload
