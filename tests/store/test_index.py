"""The directory of keys against a sorted list, also where chunks meet."""

from __future__ import annotations

import pytest

from sagong.store.index import _CHUNK, KeyIndex

KEYS = [f"k{number:05}" for number in range(0, 6 * _CHUNK, 2)]
EDGES = [
    "",
    "k",
    *(f"k{at + shift:05}" for at in (0, 2 * _CHUNK, 4 * _CHUNK, 6 * _CHUNK) for shift in (-2, -1, 0, 1, 2) if at + shift >= 0),
    "l",
]


@pytest.mark.parametrize("keys", [KEYS, KEYS[:1], []], ids=["chunks", "one", "none"])
def test_ranges_and_counts(keys: list[str]) -> None:
    index = KeyIndex(keys)
    for low in EDGES:
        for high in EDGES:
            expected = [key for key in keys if low <= key < high]
            assert list(index.range(low, high)) == expected, (low, high)
            assert index.count(low, high) == len(expected), (low, high)


def test_as_keys_come_and_go() -> None:
    index = KeyIndex()
    for key in (*KEYS[::2], *reversed(KEYS[1::2])):
        index.add(key)
    for key in KEYS[100:3000]:
        index.remove(key)
    kept = KEYS[:100] + KEYS[3000:]
    assert list(index.range("", "l")) == kept
    assert index.count("k00150", "k06100") == sum("k00150" <= key < "k06100" for key in kept)
