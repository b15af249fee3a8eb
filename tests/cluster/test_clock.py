"""The machine's randomness."""

from __future__ import annotations

import uuid

from sagong.cluster.clock import RealRandom


def test_uids_are_random_uuids_and_never_the_same() -> None:
    """More than are drawn at once."""
    source = RealRandom()
    drawn = [source.uid() for _ in range(1000)]
    assert len(set(drawn)) == len(drawn)
    read = [uuid.UUID(text) for text in drawn]
    assert [str(uid) for uid in read] == drawn
    assert {(uid.version, uid.variant) for uid in read} == {(4, uuid.RFC_4122)}
    digits = list(zip(*(text.replace("-", "") for text in drawn), strict=True))
    fixed = [at for at, seen in enumerate(digits) if len(set(seen)) < 16]
    assert fixed == [12, 16], "all but version and variant take every value"
    assert set(digits[16]) == set("89ab")
