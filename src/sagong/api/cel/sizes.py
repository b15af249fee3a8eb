"""Ranges of sizes and costs, and what is known of an argument: the words of `estimate` and its rules."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from sagong.api.cel.syntax import Call, Node
from sagong.api.cel.types import Type

LIMITLESS = 2**64 - 1
Path = tuple[str, ...]


class Range(NamedTuple):
    """From least to most, of a size or a cost; arithmetic stops at LIMITLESS."""

    least: int
    most: int

    def plus(self, other: Range) -> Range:
        """Add."""
        return Range(min(self.least + other.least, LIMITLESS), min(self.most + other.most, LIMITLESS))

    def times(self, other: Range) -> Range:
        """Multiply."""
        return Range(min(self.least * other.least, LIMITLESS), min(self.most * other.most, LIMITLESS))

    def by(self, factor: float) -> Range:
        """Multiply by a factor, rounding up."""
        return Range(_scaled(self.least, factor), _scaled(self.most, factor))

    def either(self, other: Range) -> Range:
        """Return what covers both."""
        return Range(min(self.least, other.least), max(self.most, other.most))


def _scaled(value: int, factor: float) -> int:
    product = float(value) * factor
    return LIMITLESS if product >= float(LIMITLESS) else math.ceil(product)


def fixed(value: int) -> Range:
    """Return the range that is one value."""
    return Range(value, value)


NOTHING, ONE, ANY = fixed(0), fixed(1), Range(0, LIMITLESS)


class Entries(NamedTuple):
    """What is known of the sizes inside a container."""

    key: Range
    value: Range
    is_list: bool

    def either(self, other: Entries) -> Entries:
        """Return what covers both."""
        return Entries(self.key.either(other.key), self.value.either(other.value), self.is_list)


@dataclass(frozen=True, slots=True)
class Part:
    """An argument of a call."""

    node: Node
    type: Type
    path: Path
    known: Range | None

    @property
    def size(self) -> Range:
        """Its size as far as it is known."""
        return self.known or ANY


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call costs, and how large its result is, if that can be said."""

    cost: Range
    size: Range | None = None


class Sizer(Protocol):
    """Who knows the sizes of arguments."""

    def size_of(self, part: Part) -> Range:
        """Return the size of an argument."""
        ...

    def element_of(self, part: Part) -> Part | None:
        """Return the elements of a list, None for anything else."""
        ...

    def added(self, node: Call, parts: list[Part]) -> Range:
        """Return the size of two things put together, and remember what is inside."""
        ...
