"""A sorted set of keys in chunks: the directory of the live entries.

A flat sorted list would move half of its 150,000 pointers for each new pod; a chunk moves a few hundred.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from itertools import chain

_CHUNK = 1024


def prefix_end(prefix: str) -> str:
    """Return the first key after all keys that start with `prefix`; it orders as UTF-8 bytes do."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


class KeyIndex:
    """Distinct keys in order. `_firsts[i]` is the first key of `_chunks[i]`; no chunk is empty."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        ordered = sorted(keys)
        self._chunks = [ordered[at : at + _CHUNK] for at in range(0, len(ordered), _CHUNK)]
        self._firsts = [chunk[0] for chunk in self._chunks]

    def add(self, key: str) -> None:
        """Add a key that is not there."""
        if not self._chunks:
            self._chunks, self._firsts = [[key]], [key]
            return
        at = self._chunk_of(key)
        chunk = self._chunks[at]
        insort(chunk, key)
        if len(chunk) > 2 * _CHUNK:
            self._chunks.insert(at + 1, chunk[_CHUNK:])
            self._firsts.insert(at + 1, chunk[_CHUNK])
            del chunk[_CHUNK:]
        self._firsts[at] = chunk[0]

    def remove(self, key: str) -> None:
        """Remove a key that is there."""
        at = self._chunk_of(key)
        chunk = self._chunks[at]
        del chunk[bisect_left(chunk, key)]
        if chunk:
            self._firsts[at] = chunk[0]
        else:
            del self._chunks[at], self._firsts[at]

    def range(self, low: str, high: str) -> Iterator[str]:
        """Iterate the keys of [low, high)."""
        at = self._only_chunk(low, high)
        if at is not None:
            chunk = self._chunks[at]
            return iter(chunk[bisect_left(chunk, low) : bisect_left(chunk, high)])
        return chain.from_iterable(chunk[begin:end] for chunk, begin, end in self._parts(low, high))

    def count(self, low: str, high: str) -> int:
        """Count the keys of [low, high)."""
        at = self._only_chunk(low, high)
        if at is not None:
            chunk = self._chunks[at]
            return max(bisect_left(chunk, high) - bisect_left(chunk, low), 0)
        return sum(end - begin for _, begin, end in self._parts(low, high))

    def _only_chunk(self, low: str, high: str) -> int | None:
        """Return the chunk that holds all keys of [low, high), if one does: most questions are about few keys or none."""
        if not self._chunks:
            return None
        at = bisect_right(self._firsts, low)
        return max(at - 1, 0) if at == len(self._firsts) or high <= self._firsts[at] else None

    def _chunk_of(self, key: str) -> int:
        return max(bisect_right(self._firsts, key) - 1, 0)

    def _parts(self, low: str, high: str) -> Iterator[tuple[list[str], int, int]]:
        if not self._chunks or low >= high:
            return
        first, last = self._chunk_of(low), self._chunk_of(high)
        for at in range(first, last + 1):
            chunk = self._chunks[at]
            begin = bisect_left(chunk, low) if at == first else 0
            end = bisect_left(chunk, high) if at == last else len(chunk)
            if begin < end:
                yield chunk, begin, end
