"""A cache of what texts mean that clients cannot make large: only short texts are kept."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

R = TypeVar("R")
LONGEST = 256


def cached_when_short(entries: int, longest: int = LONGEST) -> Callable[[Callable[[str], R]], Callable[[str], R]]:
    """Keep the results of a pure function for `entries` texts of at most `longest` characters; longer ones are computed each time."""

    def decorate(function: Callable[[str], R]) -> Callable[[str], R]:
        cached = functools.lru_cache(entries)(function)

        @functools.wraps(function)
        def call(text: str) -> R:
            return cached(text) if len(text) <= longest else function(text)

        return call

    return decorate
