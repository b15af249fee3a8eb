"""The codec, compared with dnslib, which knows nothing of it."""

from __future__ import annotations

import struct

import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagong.network.dns.wire import (
    AAAA,
    CNAME,
    FORMERR,
    MAX_SIZE,
    NOTIMP,
    PTR,
    SOA,
    SRV,
    TXT,
    A,
    FormatError,
    Query,
    Record,
    Reply,
    read_answers,
    read_query,
    write_query,
    write_reply,
)

names = st.lists(st.text("abcXYZ019-_", min_size=1, max_size=20), min_size=1, max_size=6).map(".".join)


def asked(name: str, kind: str = "A", *, size: int = 0) -> Query:
    made = dnslib.DNSRecord.question(name, kind)
    if size:
        made.add_ar(dnslib.EDNS0(udp_len=size, flags="do"))
    return read_query(made.pack())


@given(names, st.sampled_from(["A", "AAAA", "SRV", "PTR"]), st.sampled_from([0, 100, 512, 1232, 4096]))
def test_questions_are_read(name: str, kind: str, size: int) -> None:
    query = asked(name, kind, size=size)
    assert (query.name, query.type) == (name, getattr(dnslib.QTYPE, kind))
    assert (query.edns, query.dnssec) == ((0, True) if size else (None, False))
    assert query.size == max(512, size)


@given(names, st.lists(names, max_size=5), st.binary(min_size=4, max_size=4))
def test_answers_can_be_read_by_others_and_by_ourselves(name: str, targets: list[str], address: bytes) -> None:
    query = asked(name, size=4096)
    numbers = struct.pack("!5I", 1, 2, 3, 4, 5)
    records = (
        Record(name, A, 30, (address,)),
        *(Record(name, CNAME, 30, (target,)) for target in targets),
        *(Record(target, PTR, 30, (name,)) for target in targets),
        *(Record(target, SRV, 30, (struct.pack("!3H", 0, 50, 80), name)) for target in targets),
        Record(name, AAAA, 30, (address * 4,)),
        Record(name, TXT, 30, (b"\x051.1.0",)),
    )
    data = write_reply(
        query, Reply(answers=records, authority=(Record(name, SOA, 30, (name, name, numbers)),), authoritative=True), MAX_SIZE
    )
    parsed = dnslib.DNSRecord.parse(data)
    assert (parsed.header.id, parsed.header.aa, parsed.header.ra, parsed.header.tc) == (query.id, 1, 1, 0)
    assert [str(rr.rname) for rr in parsed.rr] == [f"{record.name}." for record in records]
    found = [str(rr.rdata) for rr in parsed.rr]
    assert found[0] == ".".join(map(str, address))
    assert found[1 : 1 + len(targets)] == [f"{target}." for target in targets]
    assert found[-2 - len(targets) : -2] == [f"0 50 80 {name}."] * len(targets)
    assert str(parsed.auth[0].rdata) == f"{name}. {name}. 1 2 3 4 5"
    _, ours = read_answers(data)
    plain = [record for record in ours if record.type != SRV]
    assert plain == [record for record in records if record.type != SRV]


def test_names_are_compressed_and_keep_their_case() -> None:
    query = asked("Web.Default.svc.Cluster.Local")
    data = write_reply(query, Reply(answers=(Record(query.name, A, 30, (b"\1\2\3\4",)),)), 512)
    assert len(data) == 12 + len(query.raw) + 16
    assert str(dnslib.DNSRecord.parse(data).rr[0].rname) == "Web.Default.svc.Cluster.Local."


def test_what_does_not_fit_is_left_out_and_said() -> None:
    records = tuple(Record("web.default.svc.cluster.local", A, 30, (bytes((10, 0, n, 1)),)) for n in range(100))
    for size in (0, 1232):
        query = asked("web.default.svc.cluster.local", size=size)
        data = write_reply(query, Reply(answers=records), query.size)
        parsed = dnslib.DNSRecord.parse(data)
        assert len(data) <= query.size
        assert parsed.header.tc == 1
        assert len(parsed.rr) == (query.size - len(query.raw) - 12 - (11 if size else 0)) // 16
        assert len(parsed.ar) == bool(size)
    whole = dnslib.DNSRecord.parse(write_reply(query, Reply(answers=records), MAX_SIZE))
    assert (len(whole.rr), whole.header.tc) == (100, 0)


def test_additional_records_may_be_missing_without_a_word() -> None:
    query = asked("web.default.svc.cluster.local")
    extra = tuple(Record(f"a{n}.example", A, 30, (b"\1\2\3\4",)) for n in range(40))
    parsed = dnslib.DNSRecord.parse(write_reply(query, Reply(answers=extra[:1], additional=extra), 512))
    assert parsed.header.tc == 0
    assert 0 < len(parsed.ar) < 40


@given(st.binary(max_size=80))
def test_nonsense_is_refused_and_nothing_else(data: bytes) -> None:
    for read in (read_query, read_answers):
        try:
            read(data)
        except FormatError:
            continue


@pytest.mark.parametrize(
    ("data", "rcode"),
    [
        (b"\0\1\1\0", None),
        (struct.pack("!6H", 1, 0x8000, 1, 0, 0, 0), None),
        (struct.pack("!6H", 1, 0x2800, 1, 0, 0, 0) + b"\0\0\1\0\1", NOTIMP),
        (struct.pack("!6H", 1, 0, 0, 0, 0, 0), FORMERR),
        (struct.pack("!6H", 1, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1", FORMERR),
        (struct.pack("!6H", 1, 0, 1, 0, 0, 0) + b"\x80abc", FORMERR),
        (struct.pack("!6H", 1, 0, 1, 0, 0, 0) + b"\3abc", FORMERR),
    ],
)
def test_refusals(data: bytes, rcode: int | None) -> None:
    with pytest.raises(FormatError) as caught:
        read_query(data)
    assert caught.value.rcode == rcode


def test_a_dot_inside_a_label_is_not_a_border() -> None:
    raw = b"\3a.b\5local\0\0\1\0\1"
    query = read_query(struct.pack("!6H", 1, 0, 1, 0, 0, 0) + raw)
    assert query.name == "a\\046b.local"
    assert write_query(Query(1, query.name, A))[12:] == raw
