"""The DNS server: UDP and TCP in front of the cluster's names and the forwarder."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from sagong.api.clock import Clock, Random
from sagong.network.dns.cluster_names import Chase, ClusterNames
from sagong.network.dns.forward import Forwarder, ForwardError
from sagong.network.dns.metrics import DnsMetrics
from sagong.network.dns.wire import (
    AAAA,
    BADVERS,
    INTERNET,
    MAX_SIZE,
    NXDOMAIN,
    REFUSED,
    SERVFAIL,
    A,
    FormatError,
    Query,
    Record,
    Reply,
    read_answers,
    read_query,
    write_reply,
)

IDLE = 10.0
log = logging.getLogger(__name__)


class DnsServer:
    """Answers questions. `synced` says whether the cluster has been seen whole: before, a name that is not there may yet be."""

    def __init__(
        self, names: ClusterNames, forwarder: Forwarder, metrics: DnsMetrics, *, clock: Clock, random: Random, synced: asyncio.Event
    ) -> None:
        self._names, self._forwarder, self._metrics = names, forwarder, metrics
        self._clock, self._random, self._synced = clock, random, synced
        self._group: asyncio.TaskGroup | None = None

    async def run(self, hosts: Sequence[str], port: int) -> None:
        """Serve on UDP and TCP until cancelled. A host whose address family the machine has not got is left out."""
        loop = asyncio.get_running_loop()
        transports: list[asyncio.DatagramTransport] = []
        servers: list[asyncio.Server] = []
        try:
            async with asyncio.TaskGroup() as self._group:
                for host in hosts:
                    try:
                        servers.append(await asyncio.start_server(self._converse, host, port))
                        transport, _ = await loop.create_datagram_endpoint(lambda: _Listener(self), sock=_bound(host, port))
                    except OSError as error:
                        if ":" not in host:
                            raise
                        log.info("no IPv6: %s", error)
                        continue
                    transports.append(transport)
                self._group.create_task(self._forwarder.drop_loops())
                await asyncio.Event().wait()
        finally:
            for transport in transports:
                transport.close()
            for server in servers:
                server.close()

    def receive(self, data: bytes, peer: Any, transport: asyncio.DatagramTransport) -> None:
        """Answer a datagram: at once from memory, or in a task when others must be asked."""
        query = self._read(data, lambda refusal: transport.sendto(refusal, peer))
        if query is None:
            return
        reply = self._local(query)
        if isinstance(reply, Reply):
            transport.sendto(self._written(query, reply, query.size, "udp"), peer)
        elif self._group is not None:
            self._group.create_task(self._receive_later(query, reply, peer, transport))

    async def _receive_later(self, query: Query, chase: Chase | None, peer: Any, transport: asyncio.DatagramTransport) -> None:
        data = await self._elsewhere(query, chase, tcp=False)
        if not transport.is_closing():
            transport.sendto(data, peer)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client's questions over TCP (RFC 7766), in order, until it ends or is idle."""
        try:
            while True:
                async with asyncio.timeout(IDLE):
                    (length,) = struct.unpack("!H", await reader.readexactly(2))
                    data = await reader.readexactly(length)
                query = self._read(data, lambda refusal: writer.write(struct.pack("!H", len(refusal)) + refusal))
                if query is not None:
                    reply = self._local(query)
                    if isinstance(reply, Reply):
                        answer = self._written(query, reply, MAX_SIZE, "tcp")
                    else:
                        answer = await self._elsewhere(query, reply, tcp=True)
                    writer.write(struct.pack("!H", len(answer)) + answer)
                await writer.drain()
        except (OSError, EOFError, TimeoutError):
            pass
        finally:
            writer.close()

    def _read(self, data: bytes, refuse: Any) -> Query | None:
        try:
            return read_query(data)
        except FormatError as error:
            if error.rcode is not None:
                ident, flags = struct.unpack_from("!HH", data)
                refuse(write_reply(Query(ident, "", 0, flags=flags), Reply(error.rcode), MAX_SIZE))
            return None

    def _local(self, query: Query) -> Reply | Chase | None:
        """Answer from memory; None for what others must be asked."""
        if query.edns:
            return Reply(BADVERS)
        if query.klass != INTERNET or self._forwarder.is_probe(query):
            return Reply(REFUSED)
        reply = self._names.answer(query)
        if isinstance(reply, Reply) and reply.rcode == NXDOMAIN and not self._synced.is_set():
            return Reply(SERVFAIL)
        return reply

    async def _elsewhere(self, query: Query, chase: Chase | None, *, tcp: bool) -> bytes:
        limit, transport = MAX_SIZE if tcp else query.size, "tcp" if tcp else "udp"
        if chase is not None:
            return self._written(query, await self._completed(query, chase), limit, transport)
        try:
            data = await self._forwarder.ask(query, tcp=tcp, limit=limit)
        except ForwardError as error:
            log.debug("%s: %s", query.name, error)
            return self._written(query, Reply(SERVFAIL), limit, transport)
        self._metrics.count(query, data[3] & 0xF, transport, "forwarded")
        return data

    async def _completed(self, query: Query, chase: Chase) -> Reply:
        """Add what an ExternalName resolves to. Its CNAME alone is an answer, too."""
        try:
            data = await self._forwarder.ask(Query(query.id, chase.target, query.type), tcp=True)
            _, records = read_answers(data)
        except (ForwardError, FormatError):
            return chase.reply
        return replace(chase.reply, answers=(*chase.reply.answers, *records))

    def _written(self, query: Query, reply: Reply, limit: int, transport: str) -> bytes:
        self._metrics.count(query, reply.rcode, transport, "answered")
        if len(reply.answers) > 1:
            reply = replace(reply, answers=self._shuffled(reply.answers))
        return write_reply(query, reply, limit)

    def _shuffled(self, answers: tuple[Record, ...]) -> tuple[Record, ...]:
        """Put addresses in random order, behind the rest: clients take the first (CoreDNS' loadbalance)."""
        addresses = [record for record in answers if record.type in (A, AAAA)]
        others = [record for record in answers if record.type not in (A, AAAA)]
        for n in range(len(addresses) - 1, 0, -1):
            chosen = int(self._random.uniform() * (n + 1))
            addresses[n], addresses[chosen] = addresses[chosen], addresses[n]
        return (*others, *addresses)


def _bound(host: str, port: int) -> socket.socket:
    """Return a UDP socket; an IPv6 one leaves IPv4 to another."""
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        if ":" in host:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind((host, port))
    except OSError:
        found.close()
        raise
    return found


class _Listener(asyncio.DatagramProtocol):
    """A UDP socket."""

    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, peer: Any) -> None:
        assert self._transport is not None
        self._server.receive(data, peer, self._transport)
