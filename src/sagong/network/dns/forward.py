"""Names that are not the cluster's: asked of the machine's own resolvers (/etc/resolv.conf), answers kept for a while.

With no way out an answer (SERVFAIL) must come quickly, since clients wait for each name of their search path: what the network
refuses fails at once, and resolvers that all stayed silent are left alone for a moment.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import struct
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from sagong.api.clock import Clock, Random
from sagong.network.dns.cache import Cache
from sagong.network.dns.wire import HINFO, MAX_SIZE, Query, write_query

ATTEMPT = 2.0
SILENCE = 1.0
MOST_AT_ONCE = 1000
_HEADER = 12
_PROBE_SUFFIX = "loop-probe.sagong.invalid"
log = logging.getLogger(__name__)


class ForwardError(Exception):
    """No resolver answered."""


@dataclass(slots=True)
class _Upstream:
    address: str
    silent_until: float = 0.0


class Forwarder:
    """Asks resolvers in turn, each for `patience` seconds. UDP questions go out as UDP, each from a port of its own; TCP ones as TCP."""

    def __init__(self, resolvers: Sequence[str], *, clock: Clock, random: Random, port: int = 53, patience: float = ATTEMPT) -> None:
        self._upstreams = [_Upstream(address) for address in resolvers]
        self._clock, self._random, self._port, self._patience = clock, random, port, patience
        self._cache = Cache(clock)
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._probes: dict[str, _Upstream] = {}

    async def ask(self, query: Query, *, tcp: bool = False, limit: int = MAX_SIZE) -> bytes:
        """Return a response, its id and question those of `query`. Raises ForwardError."""
        known = self._cache.get(query, limit)
        if known is not None:
            return known
        if self._places.locked():
            raise ForwardError("too many questions at once")
        async with self._places:
            data = await self._ask_in_turn(query, tcp=tcp)
        data = struct.pack("!H", query.id) + data[2:]
        self._cache.put(query, limit, data)
        return data

    async def _ask_in_turn(self, query: Query, *, tcp: bool) -> bytes:
        now = self._clock.monotonic()
        upstreams = [upstream for upstream in self._upstreams if upstream.silent_until <= now]
        if upstreams:
            turn = int(self._random.uniform() * len(upstreams))
            upstreams = upstreams[turn:] + upstreams[:turn]
        asked = replace(query, id=struct.unpack("!H", self._random.token(2))[0])
        for upstream in upstreams:
            try:
                async with asyncio.timeout(self._patience):
                    return await (self._over_tcp if tcp else self._over_udp)(upstream.address, asked)
            except TimeoutError:
                upstream.silent_until = self._clock.monotonic() + SILENCE
            except (OSError, EOFError) as error:
                log.debug("resolver %s: %s", upstream.address, error)
        raise ForwardError("no resolver answered" if self._upstreams else "there are no resolvers")

    async def _over_udp(self, address: str, query: Query) -> bytes:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[bytes] = loop.create_future()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Asking(query, answered), remote_addr=(address, self._port))
        try:
            transport.sendto(write_query(query))
            return await answered
        finally:
            transport.close()

    async def _over_tcp(self, address: str, query: Query) -> bytes:
        reader, writer = await asyncio.open_connection(address, self._port)
        try:
            data = write_query(query)
            writer.write(struct.pack("!H", len(data)) + data)
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            answer = await reader.readexactly(length)
            if not _answers(answer, query):
                raise OSError("an answer to another question")
            return answer
        finally:
            writer.close()

    async def drop_loops(self) -> None:
        """Ask each resolver for a name of our own making; the ones through which it comes back to us are dropped."""
        for upstream in self._upstreams:
            name = f"{self._random.suffix(20)}.{_PROBE_SUFFIX}"
            self._probes[name] = upstream
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(self._patience):
                    await self._over_udp(upstream.address, Query(struct.unpack("!H", self._random.token(2))[0], name, HINFO))
        self._probes.clear()

    def is_probe(self, query: Query) -> bool:
        """Say whether a question is our own, come back; its resolver is not asked again."""
        upstream = self._probes.get(query.name.lower())
        if upstream in self._upstreams:
            self._upstreams.remove(upstream)
            log.warning("resolver %s leads back here and is not asked; name others in the node's resolv.conf", upstream.address)
        return query.name.lower().endswith(_PROBE_SUFFIX)


class _Asking(asyncio.DatagramProtocol):
    """Waits for the answer to one question; what does not match it is not it (RFC 5452)."""

    def __init__(self, query: Query, answered: asyncio.Future[bytes]) -> None:
        self._query, self._answered = query, answered

    def datagram_received(self, data: bytes, _peer: Any) -> None:
        if _answers(data, self._query) and not self._answered.done():
            self._answered.set_result(data)

    def error_received(self, error: Exception) -> None:
        if not self._answered.done():
            self._answered.set_exception(error)


def _answers(data: bytes, query: Query) -> bool:
    """Say whether bytes are the response to a question: id and question section, letter case aside."""
    question = query.raw or write_query(replace(query, edns=None))[_HEADER:]
    is_response = len(data) >= _HEADER and data[:2] == struct.pack("!H", query.id) and data[2] & 0x80 != 0
    return is_response and data[_HEADER : _HEADER + len(question)].lower() == question.lower()


def resolvers(text: str, own: Iterable[str] = ()) -> list[str]:
    """Return the name servers of a resolv.conf, without loopback addresses (in a pod they are the pod) and `own` ones."""
    found: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0] != "nameserver":  # noqa: PLR2004 - the word and its address
            continue
        with suppress(ValueError):
            address = ipaddress.ip_address(words[1].partition("%")[0])
            if not address.is_loopback and str(address) not in own:
                found.append(words[1])
    return list(dict.fromkeys(found))
