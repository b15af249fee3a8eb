"""Completion indexes of jobs as text: `0,3-5,7`, growing, each below the number of completions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sagong.api.field_errors import quote

_ENDS = 2


class IndexError_(ValueError):  # noqa: N801, N818 # IndexError is taken
    """The text is not a list of indexes; the message is upstream's."""


def count_indexes(text: str, completions: int) -> int:
    """Return how many indexes there are. Raises IndexError_."""
    last, total = -1, 0
    for first, end in intervals(text, completions):
        if last >= first:
            raise IndexError_(f"non-increasing order, previous: {last}, current: {first}")
        total, last = total + end - first + 1, end
    return total


def intervals(text: str, completions: int) -> Iterator[tuple[int, int]]:
    """Yield first and last index of each interval. Raises IndexError_."""
    for part in text.split(",") if text else ():
        ends = part.split("-")
        if len(ends) > _ENDS:
            rule = "violates the requirement that an index interval can have at most two parts separated by '-'"
            raise IndexError_(f"the fragment {quote(part)} {rule}")
        first, last = _index(ends[0], completions), _index(ends[-1], completions)
        if len(ends) == _ENDS and first >= last:
            raise IndexError_(f"non-increasing order, previous: {first}, current: {last}")
        yield first, last


def overlap(completed: str, failed: str, completions: int) -> int | None:
    """Return the first index that is both completed and failed; what is malformed overlaps nothing."""
    try:
        failures = list(intervals(failed, completions))
        for first, last in intervals(completed, completions):
            for low, high in failures:
                if first <= high and low <= last:
                    return max(first, low)
    except IndexError_:
        return None
    return None


def _index(text: str, completions: int) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII):
        raise IndexError_(f"cannot convert string to integer for index: {quote(text)}")
    if int(text) >= completions:
        raise IndexError_(f"too large index: {quote(text)}")
    return int(text)
