"""What the cluster's names answer, as CoreDNS does (the Kubernetes DNS specification 1.1.0)."""

from __future__ import annotations

import dnslib
import pytest
from tests.network.dns.cluster import cluster

from sagong.network.dns.cluster_names import Chase, dashed_name, reverse_address
from sagong.network.dns.wire import MAX_SIZE, NXDOMAIN, REFUSED, Query, Reply, read_query, write_reply

NAMES = cluster()
SVC = "default.svc.cluster.local"


def query(name: str, kind: str) -> Query:
    return read_query(dnslib.DNSRecord.question(name, kind).pack())


def answer(name: str, kind: str = "A") -> Reply | Chase | None:
    return NAMES.answer(query(name, kind))


def shown(name: str, kind: str = "A") -> list[str]:
    """Return the answer as `TYPE data` texts; NODATA and NXDOMAIN by name."""
    reply = answer(name, kind)
    assert isinstance(reply, Reply)
    parsed = dnslib.DNSRecord.parse(write_reply(query(name, kind), reply, MAX_SIZE))
    assert parsed.header.aa == 1
    if not parsed.rr:
        assert [str(rr.rname).lower() for rr in parsed.auth] == ["cluster.local."]
        assert str(parsed.auth[0].rdata) == "ns.dns.cluster.local. hostmaster.cluster.local. 1700000000 7200 1800 86400 30"
        return ["NXDOMAIN" if reply.rcode == NXDOMAIN else "NODATA"]
    assert all(rr.ttl == 30 or rr.rtype == dnslib.QTYPE.TXT for rr in parsed.rr)
    return [f"{dnslib.QTYPE[rr.rtype]} {rr.rdata}" for rr in parsed.rr] + [f"+{rr.rname} {rr.rdata}" for rr in parsed.ar]


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        (f"web.{SVC}", "A", ["A 10.96.0.9"]),
        (f"WEB.{SVC}", "A", ["A 10.96.0.9"]),
        (f"web.{SVC}", "AAAA", ["AAAA fd00::9"]),
        (f"dns.{SVC}", "AAAA", ["NODATA"]),
        (f"web.{SVC}", "MX", ["NODATA"]),
        (f"web.{SVC}", "TXT", ["NODATA"]),
        (f"web.{SVC}", "CNAME", ["NODATA"]),
        (f"nothing.{SVC}", "A", ["NXDOMAIN"]),
        (f"nothing.{SVC}", "MX", ["NXDOMAIN"]),
        ("web.other.svc.cluster.local", "A", ["NXDOMAIN"]),
        ("web.default.cluster.local", "A", ["NXDOMAIN"]),
        (f"a.b.c.web.{SVC}", "A", ["NXDOMAIN"]),
        # names above services
        ("cluster.local", "A", ["NODATA"]),
        ("svc.cluster.local", "A", ["NODATA"]),
        ("pod.cluster.local", "A", ["NODATA"]),
        ("default.svc.cluster.local", "A", ["NODATA"]),
        ("empty.svc.cluster.local", "A", ["NODATA"]),
        ("other.svc.cluster.local", "A", ["NXDOMAIN"]),
        ("something.cluster.local", "A", ["NXDOMAIN"]),
        # headless services and endpoints
        (f"db.{SVC}", "A", ["A 10.244.0.6", "A 10.244.0.7"]),
        (f"db.{SVC}", "AAAA", ["AAAA fd00:10:244::"]),
        (f"db-0.db.{SVC}", "A", ["A 10.244.0.6"]),
        (f"10-244-0-7.db.{SVC}", "A", ["A 10.244.0.7"]),
        (f"fd00-10-244--0.db.{SVC}", "AAAA", ["AAAA fd00:10:244::"]),
        (f"10-244-0-6.db.{SVC}", "A", ["NXDOMAIN"]),
        (f"10-244-0-8.db.{SVC}", "A", ["NXDOMAIN"]),
        (f"10-244-0-4.web.{SVC}", "A", ["A 10.244.0.4"]),
        (f"bare.{SVC}", "A", ["A 10.244.0.9"]),
        (f"bare.{SVC}", "SRV", ["NODATA"]),
        (f"idle.{SVC}", "A", ["NXDOMAIN"]),
        # ports
        (f"_http._tcp.web.{SVC}", "SRV", [f"SRV 0 50 80 web.{SVC}.", f"+web.{SVC}. 10.96.0.9", f"+web.{SVC}. fd00::9"]),
        (f"_dns._udp.dns.{SVC}", "SRV", [f"SRV 0 100 53 dns.{SVC}.", f"+dns.{SVC}. 10.96.0.10"]),
        (f"_dns._udp.dns.{SVC}", "A", ["A 10.96.0.10"]),
        (f"_dns._tcp.dns.{SVC}", "SRV", ["NXDOMAIN"]),
        (f"_sql._tcp.dns.{SVC}", "SRV", ["NXDOMAIN"]),
        (
            f"_sql._tcp.db.{SVC}",
            "SRV",
            [
                f"SRV 0 33 5432 db-0.db.{SVC}.",
                f"SRV 0 33 5432 10-244-0-7.db.{SVC}.",
                f"SRV 0 33 5432 fd00-10-244--0.db.{SVC}.",
                f"+db-0.db.{SVC}. 10.244.0.6",
                f"+10-244-0-7.db.{SVC}. 10.244.0.7",
                f"+fd00-10-244--0.db.{SVC}. fd00:10:244::",
            ],
        ),
        (f"dns.{SVC}", "SRV", [f"SRV 0 100 53 dns.{SVC}.", f"+dns.{SVC}. 10.96.0.10"]),
        # ExternalName inside
        (f"alias.{SVC}", "A", [f"CNAME web.{SVC}.", "A 10.96.0.9"]),
        (f"alias.{SVC}", "AAAA", [f"CNAME web.{SVC}.", "AAAA fd00::9"]),
        (f"alias.{SVC}", "CNAME", [f"CNAME web.{SVC}."]),
        (f"alias.{SVC}", "SRV", ["NODATA"]),
        (f"x.alias.{SVC}", "A", ["NXDOMAIN"]),
        (f"itself.{SVC}", "A", ["NODATA"]),
        (f"ping.{SVC}", "A", ["NODATA"]),
        (f"lost.{SVC}", "A", ["NODATA"]),
        # pods
        ("1-2-3-4.default.pod.cluster.local", "A", ["A 1.2.3.4"]),
        ("1-2-3-4.default.pod.cluster.local", "AAAA", ["NODATA"]),
        ("fd00--9.default.pod.cluster.local", "AAAA", ["AAAA fd00::9"]),
        ("1-2-3-4.other.pod.cluster.local", "A", ["NXDOMAIN"]),
        ("1-2-3.default.pod.cluster.local", "A", ["NXDOMAIN"]),
        ("default.pod.cluster.local", "A", ["NODATA"]),
        # the zone itself
        ("dns-version.cluster.local", "TXT", ['TXT "1.1.0"']),
        ("dns-version.cluster.local", "A", ["NXDOMAIN"]),
        ("cluster.local", "SOA", ["SOA ns.dns.cluster.local. hostmaster.cluster.local. 1700000000 7200 1800 86400 30"]),
        ("cluster.local", "NS", [f"NS dns.{SVC}.", f"+dns.{SVC}. 10.96.0.10"]),
        ("ns.dns.cluster.local", "A", ["A 10.96.0.10"]),
        # reverse
        ("9.0.96.10.in-addr.arpa", "PTR", [f"PTR web.{SVC}."]),
        ("6.0.244.10.in-addr.arpa", "PTR", [f"PTR db-0.db.{SVC}."]),
        ("7.0.244.10.in-addr.arpa", "PTR", [f"PTR 10-244-0-7.db.{SVC}."]),
        ("9" + ".0" * 27 + ".0.0.d.f.ip6.arpa", "PTR", [f"PTR web.{SVC}."]),
    ],
)
def test_answers(name: str, kind: str, expected: list[str]) -> None:
    assert shown(name, kind) == expected


def test_an_external_name_outside_is_completed_elsewhere() -> None:
    found = answer(f"away.{SVC}")
    assert isinstance(found, Chase)
    assert found.target == "www.example.com"
    assert [record.data for record in found.reply.answers] == [("www.example.com",)]
    assert shown(f"away.{SVC}", "CNAME") == ["CNAME www.example.com."]


@pytest.mark.parametrize(
    "name", ["example.com", "local", "mycluster.local", "1.0.0.10.in-addr.arpa", "8.0.244.10.in-addr.arpa", "x.in-addr.arpa", "1.ip6.arpa"]
)
def test_others_names_are_left_to_others(name: str) -> None:
    assert answer(name, "PTR") is None


def test_transfers_are_refused() -> None:
    assert answer("cluster.local", "AXFR") == Reply(REFUSED)


def test_answers_keep_the_questions_spelling() -> None:
    reply = answer("wEb.DeFault.svc.cLuster.local")
    assert isinstance(reply, Reply)
    assert reply.answers[0].name == "wEb.DeFault.svc.cLuster.local"
    denied = answer("nOthing.DeFault.svc.cLuster.loCal")
    assert isinstance(denied, Reply)
    assert denied.authority[0].name == "cLuster.loCal"


def test_helpers() -> None:
    assert dashed_name("10.0.0.1") == "10-0-0-1"
    assert dashed_name("fd00::") == "fd00--0"
    assert reverse_address("4.3.2.1.in-addr.arpa") == "1.2.3.4"
    assert reverse_address("3.2.1.in-addr.arpa") == ""
