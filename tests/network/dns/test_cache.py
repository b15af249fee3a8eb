"""Kept answers: whose they are, how long they last."""

from __future__ import annotations

import dnslib
from tests.network.proxy.test_tables import HandClock

from sagong.network.dns.cache import CAPACITY, Cache
from sagong.network.dns.wire import Query, read_query


def asked(name: str, kind: str = "A") -> Query:
    return read_query(dnslib.DNSRecord.question(name, kind).pack())


def response(query: Query, ttl: int = 100, *, rcode: str = "NOERROR", tc: int = 0) -> bytes:
    made = dnslib.DNSRecord(dnslib.DNSHeader(id=query.id, qr=1, ra=1, tc=tc, rcode=getattr(dnslib.RCODE, rcode)))
    made.add_question(dnslib.DNSQuestion(query.name, query.type))
    if ttl:
        made.add_answer(dnslib.RR(query.name, rdata=dnslib.A("192.0.2.1"), ttl=ttl))
    data: bytes = made.pack()
    return data


def test_an_answer_lasts_half_a_minute_and_ages() -> None:
    clock = HandClock()
    cache = Cache(clock)
    query = asked("www.example.com")
    cache.put(query, 512, response(query))
    clock.seconds = 10
    again = asked("WWW.example.com")
    found = cache.get(again, 512)
    assert found is not None
    parsed = dnslib.DNSRecord.parse(found)
    assert (parsed.header.id, str(parsed.q.qname), parsed.rr[0].ttl) == (again.id, "WWW.example.com.", 20)
    assert cache.get(asked("www.example.com", "AAAA"), 512) is None
    assert cache.get(query, 1232) is None
    clock.seconds = 30
    assert cache.get(query, 512) is None


def test_short_lives_are_kept_short_and_failures_not_at_all() -> None:
    clock = HandClock()
    cache = Cache(clock)
    query = asked("www.example.com")
    for data in (response(query, rcode="SERVFAIL"), response(query, tc=1), response(query, 0), response(query)[:20]):
        cache.put(query, 512, data)
        assert cache.get(query, 512) is None
    cache.put(query, 512, response(query, 5))
    clock.seconds = 4.9
    assert cache.get(query, 512)
    clock.seconds = 5
    assert cache.get(query, 512) is None


def test_the_longest_unused_goes_first() -> None:
    cache = Cache(HandClock())
    queries = [asked(f"n{n}.example.com") for n in range(CAPACITY + 1)]
    for query in queries[:-1]:
        cache.put(query, 512, response(query))
    assert cache.get(queries[0], 512)
    cache.put(queries[-1], 512, response(queries[-1]))
    assert cache.get(queries[0], 512)
    assert cache.get(queries[1], 512) is None
