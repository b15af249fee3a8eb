"""Answers made of stored bytes. A stored value is JSON with `apiVersion`, `kind`, `metadata` in front, and no resourceVersion.

`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a",...},...}` becomes, at revision 7,
`{"apiVersion":"v1","kind":"Pod","metadata":{"resourceVersion":"7","name":"a",...},...}`, as an item of a list
`{"metadata":{"resourceVersion":"7","name":"a",...},...}`. Nothing is decoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

PIECE = 128 * 1024
_METADATA = b'"metadata":{'
_WIDTH = len(_METADATA)


def whole(value: bytes, revision: int) -> bytes:
    """Return the object with its resourceVersion; revision 0 has none (a dry run)."""
    if not revision:
        return value
    at = value.index(_METADATA) + _WIDTH
    return b'%b"resourceVersion":"%d",%b' % (value[:at], revision, value[at:])


def item(value: bytes, revision: int) -> bytes:
    """Return the object as an item of a typed list: with its resourceVersion, without apiVersion and kind."""
    at = value.index(_METADATA) + _WIDTH
    if not revision:
        return b'{"metadata":{' + value[at:]
    return b'{"metadata":{"resourceVersion":"%d",%b' % (revision, value[at:])


def listing(api_version: str, kind: str, metadata: ListParts, items: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a list object in pieces."""
    head = b'{"kind":"%b","apiVersion":"%b","metadata":%b,"items":[' % (kind.encode(), api_version.encode(), metadata.encode())
    return pieces(head, items, b"]}")


def pieces(head: bytes, items: Iterable[bytes], tail: bytes) -> Iterator[bytes]:
    """Yield an array of items with what is around it, many items to a piece."""
    gathered: list[bytes] = []
    size = 0
    first = head
    for item in items:
        gathered.append(item)
        size += len(item)
        if size > PIECE:
            yield first + b",".join(gathered)
            first, gathered, size = b",", [], 0
    if gathered or first is head:
        yield first + b",".join(gathered) + tail
    else:
        yield tail


class ListParts(msgspec.Struct, omit_defaults=True):
    """The metadata of a list. `remaining` is None where it is not known."""

    revision: str = msgspec.field(name="resourceVersion", default="")
    continue_: str = msgspec.field(name="continue", default="")
    remaining: int | None = msgspec.field(name="remainingItemCount", default=None)

    def encode(self) -> bytes:
        """Return it as JSON."""
        return _encoder.encode(self)


_encoder = msgspec.json.Encoder()
