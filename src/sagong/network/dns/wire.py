"""DNS messages on the wire (RFC 1035, 3596, 2782, 6891): what a server needs to read, and to write with compressed names.

An own codec, since it is the hot path: to read a question and write its answer takes dnslib eleven times as long, and 4 MB.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

A, NS, CNAME, SOA, PTR, HINFO, MX, TXT, AAAA, SRV, OPT, IXFR, AXFR, ANY = 1, 2, 5, 6, 12, 13, 15, 16, 28, 33, 41, 251, 252, 255
TYPE_NAMES = {A: "A", NS: "NS", CNAME: "CNAME", SOA: "SOA", PTR: "PTR", MX: "MX", TXT: "TXT", AAAA: "AAAA", SRV: "SRV", ANY: "ANY"}
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 2, 3, 4, 5, 16
RCODE_NAMES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 16: "BADVERS"}
INTERNET, CHAOS = 1, 3
QR, AUTHORITATIVE, TRUNCATED, RECURSION_DESIRED, RECURSION_AVAILABLE = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080
MIN_SIZE, MAX_SIZE = 512, 65535
_OPCODE, _POINTER, _MAX_NAME, _MAX_HOPS = 0x7800, 0xC0, 255, 64
_HEADER, _FIXED, _WORDS = struct.Struct("!6H"), struct.Struct("!HHIH"), struct.Struct("!HH")


class FormatError(Exception):
    """The bytes are no message that can be answered; `rcode` says how to refuse them, None when there is no header to answer to."""

    def __init__(self, text: str, rcode: int | None = FORMERR) -> None:
        super().__init__(text)
        self.rcode = rcode


class Record(NamedTuple):
    """A resource record. Texts among the parts of its data are domain names."""

    name: str
    type: int
    ttl: int
    data: tuple[bytes | str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """One question. `name` keeps the client's case (it is a nonce: 0x20); no dot at the end. `size` bounds a UDP answer.

    `edns` is the version of EDNS that the client speaks, None for none; `raw` is the question section as it came.
    """

    id: int
    name: str
    type: int
    klass: int = INTERNET
    flags: int = RECURSION_DESIRED
    edns: int | None = None
    size: int = MIN_SIZE
    dnssec: bool = False
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as values."""

    rcode: int = NOERROR
    answers: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    authoritative: bool = False


def read_query(data: bytes) -> Query:
    """Read a request. Raises FormatError."""
    if len(data) < _HEADER.size:
        raise FormatError("shorter than a header", None)
    ident, flags, questions, answers, authority, additional = _HEADER.unpack_from(data)
    if flags & QR:
        raise FormatError("a response", None)
    if flags & _OPCODE:
        raise FormatError("not a standard query", NOTIMP)
    if questions != 1:
        raise FormatError(f"{questions} questions")
    try:
        name, offset = read_name(data, _HEADER.size)
        kind, klass = _WORDS.unpack_from(data, offset)
        raw = data[_HEADER.size : offset + 4]
        edns, size, dnssec = None, MIN_SIZE, False
        for fixed in record_offsets(data, offset + 4, answers + authority + additional):
            rtype, rsize, ttl, _ = _FIXED.unpack_from(data, fixed)
            if rtype == OPT:
                edns, size, dnssec = ttl >> 16 & 0xFF, max(MIN_SIZE, rsize), bool(ttl & 0x8000)
    except (struct.error, IndexError) as error:
        raise FormatError("cut short") from error
    return Query(ident, name, kind, klass, flags, edns, size, dnssec, raw)


def read_name(data: bytes, offset: int) -> tuple[str, int]:
    """Read a name, following pointers; return it and where the next field begins. A dot inside a label becomes its escape, 046."""
    labels: list[str] = []
    end, length = -1, 0
    for _ in range(_MAX_HOPS * 2):
        count = data[offset]
        if count & _POINTER == _POINTER:
            end = offset + 2 if end < 0 else end
            offset = _WORDS.unpack_from(data[offset : offset + 2] + b"\0\0")[0] & 0x3FFF
            continue
        offset += 1
        if count & _POINTER:
            raise FormatError("a label of an unknown kind")
        if not count:
            return ".".join(labels), offset if end < 0 else end
        length += count + 1
        if length > _MAX_NAME or offset + count > len(data):
            raise FormatError("a name too long")
        labels.append(data[offset : offset + count].decode("latin-1").replace(".", "\\046"))
        offset += count
    raise FormatError("a name that leads to itself")


def record_offsets(data: bytes, offset: int, count: int) -> Iterator[int]:
    """Yield where each record's type field is."""
    for _ in range(count):
        while data[offset] and data[offset] & _POINTER != _POINTER:
            offset += data[offset] + 1
        offset += 2 if data[offset] else 1
        yield offset
        offset += _FIXED.size + _FIXED.unpack_from(data, offset)[3]


def read_answers(data: bytes) -> tuple[int, tuple[Record, ...]]:
    """Read a response's code and answer records. Raises FormatError."""
    try:
        _, flags, questions, answers, _, _ = _HEADER.unpack_from(data)
        offset = _HEADER.size
        for _ in range(questions):
            offset = read_name(data, offset)[1] + 4
        return flags & 0xF, tuple(_records(data, offset, answers))
    except (struct.error, IndexError) as error:
        raise FormatError("cut short") from error


def _records(data: bytes, offset: int, count: int) -> Iterator[Record]:
    for fixed in record_offsets(data, offset, count):
        name, _ = read_name(data, offset)
        kind, _, ttl, length = _FIXED.unpack_from(data, fixed)
        offset = fixed + _FIXED.size
        named = kind in (CNAME, NS, PTR)
        yield Record(name, kind, ttl, (read_name(data, offset)[0],) if named else (data[offset : offset + length],))
        offset += length


def write_reply(query: Query, reply: Reply, limit: int) -> bytes:
    """Write an answer of at most `limit` bytes; what does not fit is left out, which TC says of answers."""
    writer = _Writer(query)
    opt = b"" if query.edns is None else _opt(query, reply.rcode)
    room = limit - len(opt)
    counts = [0, 0, 0]
    flags = QR | (query.flags & (_OPCODE | RECURSION_DESIRED)) | RECURSION_AVAILABLE | (reply.rcode & 0xF)
    flags |= AUTHORITATIVE if reply.authoritative else 0
    for section, records in enumerate((reply.answers, reply.authority, reply.additional)):
        counts[section] = writer.records(records, room)
        if counts[section] < len(records):
            flags |= TRUNCATED if not section else 0
            break
    writer.out += opt
    _HEADER.pack_into(writer.out, 0, query.id, flags, 1 if query.raw else 0, counts[0], counts[1], counts[2] + bool(opt))
    return bytes(writer.out)


def _opt(query: Query, rcode: int) -> bytes:
    return b"\0" + _FIXED.pack(OPT, query.size, (rcode >> 4) << 24 | (0x8000 if query.dnssec else 0), 0)


class _Writer:
    """A message under construction; remembers where names are, to point there."""

    def __init__(self, query: Query) -> None:
        self.out = bytearray(_HEADER.size) + query.raw
        self._seen: dict[str, int] = {}
        if query.raw:
            self._remember(query.name, _HEADER.size)

    def records(self, records: Iterable[Record], room: int) -> int:
        """Append as many records as there is room for; return how many."""
        count = 0
        for record in records:
            start = len(self.out)
            self._record(record)
            if len(self.out) > room:
                del self.out[start:]
                return count
            count += 1
        return count

    def _record(self, record: Record) -> None:
        self._name(record.name)
        fixed = len(self.out)
        self.out += _FIXED.pack(record.type, INTERNET, record.ttl, 0)
        for part in record.data:
            if isinstance(part, bytes):
                self.out += part
            elif record.type == SRV:  # RFC 2782: not compressed
                self.out += plain_name(part)
            else:
                self._name(part)
        struct.pack_into("!H", self.out, fixed + 8, len(self.out) - fixed - _FIXED.size)

    def _name(self, name: str) -> None:
        rest = name.rstrip(".")
        while rest:
            where = self._seen.get(rest)
            if where is not None:
                self.out += struct.pack("!H", 0xC000 | where)
                return
            label, _, after = rest.partition(".")
            if len(self.out) < 0x4000:  # noqa: PLR2004 - what a pointer's 14 bits reach
                self._seen[rest] = len(self.out)
            self.out += _label(label)
            rest = after
        self.out += b"\0"

    def _remember(self, name: str, offset: int) -> None:
        rest = name
        while rest:
            self._seen[rest] = offset
            label, _, rest = rest.partition(".")
            offset += 1 + len(label) - 3 * label.count("\\")


def plain_name(name: str) -> bytes:
    """Encode a name without compression."""
    return b"".join(_label(label) for label in name.rstrip(".").split(".") if label) + b"\0"


def _label(label: str) -> bytes:
    raw = label.replace("\\046", ".").encode("latin-1", "replace")[:63]
    return bytes((len(raw),)) + raw


def write_query(query: Query) -> bytes:
    """Write a question, as a forwarder asks it."""
    opt = b"" if query.edns is None else _opt(query, 0)
    question = query.raw or plain_name(query.name) + _WORDS.pack(query.type, query.klass)
    return _HEADER.pack(query.id, RECURSION_DESIRED, 1, 0, 0, bool(opt)) + question + opt
