"""Answers from elsewhere, kept for as long as their records live, half a minute at most."""

from __future__ import annotations

import struct
from collections import OrderedDict
from typing import NamedTuple

from sagong.api.clock import Clock
from sagong.network.dns.wire import NOERROR, NXDOMAIN, OPT, TRUNCATED, Query, record_offsets

LONGEST = 30
CAPACITY = 1000
_HEADER = 12


class _Entry(NamedTuple):
    data: bytes
    stored: float
    lifetime: int
    ttls: tuple[int, ...]


Key = tuple[str, int, int, bool, int | None, int]


def key_of(query: Query, limit: int) -> Key:
    """Return what makes two questions have the same bytes for an answer."""
    return query.name.lower(), query.type, query.klass, query.dnssec, query.edns, limit


class Cache:
    """The most recently used responses, as bytes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()

    def get(self, query: Query, limit: int) -> bytes | None:
        """Return a response to this very question: its id, its spelling, and what is left of the records' lives."""
        entry = self._entries.get(key_of(query, limit))
        if entry is None:
            return None
        age = int(self._clock.monotonic() - entry.stored)
        if age >= entry.lifetime:
            del self._entries[key_of(query, limit)]
            return None
        self._entries.move_to_end(key_of(query, limit))
        data = bytearray(entry.data)
        struct.pack_into("!H", data, 0, query.id)
        data[_HEADER : _HEADER + len(query.raw)] = query.raw
        for offset in entry.ttls:
            (ttl,) = struct.unpack_from("!I", data, offset)
            struct.pack_into("!I", data, offset, max(0, min(ttl, LONGEST) - age))
        return bytes(data)

    def put(self, query: Query, limit: int, data: bytes) -> None:
        """Keep a response, if it is one to keep: complete, and an answer or a denial."""
        flags, *counts = struct.unpack_from("!HHHHH", data, 2)
        if flags & TRUNCATED or flags & 0xF not in (NOERROR, NXDOMAIN) or data[_HEADER + len(query.raw) - 4 :][:4] != query.raw[-4:]:
            return
        try:
            fields = list(record_offsets(data, _HEADER + len(query.raw), sum(counts[1:])))
            ttls = tuple(field + 4 for field in fields if struct.unpack_from("!H", data, field)[0] != OPT)
            lifetime = min((LONGEST, *(struct.unpack_from("!I", data, offset)[0] for offset in ttls))) if ttls else 0
        except (struct.error, IndexError):
            return
        if lifetime:
            self._entries[key_of(query, limit)] = _Entry(data, self._clock.monotonic(), lifetime, ttls)
            if len(self._entries) > CAPACITY:
                self._entries.popitem(last=False)
