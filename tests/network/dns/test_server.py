"""The server on real sockets: cluster names at once, the rest from resolvers of several tempers."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import dnslib
from tests.network.api import background
from tests.network.dns.cluster import cluster

from sagong.cluster.clock import RealClock, RealRandom
from sagong.network.dns.forward import ATTEMPT, Forwarder, resolvers
from sagong.network.dns.metrics import DnsMetrics
from sagong.network.dns.server import DnsServer

Temper = Callable[[bytes], bytes | None]


class Resolver(asyncio.DatagramProtocol):
    """A resolver that answers as it is told and remembers what it was asked."""

    def __init__(self, temper: Temper) -> None:
        self.temper, self.asked = temper, []  # type: ignore[var-annotated]  # strings
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, peer: Any) -> None:
        self.asked.append(str(dnslib.DNSRecord.parse(data).q.qname))
        answer = self.temper(data)
        if answer is not None:
            self.transport.sendto(answer, peer)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        answer = self.temper(await reader.readexactly(length))
        if answer is not None:
            writer.write(struct.pack("!H", len(answer)) + answer)
        writer.close()


def friendly(data: bytes) -> bytes:
    reply = dnslib.DNSRecord.parse(data).reply()
    if reply.q.qtype == dnslib.QTYPE.A:
        reply.add_answer(dnslib.RR(reply.q.qname, rdata=dnslib.A("192.0.2.1"), ttl=60))
    packed: bytes = reply.pack()
    return packed


def silent(_data: bytes) -> None:
    return None


class Rig:
    def __init__(self, port: int, resolver_list: list[Resolver], synced: asyncio.Event) -> None:
        self.port, self.resolvers, self.synced = port, resolver_list, synced

    async def ask(self, name: str, kind: str = "A", *, tcp: bool = False, edns: int = 0, raw: bytes = b"", klass: str = "IN") -> Any:
        question = dnslib.DNSRecord.question(name, kind, klass)
        if edns:
            question.add_ar(dnslib.EDNS0(udp_len=edns))
        return dnslib.DNSRecord.parse(await asyncio.to_thread(self._exchange, raw or question.pack(), tcp))

    def _exchange(self, data: bytes, tcp: bool) -> bytes:  # noqa: FBT001 - on a thread
        kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        with socket.socket(socket.AF_INET, kind) as link:
            link.settimeout(6)
            link.connect(("127.0.0.1", self.port))
            if not tcp:
                link.send(data)
                return link.recv(65535)
            link.sendall(struct.pack("!H", len(data)) + data)
            with link.makefile("rb") as stream:
                return stream.read(struct.unpack("!H", stream.read(2))[0])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


@asynccontextmanager
async def rig(*tempers: Temper, loop_back: bool = False, patience: float = 2.0) -> AsyncIterator[Rig]:
    """Run a server whose resolvers are 127.0.1.1, 127.0.1.2 and so on; with `loop_back`, one is the server itself."""
    loop, clock, random, port, upstream = asyncio.get_running_loop(), RealClock(), RealRandom(), free_port(), free_port()
    async with AsyncExitStack() as stack:
        made = []
        for number, temper in enumerate(tempers, 1):
            address = f"127.0.1.{number}"
            transport, resolver = await loop.create_datagram_endpoint(partial(Resolver, temper), local_addr=(address, upstream))
            stack.callback(transport.close)
            await stack.enter_async_context(await asyncio.start_server(resolver.converse, address, upstream))
            made.append(resolver)
        addresses = [f"127.0.1.{number}" for number in range(1, len(tempers) + 1)]
        if loop_back:
            addresses, upstream = ["127.0.0.1"], port
        forwarder = Forwarder(addresses, clock=clock, random=random, port=upstream, patience=patience)
        synced = asyncio.Event()
        synced.set()
        server = DnsServer(cluster(), forwarder, DnsMetrics(), clock=clock, random=random, synced=synced)
        await stack.enter_async_context(background(server.run(["127.0.0.1"], port)))
        await asyncio.sleep(0.05)
        for resolver in made:
            resolver.asked.clear()
        yield Rig(port, made, synced)


async def test_cluster_names_over_udp_and_tcp() -> None:
    async with rig() as dns:
        for tcp in (False, True):
            answer = await dns.ask("web.default.svc.cluster.local", tcp=tcp, edns=1232)
            assert [str(rr.rdata) for rr in answer.rr] == ["10.96.0.9"]
            assert (answer.header.aa, answer.header.ra, len(answer.ar)) == (1, 1, 1)
        assert (await dns.ask("nothing.default.svc.cluster.local")).header.rcode == dnslib.RCODE.NXDOMAIN


async def test_other_names_are_forwarded_and_kept() -> None:
    async with rig(friendly) as dns:
        for name in ("www.example.com", "WWW.example.com", "www.example.com"):
            answer = await dns.ask(name)
            assert str(answer.q.qname) == f"{name}."
            assert [str(rr.rdata) for rr in answer.rr] == ["192.0.2.1"]
        assert dns.resolvers[0].asked == ["www.example.com."]
        assert str((await dns.ask("tcp.example.com", tcp=True)).rr[0].rdata) == "192.0.2.1"


async def test_an_external_name_is_completed() -> None:
    async with rig(friendly) as dns:
        answer = await dns.ask("away.default.svc.cluster.local")
        assert [str(rr.rdata) for rr in answer.rr] == ["www.example.com.", "192.0.2.1"]
    async with rig() as dns:
        assert [str(rr.rdata) for rr in (await dns.ask("away.default.svc.cluster.local")).rr] == ["www.example.com."]


async def test_without_resolvers_or_with_closed_ones_failure_is_quick() -> None:
    async with rig() as dns, asyncio.timeout(ATTEMPT):
        assert (await dns.ask("www.example.com")).header.rcode == dnslib.RCODE.SERVFAIL
    clock, random = RealClock(), RealRandom()
    forwarder = Forwarder(["127.0.1.9"], clock=clock, random=random, port=free_port())
    server = DnsServer(cluster(), forwarder, DnsMetrics(), clock=clock, random=random, synced=asyncio.Event())
    async with background(server.run(["127.0.0.1"], port := free_port())), asyncio.timeout(ATTEMPT):
        await asyncio.sleep(0.05)
        assert (await Rig(port, [], asyncio.Event()).ask("www.example.com")).header.rcode == dnslib.RCODE.SERVFAIL


async def test_a_silent_resolver_is_passed_over_and_left_alone_for_a_while() -> None:
    async with rig(silent, patience=0.2) as dns:
        for name in ("a", "b"):
            assert (await dns.ask(f"{name}.example.com")).header.rcode == dnslib.RCODE.SERVFAIL
        assert "b.example.com." not in dns.resolvers[0].asked
    async with rig(silent, friendly, patience=0.2) as dns, asyncio.timeout(20):
        answers = [await dns.ask(f"{n}.example.com") for n in range(5)]
        assert [answer.header.rcode for answer in answers] == [0] * 5
        assert len(dns.resolvers[0].asked) <= 2


async def test_a_resolver_that_leads_back_here_is_dropped() -> None:
    async with rig(loop_back=True) as dns, asyncio.timeout(ATTEMPT):
        assert (await dns.ask("www.example.com")).header.rcode == dnslib.RCODE.SERVFAIL


async def test_answers_to_other_questions_are_not_believed() -> None:
    def liar(data: bytes) -> bytes:
        reply = dnslib.DNSRecord.parse(data).reply()
        reply.header.id ^= 1
        packed: bytes = reply.pack()
        return packed

    async with rig(liar, friendly, patience=0.2) as dns:
        assert str((await dns.ask("www.example.com")).rr[0].rdata) == "192.0.2.1"


async def test_refusals() -> None:
    async with rig() as dns:
        assert (await dns.ask("version.bind", "TXT", klass="CH")).header.rcode == dnslib.RCODE.REFUSED
        assert (await dns.ask("", raw=struct.pack("!6H", 7, 0, 2, 0, 0, 0))).header.rcode == dnslib.RCODE.FORMERR
        newer = dnslib.DNSRecord.question("web.default.svc.cluster.local")
        newer.add_ar(dnslib.EDNS0(version=1))
        answer = await dns.ask("", raw=newer.pack())
        assert (answer.header.rcode, answer.ar[0].ttl >> 24) == (0, 1)


async def test_what_is_not_known_yet_is_not_denied() -> None:
    async with rig() as dns:
        dns.synced.clear()
        assert (await dns.ask("nothing.default.svc.cluster.local")).header.rcode == dnslib.RCODE.SERVFAIL
        assert (await dns.ask("web.default.svc.cluster.local")).header.rcode == dnslib.RCODE.NOERROR


async def test_addresses_come_in_any_order() -> None:
    async with rig() as dns:
        orders = {tuple(str(rr.rdata) for rr in (await dns.ask("db.default.svc.cluster.local")).rr) for _ in range(40)}
        assert orders == {("10.244.0.6", "10.244.0.7"), ("10.244.0.7", "10.244.0.6")}


def test_resolvers_of_a_resolv_conf() -> None:
    lines = (
        "# nameserver 1.1.1.1",
        "search example.com",
        *(f"nameserver {a}" for a in ("127.0.0.53", "192.0.2.53", "fe80::1%eth0", "10.96.0.10", "x")),
    )
    assert resolvers("\n".join(lines), ["10.96.0.10"]) == ["192.0.2.53", "fe80::1%eth0"]
