"""Conversion between the versions of a definition: none but the name of the version, or by a webhook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

Json = dict[str, Any]


class Converter(Protocol):
    """Converts objects of one definition."""

    @property
    def is_plain(self) -> bool:
        """Whether only the apiVersion changes, so that `plainly` may be used instead."""
        ...

    async def convert(self, objects: Sequence[Json], api_version: str) -> list[Json]:
        """Return the objects in another version, in the same order. Raises ApiError."""
        ...


def plainly(obj: Json, api_version: str) -> Json:
    """Return an object in another version that differs from its own by name alone."""
    return {**obj, "apiVersion": api_version}


class NoConverter:
    """Strategy None."""

    is_plain = True

    async def convert(self, objects: Sequence[Json], api_version: str) -> list[Json]:
        """Return the objects with another apiVersion."""
        return [plainly(obj, api_version) for obj in objects]
